//! A guard's single reading: judged like a gate's, without a window.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::{Rule, verdict::words};
use crate::{
    engine::{fact::SampleVerdict, message::Reading},
    runbook::model::{Guard, Metric, PodRule},
};

/// What the reading means for the guard.
pub fn judge(guard: &Guard, metrics: &IndexMap<String, Metric>, reading: &Reading) -> SampleVerdict {
    rule(guard, metrics).map_or(SampleVerdict::Error, |rule| rule.judge(reading))
}

fn rule(guard: &Guard, metrics: &IndexMap<String, Metric>) -> Option<Rule> {
    if let Some(name) = &guard.metric {
        return metrics.get(name).map(|metric| Rule::of_metric(name, metric));
    }
    let pods = guard.pods.clone().unwrap_or_default();
    let pods = PodRule {
        max_restarts: pods.max_restarts.or_else(|| guard.max_restarts.clone()),
        min_ready: pods.min_ready.or_else(|| guard.min_ready.clone()),
        ..pods
    };
    Some(Rule::of_pods("pods", &pods))
}

/// Which reading, when, against what.
pub fn describe(guard: &Guard, metrics: &IndexMap<String, Metric>, reading: &Reading, at: Timestamp) -> String {
    let Some(rule) = rule(guard, metrics) else { return "a guard of an unknown metric".into() };
    let limit = match (&rule.pods, &rule.failure, &rule.success) {
        (Some(pods), ..) => pod_limit(pods),
        (None, Some(failure), _) => format!("fails when {failure}"),
        (None, None, Some(success)) => format!("holds while {success}"),
        (None, None, None) => "without a limit".into(),
    };
    let what = match (&rule.pods, reading) {
        (Some(_), Reading::Value { value, samples, .. }) => {
            format!("{} restarts, {} ready", value.0, samples.map_or(0.0, |ready| ready.0))
        }
        _ => words(reading),
    };
    format!("{}: {what} at {at:.0} ({limit})", rule.title())
}

fn pod_limit(pods: &PodRule) -> String {
    let value =
        |limit: &Option<crate::runbook::value::Tpl<u32>>| limit.as_ref().and_then(crate::runbook::value::Tpl::value);
    let mut limits = Vec::new();
    limits.extend(value(&pods.max_restarts).map(|max| format!("at most {max} restarts")));
    limits.extend(value(&pods.min_ready).map(|min| format!("at least {min} ready")));
    format!("{}: {}", pods.selector, limits.join(", "))
}
