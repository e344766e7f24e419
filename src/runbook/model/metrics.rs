//! Metrics, gates, guards, panes, and the baseline they protect. The vocabulary is Argo's analysis.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::unit::Unit;
use crate::runbook::value::{Dur, Tpl};

/// Where metrics come from. Exactly one of `url`, `service`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prometheus {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `namespace/name:port`; ripcord opens the port-forward itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<Basic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanager: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    pub username: String,
    pub password: String,
}

/// What is recorded before the first write, and what the rollback leads back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BaselineSpec {
    HelmRelease(String),
    Deployment(String),
    /// There is none, and why.
    None(String),
}

/// A metric, named once; gates, guards and panes refer to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metric {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub query: String,
    /// How many samples stand behind the number; may use `$window`, seconds since the hold began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_query: Option<String>,
    /// Measured at the same time; named `baseline` in the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_query: Option<String>,
    /// How many samples stand behind that one; `minSamples` then asks for as many of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_samples_query: Option<String>,
    #[serde(default)]
    pub unit: Unit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_condition: Option<String>,
    /// A sample older than this is no data; default 2m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Dur>,
}

/// A metric gate over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Analysis {
    /// Exactly one of `for` and `count`; `count = for/interval + 1`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub duration: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Tpl<u32>>,
    /// Default 30s; not longer than `for`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_delay: Option<Tpl<Dur>>,
    pub metrics: Vec<GateMetric>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_successful: Option<super::Goto>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failed: Option<super::Goto>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_inconclusive: Option<super::Goto>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<super::Goto>,
}

impl Analysis {
    /// Where a gate does not say how often it measures.
    pub const INTERVAL: Dur = Dur::secs(30);
}

/// One thing a gate measures: a named metric, or pods. What it says here wins over the metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GateMetric {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_limit: Option<Tpl<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inconclusive_limit: Option<Tpl<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_error_limit: Option<Tpl<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<Tpl<u64>>,
    #[serde(default)]
    pub on_no_data: OnNoData,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnNoData {
    #[default]
    Inconclusive,
    Error,
    Failed,
}

/// Pods as a metric, from the live watch. Restarts count from the start of the gate or guard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodRule {
    pub selector: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_restarts: Option<Tpl<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ready: Option<Tpl<u32>>,
}

/// Live from the first write to the end of the run, also while waiting for a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guard {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<PodRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_restarts: Option<Tpl<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ready: Option<Tpl<u32>>,
    /// Default 15s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Dur>,
    /// Consecutive failures; trips when exceeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_limit: Option<u32>,
    #[serde(default)]
    pub on_failure: GuardAction,
}

impl Guard {
    /// What answers and the trail call it: its metric, or `pods`.
    pub fn name(&self) -> &str {
        self.metric.as_deref().unwrap_or("pods")
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GuardAction {
    #[default]
    OfferRollback,
    /// Without asking.
    Rollback,
}

/// What the live panes show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Panes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<PaneFilter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<PaneFilter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<PaneFilter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<String>,
    /// Workloads shown above the pods, `Deployment/ml-api` or a bare Deployment name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PaneFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}
