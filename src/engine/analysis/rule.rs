//! One metric of a gate: its conditions and limits, and what a single reading means.

use crate::{
    engine::{fact::SampleVerdict, message::Reading},
    runbook::{
        expr,
        model::{GateMetric, Metric, OnNoData, PodRule, Unit},
        value::Tpl,
    },
};

/// Resolved: what the gate says wins over what the metric says.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The metric's name, or `pods`.
    pub key: String,
    pub metric: Option<Metric>,
    pub pods: Option<PodRule>,
    pub success: Option<String>,
    pub failure: Option<String>,
    pub failure_limit: u32,
    pub inconclusive_limit: u32,
    /// Trips when exceeded; Argo's default is 4.
    pub consecutive_error_limit: u32,
    pub min_samples: Option<u64>,
    pub on_no_data: OnNoData,
}

impl Rule {
    pub fn title(&self) -> &str {
        self.metric.as_ref().and_then(|metric| metric.title.as_deref()).unwrap_or(&self.key)
    }

    /// For a metric looked at outside a gate: its own conditions, no limits.
    pub fn of_metric(key: &str, metric: &Metric) -> Self {
        Self {
            key: key.to_owned(),
            success: metric.success_condition.clone(),
            failure: metric.failure_condition.clone(),
            metric: Some(metric.clone()),
            pods: None,
            failure_limit: 0,
            inconclusive_limit: 0,
            consecutive_error_limit: 4,
            min_samples: None,
            on_no_data: OnNoData::Inconclusive,
        }
    }

    pub fn of_pods(key: &str, pods: &PodRule) -> Self {
        Self {
            pods: Some(pods.clone()),
            metric: None,
            success: None,
            failure: None,
            ..Self::of_metric(key, &Metric::default())
        }
    }

    pub(super) fn of_gate(given: &GateMetric, metric: Option<&Metric>, key: &str) -> Self {
        let limit = |limit: &Option<Tpl<u32>>, default| limit.as_ref().and_then(Tpl::value).unwrap_or(default);
        let base = metric.map_or_else(Metric::default, Clone::clone);
        Self {
            key: key.to_owned(),
            success: given.success_condition.clone().or_else(|| base.success_condition.clone()),
            failure: given.failure_condition.clone().or_else(|| base.failure_condition.clone()),
            metric: metric.cloned(),
            pods: given.pods.clone(),
            failure_limit: limit(&given.failure_limit, 0),
            inconclusive_limit: limit(&given.inconclusive_limit, 0),
            consecutive_error_limit: limit(&given.consecutive_error_limit, 4),
            min_samples: given.min_samples.as_ref().and_then(Tpl::value),
            on_no_data: given.on_no_data,
        }
    }

    /// What one reading means. No data is never good; a condition that cannot be evaluated is an error.
    pub fn judge(&self, reading: &Reading) -> SampleVerdict {
        match reading {
            Reading::Error { .. } | Reading::Unreachable { .. } | Reading::Forgotten { .. } => SampleVerdict::Error,
            Reading::NoData { .. } => self.no_data(),
            Reading::Value { value, .. } if !value.0.is_finite() => self.no_data(),
            Reading::Value { value, baseline, samples, .. } => match &self.pods {
                Some(rule) => judge_pods(rule, value.0, samples.map(|ready| ready.0)),
                None => self.judge_value(value.0, baseline.map(|baseline| baseline.0)),
            },
        }
    }

    fn no_data(&self) -> SampleVerdict {
        match self.on_no_data {
            OnNoData::Inconclusive => SampleVerdict::Inconclusive,
            OnNoData::Error => SampleVerdict::Error,
            OnNoData::Failed => SampleVerdict::Failed,
        }
    }

    fn judge_value(&self, value: f64, baseline: Option<f64>) -> SampleVerdict {
        let holds = |condition: &Option<String>| {
            condition.as_ref().map(|condition| expr::condition(condition, value, baseline)).transpose()
        };
        let (Ok(failed), Ok(succeeded)) = (holds(&self.failure), holds(&self.success)) else {
            return SampleVerdict::Error;
        };
        match (failed, succeeded) {
            (Some(true), _) | (None, Some(false)) => SampleVerdict::Failed,
            (_, Some(true)) | (Some(false), None) => SampleVerdict::Successful,
            (Some(false), Some(false)) => SampleVerdict::Inconclusive,
            (None, None) => SampleVerdict::Error,
        }
    }
}

impl Rule {
    /// What it is held against, in words: `result < 0.001`, `fails when result > 0.01`, `restarts <= 0`.
    pub fn limit(&self) -> String {
        let mut words = Vec::new();
        if let Some(pods) = &self.pods {
            let value = |limit: &Option<Tpl<u32>>| limit.as_ref().and_then(Tpl::value);
            words.extend(value(&pods.max_restarts).map(|max| format!("at most {max} restarts")));
            words.extend(value(&pods.min_ready).map(|min| format!("at least {min} ready")));
        }
        let unit = self.metric.as_ref().map(|metric| metric.unit).unwrap_or_default();
        words.extend(self.success.as_ref().map(|success| in_unit(success, unit)));
        words.extend(self.failure.as_ref().map(|failure| format!("fails at {}", in_unit(failure, unit))));
        words.join(", ")
    }
}

/// `result < 0.001` of a percent is `< 0.1 %`; every other condition stands as it is written.
fn in_unit(condition: &str, unit: Unit) -> String {
    let parts: Vec<&str> = condition.split_whitespace().collect();
    match parts.as_slice() {
        ["result", sign @ ("<" | "<=" | ">" | ">=" | "=="), number] => match number.parse() {
            Ok(number) => format!("{sign} {}", unit.show(number)),
            Err(_) => condition.to_owned(),
        },
        _ => condition.to_owned(),
    }
}

fn judge_pods(rule: &PodRule, restarts: f64, ready: Option<f64>) -> SampleVerdict {
    let over =
        |limit: &Option<Tpl<u32>>| limit.as_ref().and_then(Tpl::value).is_some_and(|max| restarts > f64::from(max));
    let too_few = match (rule.min_ready.as_ref().and_then(Tpl::value), ready) {
        (Some(min), Some(ready)) => ready < f64::from(min),
        (Some(_), None) => return SampleVerdict::Error,
        (None, _) => false,
    };
    if over(&rule.max_restarts) || too_few { SampleVerdict::Failed } else { SampleVerdict::Successful }
}
