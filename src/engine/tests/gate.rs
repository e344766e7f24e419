use serde_json::json;

use super::*;
use crate::engine::{
    fact::StepResult,
    message::{Decimal, Reading},
};

fn metric() -> Value {
    json!({"query": "up", "successCondition": "result < 0.001", "failureCondition": "result > 0.01"})
}

fn gated(gate: Value) -> Bottle {
    let mut runbook = book(
        json!([{"id": "g", "analysis": gate}, {"id": "grey", "manual": "look"}, {"id": "on", "confirm": "none", "run": "x"}]),
        json!([{"id": "back", "run": "x"}]),
    );
    runbook.metrics.insert("err".into(), serde_json::from_value(metric()).unwrap());
    let mut bottle = Bottle::of(opened(runbook, json!({})));
    bottle.tell(Command::Start).unwrap();
    bottle
}

fn two_minutes(extra: Value) -> Value {
    let mut gate = json!({"for": "2m", "interval": "30s", "metrics": [{"metric": "err"}],
        "onSuccessful": "on", "onFailed": "rollback", "onInconclusive": "grey", "onError": "grey"});
    gate.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    gate
}

/// Answers every measurement asked for and not answered yet.
pub fn answer(bottle: &mut Bottle, reading: impl Fn(Timestamp) -> Reading) {
    for effect in std::mem::take(&mut bottle.effects) {
        if let Effect::Measure { ticket, slot, metrics } = effect {
            for metric in metrics {
                let report = Report::Sample { metric: metric.metric, slot, reading: reading(slot) };
                bottle.hear(Input::Report { ticket: ticket.clone(), report }).unwrap();
            }
        }
    }
}

pub fn value(number: f64) -> Reading {
    Reading::Value { value: Decimal(number), baseline: None, samples: None, baseline_samples: None }
}

fn outcome(bottle: &Bottle) -> Option<StepResult> {
    bottle.run.state(&"g".into()).unwrap().outcome
}

#[test]
fn a_whole_window_of_good_readings_passes_and_not_a_moment_before() {
    let mut bottle = gated(two_minutes(json!({})));
    for n in 0..5 {
        assert_eq!(outcome(&bottle), None, "slot {n}");
        answer(&mut bottle, |_| value(0.0));
        bottle.later(30);
    }
    assert_eq!(outcome(&bottle), Some(StepResult::Succeeded));
    assert_eq!(bottle.at(), "on");
}

#[test]
fn one_bad_reading_fails_at_once() {
    let mut bottle = gated(two_minutes(json!({})));
    answer(&mut bottle, |_| value(0.02));
    assert_eq!(outcome(&bottle), Some(StepResult::Failed));
    assert_eq!(bottle.at(), "back");
}

#[test]
fn between_the_limits_a_person_decides() {
    let mut bottle = gated(two_minutes(json!({})));
    answer(&mut bottle, |_| value(0.005));
    assert_eq!((outcome(&bottle), bottle.at()), (Some(StepResult::Inconclusive), "grey"));
}

#[test]
fn no_data_never_passes() {
    for reading in [
        Reading::NoData { why: "empty".into() },
        Reading::Error { why: "3 series".into() },
        Reading::Unreachable { why: "refused".into() },
        value(f64::NAN),
    ] {
        let mut bottle = gated(two_minutes(json!({})));
        for _ in 0..100 {
            answer(&mut bottle, |_| reading.clone());
            bottle.later(30);
        }
        let outcome = outcome(&bottle);
        assert!(outcome.is_some() && outcome != Some(StepResult::Succeeded), "{reading:?}: {outcome:?}");
    }
}

#[test]
fn a_slept_through_window_is_filled_from_history() {
    let mut bottle = gated(two_minutes(json!({})));
    answer(&mut bottle, |_| value(0.0));
    bottle.later(120);
    answer(&mut bottle, |_| value(0.0));
    bottle.later(1);
    assert_eq!(outcome(&bottle), Some(StepResult::Succeeded));
}

/// Asked three times and away, back at the fourth slot; what then becomes of the three.
fn after_an_outage(then: impl Fn(Timestamp) -> Reading) -> Bottle {
    let mut bottle = gated(two_minutes(json!({})));
    answer(&mut bottle, |_| value(0.0));
    bottle.later(90);
    answer(&mut bottle, |_| Reading::Unreachable { why: "refused".into() });
    bottle.later(30);
    assert_eq!(bottle.effects.len(), 1, "one slot knocks, the others wait until somebody answers");
    answer(&mut bottle, |_| value(0.0));
    assert_eq!(bottle.effects.len(), 3, "the slots that were missed are asked for again");
    answer(&mut bottle, then);
    bottle
}

