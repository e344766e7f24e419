//! Prometheus (and what answers its API): readings for gates and guards, history for the pane, alerts.
//! Every reading says what is wrong with it; what it means for a gate is decided elsewhere.

mod alerts;
mod answer;
mod endpoint;
mod measure;
mod selectors;
mod watch;

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use jiff::Timestamp;

pub use alerts::{Alertmanager, EVERY as ALERTS_EVERY, now as alerts_now, watch as watch_alerts};
use answer::{Answer, Bad};
pub use endpoint::Endpoint;
pub use measure::Queries;
pub use watch::{Watched, watch};

use crate::{effects::kube::connect::Cluster, observe::metrics::Point, runbook::model};

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(10);
/// How long a reading goes on trying while the server is away.
const PATIENCE: Duration = Duration::from_secs(20);
/// A `Date` header has whole seconds; smaller differences of the clocks are left alone.
const SKEW: i64 = 2;

/// One server, with what it takes to ask it.
pub struct Prometheus {
    endpoint: Endpoint,
    /// Its clock minus ours, in seconds, as its last answer said; `i64::MIN` before the first.
    skew: AtomicI64,
    request: Duration,
    patience: Duration,
}

impl Prometheus {
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, skew: AtomicI64::new(i64::MIN), request: REQUEST, patience: PATIENCE }
    }

    /// Other limits than the usual ones, for one request and for a whole reading.
    #[must_use]
    pub fn patient(self, request: Duration, patience: Duration) -> Self {
        Self { request, patience, ..self }
    }

    /// By what the runbook says. `reveal` turns a whole `${{ secrets.x }}` into its value; `cluster` is asked
    /// only for `service`.
    ///
    /// # Errors
    /// A secret without a value, an unreadable CA file, a URL or service that is none.
    pub async fn connect<'a>(
        spec: &model::Prometheus,
        reveal: impl Fn(&str) -> anyhow::Result<String>,
        workdir: &std::path::Path,
        cluster: impl Future<Output = anyhow::Result<&'a Cluster>>,
    ) -> anyhow::Result<Self> {
        let endpoint = match (&spec.url, &spec.service) {
            (Some(url), None) => Endpoint::http(url, spec, reveal, workdir)?,
            (None, Some(service)) => {
                let cluster = cluster.await.context("prometheus.service needs the cluster")?;
                Endpoint::service(cluster, service, spec, reveal)?
            }
            _ => anyhow::bail!("prometheus needs exactly one of `url` and `service`"),
        };
        Ok(Self::new(endpoint))
    }

    /// How people know it: its URL, or the service's name.
    pub fn name(&self) -> &str {
        self.endpoint.name()
    }

    /// Its clock minus ours in seconds, once it has answered.
    pub fn skew(&self) -> Option<i64> {
        Some(self.skew.load(Ordering::Relaxed)).filter(|skew| *skew != i64::MIN)
    }

    /// What is added to a time of ours before it is asked for.
    fn shift(&self) -> i64 {
        self.skew().filter(|skew| skew.abs() > SKEW).unwrap_or(0)
    }

    /// A time of ours in the server's clock.
    fn theirs(&self, at: Timestamp) -> Timestamp {
        at.checked_add(jiff::SignedDuration::from_secs(self.shift())).unwrap_or(at)
    }

    async fn ask(&self, path: &'static str, form: &[(&'static str, String)]) -> Result<Answer, Bad> {
        let begun = now();
        let sent = self.endpoint.send(path, form);
        let raw = match tokio::time::timeout(self.request, sent).await {
            Ok(raw) => raw?,
            Err(_) => return Err(Bad::Away(format!("{}: no answer in {} s", self.name(), self.request.as_secs()))),
        };
        if let Some(date) = raw.date {
            let ended = now();
            let half = ended.duration_since(begun) / 2;
            let skew = date.duration_since(begun.checked_add(half).unwrap_or(ended)).as_secs();
            self.skew.store(skew, Ordering::Relaxed);
        }
        Answer::of(self.name(), raw)
    }

    /// The value of a query at a time of the server's clock.
    async fn instant(&self, query: &str, at: Timestamp) -> Result<Answer, Bad> {
        let limit = format!("{}ms", self.request.as_millis());
        self.ask("api/v1/query", &[("query", query.to_owned()), ("time", stamp(at)), ("timeout", limit)]).await
    }

    /// A query over a time of ours, a point each `step`.
    ///
    /// # Errors
    /// In words: the server is away, the query is wrong, it gives several series.
    pub async fn range(
        &self,
        query: &str,
        from: Timestamp,
        to: Timestamp,
        step: Duration,
    ) -> Result<Vec<Point>, String> {
        let shift = self.shift();
        let points = self.range_at(query, from, to, step).await;
        // The answer told of another clock than was thought: other moments were asked for.
        let points = if self.was_elsewhere(shift) { self.range_at(query, from, to, step).await } else { points };
        points.map_err(Bad::words)
    }

    async fn range_at(&self, query: &str, from: Timestamp, to: Timestamp, step: Duration) -> Result<Vec<Point>, Bad> {
        let shift = jiff::SignedDuration::from_secs(self.shift());
        let theirs = |at| stamp(self.theirs(at));
        let form = [
            ("query", query.to_owned()),
            ("start", theirs(from)),
            ("end", theirs(to)),
            ("step", format!("{}", step.as_secs_f64())),
            ("timeout", format!("{}ms", self.request.as_millis())),
        ];
        self.ask("api/v1/query_range", &form).await?.points(shift)
    }

    /// Before its first answer, and where it was set since: its clock is not where a question assumed it.
    fn was_elsewhere(&self, shift: i64) -> bool {
        (self.shift() - shift).abs() > SKEW
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }
}

fn now() -> Timestamp {
    crate::pace::now()
}

/// Seconds with milliseconds, as the API takes and echoes them.
fn stamp(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}
