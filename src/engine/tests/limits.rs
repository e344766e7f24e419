//! A written `timeout` on steps that the engine keeps itself.

use serde_json::json;

use super::*;
use crate::engine::fact::StepResult;

fn ends_late(mut step: Value, secs: i64) -> Bottle {
    let fields = step.as_object_mut().unwrap();
    fields.insert("id".into(), json!("late"));
    fields.insert("timeout".into(), json!("5s"));
    fields.insert("onFailure".into(), json!("goto:after"));
    let end = json!({"id": "after", "manual": "look"});
    let mut bottle = Bottle::started(json!([step, end]), json!([]));
    bottle.later(secs);
    bottle
}

fn people_and_waits() -> [Value; 6] {
    [
        json!({"wait": "10m"}),
        json!({"manual": "look"}),
        json!({"approval": {"prompt": "go?"}}),
        json!({"input": {"n": {"type": "int"}}}),
        json!({"decision": {"prompt": "?", "options": [{"id": "a", "goto": "after"}]}}),
        json!({"checklist": {"items": [{"id": "one", "text": "one"}]}}),
    ]
}

#[test]
fn a_written_timeout_ends_what_people_and_waits_take() {
    for step in people_and_waits() {
        let bottle = ends_late(step.clone(), 5);
        assert_eq!(bottle.at(), "after", "{step}");
        let late = bottle.run.state(&"late".into()).unwrap();
        assert_eq!((late.outcome, late.reason.as_deref()), (Some(StepResult::Failed), Some("timeout")), "{step}");
    }
}

#[test]
fn before_its_time_nothing_ends_and_the_loop_knows_when_to_look() {
    for step in people_and_waits() {
        let bottle = ends_late(step.clone(), 4);
        assert_eq!(bottle.at(), "late", "{step}");
        assert_eq!(bottle.run.deadline(), Some(Timestamp::from_second(5).unwrap()), "{step}");
    }
}

fn nested(inner: Value) -> Bottle {
    let inner = book(json!([inner, {"id": "last", "manual": "look"}]), json!([]));
    let inner = serde_json::to_value(inner).unwrap();
    let steps = json!([
        {"id": "sub", "timeout": "5s", "onFailure": "goto:after", "runbook": {"ref": "x.yaml", "book": inner}},
        {"id": "after", "manual": "look"},
    ]);
    Bottle::started(steps, json!([]))
}

#[test]
fn a_nested_runbook_that_takes_too_long_stops_what_it_does_and_fails() {
    let mut bottle = nested(json!({"id": "work", "confirm": "none", "run": "sleep 100"}));
    assert_eq!(bottle.at(), "sub/work");
    bottle.later(5);
    assert!(matches!(bottle.effects.last(), Some(Effect::Cancel { ticket }) if ticket.step.as_str() == "sub/work"));
    assert_eq!(bottle.at(), "sub/work", "its end is heard first");
    bottle.report(
        "sub/work",
        Report::Failed(Failure { reason: "cancelled".into(), message: String::new(), done: Done::default() }),
    );
    assert_eq!(bottle.at(), "after");
    let outcome = |id: &str| bottle.run.state(&id.into()).and_then(|state| state.outcome);
    assert_eq!(outcome("sub/work"), Some(StepResult::Aborted));
    assert_eq!(outcome("sub"), Some(StepResult::Failed));
}

#[test]
fn waiting_for_a_confirmation_inside_never_counts() {
    let mut bottle = nested(json!({"id": "work", "run": "true"}));
    bottle.later(3600);
    assert_eq!(bottle.at(), "sub/work");
    bottle.confirm("sub/work").unwrap();
    bottle.later(4);
    assert_eq!(bottle.at(), "sub/work");
    bottle.later(1);
    assert!(matches!(bottle.run.phase(), crate::engine::state::Phase::Cancelling { .. }));
}

#[test]
fn an_outcome_needs_an_intent_unless_it_says_that_nothing_was_attempted() {
    let mut bottle = Bottle::started(json!([{"id": "w", "run": "true"}]), json!([]));
    let end = |outcome, reason: Option<&str>| {
        Fact::StepOutcome(Box::new(crate::engine::fact::StepEnd {
            step: "w".into(),
            attempt: 0,
            outcome,
            reason: reason.map(str::to_owned),
            message: String::new(),
            evidence: None,
            by: None,
            done: Done::default(),
        }))
    };
    let at = bottle.now;
    assert!(bottle.run.apply(at, &end(StepResult::Succeeded, None)).is_err());
    assert!(bottle.run.apply(at, &end(StepResult::Failed, Some("exit"))).is_err());
    bottle.run.apply(at, &end(StepResult::Failed, Some("render"))).unwrap();
}
