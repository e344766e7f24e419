//! The `/metrics` page in Prometheus' text format.

use std::fmt::Write;

use crate::State;
use crate::flow::{BOUNDS, Counters, Key};

pub fn render(state: &State) -> String {
    let mut page = String::new();
    // writing to a String cannot fail
    let _ = write_all(&mut page, state);
    page
}

fn write_all(page: &mut String, state: &State) -> std::fmt::Result {
    writeln!(page, "# TYPE http_requests_total counter")?;
    for (key, counters) in &state.flow.counters {
        let labels = labels(key);
        writeln!(page, "http_requests_total{{{labels},code=\"200\"}} {}", counters.ok)?;
        writeln!(page, "http_requests_total{{{labels},code=\"500\"}} {}", counters.errors)?;
    }
    for ((namespace, service), count) in &state.flow.unserved {
        writeln!(
            page,
            "http_requests_total{{namespace=\"{namespace}\",service=\"{service}\",version=\"none\",tag=\"\",code=\"503\"}} {count}"
        )?;
    }
    writeln!(page, "# TYPE http_request_duration_seconds histogram")?;
    for (key, counters) in &state.flow.counters {
        histogram(page, &labels(key), counters)?;
    }
    writeln!(page, "# TYPE traffic_canary_weight gauge")?;
    for s in &state.world.services {
        let (namespace, name, weight) = (&s.namespace, &s.name, s.canary_weight);
        writeln!(page, "traffic_canary_weight{{namespace=\"{namespace}\",service=\"{name}\"}} {weight}")?;
    }
    pods(page, state)
}

fn labels(key: &Key) -> String {
    // Kubernetes names and image tags need no escaping
    let Key { namespace, service, version, tag } = key;
    format!("namespace=\"{namespace}\",service=\"{service}\",version=\"{version}\",tag=\"{tag}\"")
}

fn histogram(page: &mut String, labels: &str, counters: &Counters) -> std::fmt::Result {
    for (bound, count) in BOUNDS.iter().zip(counters.buckets) {
        writeln!(page, "http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}} {count}")?;
    }
    let total = counters.total();
    writeln!(page, "http_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} {total}")?;
    writeln!(page, "http_request_duration_seconds_sum{{{labels}}} {}", counters.seconds)?;
    writeln!(page, "http_request_duration_seconds_count{{{labels}}} {total}")
}

/// The few of kube-state-metrics' series that the alert rules read. Readiness and
/// restarts only of pods behind a Service that takes part, so that a namespace of
/// thousands of pods does not make a page of megabytes.
fn pods(page: &mut String, state: &State) -> std::fmt::Result {
    writeln!(page, "# TYPE kube_pod_container_status_waiting_reason gauge")?;
    for (namespace, pod, container, reason) in &state.world.waiting {
        writeln!(
            page,
            "kube_pod_container_status_waiting_reason{{namespace=\"{namespace}\",pod=\"{pod}\",container=\"{container}\",reason=\"{reason}\"}} 1"
        )?;
    }
    writeln!(page, "# TYPE kube_pod_status_ready gauge")?;
    for (namespace, pod) in state.world.services.iter().flat_map(|s| s.pods.iter().map(move |p| (&s.namespace, p))) {
        for (condition, value) in [("true", pod.ready), ("false", !pod.ready)] {
            let (name, value) = (&pod.name, u8::from(value));
            writeln!(
                page,
                "kube_pod_status_ready{{namespace=\"{namespace}\",pod=\"{name}\",condition=\"{condition}\"}} {value}"
            )?;
        }
    }
    writeln!(page, "# TYPE kube_pod_container_status_restarts_total counter")?;
    for (namespace, pod) in state.world.services.iter().flat_map(|s| s.pods.iter().map(move |p| (&s.namespace, p))) {
        for container in &pod.containers {
            let (name, container, restarts) = (&pod.name, &container.name, container.restarts);
            writeln!(
                page,
                "kube_pod_container_status_restarts_total{{namespace=\"{namespace}\",pod=\"{name}\",container=\"{container}\"}} {restarts}"
            )?;
        }
    }
    Ok(())
}
