use serde_json::json;

use super::*;
use crate::engine::{fact::StepResult, message::Resolution, state::Phase};

fn with_verify(extra: Value) -> Bottle {
    let mut step = json!({"id": "a", "confirm": "none", "run": "x", "verify": {"run": "check"}});
    step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Bottle::started(json!([step, {"id": "b", "confirm": "none", "run": "y"}]), json!([]))
}

#[test]
fn a_check_that_holds_ends_the_step_and_one_that_does_not_fails_it() {
    let mut bottle = with_verify(json!({}));
    bottle.ok("a");
    assert!(matches!(bottle.run.phase(), Phase::Verifying { .. }));
    bottle.sees("a", None, Some(true));
    assert_eq!(bottle.at(), "b");
    let mut bottle = with_verify(json!({}));
    bottle.ok("a");
    bottle.sees("a", None, Some(false));
    assert!(matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Failure { reason, .. }] if reason == "verify"));
}

#[test]
fn retries_after_a_failed_check_repeat_the_check_alone_unless_repeatable() {
    for (repeatable, performed) in [(false, 1), (true, 2)] {
        let mut bottle = with_verify(json!({"repeatable": repeatable, "retries": {"limit": 1}}));
        bottle.ok("a");
        bottle.sees("a", None, Some(false));
        bottle.later(1);
        assert_eq!(bottle.performed().len(), performed);
        if !repeatable {
            bottle.sees("a", None, Some(true));
            assert_eq!(bottle.at(), "b");
        }
    }
}

#[test]
fn unknown_is_looked_at_then_asked_and_never_repeated_on_a_guess() {
    let mut bottle = with_verify(json!({"retries": {"limit": 5}, "onFailure": "continue"}));
    bottle.report("a", Report::Unknown { message: "connection lost".into() });
    bottle.sees("a", None, None);
    assert_eq!(bottle.run.phase(), &Phase::Unknown);
    assert_eq!(bottle.performed(), ["a#1"]);
    assert!(bottle.tell(Command::Retry { step: "a".into() }).is_err());
    assert!(bottle.tell(Command::Skip { step: "a".into(), why: "x".into() }).is_err());
    let resolve = Command::Resolve { step: "a".into(), outcome: Resolution::Succeeded, why: "seen it".into() };
    bottle.tell(resolve).unwrap();
    assert_eq!(bottle.at(), "b");
}

#[test]
fn a_probe_settles_an_unknown() {
    for (passed, outcome) in [(true, StepResult::Succeeded), (false, StepResult::Failed)] {
        let mut bottle = with_verify(json!({"onFailure": "continue"}));
        bottle.report("a", Report::Unknown { message: "lost".into() });
        bottle.sees("a", None, Some(passed));
        assert_eq!(bottle.run.state(&"a".into()).unwrap().outcome, Some(outcome));
        // That it did not happen was seen by nobody else: `continue` does not cover it, a person is asked.
        assert_eq!(bottle.at(), if passed { "b" } else { "a" });
    }
}

#[test]
fn what_is_repeatable_may_be_done_again_after_an_unknown() {
    let mut bottle =
        Bottle::started(json!([{"id": "a", "confirm": "none", "repeatable": true, "run": "x"}]), json!([]));
    bottle.report("a", Report::Unknown { message: "lost".into() });
    assert_eq!(bottle.performed(), ["a#1", "a#2"]);
}

fn with_baseline(steps: Value) -> Bottle {
    let mut runbook = book(
        steps,
        json!([{"id": "back", "helm": {"rollback": {"release": "ml", "revision": "${{ baseline.revision }}"}}}]),
    );
    runbook.baseline = Some(crate::runbook::model::BaselineSpec::HelmRelease("ml".into()));
    let mut opened = opened(runbook, json!({}));
    opened.baseline = Some(baseline(4));
    let mut bottle = Bottle::of(opened);
    bottle.tell(Command::Start).unwrap();
    bottle
}

