//! A guard's single reading: judged like a gate's, without a window.

use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::Rule;
use crate::{
    engine::{fact::SampleVerdict, message::Reading},
    runbook::{
        model::{Guard, Metric, PodRule},
        value::Dur,
    },
};

/// How often a guard reads, where it does not say.
const INTERVAL: Dur = Dur::secs(15);

pub fn interval(guard: &Guard) -> Duration {
    guard.interval.unwrap_or(INTERVAL).get().max(Duration::from_secs(1))
}

/// What the reading means for the guard.
pub fn judge(guard: &Guard, metrics: &IndexMap<String, Metric>, reading: &Reading) -> SampleVerdict {
    rule(guard, metrics).map_or(SampleVerdict::Error, |rule| rule.judge(reading))
}

fn rule(guard: &Guard, metrics: &IndexMap<String, Metric>) -> Option<Rule> {
    if let Some(name) = &guard.metric {
        return metrics.get(name).map(|metric| Rule::of_metric(name, metric));
    }
    Some(Rule::of_pods("pods", &pods(guard)))
}

/// Its pods, with the limits that stand beside them.
pub fn pods(guard: &Guard) -> PodRule {
    let pods = guard.pods.clone().unwrap_or_default();
    PodRule {
        max_restarts: pods.max_restarts.or_else(|| guard.max_restarts.clone()),
        min_ready: pods.min_ready.or_else(|| guard.min_ready.clone()),
        ..pods
    }
}

/// What it watches, as people call it.
pub fn title(guard: &Guard, metrics: &IndexMap<String, Metric>) -> String {
    rule(guard, metrics).map_or_else(|| guard.name().to_owned(), |rule| rule.title().to_owned())
}

/// Which reading, when, against what.
pub fn describe(guard: &Guard, metrics: &IndexMap<String, Metric>, reading: &Reading, at: Timestamp) -> String {
    let Some(rule) = rule(guard, metrics) else { return "a guard of an unknown metric".into() };
    let limit = match (&rule.pods, rule.limit()) {
        (Some(pods), limit) => format!("{}: {limit}", pods.selector),
        (None, limit) if limit.is_empty() => "without a limit".into(),
        (None, limit) => limit,
    };
    let what = rule.words(reading);
    format!("{}: {what} at {at:.0} ({limit})", rule.title())
}
