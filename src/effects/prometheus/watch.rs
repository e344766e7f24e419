//! The pane's readings: history once, then one reading a round and metric. A full channel drops what would be
//! drawn over anyway; an outage is filled with the range that was missed, not with everything.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::mpsc::Sender,
    time::{MissedTickBehavior, interval},
};

use super::{Prometheus, Queries};
use crate::{
    engine::{
        analysis::Rule,
        fact::SampleVerdict,
        message::{Measured, Measurement, Reading},
    },
    observe::{
        Observation,
        metrics::{Limit, MetricInfo, MetricsNews, Seen, Verdict},
    },
    runbook::model::Metric,
};

/// How often the pane reads.
pub const EVERY: Duration = Duration::from_secs(15);
/// What the rows show, and so what is fetched first.
const FIRST: SignedDuration = SignedDuration::from_mins(30);
/// What a chart may zoom out to.
const ALL: SignedDuration = SignedDuration::from_hours(24);
/// Questions under way at the same time.
const AT_ONCE: usize = 8;

/// One metric of the pane, its queries rendered.
#[derive(Clone, Debug)]
pub struct Watched {
    pub name: String,
    pub metric: Metric,
    pub query: String,
    pub baseline: Option<String>,
    pub samples: Option<String>,
    pub baseline_samples: Option<String>,
    pub stale_after: Duration,
    /// What some gate needs behind the number.
    pub needs: Option<u64>,
}

impl Watched {
    /// As the run has filled its queries in; `None` for pods.
    pub fn new(metric: &Metric, what: Measurement, needs: Option<u64>) -> Option<Self> {
        let Measured::Query { query, baseline_query, samples_query, baseline_samples_query, stale_after } = what.what
        else {
            return None;
        };
        Some(Self {
            name: what.metric,
            metric: metric.clone(),
            query,
            baseline: baseline_query,
            samples: samples_query,
            baseline_samples: baseline_samples_query,
            stale_after: stale_after.get(),
            needs,
        })
    }

    /// How the pane declares it.
    pub fn info(&self) -> MetricInfo {
        let metric = &self.metric;
        let of = |condition: &Option<String>, failure| {
            condition.as_deref().map(|condition| Limit::of(condition, failure)).unwrap_or_default()
        };
        MetricInfo {
            name: self.name.clone(),
            title: metric.title.clone().unwrap_or_else(|| self.name.clone()),
            unit: metric.unit,
            limits: [of(&metric.success_condition, false), of(&metric.failure_condition, true)].concat(),
            window: window(&self.query),
            needs: self.needs,
            has_baseline: self.baseline.is_some(),
        }
    }
}

/// Runs until the channel is closed.
pub async fn watch(prometheus: Arc<Prometheus>, metrics: Vec<Watched>, news: Sender<Observation>) {
    let infos = metrics.iter().map(Watched::info).collect();
    let metrics: Vec<Arc<Watched>> = metrics.into_iter().map(Arc::new).collect();
    let every = u32::try_from(EVERY.as_secs()).unwrap_or(15);
    let declared = MetricsNews::Declared { server: prometheus.name().to_owned(), every, metrics: infos };
    if news.send(Observation::Metrics(declared)).await.is_err() {
        return;
    }
    let begun = super::now();
    history(&prometheus, &metrics, begun - FIRST, begun, &news).await;
    let (mut filled, mut rest) = (begun, Some(begun - FIRST));
    let mut rounds = interval(crate::pace::real(EVERY));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let now = super::now();
        if now.duration_since(filled) > SignedDuration::try_from(EVERY * 3).unwrap_or(FIRST) {
            history(&prometheus, &metrics, filled.max(now - ALL), now, &news).await;
        }
        let heard = round(&prometheus, &metrics, now, &news).await;
        if heard > 0 {
            filled = now;
        }
        if let Some(skew) = prometheus.skew() {
            let _ = news.try_send(Observation::Metrics(MetricsNews::Skew(skew)));
        }
        // The rest of the day, once, when the first screen stands.
        if let (true, Some(until)) = (heard > 0, rest.take_if(|_| heard > 0)) {
            history(&prometheus, &metrics, begun - ALL, until, &news).await;
        }
        if news.is_closed() {
            return;
        }
    }
}

