//! The requests themselves: how many go to which version, and what they come to.
//! Nothing is random: fractions are carried over, so «2 % errors» is 2 % exactly.

use std::collections::BTreeMap;

use crate::behaviour::{Behaviour, Switches};
use crate::world::{PodView, ServiceView, World};

/// Upper bounds of the latency histogram, seconds.
pub const BOUNDS: [f64; 19] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 5.0, 10.0];

/// One time series family's identity: what a pod of that kind would label its metrics with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub namespace: String,
    pub service: String,
    pub version: String,
    pub tag: String,
}

/// Counters since the first pod of that kind came; gone with its last pod, as a real
/// pod's counters are.
#[derive(Default)]
pub struct Counters {
    pub ok: u64,
    pub errors: u64,
    pub buckets: [u64; BOUNDS.len()],
    pub seconds: f64,
    requests_due: f64,
    errors_due: f64,
    point: f64,
}

#[derive(Default)]
pub struct Flow {
    pub counters: BTreeMap<Key, Counters>,
    /// Requests that found no ready pod, per (namespace, service): answered 503.
    pub unserved: BTreeMap<(String, String), u64>,
    unserved_due: BTreeMap<(String, String), f64>,
}

impl Flow {
    /// Lets `seconds` of traffic pass over the world as it is now.
    pub fn advance(&mut self, world: &World, switches: &Switches, seconds: f64) {
        self.counters.retain(|key, _| world.services.iter().any(|s| has_pods_of(s, key)));
        for service in &world.services {
            self.advance_service(service, switches, service.rps * seconds);
        }
    }

    fn advance_service(&mut self, service: &ServiceView, switches: &Switches, requests: f64) {
        let ready: Vec<&PodView> = service.pods.iter().filter(|p| p.ready).collect();
        if ready.is_empty() {
            self.refuse(service, requests);
            return;
        }
        let (canary, stable): (Vec<&PodView>, Vec<&PodView>) = ready.into_iter().partition(|p| p.version == "canary");
        let share = match (canary.is_empty(), stable.is_empty()) {
            (true, _) => 0.0,
            (false, true) => 1.0,
            (false, false) => service.canary_weight.clamp(0.0, 100.0) / 100.0,
        };
        self.spread(service, &canary, switches, requests * share);
        self.spread(service, &stable, switches, requests * (1.0 - share));
    }

    /// Evenly over the pods, as a Service does.
    fn spread(&mut self, service: &ServiceView, pods: &[&PodView], switches: &Switches, requests: f64) {
        for pod in pods {
            let behaviour = switches.behaviour(&pod.version, &pod.tag);
            let key = key_of(service, pod);
            if behaviour.silent && !self.counters.contains_key(&key) {
                continue; // a service that never got a request has no series
            }
            let amount = if behaviour.silent { 0.0 } else { requests / pods.len() as f64 };
            self.counters.entry(key).or_default().add(amount, behaviour);
        }
    }

    fn refuse(&mut self, service: &ServiceView, requests: f64) {
        let key = (service.namespace.clone(), service.name.clone());
        let due = self.unserved_due.entry(key.clone()).or_default();
        *due += requests;
        let whole = due.floor();
        *due -= whole;
        *self.unserved.entry(key).or_default() += whole as u64;
    }
}

impl Counters {
    fn add(&mut self, requests: f64, behaviour: Behaviour) {
        self.requests_due += requests;
        while self.requests_due >= 1.0 {
            self.requests_due -= 1.0;
            self.errors_due += behaviour.errors;
            if self.errors_due >= 1.0 {
                self.errors_due -= 1.0;
                self.errors += 1;
            } else {
                self.ok += 1;
            }
            let point = self.next_point();
            self.observe(point, behaviour.p95);
        }
    }

    /// The golden ratio's multiples fill the unit interval evenly in any short stretch.
    fn next_point(&mut self) -> f64 {
        self.point = (self.point + 0.618_033_988_749_895).fract();
        self.point
    }

    /// An exponential latency with the given 95th percentile.
    fn observe(&mut self, point: f64, p95: f64) {
        let latency = -(1.0 - point).ln() * p95 / 20f64.ln();
        self.seconds += latency;
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS) {
            if latency <= bound {
                *bucket += 1;
            }
        }
    }

    pub fn total(&self) -> u64 {
        self.ok + self.errors
    }
}

fn key_of(service: &ServiceView, pod: &PodView) -> Key {
    Key {
        namespace: service.namespace.clone(),
        service: service.name.clone(),
        version: pod.version.clone(),
        tag: pod.tag.clone(),
    }
}

fn has_pods_of(service: &ServiceView, key: &Key) -> bool {
    service.namespace == key.namespace
        && service.name == key.service
        && service.pods.iter().any(|p| p.version == key.version && p.tag == key.tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(version: &str, tag: &str, ready: bool) -> PodView {
        let (name, uid) = (format!("{version}-{tag}"), String::new());
        PodView { name, uid, version: version.into(), tag: tag.into(), ready, containers: vec![] }
    }

    fn world(pods: Vec<PodView>) -> World {
        let (namespace, name) = ("ns".into(), "api".into());
        let service = ServiceView { namespace, name, rps: 1000.0, canary_weight: 10.0, pods };
        World { services: vec![service], waiting: vec![] }
    }

    fn after_ten_seconds(world: &World) -> Flow {
        let mut flow = Flow::default();
        for _ in 0..200 {
            flow.advance(world, &Switches::default(), 0.05);
        }
        flow
    }

    fn of<'a>(flow: &'a Flow, version: &str) -> &'a Counters {
        flow.counters.iter().find(|(k, _)| k.version == version).map(|(_, c)| c).unwrap()
    }

    #[test]
    fn the_canary_gets_its_weight_and_its_errors() {
        let flow = after_ten_seconds(&world(vec![pod("stable", "v1", true), pod("canary", "bad", true)]));
        assert!((8999..=9001).contains(&of(&flow, "stable").total()));
        assert!((999..=1001).contains(&of(&flow, "canary").total()));
        assert!((19..=21).contains(&of(&flow, "canary").errors));
        assert_eq!(of(&flow, "stable").errors, 0);
    }

    #[test]
    fn the_95th_percentile_is_where_it_should_be() {
        let flow = after_ten_seconds(&world(vec![pod("stable", "slowp95", true)]));
        let counters = of(&flow, "stable");
        let below = |bound: f64| {
            let at = BOUNDS.iter().position(|b| (b - bound).abs() < 1e-9).unwrap();
            counters.buckets[at] as f64 / counters.total() as f64
        };
        assert!(below(1.0) < 0.95 && below(1.25) > 0.95);
    }

    #[test]
    fn a_pod_that_is_not_ready_gets_nothing_and_without_any_requests_fail() {
        let flow = after_ten_seconds(&world(vec![pod("stable", "v1", false)]));
        assert!(flow.counters.is_empty());
        assert!((9999..=10001).contains(flow.unserved.values().next().unwrap()));
    }

    #[test]
    fn a_silent_version_has_no_series_and_counters_go_with_the_last_pod() {
        let mut flow = after_ten_seconds(&world(vec![pod("stable", "v1", true), pod("canary", "silent", true)]));
        assert!(flow.counters.keys().all(|k| k.version == "stable"));
        flow.advance(&world(vec![]), &Switches::default(), 0.05);
        assert!(flow.counters.is_empty());
    }
}
