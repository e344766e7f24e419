//! Alerts of Prometheus, and of Alertmanager with its silences where one is named. Decoded and handed on.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc::Sender, time::interval};

use super::{Endpoint, Prometheus, answer::Bad};
use crate::{
    observe::{
        Observation,
        alerts::{self, Alert, AlertsNews},
    },
    runbook::model,
};

/// How often they are asked for.
pub const EVERY: Duration = Duration::from_secs(30);

/// An Alertmanager, asked over its own API (v2).
pub struct Alertmanager {
    endpoint: Endpoint,
}

impl Alertmanager {
    /// By `prometheus.alertmanager`, with the same headers, credentials and CA as its Prometheus.
    ///
    /// # Errors
    /// As [`Prometheus::connect`].
    pub fn connect(
        url: &str,
        spec: &model::Prometheus,
        reveal: impl Fn(&str) -> anyhow::Result<String>,
        workdir: &std::path::Path,
    ) -> anyhow::Result<Self> {
        Ok(Self { endpoint: Endpoint::http(url, spec, reveal, workdir)? })
    }

    /// Every alert it holds, silenced ones named as such.
    ///
    /// # Errors
    /// In words.
    pub async fn alerts(&self) -> Result<Vec<Alert>, String> {
        let sent = self.endpoint.send("api/v2/alerts", &[]);
        let raw = match tokio::time::timeout(super::REQUEST, sent).await {
            Ok(raw) => raw.map_err(Bad::words)?,
            Err(_) => return Err(format!("{}: no answer in {} s", self.endpoint.name(), super::REQUEST.as_secs())),
        };
        if raw.status != 200 {
            return Err(format!("{}: {}", self.endpoint.name(), raw.status));
        }
        alerts::of_alertmanager(&raw.body).map_err(|error| format!("{}: {error}", self.endpoint.name()))
    }
}

impl Prometheus {
    /// Firing and pending.
    ///
    /// # Errors
    /// In words.
    pub async fn alerts(&self) -> Result<Vec<Alert>, String> {
        let answer = self.ask("api/v1/alerts", &[]).await.map_err(Bad::words)?;
        alerts::of_prometheus(&answer.data).map_err(|error| format!("{}: {error}", self.name()))
    }
}

/// Tells the list again and again until the channel is closed; also when it is empty, and why it is not known.
pub async fn watch(prometheus: Arc<Prometheus>, alertmanager: Option<Alertmanager>, news: Sender<Observation>) {
    let mut rounds = interval(crate::pace::real(EVERY));
    while !news.is_closed() {
        rounds.tick().await;
        let _ = news.try_send(Observation::Alerts(now(&prometheus, alertmanager.as_ref()).await));
    }
}

/// The list as both know it; where one of them does not answer, what the other knows and why it is not whole.
pub async fn now(prometheus: &Prometheus, alertmanager: Option<&Alertmanager>) -> AlertsNews {
    let managed = async {
        match alertmanager {
            Some(manager) => Some(manager.alerts().await),
            None => None,
        }
    };
    match futures::join!(prometheus.alerts(), managed) {
        (Ok(list), None) => AlertsNews::Now { alerts: list, trouble: None },
        (Ok(list), Some(Ok(managed))) => AlertsNews::Now { alerts: alerts::merged(list, managed), trouble: None },
        (Ok(list), Some(Err(why))) => AlertsNews::Now { alerts: list, trouble: Some(why) },
        (Err(why), Some(Ok(managed))) => AlertsNews::Now { alerts: managed, trouble: Some(why) },
        (Err(why), _) => AlertsNews::Unknown(why),
    }
}
