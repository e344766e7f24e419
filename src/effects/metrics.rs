//! Readings for gates, guards and probes: one metric or the pods at one slot. What they mean is decided elsewhere.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, OnceCell};

use super::{
    kube::reading::PodReader,
    prometheus::{Alertmanager, Prometheus, Queries},
    work::{Work, failed},
};
use crate::{
    engine::{
        STALE_AFTER,
        analysis::words,
        message::{Decimal, Done, Measured, Measurement, Reading, Report},
    },
    runbook::{model, value::StepId},
};

/// A slot further back than this lies in a past that a list of pods does not remember.
const PRESENT: SignedDuration = SignedDuration::from_secs(15);

/// What measuring needs, joined at its first use.
pub struct Metrics {
    spec: Option<model::Prometheus>,
    server: OnceCell<Arc<Prometheus>>,
    pods: Mutex<PodReader>,
}

impl Metrics {
    /// By the runbook's `prometheus:`.
    pub fn new(spec: Option<model::Prometheus>) -> Self {
        Self { spec, server: OnceCell::new(), pods: Mutex::default() }
    }

    /// The runbook's Prometheus; connected at its first use.
    ///
    /// # Errors
    /// There is none, a secret has no value, the URL or service is none.
    pub async fn server(&self, work: &Work) -> anyhow::Result<Arc<Prometheus>> {
        let connect = async || -> anyhow::Result<Arc<Prometheus>> {
            let spec = self.spec.as_ref().ok_or_else(|| {
                anyhow::anyhow!("the runbook names no prometheus; write `prometheus: {{url: …}}` at its top")
            })?;
            let cluster = work.cluster();
            Prometheus::connect(spec, |text| reveal(work, text), &work.place.workdir, cluster).await.map(Arc::new)
        };
        self.server.get_or_try_init(connect).await.cloned()
    }

    /// The Alertmanager beside it, if one is named.
    ///
    /// # Errors
    /// As [`Metrics::server`].
    pub fn alertmanager(&self, work: &Work) -> anyhow::Result<Option<Alertmanager>> {
        let Some(spec) = &self.spec else { return Ok(None) };
        let Some(url) = &spec.alertmanager else { return Ok(None) };
        Alertmanager::connect(url, spec, |text| reveal(work, text), &work.place.workdir).map(Some)
    }
}

/// The outermost runbook's secrets: `prometheus:` stands there.
fn reveal(work: &Work, text: &str) -> anyhow::Result<String> {
    Ok(work.place.secrets.resolve(&StepId::new("prometheus"), text)?.into_owned())
}

/// One thing at one slot. Always answers; nothing raw and nothing secret is in it.
pub(super) async fn measure(work: &Work, slot: Timestamp, what: &Measurement) -> Reading {
    let reading = match &what.what {
        Measured::Query { query, baseline_query, samples_query, baseline_samples_query, stale_after } => {
            let queries = Queries {
                query,
                baseline: baseline_query.as_deref(),
                samples: samples_query.as_deref(),
                baseline_samples: baseline_samples_query.as_deref(),
                stale_after: stale_after.get(),
            };
            match work.place.metrics.server(work).await {
                Ok(server) => server.measure(&queries, slot).await,
                Err(error) => Reading::Error { why: format!("{error:#}") },
            }
        }
        Measured::Pods { rule, since } => pods(work, slot, &rule.selector, *since).await,
    };
    match reading {
        Reading::NoData { why } => Reading::NoData { why: work.clean(&why) },
        Reading::Error { why } => Reading::Error { why: work.clean(&why) },
        Reading::Unreachable { why } => Reading::Unreachable { why: work.clean(&why) },
        Reading::Forgotten { why } => Reading::Forgotten { why: work.clean(&why) },
        value @ Reading::Value { .. } => value,
    }
}

/// A query as a look, read now: its number is `result`.
pub(super) async fn probe(work: &Work, query: &str) -> Report {
    let now = crate::pace::now();
    let what = Measured::Query {
        query: query.to_owned(),
        baseline_query: None,
        samples_query: None,
        baseline_samples_query: None,
        stale_after: STALE_AFTER,
    };
    match measure(work, now, &Measurement { metric: "probe".into(), what }).await {
        Reading::Value { value, .. } => Report::Succeeded(Done {
            outputs: [("result".to_owned(), value.0.into())].into(),
            summary: format!("{}", value.0),
            ..Done::default()
        }),
        // What could not be seen is neither met nor not met.
        other => failed("notFound", words(&other, crate::runbook::model::Unit::Count)),
    }
}

/// Pods are read now or not at all: no list remembers how many were ready an hour ago.
async fn pods(work: &Work, slot: Timestamp, selector: &str, since: Timestamp) -> Reading {
    let late = crate::pace::now().duration_since(slot) > PRESENT;
    if late {
        return Reading::Forgotten { why: "nobody looked at the pods at this slot".into() };
    }
    let cluster = match work.cluster().await {
        Ok(cluster) => cluster,
        Err(error) => return Reading::Unreachable { why: format!("{error:#}") },
    };
    let namespace = work.place.connect.namespace.clone().unwrap_or_else(|| cluster.namespace.clone());
    let limit = std::time::Duration::from_secs(10);
    let count = work.place.metrics.pods.lock().await.read(cluster, &namespace, selector, since, 0, limit).await;
    match count {
        Ok(count) if count.pods == 0 => Reading::NoData { why: format!("no pod matches {selector}") },
        Ok(count) => Reading::Value {
            value: Decimal(count.restarts as f64),
            baseline: None,
            samples: Some(Decimal(count.ready as f64)),
            baseline_samples: None,
        },
        Err(failure) => Reading::Unreachable { why: failure.why },
    }
}
