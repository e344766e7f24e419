//! Looking closer: what asks first, what is recorded first, and what is only a look.

use super::*;
use crate::tui::{
    look::{Look, Named},
    view::live::Page,
};

fn on_a_pod(containers: Value) -> Hand {
    let mut hand = Hand::on(json!([write("w")]), json!([]));
    hand.ui.has_cluster = true;
    let pod = json!({"metadata": {"name": "x1"}, "status": {"phase": "Running", "containerStatuses": containers}});
    let row = PodRow::new(&serde_json::from_value(pod).unwrap());
    for change in [Change::Begin, Change::Listed(vec![row]), Change::End] {
        hand.ui.seen.cluster.apply(hand.ui.now, ClusterNews::Pods(change));
    }
    hand
}

#[test]
fn a_shell_asks_first_and_in_which_container() {
    let mut hand =
        on_a_pod(json!([{"name": "api", "state": {"running": {}}}, {"name": "log", "state": {"running": {}}}]));
    hand.press(KeyCode::Char('x'));
    hand.press(KeyCode::Enter);
    assert!(hand.acts.is_empty() && hand.kind().is_none(), "Cancel has the focus");
    hand.press(KeyCode::Char('x'));
    hand.press(KeyCode::Char('j'));
    hand.press(KeyCode::Char('y'));
    assert_eq!(hand.acts, [Act::Shell { pod: "x1".into(), container: "log".into() }]);
    let mut hand = on_a_pod(json!([{"name": "api", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]));
    hand.press(KeyCode::Char('x'));
    assert!(hand.kind().is_none() && hand.ui.status.as_ref().unwrap().contains("no container of x1 runs"));
}

#[test]
fn what_is_masked_is_shown_only_when_asked_for() {
    let mut hand = on_a_pod(json!([]));
    let of = Named { kind: "secret".into(), name: "db".into() };
    hand.ui.live.page = Some(Page { of: Some(of.clone()), masked: true, ..Page::default() });
    hand.ui.open_over(Pane::Page);
    hand.press(KeyCode::Char('R'));
    hand.ui.live.page = Some(Page { of: Some(of.clone()), ..Page::default() });
    hand.press(KeyCode::Char('R'));
    assert_eq!(hand.acts, [Act::Reveal(of)]);
    assert!(hand.ui.status.as_ref().unwrap().contains("nothing is masked"));
}

#[test]
fn commands_name_any_object_and_a_wrong_one_says_how_it_is_written() {
    let mut hand = on_a_pod(json!([]));
    let mut tell = |text: &str| {
        hand.acts.clear();
        hand.press(KeyCode::Char(':'));
        hand.type_in(text);
        hand.press(KeyCode::Enter);
        (hand.acts.pop(), hand.ui.status.clone().unwrap_or_default())
    };
    let deployment = Named { kind: "deployment".into(), name: "ml-api".into() };
    assert_eq!(tell("describe deployment/ml-api").0, Some(Act::Look(Look::Describe(deployment))));
    assert_eq!(tell("yaml").0, Some(Act::Look(Look::Yaml(Named::pod("x1")))));
    assert_eq!(tell("since 10m").0, Some(Act::Look(Look::Since(Some(600)))));
    assert!(matches!(tell("forward 8080").0, Some(Act::Forward(model)) if model.pod.as_deref() == Some("x1")));
    for (wrong, words) in [("describe x", "KIND/NAME"), ("since 10", "90s"), ("forward node/n 1", "not to a node")] {
        let (act, status) = tell(wrong);
        assert!(act.is_none() && status.contains(words), "{wrong}: {act:?} {status}");
    }
}

#[test]
fn a_copy_is_of_what_the_pane_has_under_its_cursor() {
    let mut hand = on_a_pod(json!([]));
    hand.press(KeyCode::Char('c'));
    hand.press(KeyCode::Char('3'));
    hand.press(KeyCode::Char('c'));
    assert_eq!(hand.acts, [Act::Copy("touch x".into()), Act::Copy("x1".into())]);
    assert_eq!(hand.ui.status.as_deref(), Some("copied the pod's name: x1"));
}

#[test]
fn an_input_that_picks_a_pod_begins_with_the_one_under_the_cursor() {
    let step = json!({"id": "which", "input": {"pod": {"type": "string", "pick": "pods"}}});
    let mut hand = on_a_pod(json!([]));
    hand.bottle = Bottle::started(json!([step]), json!([]));
    hand.press(KeyCode::Enter);
    let Some(Kind::Input { fields, .. }) = hand.kind() else { panic!("{:?}", hand.kind()) };
    assert_eq!(fields[0].1.text, "x1");
}