#[test]
fn an_outage_is_filled_from_history_once_the_server_is_back() {
    let bottle = after_an_outage(|_| value(0.0));
    assert_eq!(outcome(&bottle), Some(StepResult::Succeeded));
    let bottle = after_an_outage(|slot| value(if slot.as_second() == 60 { 0.02 } else { 0.0 }));
    assert_eq!(outcome(&bottle), Some(StepResult::Failed));
}

#[test]
fn a_silence_that_nobody_can_fill_begins_the_hold_again() {
    let mut bottle = after_an_outage(|_| Reading::Forgotten { why: "prometheus did not run then".into() });
    let began = bottle.kinds().iter().filter(|kind| *kind == "gate.began").count();
    assert_eq!((outcome(&bottle), began), (None, 2));
    for _ in 0..5 {
        answer(&mut bottle, |_| value(0.0));
        bottle.later(30);
    }
    assert_eq!(outcome(&bottle), Some(StepResult::Succeeded));
}

#[test]
fn the_window_of_a_slot_filled_in_late_ends_at_its_slot() {
    let mut runbook = book(
        json!([{"id": "g", "analysis": two_minutes(json!({}))}, {"id": "grey", "manual": "look"},
        {"id": "on", "confirm": "none", "run": "x"}]),
        json!([{"id": "back", "run": "x"}]),
    );
    let mut metric = metric();
    metric["samplesQuery"] = json!("sum(increase(n[$window]))");
    runbook.metrics.insert("err".into(), serde_json::from_value(metric).unwrap());
    let mut bottle = Bottle::of(opened(runbook, json!({})));
    bottle.tell(Command::Start).unwrap();
    bottle.effects.clear();
    bottle.run.in_flight.clear(); // as after a resume
    bottle.later(300); // asleep past the end of the window
    let windows = bottle.effects.iter().map(|effect| match effect {
        Effect::Measure { metrics, slot, .. } => match &metrics[0].what {
            crate::engine::message::Measured::Query { samples_query: Some(query), .. } => {
                (slot.as_second(), query.clone())
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    });
    let window = |seconds: i64| (seconds, format!("sum(increase(n[{}s]))", seconds.max(1)));
    assert_eq!(windows.collect::<Vec<_>>(), [0, 30, 60, 90, 120].map(window));
}

#[test]
fn too_few_samples_are_not_a_success() {
    let counted = |n: f64| Reading::Value {
        value: Decimal(0.0),
        baseline: None,
        samples: Some(Decimal(n)),
        baseline_samples: None,
    };
    for (samples, want) in [(2999.0, StepResult::Inconclusive), (3000.0, StepResult::Succeeded)] {
        let mut bottle = gated(two_minutes(json!({"metrics": [{"metric": "err", "minSamples": 3000}]})));
        for _ in 0..6 {
            answer(&mut bottle, |_| counted(samples));
            bottle.later(30);
        }
        assert_eq!(outcome(&bottle), Some(want));
    }
}

#[test]
fn where_both_sides_are_counted_both_need_enough() {
    let of = |stable: Option<f64>| {
        let mut metric = metric();
        metric["baselineQuery"] = json!("up");
        metric["baselineSamplesQuery"] = json!("up");
        let gate = json!({"count": 1, "interval": "30s", "metrics": [{"metric": "err", "minSamples": 3000}]});
        let mut runbook = book(json!([{"id": "g", "analysis": gate}]), json!([]));
        runbook.metrics.insert("err".into(), serde_json::from_value(metric).unwrap());
        let mut bottle = Bottle::of(opened(runbook, json!({})));
        bottle.tell(Command::Start).unwrap();
        let baseline_samples = stable.map(Decimal);
        let (zero, enough) = (Decimal(0.0), Some(Decimal(9_000.0)));
        answer(&mut bottle, |_| Reading::Value {
            value: zero,
            baseline: Some(zero),
            samples: enough,
            baseline_samples,
        });
        outcome(&bottle)
    };
    assert_eq!(of(Some(3_000.0)), Some(StepResult::Succeeded));
    assert_eq!(of(Some(2_999.0)), Some(StepResult::Inconclusive));
    assert_eq!(of(None), Some(StepResult::Inconclusive), "nobody knows how many");
}

#[test]
fn what_fails_fails_at_any_sample_size_and_at_once() {
    let mut bottle = gated(two_minutes(json!({"metrics": [{"metric": "err", "minSamples": 3000}]})));
    answer(&mut bottle, |_| Reading::Value {
        value: Decimal(0.02),
        baseline: None,
        samples: Some(Decimal(1.0)),
        baseline_samples: None,
    });
    assert_eq!(outcome(&bottle), Some(StepResult::Failed));
}

#[test]
fn the_author_says_what_no_data_is() {
    let empty = || Reading::NoData { why: "empty".into() };
    for (word, want) in
        [("inconclusive", StepResult::Inconclusive), ("failed", StepResult::Failed), ("error", StepResult::Error)]
    {
        let metric = json!({"metric": "err", "onNoData": word, "consecutiveErrorLimit": 0});
        let mut bottle = gated(two_minutes(json!({"metrics": [metric]})));
        answer(&mut bottle, |_| empty());
        assert_eq!(outcome(&bottle), Some(want), "{word}");
    }
}

#[test]
fn a_verdict_goes_where_the_gate_says_then_where_the_step_says_then_asks() {
    let step = |more: Value| {
        let gate = json!({"count": 1, "interval": "30s", "metrics": [{"metric": "err"}]});
        let mut step = json!({"id": "g", "analysis": gate});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut runbook = book(json!([step, {"id": "on", "manual": "on"}]), json!([{"id": "back", "run": "x"}]));
        runbook.metrics.insert("err".into(), serde_json::from_value(metric()).unwrap());
        let mut bottle = Bottle::of(opened(runbook, json!({})));
        bottle.tell(Command::Start).unwrap();
        answer(&mut bottle, |_| value(0.005));
        bottle
    };
    assert_eq!(step(json!({"onFailure": "continue"})).at(), "on");
    let mut asked = step(json!({}));
    assert!(matches!(asked.run.asks(None)[0], crate::engine::Ask::Failure { .. }), "grey, and nobody said what then");
    let override_it = |why: &str| Command::Skip { step: "g".into(), why: why.into() };
    assert!(asked.tell(override_it(" ")).is_err(), "an override needs a reason");
    asked.tell(override_it("known, see INC-1")).unwrap();
    assert_eq!((outcome(&asked), asked.at()), (Some(StepResult::Skipped), "on"));
}

#[test]
fn the_order_of_answers_does_not_matter() {
    for flip in [false, true] {
        let mut bottle = gated(two_minutes(
            json!({"metrics": [{"metric": "err"}, {"pods": {"selector": "a=b", "maxRestarts": 0}}]}),
        ));
        let mut readings = vec![("err", value(0.005)), ("pods", value(1.0))];
        if flip {
            readings.reverse();
        }
        let Some(Effect::Measure { ticket, slot, .. }) = bottle.effects.pop() else { panic!("nothing measured") };
        for (metric, reading) in readings {
            let report = Report::Sample { metric: metric.into(), slot, reading };
            bottle.hear(Input::Report { ticket: ticket.clone(), report }).unwrap();
        }
        assert_eq!(outcome(&bottle), Some(StepResult::Failed), "flip {flip}");
    }
}

#[test]
fn a_gate_ends_early_only_as_skipped_with_a_reason() {
    let mut bottle = gated(two_minutes(json!({})));
    bottle.tell(Command::Skip { step: "g".into(), why: "SEV1 elsewhere".into() }).unwrap();
    assert_eq!((outcome(&bottle), bottle.at()), (Some(StepResult::Skipped), "on"));
}

pub fn guarded(on_failure: &str) -> Bottle {
    let mut runbook = book(
        json!([{"id": "w", "confirm": "none", "run": "x"}, {"id": "m", "manual": "think"}]),
        json!([{"id": "back", "run": "x"}]),
    );
    runbook.metrics.insert("err".into(), serde_json::from_value(metric()).unwrap());
    runbook.guards = serde_json::from_value(
        json!([{"metric": "err", "interval": "15s", "failureLimit": 1, "onFailure": on_failure}]),
    )
    .unwrap();
    let mut bottle = Bottle::of(opened(runbook, json!({})));
    bottle.tell(Command::Start).unwrap();
    bottle.ok("w");
    bottle
}

#[test]
fn a_guard_watches_while_a_person_thinks_and_trips_when_its_limit_is_exceeded() {
    let mut bottle = guarded("offerRollback");
    answer(&mut bottle, |_| value(0.02));
    assert!(!bottle.kinds().contains(&"guard.tripped".to_owned()));
    bottle.later(15);
    answer(&mut bottle, |_| value(0.02));
    assert!(matches!(&bottle.run.asks(None)[0], crate::engine::Ask::Guard { guard: 0, .. }));
    assert_eq!(bottle.at(), "m", "an offer stops nothing");
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again() {
    let mut bottle = guarded("offerRollback");
    bottle.effects.clear(); // nobody answers
    bottle.later(30);
    assert!(bottle.effects.is_empty(), "it may still come");
    bottle.later(30);
    assert_eq!(bottle.effects.len(), 1);
}

/// Reads every guard that is due, and says which they were.
fn watched(bottle: &mut Bottle) -> Vec<(usize, Timestamp)> {
    let asked = bottle.effects.iter().filter_map(|effect| match effect {
        Effect::Measure { ticket, metrics, slot } => {
            let since = match &metrics[0].what {
                crate::engine::message::Measured::Pods { since, .. } => *since,
                _ => *slot,
            };
            ticket.guard_index().map(|index| (index, since))
        }
        _ => None,
    });
    let asked = asked.collect();
    answer(bottle, |_| value(0.0));
    asked
}

#[test]
fn a_guard_watches_from_the_first_write_through_every_kind_of_waiting_and_a_resume() {
    let mut runbook = book(
        json!([{"id": "look", "manual": "look"}, {"id": "w", "confirm": "none", "run": "x"},
            {"id": "ask", "approval": {"prompt": "?"}}, {"id": "choose", "decision": {"prompt": "?", "options": [{"id": "on", "goto": "soak"}, {"id": "off", "goto": "end"}]}},
            {"id": "soak", "wait": "10m"}, {"id": "stop", "run": "asks first"}]),
        json!([{"id": "back", "run": "x"}]),
    );
    runbook.guards = serde_json::from_value(json!([{"pods": {"selector": "a=b"}, "maxRestarts": 0}])).unwrap();
    let mut bottle = Bottle::of(opened(runbook, json!({})));
    bottle.tell(Command::Start).unwrap();
    bottle.later(60);
    assert_eq!(watched(&mut bottle), [], "nothing was written yet");
    bottle.tell(Command::Done { step: "look".into(), evidence: None }).unwrap();
    let armed = bottle.now;
    let sees = |bottle: &mut Bottle, at: &str| {
        bottle.later(15);
        assert_eq!(bottle.at(), at);
        assert_eq!(watched(bottle), [(0, armed)], "at {at}: restarts count from arming");
    };
    assert_eq!(watched(&mut bottle), [(0, armed)]);
    sees(&mut bottle, "w");
    bottle.ok("w");
    sees(&mut bottle, "ask");
    let resume = Command::Resume { host: "h".into(), pid: 2, read_only: false };
    bottle.run = Run::replay(&bottle.facts).unwrap();
    bottle.tell(resume).unwrap();
    sees(&mut bottle, "ask");
    bottle.tell_by("lead", Command::Approve { step: "ask".into(), note: None }).unwrap();
    sees(&mut bottle, "choose");
    let chosen = Command::Choose { step: "choose".into(), option: "on".into(), reason: None, typed: None };
    bottle.tell(chosen).unwrap();
    sees(&mut bottle, "soak");
    bottle.later(600);
    assert_eq!(watched(&mut bottle), [(0, armed)]);
    sees(&mut bottle, "stop");
}

#[test]
fn the_guards_of_a_nested_runbook_live_while_it_runs_with_its_own_metrics_and_values() {
    let mut inner =
        book(json!([{"id": "a", "confirm": "none", "run": "x"}, {"id": "m", "manual": "think"}]), json!([]));
    inner.metrics.insert("own".into(), serde_json::from_value(metric()).unwrap());
    inner.params = serde_json::from_value(json!({"app": {"type": "string"}})).unwrap();
    inner.guards = serde_json::from_value(
        json!([{"metric": "own"}, {"pods": {"selector": "app=${{ params.app }}"}, "maxRestarts": 0}]),
    )
    .unwrap();
    let inner = serde_json::to_value(&inner).unwrap();
    let mut outer = book(
        json!([{"id": "w", "confirm": "none", "run": "x"},
            {"id": "sub", "confirm": "none", "runbook": {"ref": "inner.yaml", "with": {"app": "api"}, "book": inner}},
            {"id": "after", "manual": "think"}]),
        json!([{"id": "back", "run": "x"}]),
    );
    outer.metrics.insert("err".into(), serde_json::from_value(metric()).unwrap());
    outer.guards = serde_json::from_value(json!([{"metric": "err"}])).unwrap();
    let mut bottle = Bottle::of(opened(outer, json!({})));
    bottle.tell(Command::Start).unwrap();
    let numbers = |bottle: &mut Bottle| watched(bottle).into_iter().map(|(index, _)| index).collect::<Vec<_>>();
    assert_eq!(numbers(&mut bottle), [0], "the inner one does not run yet");
    bottle.later(15);
    bottle.ok("w");
    bottle.ok("sub/a");
    assert_eq!(bottle.at(), "sub/m");
    let selector = bottle.effects.iter().find_map(|effect| match effect {
        Effect::Measure { metrics, .. } => match &metrics[0].what {
            crate::engine::message::Measured::Pods { rule, .. } => Some(rule.selector.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(selector.as_deref(), Some("app=api"));
    bottle.later(15);
    let Some(Effect::Measure { ticket, slot, .. }) = bottle
        .effects
        .iter()
        .find(|effect| matches!(effect, Effect::Measure { ticket, .. } if ticket.guard_index() == Some(1)))
        .cloned()
    else {
        panic!("its own metric is not read")
    };
    let report = Report::Sample { metric: "own".into(), slot, reading: value(0.02) };
    bottle.hear(Input::Report { ticket, report }).unwrap();
    let named = bottle.facts.iter().rev().find_map(|(_, fact)| match fact {
        Fact::GuardSample { metric, .. } => Some(metric.clone()),
        _ => None,
    });
    assert_eq!(named.as_deref(), Some("sub/own"));
    assert!(matches!(bottle.run.asks(None)[0], crate::engine::Ask::Guard { guard: 1, .. }));
    bottle.tell(Command::DismissGuard { guard: 1, why: "known".into() }).unwrap();
    bottle.tell(Command::Done { step: "sub/m".into(), evidence: None }).unwrap();
    assert_eq!(bottle.at(), "after");
    bottle.effects.clear();
    bottle.run.in_flight.clear();
    bottle.later(60);
    assert_eq!(numbers(&mut bottle), [0], "it is over with its runbook");
}

#[test]
fn a_dismissed_offer_returns_after_recovery_and_a_new_trip() {
    let mut bottle = guarded("offerRollback");
    let read = |bottle: &mut Bottle, number: f64| {
        answer(bottle, |_| value(number));
        bottle.later(15);
    };
    read(&mut bottle, 0.02);
    read(&mut bottle, 0.02);
    assert!(bottle.tell(Command::DismissGuard { guard: 0, why: "".into() }).is_err());
    bottle.tell(Command::DismissGuard { guard: 0, why: "known".into() }).unwrap();
    read(&mut bottle, 0.02);
    read(&mut bottle, 0.02);
    let offered =
        |bottle: &Bottle| bottle.run.asks(None).iter().any(|ask| matches!(ask, crate::engine::Ask::Guard { .. }));
    assert!(!offered(&bottle));
    read(&mut bottle, 0.0);
    read(&mut bottle, 0.02);
    read(&mut bottle, 0.02);
    assert!(offered(&bottle));
}

#[test]
fn a_guard_that_may_rolls_back_by_itself_and_guards_end_there() {
    let mut bottle = guarded("rollback");
    answer(&mut bottle, |_| value(0.02));
    bottle.later(15);
    answer(&mut bottle, |_| value(0.02));
    assert_eq!(bottle.at(), "back");
    bottle.effects.clear();
    bottle.later(60);
    assert!(bottle.effects.is_empty());
}

#[test]
fn a_guard_that_cannot_read_neither_trips_nor_falls_silent() {
    let mut bottle = guarded("rollback");
    for _ in 0..10 {
        answer(&mut bottle, |_| Reading::Unreachable { why: "refused".into() });
        bottle.later(15);
    }
    assert_eq!(bottle.at(), "m");
    assert!(bottle.kinds().iter().filter(|kind| *kind == "guard.sample").count() >= 10);
}
