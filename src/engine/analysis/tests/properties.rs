use proptest::prelude::*;

use super::*;
use crate::engine::{
    analysis::verdict::weight,
    fact::{SampleVerdict, StepResult},
};

fn any_reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        8 => Just(value(0.0)),
        1 => Just(value(0.005)),
        1 => Just(value(0.02)),
        1 => Just(empty()),
        1 => Just(error()),
        1 => Just(away()),
        1 => Just(forgotten()),
        1 => Just(value(f64::NAN)),
        1 => Just(value(f64::INFINITY)),
    ]
}

/// One reading per slot for each of two metrics, far beyond the window.
fn any_series() -> impl Strategy<Value = [Vec<Reading>; 2]> {
    let series = || proptest::collection::vec(any_reading(), 40);
    [series(), series()]
}

fn limits() -> impl Strategy<Value = (u32, u32, u32)> {
    (0u32..3, 0u32..3, 0u32..6)
}

fn limited((failure, inconclusive, error): (u32, u32, u32)) -> Plan {
    let metric = |name| {
        json!({"metric": name, "failureLimit": failure, "inconclusiveLimit": inconclusive,
            "consecutiveErrorLimit": error})
    };
    two_minutes(json!([metric("a"), metric("b")]))
}

fn told(series: &[Vec<Reading>; 2], key: &str, nth: usize, late: bool) -> Reading {
    let reading = series[usize::from(key == "b")][nth % 40].clone();
    // whoever was away is asked again and then nobody knows, or somebody does
    match (&reading, late) {
        (Reading::Unreachable { .. }, true) if nth.is_multiple_of(2) => forgotten(),
        (Reading::Unreachable { .. }, true) => value(0.0),
        _ => reading,
    }
}

