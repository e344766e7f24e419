//! The requests that reach the service, and the scrapes that count them: evenly over the pods that are ready, ended as
//! each pod's image says. Fractions are kept, so that 2 % are 2 % exactly.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    fate::{Conduct, word},
    logs::Logs,
    names::Names,
    objects::{image, is_going, is_ready, number, text},
    pods::{Kubelets, Stage},
    store::{Key, Store},
};
use crate::demo::prometheus::series::{Labels, Series};

/// Upper bounds of the latency histogram, seconds.
const BOUNDS: [f64; 16] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0];
/// Requests a second, in the mean.
const REQUESTS: f64 = 300.0;
/// What reaches the service in a log line's stead.
const LINE_EVERY: SignedDuration = SignedDuration::from_millis(1_000);

#[derive(Debug, Default)]
struct Counters {
    ok: f64,
    errors: f64,
    seconds: f64,
    buckets: [f64; BOUNDS.len()],
    last_line: Option<Timestamp>,
    /// Made once, at the first scrape.
    labels: Option<Box<Lines>>,
}

/// The labels of a pod's series.
#[derive(Debug)]
struct Lines {
    silent: bool,
    plain: Labels,
    up: Labels,
    ok: Labels,
    errors: Labels,
    /// One more than there are bounds: the last is `+Inf`.
    buckets: Vec<Labels>,
}

#[derive(Debug, Default)]
pub struct Traffic {
    /// Its own, so that the names of pods do not hang on how much traffic there was before.
    noise: Names,
    by: BTreeMap<Key, Counters>,
    /// Who serves, as of this version of the store.
    serving: Vec<Serving>,
    version: u64,
}

/// What a pod is, to traffic.
#[derive(Debug)]
struct Serving {
    key: Key,
    id: String,
    word: String,
    ready: Timestamp,
}

impl Serving {
    fn conduct(&self, now: Timestamp) -> Conduct {
        Conduct::of(&self.word, Duration::try_from(now.duration_since(self.ready)).unwrap_or_default())
    }
}

impl Traffic {
    /// Lets a stretch of traffic pass.
    pub fn pass(&mut self, store: &Store, kubelets: &Kubelets, logs: &mut Logs, by: SignedDuration, now: Timestamp) {
        if self.version != store.version() {
            self.version = store.version();
            self.by.retain(|key, _| store.get(key).is_some());
            self.serving = store.list("pods", "").filter_map(|(key, pod)| serving(kubelets, key, pod)).collect();
        }
        // A slow wave, so that a chart is no ruler's line.
        let wave = 1.0 + 0.06 * (now.as_second() as f64 / 47.0).sin() + 0.02 * (now.as_second() as f64 / 7.0).sin();
        let each = REQUESTS * wave * by.as_secs_f64() / self.serving.len().max(1) as f64;
        for pod in &self.serving {
            let (chance, conduct) = (self.noise.part(), pod.conduct(now));
            let counters = self.by.entry(pod.key.clone()).or_default();
            counters.add(each, conduct, chance);
            if counters.last_line.is_none_or(|last| now.duration_since(last) >= LINE_EVERY) {
                counters.last_line = Some(now);
                logs.request(&pod.id, conduct, now, chance);
            }
        }
    }