/// One reading of each; how many answered with a number.
async fn round(
    prometheus: &Arc<Prometheus>,
    metrics: &[Arc<Watched>],
    at: Timestamp,
    news: &Sender<Observation>,
) -> usize {
    let asks: Vec<_> =
        metrics.iter().map(|watched| ask(prometheus.clone(), watched.clone(), at, news.clone())).collect();
    let readings = stream::iter(asks).buffer_unordered(AT_ONCE);
    readings.filter(|number| std::future::ready(*number)).count().await
}

/// True where a number came.
async fn ask(prometheus: Arc<Prometheus>, watched: Arc<Watched>, at: Timestamp, news: Sender<Observation>) -> bool {
    let queries = Queries {
        query: &watched.query,
        baseline: watched.baseline.as_deref(),
        samples: watched.samples.as_deref(),
        baseline_samples: watched.baseline_samples.as_deref(),
        stale_after: watched.stale_after,
    };
    // One look a round: the next round is the next try.
    let reading = prometheus.once(&queries, at).await;
    let number = matches!(reading, Reading::Value { .. });
    let verdict = verdict(&watched.name, &watched.metric, &reading);
    let sample = MetricsNews::Sample { metric: watched.name.clone(), at, seen: seen(reading), verdict };
    let _ = news.try_send(Observation::Metrics(sample));
    number
}

async fn history(
    prometheus: &Arc<Prometheus>,
    metrics: &[Arc<Watched>],
    from: Timestamp,
    to: Timestamp,
    news: &Sender<Observation>,
) {
    let past = |watched: &Arc<Watched>| past(prometheus.clone(), watched.clone(), from, to, news.clone());
    let fetched: Vec<_> = metrics.iter().map(past).collect();
    stream::iter(fetched).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

/// What is wrong with a query the readings say; here it only leaves a gap.
async fn past(
    prometheus: Arc<Prometheus>,
    watched: Arc<Watched>,
    from: Timestamp,
    to: Timestamp,
    news: Sender<Observation>,
) {
    let baseline = async {
        match &watched.baseline {
            Some(query) => prometheus.range(query, from, to, EVERY).await.unwrap_or_default(),
            None => Vec::new(),
        }
    };
    let (points, baseline) = futures::join!(prometheus.range(&watched.query, from, to, EVERY), baseline);
    let points = points.unwrap_or_default();
    let _ =
        news.send(Observation::Metrics(MetricsNews::History { metric: watched.name.clone(), points, baseline })).await;
}

/// `[2m]` → `2m`: the first range of a query.
fn window(query: &str) -> Option<String> {
    let (_, rest) = query.split_once('[')?;
    let (window, _) = rest.split_once(']')?;
    Some(window.to_owned())
}

fn verdict(name: &str, metric: &Metric, reading: &Reading) -> Verdict {
    if metric.success_condition.is_none() && metric.failure_condition.is_none() {
        return if matches!(reading, Reading::Value { .. }) { Verdict::Unjudged } else { Verdict::Unknown };
    }
    if !matches!(reading, Reading::Value { .. }) {
        return Verdict::Unknown;
    }
    match Rule::of_metric(name, metric).judge(reading) {
        SampleVerdict::Successful => Verdict::Ok,
        SampleVerdict::Failed => Verdict::Fail,
        SampleVerdict::Inconclusive => Verdict::Grey,
        SampleVerdict::Error => Verdict::Unknown,
    }
}

fn seen(reading: Reading) -> Seen {
    match reading {
        Reading::Value { value, baseline, samples, baseline_samples } => Seen::Value {
            value: value.0,
            baseline: baseline.map(|number| number.0),
            // Of both sides the one that says less.
            samples: samples.map(|own| baseline_samples.map_or(own.0, |other| own.0.min(other.0))),
        },
        Reading::NoData { why } => Seen::Nothing(format!("no data: {why}")),
        Reading::Error { why } | Reading::Unreachable { why } | Reading::Forgotten { why } => Seen::Nothing(why),
    }
}
