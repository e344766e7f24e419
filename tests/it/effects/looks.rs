//! `verify` and checklist items: yes, no, or could not look.

use std::time::Duration;

use ripcord::{
    engine::message::{Effect, Look, Report, Ticket},
    runbook::model::Probe,
};
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::header};

use super::hands::Hands;

async fn look(hands: &mut Hands, step: &str, probe: serde_json::Value) -> Look {
    let probe: Probe = serde_json::from_value(probe).unwrap();
    let ticket = Ticket::new(step, 1);
    hands.start(Effect::Probe {
        ticket: ticket.clone(),
        item: Some("item-1".into()),
        probe: Box::new(probe),
        env: Default::default(),
    });
    loop {
        match hands.next().await {
            (told, Report::Probed { item: Some(item), look }) => {
                assert_eq!((told, item.as_str()), (ticket, "item-1"));
                return look;
            }
            (_, Report::Started(_)) => {}
            other => panic!("not a look: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_script_says_yes_with_zero_and_no_with_anything_else() {
    let mut hands = Hands::new();
    assert_eq!(look(&mut hands, "list", json!({"run": "true"})).await.passed, Some(true));
    let no = look(&mut hands, "list", json!({"run": "echo stale; exit 1"})).await;
    assert_eq!(no.passed, Some(false));
    assert!(no.detail.contains("exit 1") && no.detail.contains("stale"), "{}", no.detail);
    // The same item again, under the same attempt: it looks again.
    std::fs::write(hands.path("there"), "").unwrap();
    assert_eq!(look(&mut hands, "list", json!({"run": "test -e there"})).await.passed, Some(true));
    assert_eq!(look(&mut hands, "list", json!({"run": "test ! -e there"})).await.passed, Some(false));
}

#[tokio::test]
async fn what_could_not_look_says_neither() {
    let mut hands = Hands::new();
    let cases = [
        json!({"run": {"argv": ["no-such-tool"]}}),
        json!({"run": "sleep 1000", "timeout": "100ms"}),
        json!({"http": {"url": "http://127.0.0.1:1/"}}),
        json!({}),
    ];
    for probe in cases {
        let seen = look(&mut hands, "list", probe.clone()).await;
        assert_eq!(seen.passed, None, "{probe}: {}", seen.detail);
        assert!(!seen.detail.is_empty());
    }
}

#[tokio::test]
async fn a_condition_is_held_against_what_was_seen() {
    let server = MockServer::start().await;
    let body = json!({"queue": 7});
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    let mut hands = Hands::new();
    for (condition, passed) in
        [("json.queue < 10", Some(true)), ("json.queue < 5", Some(false)), ("json.nothing < 5", None)]
    {
        let probe = json!({"http": {"url": server.uri()}, "successCondition": condition});
        assert_eq!(look(&mut hands, "list", probe).await.passed, passed, "{condition}");
    }
}

#[tokio::test]
async fn a_look_has_the_secrets_of_its_step() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_delay(Duration::ZERO);
    Mock::given(header("authorization", "s3cr3t-value")).respond_with(answer).mount(&server).await;
    let mut hands = Hands::with(&[("token", "s3cr3t-value")], None);
    let probe = json!({"http": {"url": server.uri(), "headers": {"Authorization": "${{ secrets.token }}"}}});
    let seen = look(&mut hands, "check", probe).await;
    assert_eq!(seen.passed, Some(true), "{}", seen.detail);
}
