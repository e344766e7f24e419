//! Pods as a number: restarts since a moment and how many are ready, for gates and guards. Judges nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::row::PodRow;

/// Counts restarts from `since` on, over looks that may be far apart.
///
/// The API keeps a total and the time of the last one only, so what came between `since` and the first look
/// is known as «at least one». What a pod had added before it was deleted stays counted.
#[derive(Clone, Debug)]
pub struct RestartTally {
    since: Timestamp,
    pods: BTreeMap<Box<str>, Counted>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    at_first_look: u64,
    before_it: u64,
    now: u64,
}

/// What a look at the pods of a rule gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCount {
    pub restarts: u64,
    pub ready: u64,
    pub pods: u64,
}

impl RestartTally {
    /// `since` in the cluster's clock.
    pub fn new(since: Timestamp) -> Self {
        Self { since, pods: BTreeMap::new() }
    }

    pub fn since(&self) -> Timestamp {
        self.since
    }

    pub fn look<'a>(&mut self, pods: impl IntoIterator<Item = &'a PodRow>) -> PodCount {
        let mut seen = PodCount::default();
        for pod in pods {
            seen.pods += 1;
            seen.ready += u64::from(pod.is_ready());
            let since = self.since;
            let counted = self.pods.entry(pod.uid.clone()).or_insert_with(|| first(pod, since));
            counted.now = counted.now.max(pod.restarts);
        }
        seen.restarts = self.pods.values().map(|pod| pod.before_it + pod.now.saturating_sub(pod.at_first_look)).sum();
        seen
    }
}

fn first(pod: &PodRow, since: Timestamp) -> Counted {
    let is_newer = pod.created.is_some_and(|created| created >= since);
    let before_it = if is_newer { pod.restarts } else { u64::from(pod.last_restart.is_some_and(|last| last >= since)) };
    Counted { at_first_look: pod.restarts, before_it, now: pod.restarts }
}

/// Restarts from `since` on, from one look alone.
pub fn restarts_since<'a>(pods: impl IntoIterator<Item = &'a PodRow>, since: Timestamp) -> u64 {
    RestartTally::new(since).look(pods).restarts
}