#[test]
fn the_baseline_is_read_again_and_recorded_just_before_the_first_write() {
    let mut bottle = with_baseline(
        json!([{"id": "look", "http": {"url": "http://x"}}, {"id": "a", "run": "x"}, {"id": "b", "run": "y"}]),
    );
    bottle.ok("look");
    bottle.confirm("a").unwrap();
    assert_eq!(bottle.performed(), ["look#1"]);
    assert!(matches!(bottle.effects.last(), Some(Effect::Capture { .. })));
    let ticket = Ticket::new("baseline", 0);
    bottle.hear(Input::Report { ticket, report: Report::Captured(Ok(baseline(5))) }).unwrap();
    assert_eq!(bottle.performed(), ["look#1", "a#1"]);
    let kinds = bottle.kinds();
    let at = |kind: &str| kinds.iter().position(|other| other == kind).unwrap();
    assert!(at("baseline.captured") < kinds.iter().rposition(|kind| kind == "step.intent").unwrap());
    bottle.ok("a");
    bottle.confirm("b").unwrap();
    assert_eq!(kinds.iter().filter(|kind| *kind == "baseline.captured").count(), 1);
    bottle.tell(Command::Rollback { why: "bad".into() }).unwrap();
    bottle.report("b", Report::Succeeded(Done::default()));
    assert!(
        bottle.run.state(&"back".into()).unwrap().intent.as_ref().unwrap().command.starts_with("helm rollback ml 5")
    );
}

#[test]
fn without_a_readable_baseline_nothing_is_written() {
    let mut bottle = with_baseline(json!([{"id": "a", "run": "x"}]));
    bottle.confirm("a").unwrap();
    let report = Report::Captured(Err("403".into()));
    bottle.hear(Input::Report { ticket: Ticket::new("baseline", 0), report }).unwrap();
    assert!(bottle.performed().is_empty());
    assert!(!bottle.run.writes_begun());
}

#[test]
fn a_preview_that_the_baseline_changed_is_asked_again() {
    let mut bottle = with_baseline(json!([{"id": "a", "run": {"argv": ["echo", "${{ baseline.revision }}"]}}]));
    bottle.confirm("a").unwrap();
    bottle
        .hear(Input::Report { ticket: Ticket::new("baseline", 0), report: Report::Captured(Ok(baseline(9))) })
        .unwrap();
    assert!(bottle.performed().is_empty(), "what was confirmed is not what would run");
    assert!(
        matches!(&bottle.run.asks(None)[..], [crate::engine::Ask::Confirm { intent, .. }] if intent.command == "echo 9")
    );
    bottle.confirm("a").unwrap();
    assert_eq!(bottle.performed(), ["a#1"]);
}

#[test]
fn confirmations_lapse_on_resume_and_work_in_flight_is_looked_for_not_repeated() {
    let mut bottle = Bottle::started(json!([{"id": "a", "confirm": "none", "run": "x"}]), json!([]));
    bottle.run = Run::replay(&bottle.facts).unwrap();
    bottle.effects.clear();
    bottle.tell(Command::Resume { host: "h2".into(), pid: 2, read_only: false }).unwrap();
    assert!(matches!(&bottle.effects[..], [Effect::Reattach { .. }]));
    bottle.ok("a");
    assert_eq!(bottle.status(), RunStatus::Succeeded);
}

#[test]
fn what_was_never_begun_is_begun_again_and_has_not_failed() {
    let never = || Report::NeverBegan { message: "nothing was done".into() };
    let step = json!([{"id": "a", "confirm": "none", "run": "x", "onFailure": "rollback"}]);
    let mut bottle = Bottle::started(step, json!([{"id": "back", "run": "true"}]));
    bottle.tell(Command::Resume { host: "h2".into(), pid: 2, read_only: false }).unwrap();
    bottle.report("a", never());
    assert_eq!(bottle.performed(), ["a#1", "a#2"], "the same step, a new attempt; nothing leads back");
    bottle.ok("a");
    assert_eq!(bottle.status(), RunStatus::Succeeded);

    let mut bottle = Bottle::started(json!([{"id": "a", "confirm": "key", "run": "x"}]), json!([]));
    bottle.confirm("a").unwrap();
    bottle.tell(Command::Resume { host: "h2".into(), pid: 2, read_only: false }).unwrap();
    bottle.report("a", never());
    assert_eq!(bottle.performed(), ["a#1"], "its confirmation has lapsed");
    bottle.confirm("a").unwrap();
    assert_eq!(bottle.performed(), ["a#1", "a#2"]);
}

