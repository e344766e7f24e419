//! Where Argo Rollouts 1.8 and Flagger, as documented, would say otherwise; both as small models of their rules.

use super::*;
use crate::engine::fact::{SampleVerdict, StepResult};

const SUCCESS: f64 = 0.001;
const FAILURE: f64 = 0.01;

/// What a provider hands on: a vector of numbers, or an error.
#[derive(Clone)]
enum Answer {
    Vector(Vec<f64>),
    Away,
}

/// Argo: `result[0]` of an empty vector cannot be evaluated; NaN compares false; limits are looked at one after
/// the other and the last one exceeded wins; a run told to stop before it measured is Successful.
fn argo(answers: &[Answer], has_success: bool, told_to_stop: bool) -> &'static str {
    let (mut failed, mut inconclusive, mut errors, mut count) = (0, 0, 0, 0);
    for answer in answers {
        let Answer::Vector(vector) = answer else {
            errors += 1;
            continue;
        };
        let Some(first) = vector.first() else {
            errors += 1;
            continue;
        };
        (errors, count) = (0, count + 1);
        let bad = *first > FAILURE;
        let good = if has_success { *first < SUCCESS } else { !bad };
        match (bad, good) {
            (true, _) => failed += 1,
            (false, false) => inconclusive += 1,
            (false, true) => {}
        }
    }
    let mut phase = if count == 0 && told_to_stop { "Successful" } else { "Running" };
    if count >= 5 {
        phase = "Successful";
    }
    if failed > 0 {
        phase = "Failed";
    }
    if inconclusive > 0 {
        phase = "Inconclusive";
    }
    if errors > 4 {
        phase = "Error";
    }
    phase
}

/// Flagger: the last series of the vector; none is a failed check; above the maximum is a failed check; one
/// threshold, so nothing is ever undecided. Rolls back once `threshold` checks failed; here 5.
fn flagger(answers: &[Answer]) -> &'static str {
    let fails = |answer: &&Answer| match answer {
        Answer::Away => true,
        Answer::Vector(vector) => vector.last().is_none_or(|value| *value > FAILURE),
    };
    match answers.iter().filter(fails).count() {
        0 if !answers.is_empty() => "promotes",
        5.. => "rolls back",
        _ => "goes on",
    }
}

/// Ours, with what the adapter makes of each answer.
fn ours(answers: &[Answer], metric: Value) -> StepResult {
    let mut metric = metric;
    metric.as_object_mut().unwrap().insert("metric".into(), json!("a"));
    let read = |_: &str, nth: usize, _: bool| match answers.get(nth) {
        None | Some(Answer::Away) => away(),
        Some(Answer::Vector(vector)) => match vector.as_slice() {
            [] => empty(),
            [number] => counted(*number, 3.0),
            _ => error(),
        },
    };
    Gate::new(two_minutes(json!([metric]))).run(|_| {}, read).0.result
}

fn numbers(numbers: &[f64]) -> Vec<Answer> {
    numbers.iter().map(|number| Answer::Vector(vec![*number])).collect()
}

fn many(answer: Answer, times: usize) -> Vec<Answer> {
    vec![answer; times]
}

#[test]
fn the_table() {
    use StepResult::{Error, Failed, Inconclusive, Succeeded};
    let mut error_after_failure = numbers(&[0.02]);
    error_after_failure.extend(many(Answer::Away, 5));
    let mut ok = numbers(&[0.0; 5]);
    ok.push(Answer::Away);
    let thin = json!({"minSamples": 3000});
    let plain = json!({});
    let table = [
        ("healthy", ok, &plain, "Successful", "goes on", Succeeded),
        ("an empty vector", many(Answer::Vector(vec![]), 20), &plain, "Error", "rolls back", Inconclusive),
        ("NaN, no requests at all", numbers(&[f64::NAN; 20]), &plain, "Inconclusive", "promotes", Inconclusive),
        (
            "several series, the bad one first",
            many(Answer::Vector(vec![0.02, 0.0]), 20),
            &plain,
            "Failed",
            "promotes",
            Error,
        ),
        (
            "several series, the bad one last",
            many(Answer::Vector(vec![0.0, 0.02]), 20),
            &plain,
            "Successful",
            "rolls back",
            Error,
        ),
        ("failed, then the server goes", error_after_failure, &plain, "Error", "rolls back", Failed),
        ("the server is away", many(Answer::Away, 20), &plain, "Error", "rolls back", Error),
        ("good, on three requests", numbers(&[0.0; 20]), &thin, "Successful", "promotes", Inconclusive),
        ("neither good nor bad", numbers(&[0.005; 20]), &plain, "Inconclusive", "promotes", Inconclusive),
    ];
    for (case, answers, metric, argo_says, flagger_says, want) in table {
        assert_eq!(argo(&answers, true, false), argo_says, "Argo: {case}");
        assert_eq!(flagger(&answers), flagger_says, "Flagger: {case}");
        assert_eq!(ours(&answers, metric.clone()), want, "ours: {case}");
    }
}

#[test]
fn zero_measurements_are_successful_for_argo_when_told_to_stop_and_nothing_here() {
    assert_eq!(argo(&[], true, true), "Successful");
    let gate = Gate::new(two_minutes(json!([{"metric": "a"}])));
    assert_eq!(gate.plan.standing(&gate.state, gate.now), Standing::Open);
    let end = gate.plan.verdict(&gate.state, gate.plan.limit(&gate.state)).unwrap();
    assert_eq!(end.result, StepResult::Error);
}

#[test]
fn not_a_number_is_good_for_argo_where_only_failure_is_named_and_no_data_here() {
    assert_eq!(argo(&numbers(&[f64::NAN; 20]), false, false), "Successful");
    let only = json!({"a": {"query": "up", "failureCondition": "result > 0.01"}});
    let analysis = json!({"count": 1, "interval": "30s", "metrics": [{"metric": "a"}]});
    let plan = Plan::new(&serde_json::from_value(analysis).unwrap(), &serde_json::from_value(only).unwrap()).unwrap();
    assert_eq!(plan.judge("a", &value(f64::NAN)), SampleVerdict::Inconclusive);
    assert_eq!(plan.judge("a", &value(0.0)), SampleVerdict::Successful);
    assert_eq!(Gate::new(plan).run(|_| {}, |_, _, _| value(f64::NAN)).0.result, StepResult::Inconclusive);
}

#[test]
fn a_limit_trips_when_exceeded_as_in_argo() {
    let of = |bad: usize, metric: Value| {
        let answers: Vec<_> = (0..20).map(|nth| if nth < bad { 0.02 } else { 0.0 }).collect();
        ours(&numbers(&answers), metric)
    };
    assert_eq!(of(1, json!({"failureLimit": 1})), StepResult::Succeeded);
    assert_eq!(of(2, json!({"failureLimit": 1})), StepResult::Failed);
    let errors = |times: usize| {
        let mut answers = many(Answer::Vector(vec![0.0, 0.0]), times);
        answers.extend(numbers(&[0.0; 10]));
        ours(&answers, json!({}))
    };
    assert_eq!((errors(4), errors(5)), (StepResult::Succeeded, StepResult::Error));
}