fn ended(plan: Plan, series: &[Vec<Reading>; 2]) -> (Verdict, Gate) {
    Gate::new(plan).run(|_| {}, |key, nth, late| told(series, key, nth, late))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Passing needs a whole window: as many readings that are no errors as the gate counts, within its limits.
    #[test]
    fn nothing_passes_without_a_whole_window_of_good_readings(series in any_series(), limits in limits()) {
        let (verdict, gate) = ended(limited(limits), &series);
        if verdict.result == StepResult::Succeeded {
            for rule in &gate.plan.rules {
                let samples = &gate.state.samples[&rule.key];
                let of = |verdict| samples.iter().filter(|sample| sample.verdict == verdict).count();
                prop_assert!(of(SampleVerdict::Failed) <= limits.0 as usize);
                prop_assert!(of(SampleVerdict::Inconclusive) <= limits.1 as usize);
                let real = samples.len() - of(SampleVerdict::Error);
                prop_assert!(real >= gate.plan.count as usize, "{real} readings pass for {}", gate.plan.count);
                prop_assert!(of(SampleVerdict::Successful) > 0);
                let span = samples.last().unwrap().slot.duration_since(samples[0].slot);
                prop_assert!(span.unsigned_abs() >= gate.plan.hold());
                let grid = samples.windows(2).all(|two| {
                    two[1].slot.duration_since(two[0].slot).unsigned_abs() == gate.plan.interval
                });
                prop_assert!(grid, "a slot is missing");
            }
        }
    }

    /// With Argo's defaults every single reading that counts is good.
    #[test]
    fn by_default_one_reading_that_is_not_good_is_one_too_many(series in any_series()) {
        let (verdict, gate) = ended(limited((0, 0, 4)), &series);
        if verdict.result == StepResult::Succeeded {
            let good = |sample: &Sample| matches!(&sample.reading, Reading::Value { value, .. } if value.0 == 0.0)
                || sample.verdict == SampleVerdict::Error;
            prop_assert!(gate.state.samples.values().flatten().all(good));
        }
    }

    #[test]
    fn a_metric_that_failed_ends_the_gate_with_that_reading(series in any_series(), limits in limits()) {
        let (verdict, gate) = ended(limited(limits), &series);
        for rule in &gate.plan.rules {
            let samples = gate.state.samples.get(&rule.key).map(Vec::as_slice).unwrap_or_default();
            let failed = samples.iter().filter(|sample| sample.verdict == SampleVerdict::Failed).count();
            prop_assert!(failed <= limits.0 as usize + 1, "it sat out {failed} failures");
            prop_assert_eq!(failed > limits.0 as usize, verdict.result == StepResult::Failed && failed > limits.0 as usize);
        }
    }

    /// Neither the order of the metrics nor that in which answers arrive changes the result.
    #[test]
    fn no_order_matters(series in any_series(), limits in limits()) {
        let (one, _) = ended(limited(limits), &series);
        let mut turned = limited(limits);
        turned.rules.reverse();
        let (other, _) = ended(turned, &series);
        prop_assert_eq!(one.result, other.result);
        let backwards = Gate::new(limited(limits)).run(|due| due.reverse(), |key, nth, late| told(&series, key, nth, late));
        prop_assert_eq!(one.result, backwards.0.result);
    }

    /// Asleep from the start and asked for everything at once, in whatever order the answers come.
    #[test]
    fn a_window_filled_from_history_says_the_same_in_any_order(
        series in any_series(), shuffle in any::<u64>(), limits in limits(),
    ) {
        let after = |order: &dyn Fn(&mut Vec<Asked>)| {
            let mut gate = Gate::new(limited(limits));
            gate.now += SignedDuration::from_secs(125);
            let told = |key: &str, nth: usize, late| match told(&series, key, nth, late) {
                Reading::Unreachable { .. } => forgotten(),
                reading => reading,
            };
            let mut due = gate.due();
            order(&mut due);
            let mut last = Standing::Open;
            for (slot, key) in due {
                last = gate.hear(&key, slot, told(&key, gate.nth(slot), true));
                if last != Standing::Open { break }
            }
            match last {
                Standing::Over(verdict) => Some(verdict.result),
                Standing::Restart => None,
                Standing::Open => Some(StepResult::Unknown),
            }
        };
        let turn = |due: &mut Vec<Asked>| {
            let len = due.len();
            for n in 0..len {
                due.swap(n, (shuffle.rotate_left(n as u32 * 7) % len as u64) as usize);
            }
        };
        prop_assert_eq!(after(&|_| {}), after(&turn));
    }

    /// A server that was away for a while and remembers: the same passes. What is filled in at once can only
    /// tell of something graver that came later.
    #[test]
    fn an_outage_that_history_fills_passes_nothing_else(
        series in proptest::collection::vec(prop_oneof![6 => Just(value(0.0)), 1 => Just(value(0.005)), 1 => Just(value(0.02))], 40),
        from in 0usize..5, length in 1usize..12,
    ) {
        let plan = || two_minutes(json!([{"metric": "a"}]));
        let there = Gate::new(plan()).run(|_| {}, |_, nth, _| series[nth % 40].clone());
        let cut = Gate::new(plan());
        let interval = SignedDuration::try_from(cut.plan.interval).unwrap();
        let (back_from, back_at) = (interval * from as i32, interval * (from + length) as i32);
        // away by the clock, not by the slot: `late` asks come while it is away too
        let away_now = |now: Timestamp| {
            let since = now.duration_since(Timestamp::UNIX_EPOCH);
            since >= back_from && since < back_at
        };
        let mut gate = cut;
        let verdict = loop {
            let mut over = None;
            for (slot, key) in gate.due() {
                let reading = if away_now(gate.now) { away() } else { series[gate.nth(slot) % 40].clone() };
                if let Standing::Over(verdict) = gate.hear(&key, slot, reading) { over = Some(verdict); break }
            }
            if let Some(verdict) = over { break verdict }
            let next = gate.plan.deadline(&gate.state, |_, _| false).unwrap();
            gate.now = next.max(gate.now + SignedDuration::from_secs(1));
            if let Standing::Over(verdict) = gate.standing() { break verdict }
        };
        let too_long = interval * (from + length) as i32 >= SignedDuration::from_secs(360);
        let graver = weight(verdict.result) >= weight(there.0.result);
        let same = (verdict.result == StepResult::Succeeded) == (there.0.result == StepResult::Succeeded);
        prop_assert!(too_long || (graver && same), "{verdict:?} instead of {:?}", there.0);
    }
}

