//! The alert rules of the embedded Prometheus: pending, firing, gone; also kept as the series `ALERTS`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use promql_parser::label::METRIC_NAME;
use serde_json::{Value, json};

use super::{
    series::{Labels, Series},
    vector,
};

struct Rule {
    name: &'static str,
    query: &'static str,
    /// Milliseconds it must hold.
    hold: i64,
    severity: &'static str,
    summary: &'static str,
}

/// The usual ones of kube-prometheus and of the service, with short holds: a demo does not take an hour.
const RULES: [Rule; 4] = [
    Rule {
        name: "KubePodCrashLooping",
        query: r#"max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}[1m]) >= 1"#,
        hold: 15_000,
        severity: "warning",
        summary: "Pod is crash looping.",
    },
    Rule {
        name: "KubePodNotReady",
        query: r#"sum by (namespace, pod) (kube_pod_status_ready{condition="false"}) > 0"#,
        hold: 60_000,
        severity: "warning",
        summary: "Pod has been in a non-ready state for a while.",
    },
    Rule {
        name: "HighErrorRate",
        query: r#"sum by (namespace, version) (rate(http_requests_total{code=~"5.."}[1m])) / sum by (namespace, version) (rate(http_requests_total[1m])) > 0.01"#,
        hold: 30_000,
        severity: "critical",
        summary: "More than 1 % of requests fail.",
    },
    Rule {
        name: "HighLatency",
        query: "histogram_quantile(0.95, sum by (namespace, version, le) (rate(http_request_duration_seconds_bucket[1m]))) > 1",
        hold: 30_000,
        severity: "critical",
        summary: "p95 latency is over one second.",
    },
];

#[derive(Debug)]
struct Active {
    since: i64,
    firing: bool,
    summary: &'static str,
    value: f64,
}

#[derive(Debug, Default)]
pub struct Rules {
    active: BTreeMap<Labels, Active>,
}

impl Rules {
    /// Looks at every rule once.
    pub fn evaluate(&mut self, series: &mut Series, at: i64) {
        let mut holds = BTreeMap::new();
        for rule in &RULES {
            for mut element in vector(series, rule.query, at) {
                element.labels.remove(METRIC_NAME);
                element.labels.insert("alertname".into(), rule.name.into());
                element.labels.insert("severity".into(), rule.severity.into());
                let since = self.active.get(&element.labels).map_or(at, |active| active.since);
                let active =
                    Active { since, firing: at - since >= rule.hold, summary: rule.summary, value: element.value };
                holds.insert(element.labels, active);
            }
        }
        self.active = holds;
        for (labels, active) in &self.active {
            let mut labels = labels.clone();
            labels.insert("alertstate".into(), state(active).into());
            series.put("ALERTS", &labels, at, 1.0);
        }
    }

    pub fn told(&self) -> Vec<Value> {
        let one = |(labels, active): (&Labels, &Active)| {
            let since = Timestamp::from_millisecond(active.since).unwrap_or_default();
            json!({
                "labels": labels, "annotations": {"summary": active.summary}, "state": state(active),
                "activeAt": since.to_string(), "value": active.value.to_string(),
            })
        };
        self.active.iter().map(one).collect()
    }
}

fn state(active: &Active) -> &'static str {
    if active.firing { "firing" } else { "pending" }
}
