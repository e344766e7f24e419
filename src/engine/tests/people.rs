use serde_json::json;

use super::*;

fn quiet(id: &str) -> Value {
    json!({"id": id, "confirm": "none", "run": "true"})
}

fn list(mode: &str) -> Value {
    json!([{"id": "c", "checklist": {"mode": mode, "items": [
        {"id": "one", "text": "one"}, {"id": "two", "text": "two"},
        {"id": "seen", "text": "seen", "probe": {"run": "true"}},
    ]}}, quiet("after")])
}

fn tick(item: &str) -> Command {
    Command::Tick { step: "c".into(), item: item.into() }
}

#[test]
fn read_do_is_in_order_and_do_confirm_is_not() {
    let mut bottle = Bottle::started(list("readDo"), json!([]));
    assert!(bottle.tell(tick("two")).unwrap_err().0.contains("one comes first"));
    let mut bottle = Bottle::started(list("doConfirm"), json!([]));
    bottle.tell(tick("two")).unwrap();
    bottle.tell(tick("one")).unwrap();
    assert_eq!(bottle.at(), "c");
    bottle.sees("c", Some("seen"), Some(true));
    assert_eq!(bottle.at(), "after");
}

#[test]
fn a_probed_item_is_not_ticked_by_hand_but_overridden_with_a_reason() {
    let mut bottle = Bottle::started(list("doConfirm"), json!([]));
    bottle.sees("c", Some("seen"), Some(false));
    assert!(bottle.tell(tick("seen")).is_err());
    let cover = |why: &str| Command::Override { step: "c".into(), item: "seen".into(), why: why.into() };
    assert!(bottle.tell(cover("")).is_err());
    bottle.tell(cover("the probe asks the wrong host")).unwrap();
    bottle.tell(tick("one")).unwrap();
    bottle.tell(tick("two")).unwrap();
    assert_eq!(bottle.at(), "after");
}

#[test]
fn a_checklist_of_probes_alone_needs_nobody() {
    let mut bottle = Bottle::started(
        json!([{"id": "c", "checklist": {"items": [{"id": "p", "text": "p", "probe": {"run": "true"}}]}}, quiet("after")]),
        json!([]),
    );
    bottle.sees("c", Some("p"), Some(true));
    assert_eq!(bottle.at(), "after");
}

#[test]
fn manual_work_wants_its_evidence() {
    let mut bottle = Bottle::started(
        json!([{"id": "m", "manual": "look", "evidence": {"prompt": "what?", "required": true}}, quiet("after")]),
        json!([]),
    );
    let done = |text: Option<&str>| Command::Done {
        step: "m".into(),
        evidence: text
            .map(|text| crate::engine::message::EvidenceGiven { text: Some(text.into()), ..Default::default() }),
    };
    assert!(bottle.tell(done(None)).is_err());
    assert!(bottle.tell(done(Some(" "))).is_err());
    bottle.tell(done(Some("p95 is equal"))).unwrap();
    assert_eq!(bottle.at(), "after");
}

fn approval(extra: Value) -> Bottle {
    let mut approval = json!({"prompt": "go?", "approvers": ["*@corp"], "minApprovals": 2, "timeout": "30m"});
    approval.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Bottle::started(json!([{"id": "go", "approval": approval}, quiet("after")]), json!([]))
}

fn approve() -> Command {
    Command::Approve { step: "go".into(), note: None }
}

#[test]
fn approvals_need_distinct_people_who_may_and_are_not_the_operator() {
    let mut bottle = approval(json!({}));
    for (name, says) in [("oncall@corp", "operator"), ("OnCall@elsewhere", "operator"), ("eve@evil", "may not approve")]
    {
        let refusal = bottle.tell_by(name, approve()).unwrap_err();
        assert!(refusal.0.contains(says), "{name}: {refusal}");
    }
    bottle.tell_by("lead@corp", approve()).unwrap();
    assert!(bottle.tell_by("lead@corp", approve()).is_err());
    assert_eq!(bottle.at(), "go");
    bottle.tell_by("other@corp", approve()).unwrap();
    assert_eq!(bottle.at(), "after");
}