#[test]
fn precedence_is_failed_error_inconclusive_successful() {
    let of = |a: Reading, b: Reading| {
        let plan = plan(json!({"count": 1, "interval": "30s", "metrics": [
            {"metric": "a", "consecutiveErrorLimit": 0}, {"metric": "b", "consecutiveErrorLimit": 0}]}));
        let read = |key: &str, _: usize, _: bool| if key == "a" { a.clone() } else { b.clone() };
        Gate::new(plan).run(|_| {}, read).0.result
    };
    let ranked = [
        (value(0.02), StepResult::Failed),
        (error(), StepResult::Error),
        (value(0.005), StepResult::Inconclusive),
        (value(0.0), StepResult::Succeeded),
    ];
    for (n, (a, want)) in ranked.iter().enumerate() {
        for (b, _) in &ranked[n..] {
            assert_eq!(of(a.clone(), b.clone()), *want, "{a:?} and {b:?}");
            assert_eq!(of(b.clone(), a.clone()), *want, "{b:?} and {a:?}");
        }
    }
}

#[test]
fn errors_move_the_end_and_are_not_readings() {
    let read = |_: &str, nth: usize, _: bool| if nth == 1 || nth == 3 { error() } else { value(0.0) };
    let (verdict, gate) = Gate::new(two_minutes(json!([{"metric": "a"}]))).run(|_| {}, read);
    assert_eq!(verdict.result, StepResult::Succeeded);
    assert_eq!(gate.state.samples["a"].len(), 7);
}

#[test]
fn a_past_that_nobody_knows_restarts_the_hold_and_two_slots_of_it_do_not() {
    for (slots, began) in [(2, 0), (3, 30 * 3)] {
        let mut gate = Gate::new(two_minutes(json!([{"metric": "a"}])));
        gate.now += SignedDuration::from_secs(90);
        for (slot, key) in gate.due() {
            let reading = if gate.nth(slot) < slots { forgotten() } else { value(0.0) };
            gate.hear(&key, slot, reading);
        }
        assert_eq!(gate.state.began.as_second(), began, "{slots} slots");
    }
}

#[test]
fn however_long_a_sleep_was_it_restarts_rather_than_ends() {
    // eleven errors in a row, and none of them the gate's fault
    let mut gate =
        Gate::new(plan(json!({"for": "10m", "interval": "30s", "metrics": [{"pods": {"selector": "a=b"}}]})));
    gate.now += SignedDuration::from_secs(330);
    let standings: Vec<_> = gate.due().into_iter().map(|(slot, key)| gate.hear(&key, slot, forgotten())).collect();
    assert_eq!(standings.last(), Some(&Standing::Restart));
}

#[test]
fn a_server_that_never_comes_back_ends_as_error() {
    let (verdict, gate) = Gate::new(two_minutes(json!([{"metric": "a"}]))).run(|_| {}, |_, _, _| away());
    assert_eq!(verdict.result, StepResult::Error);
    assert_eq!(gate.now.as_second(), 360);
}

#[test]
fn the_limit_of_a_gate_is_its_initial_delay_and_three_windows() {
    let plan = plan(json!({"for": "2m", "interval": "30s", "initialDelay": "1m", "metrics": [{"metric": "a"}]}));
    let (verdict, gate) = Gate::new(plan).run(|_| {}, |_, _, late| if late { forgotten() } else { away() });
    assert_eq!(verdict.result, StepResult::Error);
    assert_eq!(gate.now.as_second(), 60 + 3 * 120);
}

#[test]
fn progress_says_what_holds_and_what_would_happen_now() {
    let mut gate = Gate::new(two_minutes(json!([{"metric": "a", "minSamples": 3000}, {"metric": "b"}])));
    let at = gate.now;
    gate.hear("a", at, counted(0.0, 412.0));
    gate.hear("b", at, value(0.0));
    let progress = gate.plan.progress(&gate.state);
    assert_eq!((progress.read, progress.wanted), (1, 5));
    assert_eq!(progress.rules[0].samples, Some((412, 3000)));
    assert_eq!(progress.would_be.result, StepResult::Inconclusive);
    gate.now += SignedDuration::from_secs(30);
    let at = gate.now;
    gate.hear("b", at, value(0.02));
    let progress = gate.plan.progress(&gate.state);
    assert_eq!(progress.would_be.result, StepResult::Failed);
    assert_eq!(progress.would_be.reasons, ["b: 0.02 at 1970-01-01T00:00:30Z, < 0.001, fails at > 0.01"]);
    assert_eq!(progress.rules[1].since, Some(at));
}