#[test]
fn every_prefix_of_a_story_replays_and_can_be_resumed() {
    let mut bottle = with_verify(json!({"retries": {"limit": 1}}));
    bottle.fails("a");
    bottle.later(1);
    bottle.ok("a");
    bottle.sees("a", None, Some(true));
    bottle.ok("b");
    assert_eq!(bottle.status(), RunStatus::Succeeded);
    for cut in 1..bottle.facts.len() {
        let run = Run::replay(&bottle.facts[..cut]).unwrap();
        let resume = Command::Resume { host: "h".into(), pid: 3, read_only: false };
        let decided = run.decide(bottle.now, &Input::Command { by: me(), command: resume }).unwrap();
        assert!(matches!(decided.facts[0], Fact::RunResumed { .. }));
    }
}

fn compared(passed: Option<bool>) -> Input {
    let look = Look { passed, detail: "release ml is at revision 5, images v2".into() };
    Input::Report { ticket: Ticket::new("baseline", 0), report: Report::Compared(look) }
}

fn pulled() -> Bottle {
    let mut bottle = with_baseline(json!([{"id": "a", "run": "x"}, {"id": "look", "manual": "look"}]));
    bottle.confirm("a").unwrap();
    bottle
        .hear(Input::Report { ticket: Ticket::new("baseline", 0), report: Report::Captured(Ok(baseline(4))) })
        .unwrap();
    bottle.ok("a");
    bottle.tell(Command::Rollback { why: "bad".into() }).unwrap();
    if bottle.run.phase() == &Phase::Entered {
        bottle.confirm("back").unwrap();
    }
    bottle.ok("back");
    bottle
}

#[test]
fn rolled_back_is_said_only_of_a_target_that_is_seen_at_its_baseline() {
    let cases = [
        (Some(true), RunStatus::RolledBack, vec![]),
        (Some(false), RunStatus::RollbackIncomplete, vec!["the baseline: release ml is at revision 5, images v2"]),
        (None, RunStatus::RollbackIncomplete, vec!["the baseline: release ml is at revision 5, images v2"]),
    ];
    for (passed, status, left) in cases {
        let mut bottle = pulled();
        assert_eq!(bottle.status(), RunStatus::Open, "steps that succeeded are no proof");
        assert!(matches!(bottle.effects.last(), Some(Effect::Compare { baseline, .. }) if baseline.revision == 4));
        bottle.hear(compared(passed)).unwrap();
        assert_eq!(
            (bottle.status(), bottle.run.left().to_vec()),
            (status, left.into_iter().map(String::from).collect())
        );
    }
}

#[test]
fn a_comparison_that_was_cut_off_is_made_again_and_one_nobody_waits_for_is_incomplete() {
    let mut bottle = pulled();
    bottle.tell(Command::Resume { host: "h".into(), pid: 2, read_only: false }).unwrap();
    let compares = bottle.effects.iter().filter(|effect| matches!(effect, Effect::Compare { .. })).count();
    assert_eq!(compares, 2);
    bottle.tell(Command::Abort { why: "enough".into() }).unwrap();
    assert!(matches!(bottle.effects.last(), Some(Effect::Cancel { ticket }) if ticket == &Ticket::new("baseline", 0)));
    assert_eq!(bottle.status(), RunStatus::RollbackIncomplete);
    assert_eq!(bottle.run.left(), ["the baseline: nobody waited for the answer"]);
}

#[test]
fn somebody_who_could_not_be_told_does_not_make_a_rollback_incomplete() {
    let lane = json!([
        {"id": "back", "confirm": "none", "run": "x"},
        {"id": "tell", "notify": {"webhook": {"url": "http://x", "json": {}}}},
    ]);
    let mut bottle =
        Bottle::started(json!([{"id": "a", "confirm": "none", "run": "x"}, {"id": "look", "manual": "?"}]), lane);
    bottle.ok("a");
    bottle.tell(Command::Rollback { why: "bad".into() }).unwrap();
    bottle.ok("back");
    bottle.fails("tell");
    assert_eq!(bottle.status(), RunStatus::RolledBack);
    assert_eq!(bottle.run.left(), ["tell failed"]);
}