#[test]
fn an_approval_that_runs_out_rejects() {
    let mut bottle = approval(json!({}));
    assert!(bottle.later(1799).is_empty());
    bottle.later(1);
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Failure { choices, .. }] if !choices.skip));
    assert!(bottle.kinds().contains(&"approval.refused".to_owned()));
}

#[test]
fn going_on_without_an_approval_is_possible_only_where_it_says_so() {
    assert!(approval(json!({})).tell(Command::BreakGlass { why: "SEV1".into() }).is_err());
    let mut bottle = approval(json!({"breakGlass": true}));
    bottle.tell(Command::BreakGlass { why: "SEV1".into() }).unwrap();
    assert_eq!(bottle.at(), "after");
}

#[test]
fn an_approval_is_never_skipped() {
    assert!(approval(json!({})).tell(Command::Skip { step: "go".into(), why: "x".into() }).is_err());
}

#[test]
fn a_decision_goes_where_its_option_says_and_wants_its_reason() {
    let steps = json!([
        {"id": "d", "decision": {"prompt": "?", "options": [
            {"id": "on", "goto": "after", "reason": "required"}, {"id": "back", "goto": "rollback"}]}},
        quiet("never"), quiet("after"),
    ]);
    let choose = |option: &str, reason: Option<&str>| Command::Choose {
        step: "d".into(),
        option: option.into(),
        reason: reason.map(str::to_owned),
        typed: None,
    };
    let mut bottle = Bottle::started(steps.clone(), json!([quiet("lane")]));
    assert!(bottle.tell(choose("nope", None)).is_err());
    assert!(bottle.tell(choose("on", None)).is_err());
    bottle.tell(choose("on", Some("flat"))).unwrap();
    assert_eq!(bottle.at(), "after");
    let mut bottle = Bottle::started(steps, json!([quiet("lane")]));
    bottle.tell(choose("back", None)).unwrap();
    assert_eq!(bottle.at(), "lane");
}

#[test]
fn an_input_is_checked_like_a_param_and_becomes_outputs() {
    let mut bottle = Bottle::started(
        json!([{"id": "i", "input": {"minutes": {"type": "int", "default": 10, "min": 1, "max": 60}, "pod": {"type": "string"}}},
               {"id": "say", "confirm": "none", "run": {"argv": ["echo", "${{ steps.i.outputs.pod }}", "${{ steps.i.outputs.minutes }}"]}}]),
        json!([]),
    );
    let give = |values: Value| Command::Provide { step: "i".into(), values: serde_json::from_value(values).unwrap() };
    assert!(bottle.tell(give(json!({"minutes": 5}))).is_err());
    assert!(bottle.tell(give(json!({"pod": "x", "minutes": 99}))).is_err());
    bottle.tell(give(json!({"pod": "api-1"}))).unwrap();
    assert_eq!(bottle.run.state(&"say".into()).unwrap().intent.as_ref().unwrap().command, "echo api-1 10");
}

#[test]
fn notes_are_taken_at_any_time() {
    let mut bottle = Bottle::new(list("readDo"), json!([]));
    bottle.tell(Command::Note { text: "before".into() }).unwrap();
    bottle.tell(Command::Start).unwrap();
    bottle.tell(Command::Note { text: "during".into() }).unwrap();
    assert!(bottle.tell(Command::Note { text: " ".into() }).is_err());
}

#[test]
fn one_person_written_two_ways_is_one_person() {
    let mut bottle = approval(json!({"approvers": []}));
    assert!(bottle.tell_by(" ", approve()).unwrap_err().0.contains("needs a name"));
    bottle.tell_by("lead@corp", approve()).unwrap();
    for again in ["Lead@corp", "lead@corp "] {
        assert!(bottle.tell_by(again, approve()).unwrap_err().0.contains("approved already"), "{again}");
    }
    assert_eq!(bottle.at(), "go");
}