    /// What Prometheus sees of the service and of kube-state-metrics at this moment.
    pub fn scrape(&mut self, store: &Store, kubelets: &Kubelets, series: &mut Series, now: Timestamp) {
        let at = now.as_millisecond();
        for (key, counters) in &mut self.by {
            if let Some(pod) = store.get(key) {
                counters.scrape(pod, series, at);
            }
        }
        series.put("up", &Labels::from([("job".to_owned(), "prometheus".to_owned())]), at, 1.0);
        for (key, pod) in store.list("pods", "") {
            let Some(life) = kubelets.lives.get(key) else { continue };
            let name = &[("container", text(pod, "/spec/containers/0/name"))];
            series.put("kube_pod_container_status_restarts_total", &about(pod, name), at, f64::from(life.restarts));
            for (condition, is) in [("true", is_ready(pod)), ("false", !is_ready(pod))] {
                let labels = about(pod, &[("condition", condition)]);
                series.put("kube_pod_status_ready", &labels, at, f64::from(u8::from(is)));
            }
            let reason = text(pod, "/status/containerStatuses/0/state/waiting/reason");
            if !reason.is_empty() {
                let labels = about(pod, &[name[0], ("reason", reason)]);
                series.put("kube_pod_container_status_waiting_reason", &labels, at, 1.0);
            }
        }
        for (key, deployment) in store.list("deployments", "") {
            let labels = [("namespace", key.namespace.as_str()), ("deployment", key.name.as_str())];
            let value = number(deployment, "/status/availableReplicas") as f64;
            series.put("kube_deployment_status_replicas_available", &owned(&labels), at, value);
        }
        series.close_unseen(at);
    }
}

fn serving(kubelets: &Kubelets, key: &Key, pod: &Value) -> Option<Serving> {
    let life = kubelets.lives.get(key).filter(|life| life.stage == Stage::Ready && !is_going(pod))?;
    if text(pod, "/metadata/labels/app") != "ml-api" {
        return None; // no requests of the service's
    }
    let id = life.container_id(text(pod, "/metadata/uid"));
    Some(Serving { key: key.clone(), id, word: word(pod).to_owned(), ready: life.ready? })
}

fn owned(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn about(pod: &Value, more: &[(&str, &str)]) -> Labels {
    let mut all = owned(&[("namespace", text(pod, "/metadata/namespace")), ("pod", text(pod, "/metadata/name"))]);
    all.extend(owned(more));
    all
}

fn labels(pod: &Value, more: &[(&str, &str)]) -> Labels {
    let mut all = about(pod, more);
    let tag = image(pod).rsplit_once(':').map_or("", |(_, tag)| tag);
    all.extend(owned(&[("service", "ml-api"), ("version", text(pod, "/metadata/labels/version")), ("tag", tag)]));
    all
}

impl Counters {
    /// Latencies as an exponential whose 95th percentile is the conduct's, a little unsteady.
    fn add(&mut self, requests: f64, conduct: Conduct, chance: f64) {
        let p95 = conduct.p95 * (0.94 + 0.12 * chance);
        self.errors += requests * conduct.errors;
        self.ok += requests * (1.0 - conduct.errors);
        self.seconds += requests * p95 / 3.0;
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS) {
            *bucket += requests * (1.0 - (-3.0 * bound / p95).exp());
        }
    }

    fn scrape(&mut self, pod: &Value, series: &mut Series, at: i64) {
        let lines = &**self.labels.get_or_insert_with(|| Box::new(Lines::of(pod)));
        series.put("up", &lines.up, at, f64::from(u8::from(!lines.silent)));
        if lines.silent {
            return;
        }
        series.put("http_requests_total", &lines.ok, at, self.ok.floor());
        series.put("http_requests_total", &lines.errors, at, self.errors.floor());
        let total = (self.ok + self.errors).floor();
        let counts = self.buckets.iter().map(|bucket| bucket.floor()).chain([total]);
        for (labels, count) in lines.buckets.iter().zip(counts) {
            series.put("http_request_duration_seconds_bucket", labels, at, count);
        }
        series.put("http_request_duration_seconds_count", &lines.plain, at, total);
        series.put("http_request_duration_seconds_sum", &lines.plain, at, self.seconds);
    }
}

impl Lines {
    fn of(pod: &Value) -> Self {
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        Self {
            silent: Conduct::of(word(pod), Duration::ZERO).silent,
            plain: labels(pod, &[]),
            up: labels(pod, &[("job", "ml-api")]),
            ok: labels(pod, &[("code", "200")]),
            errors: labels(pod, &[("code", "500")]),
            buckets: bounds.map(|bound| labels(pod, &[("le", &bound)])).collect(),
        }
    }
}
