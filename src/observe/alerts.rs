//! Alerts that fire or are about to: decoded from Prometheus, Alertmanager or a webhook's body, ordered, counted.
//! Which runbook answers one is told by the runbooks.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{freshness::Tone, human};
use crate::visible;

/// What the alerts' watcher tells.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertsNews {
    /// The whole list; `trouble`: one of the two sources did not answer.
    Now { alerts: Vec<Alert>, trouble: Option<String> },
    /// Nobody answered, and why. What was known before is kept and marked as old.
    Unknown(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    Firing,
    Pending,
    /// It fires, and somebody said that it may.
    Silenced,
    /// Another alert stands for it.
    Inhibited,
}

impl AlertState {
    pub fn word(self) -> (&'static str, Tone) {
        match self {
            Self::Firing => ("FIRING", Tone::Bad),
            Self::Pending => ("pending", Tone::Warn),
            Self::Silenced => ("silenced", Tone::Plain),
            Self::Inhibited => ("inhibited", Tone::Plain),
        }
    }
}

/// One alert. Every text is safe to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub name: String,
    pub state: AlertState,
    /// With `alertname`.
    pub labels: BTreeMap<String, String>,
    /// Its annotation `summary`, else `description`.
    pub summary: String,
    pub since: Option<Timestamp>,
}

impl Alert {
    fn new(state: AlertState, labels: &Value, annotations: &Value, since: Option<&str>) -> Option<Self> {
        let labels = texts(labels);
        let annotations = texts(annotations);
        let summary = annotations.get("summary").or_else(|| annotations.get("description")).cloned();
        Some(Self {
            name: labels.get("alertname")?.clone(),
            state,
            labels,
            summary: summary.unwrap_or_default(),
            since: since.and_then(|text| text.parse().ok()).filter(|at: &Timestamp| at.as_second() > 0),
        })
    }

    pub fn severity(&self) -> &str {
        self.labels.get("severity").map_or("", String::as_str)
    }

    /// Labels that tell it from others of its name: `pod=a-b, namespace=ml`.
    pub fn where_word(&self) -> String {
        let first = ["namespace", "deployment", "pod", "container", "service", "instance", "job"];
        let known = first.iter().filter_map(|key| self.labels.get(*key).map(|value| format!("{key}={value}")));
        let hidden = |key: &str| matches!(key, "alertname" | "severity") || first.contains(&key);
        let rest = self.labels.iter().filter(|(key, _)| !hidden(key)).map(|(key, value)| format!("{key}={value}"));
        known.chain(rest).collect::<Vec<_>>().join(", ")
    }

    /// Firing before pending before silenced, severe ones first, then the newest.
    fn rank(&self) -> (AlertState, u8, i64, &str) {
        let severity = match self.severity() {
            "critical" | "page" => 0,
            "error" | "high" => 1,
            "warning" => 2,
            _ => 3,
        };
        (self.state, severity, self.since.map_or(0, |at| -at.as_second()), &self.name)
    }
}

/// Why a body is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadBody(String);

fn texts(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), visible::line(value.as_str()?).into_owned()))).collect()
}

/// `data` of Prometheus' `/api/v1/alerts`.
///
/// # Errors
/// There is no list of alerts in it.
pub fn of_prometheus(data: &Value) -> Result<Vec<Alert>, BadBody> {
    let list = data["alerts"].as_array().ok_or_else(|| BadBody("an answer without `alerts`".into()))?;
    let alert = |alert: &Value| {
        let state = match alert["state"].as_str()? {
            "firing" => AlertState::Firing,
            "pending" => AlertState::Pending,
            _ => return None,
        };
        Alert::new(state, &alert["labels"], &alert["annotations"], alert["activeAt"].as_str())
    };
    Ok(ordered(list.iter().filter_map(alert).collect()))
}

/// Alertmanager's `/api/v2/alerts`.
///
/// # Errors
/// It is no list.
pub fn of_alertmanager(body: &[u8]) -> Result<Vec<Alert>, BadBody> {
    let list: Vec<Value> =
        serde_json::from_slice(body).map_err(|error| BadBody(format!("not Alertmanager's list: {error}")))?;
    let some = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    let alert = |alert: &Value| {
        let status = &alert["status"];
        let state = match (some(&status["silencedBy"]), some(&status["inhibitedBy"])) {
            (true, _) => AlertState::Silenced,
            (_, true) => AlertState::Inhibited,
            _ => AlertState::Firing,
        };
        Alert::new(state, &alert["labels"], &alert["annotations"], alert["startsAt"].as_str())
    };
    Ok(ordered(list.iter().filter_map(alert).collect()))
}

