use serde_json::json;

use super::*;
use crate::engine::{
    fact::StepResult,
    state::{Lane, Phase},
};

fn quiet(id: &str) -> Value {
    json!({"id": id, "confirm": "none", "run": "true"})
}

fn back() -> Value {
    json!([{"id": "back", "run": "true"}])
}

fn rollback() -> Command {
    Command::Rollback { why: "bad".into() }
}

fn cancelled() -> Report {
    Report::Failed(Failure { reason: "cancelled".into(), message: "stopped".into(), done: Done::default() })
}

#[test]
fn z_from_a_running_step_records_first_then_signals_then_enters_the_lane() {
    let mut bottle = Bottle::started(json!([quiet("a"), quiet("b")]), back());
    let facts: Vec<_> = bottle.tell(rollback()).unwrap().iter().map(Fact::kind).collect();
    assert_eq!(facts, ["rollback.began", "step.cancelling"]);
    assert!(matches!(bottle.effects.last(), Some(Effect::Cancel { .. })));
    assert_eq!(bottle.performed(), ["a#1"], "the lane waits for the end of what was stopped");
    bottle.report("a", cancelled());
    assert_eq!(bottle.run.state(&"a".into()).unwrap().outcome, Some(StepResult::Aborted));
    assert_eq!(bottle.performed(), ["a#1", "back#1"]);
    bottle.ok("back");
    assert_eq!(bottle.status(), RunStatus::RolledBack);
}

#[test]
fn what_was_stopped_and_is_unknown_does_not_hold_up_the_way_back() {
    let mut bottle = Bottle::started(json!([quiet("a")]), back());
    bottle.tell(rollback()).unwrap();
    bottle.report("a", Report::Unknown { message: "gone".into() });
    assert_eq!(bottle.at(), "back");
}

#[test]
fn z_from_every_state_reaches_the_lane() {
    let write = quiet("w");
    let states: Vec<(&str, Value)> = vec![
        ("confirm", json!({"id": "s", "run": "x"})),
        ("wait", json!({"id": "s", "wait": "1h"})),
        ("manual", json!({"id": "s", "manual": "look"})),
        ("approval", json!({"id": "s", "approval": {"prompt": "go?"}})),
        ("decision", json!({"id": "s", "decision": {"prompt": "?", "options": [{"id": "x", "goto": "end"}]}})),
        ("input", json!({"id": "s", "input": {"a": {"type": "string"}}})),
        ("checklist", json!({"id": "s", "checklist": {"items": [{"id": "one", "text": "one"}]}})),
        ("render failure", json!({"id": "s", "run": {"argv": ["${{ params.nope }}"]}})),
    ];
    for (name, step) in states {
        let mut bottle = Bottle::started(json!([write, step]), back());
        bottle.ok("w");
        assert_eq!(bottle.at(), "s", "{name}");
        bottle.tell(rollback()).unwrap();
        assert_eq!(bottle.at(), "back", "{name}");
        assert_eq!(bottle.run.lane(), Lane::Rollback);
    }
}

#[test]
fn before_the_first_write_z_is_an_abort() {
    let mut bottle = Bottle::started(json!([{"id": "s", "wait": "1h"}, quiet("a")]), back());
    bottle.tell(rollback()).unwrap();
    assert_eq!(bottle.status(), RunStatus::Aborted);
    assert!(!bottle.kinds().contains(&"rollback.began".to_owned()));
}

#[test]
fn a_second_pull_is_refused_and_so_is_one_without_a_lane() {
    let mut bottle = Bottle::started(json!([quiet("a")]), back());
    bottle.tell(rollback()).unwrap();
    assert!(bottle.tell(rollback()).is_err());
    let mut bottle = Bottle::started(json!([quiet("a"), quiet("b")]), json!([]));
    assert!(bottle.tell(rollback()).unwrap_err().0.contains("no way back"));
}

#[test]
fn a_failing_lane_step_asks_and_a_skipped_one_leaves_the_rollback_incomplete() {
    let mut bottle =
        Bottle::started(json!([quiet("a")]), json!([{"id": "back", "run": "x"}, {"id": "check", "run": "y"}]));
    bottle.tell(rollback()).unwrap();
    bottle.report("a", cancelled());
    bottle.fails("back");
    let [crate::engine::Ask::Failure { choices, .. }] = &bottle.run.asks(None)[..] else { panic!("not asked") };
    assert!(!choices.rollback && choices.skip && choices.retry);
    bottle.tell(Command::Skip { step: "back".into(), why: "by hand".into() }).unwrap();
    bottle.ok("check");
    assert_eq!(bottle.status(), RunStatus::RollbackIncomplete);
    assert_eq!(bottle.run.left(), ["back skipped"]);
}

#[test]
fn an_abort_stops_what_runs_and_closes() {
    let mut bottle = Bottle::started(json!([quiet("a"), quiet("b")]), back());
    bottle.tell(Command::Abort { why: "wrong runbook".into() }).unwrap();
    assert!(matches!(bottle.run.phase(), Phase::Cancelling { .. }));
    bottle.report("a", cancelled());
    assert_eq!(bottle.status(), RunStatus::Aborted);
    assert_eq!(bottle.performed(), ["a#1"]);
}

#[test]
fn from_inside_a_nested_runbook_the_parents_end_too() {
    let child = book(json!([quiet("x")]), json!([]));
    let mut parent = book(json!([{"id": "sub", "runbook": {"ref": "x"}}]), back());
    let crate::runbook::model::Action::Runbook(nested) = &mut parent.steps[0].action else { unreachable!() };
    nested.book = Some(Box::new(child));
    let mut bottle = Bottle::of(opened(parent, json!({})));
    bottle.tell(Command::Start).unwrap();
    bottle.tell(rollback()).unwrap();
    bottle.report("sub/x", cancelled());
    assert_eq!(bottle.run.state(&"sub".into()).unwrap().outcome, Some(StepResult::Aborted));
    assert_eq!(bottle.at(), "back");
}

#[test]
fn a_rollback_of_an_earlier_run_goes_straight_to_the_lane() {
    let mut opened = opened(book(json!([quiet("a")]), back()), json!({}));
    opened.rollback_of = Some(crate::engine::fact::Previous { run: "r0".into(), head: "h".into() });
    let mut bottle = Bottle::of(opened);
    bottle.tell(Command::Start).unwrap();
    assert_eq!(bottle.performed(), ["back#1"]);
    bottle.ok("back");
    assert_eq!(bottle.status(), RunStatus::RolledBack);
}