/// The body of an Alertmanager webhook (version 4), as `ripcord for --stdin` gets it: what fires in it.
///
/// # Errors
/// It is no such body, or nothing fires in it any more.
pub fn of_webhook(body: &[u8]) -> Result<Vec<Alert>, BadBody> {
    #[derive(Deserialize)]
    struct Webhook {
        alerts: Vec<Value>,
    }
    let webhook: Webhook = serde_json::from_slice(body)
        .map_err(|error| BadBody(format!("this is no Alertmanager webhook body ({error}); it has a list `alerts`")))?;
    let firing = webhook.alerts.iter().filter(|alert| alert["status"].as_str() != Some("resolved"));
    let alerts: Vec<_> = firing
        .filter_map(|alert| {
            Alert::new(AlertState::Firing, &alert["labels"], &alert["annotations"], alert["startsAt"].as_str())
        })
        .collect();
    if alerts.is_empty() {
        return Err(BadBody(
            "every alert in this body is resolved (or has no name); there is nothing to answer".into(),
        ));
    }
    Ok(ordered(alerts))
}

fn ordered(mut alerts: Vec<Alert>) -> Vec<Alert> {
    alerts.sort_by(|a, b| a.rank().cmp(&b.rank()));
    alerts
}

/// Both sources: Prometheus knows what is pending, Alertmanager what is silenced. Labels that Alertmanager's
/// Prometheus adds (external labels) are allowed for.
pub fn merged(prometheus: Vec<Alert>, manager: Vec<Alert>) -> Vec<Alert> {
    let within =
        |small: &Alert, large: &Alert| small.labels.iter().all(|(key, value)| large.labels.get(key) == Some(value));
    let own: Vec<_> =
        prometheus.into_iter().filter(|alert| !manager.iter().any(|other| within(alert, other))).collect();
    ordered(manager.into_iter().chain(own).collect())
}

/// Everything the header's line and the list draw from.
#[derive(Clone, Debug, Default)]
pub struct AlertsView {
    pub alerts: Vec<Alert>,
    pub heard: Option<Timestamp>,
    /// Why the list is not known, or not whole.
    pub trouble: Option<String>,
}

impl AlertsView {
    pub fn apply(&mut self, now: Timestamp, news: AlertsNews) {
        match news {
            AlertsNews::Now { alerts, trouble } => *self = Self { alerts, heard: Some(now), trouble },
            AlertsNews::Unknown(why) => self.trouble = Some(why),
        }
    }

    pub fn count(&self, state: AlertState) -> usize {
        self.alerts.iter().filter(|alert| alert.state == state).count()
    }

    /// For the header: `2 alerts: HighErrorRate`, `alerts UNKNOWN`; nothing where nothing fires or is asked.
    pub fn word(&self, now: Timestamp) -> Option<(String, Tone)> {
        let firing = self.count(AlertState::Firing);
        let old = self.heard.is_none_or(|heard| now.duration_since(heard).as_secs() > 90);
        match (&self.trouble, firing) {
            (Some(_), _) if old => Some(("alerts UNKNOWN".to_owned(), Tone::Bad)),
            (_, 0) => None,
            (_, 1) => Some((format!("ALERT {}", self.alerts[0].name), Tone::Bad)),
            (_, n) => Some((format!("{n} ALERTS, {}", self.alerts[0].name), Tone::Bad)),
        }
    }

    /// For the list's title: how old it is, and what is wrong.
    pub fn freshness(&self, now: Timestamp) -> (String, Tone) {
        match (&self.trouble, self.heard) {
            (Some(_), Some(heard)) => (format!("STALE {}", human::since(now, Some(heard.min(now)))), Tone::Bad),
            (Some(_), None) => ("UNKNOWN".to_owned(), Tone::Bad),
            (None, Some(heard)) => (format!("live {}", human::since(now, Some(heard.min(now)))), Tone::Ok),
            (None, None) => ("loading".to_owned(), Tone::Plain),
        }
    }
}
