//! The embedded world: a cluster with its controllers and kubelets, traffic, and the scrapes of a Prometheus. It moves
//! only when it is told the time; the same seed and the same times give the same world.

mod certificates;
mod deployments;
pub mod events;
pub mod fate;
mod garbage;
pub mod logs;
pub mod names;
mod neighbours;
pub mod objects;
mod pods;
pub mod replicasets;
mod seed;
mod status;
pub mod store;
mod traffic;

use jiff::{SignedDuration, Timestamp};

use self::{logs::Logs, objects::text, pods::Kubelets, store::Store, traffic::Traffic};
use super::prometheus::{Rules, series::Series};

pub use seed::NAMESPACE;

/// The grain of the world's time.
const TICK: SignedDuration = SignedDuration::from_millis(500);
/// Between two scrapes.
const SCRAPE: SignedDuration = SignedDuration::from_secs(5);
/// Between two looks of the alert rules.
const JUDGE: SignedDuration = SignedDuration::from_secs(15);
/// A stretch that is worth being passed in larger steps.
const LONG: SignedDuration = SignedDuration::from_secs(30);
/// Rounds in which controllers answer each other within one tick.
const ROUNDS: usize = 6;

/// A stretch in which the API server answers nobody; reckoned from the moment the canary is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub after: SignedDuration,
    pub lasts: SignedDuration,
}

/// What the world is like when the demo begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Where the service lives.
    pub namespace: String,
    /// The canary's image tag, where it has been in the traffic for a while already.
    pub canary: Option<String>,
    /// What becomes of the canary, whatever image it will be given.
    pub fate: Option<&'static str>,
    pub outage: Option<Outage>,
}

impl Setting {
    /// An ordinary day.
    pub fn quiet() -> Self {
        Self { namespace: NAMESPACE.to_owned(), canary: None, fate: None, outage: None }
    }
}

pub struct World {
    pub namespace: String,
    pub store: Store,
    pub series: Series,
    pub rules: Rules,
    pub logs: Logs,
    kubelets: Kubelets,
    traffic: Traffic,
    now: Timestamp,
    scraped: Timestamp,
    judged: Timestamp,
    settled: u64,
    /// No rollout is under way, so that no deadline can pass.
    is_quiet: bool,
    outage: Option<Outage>,
    /// When the first pod of the canary was ready.
    canary_since: Option<Timestamp>,
}

impl World {
    /// A world that has run for half an hour at this moment.
    pub fn new(seed: u64, now: Timestamp, setting: Setting) -> Self {
        let begun = now - SignedDuration::from_mins(30);
        let mut world = Self {
            namespace: setting.namespace,
            store: Store::new(seed),
            series: Series::default(),
            rules: Rules::default(),
            logs: Logs::default(),
            kubelets: Kubelets::default(),
            traffic: Traffic::default(),
            now: begun,
            scraped: begun,
            judged: begun,
            settled: 0,
            is_quiet: false,
            outage: setting.outage,
            canary_since: None,
        };
        seed::people(&mut world, begun, setting.fate);
        if let Some(tag) = setting.canary {
            world.advance(now - SignedDuration::from_mins(4));
            seed::canary(&mut world, &tag);
            world.advance(now);
            world.canary_since = Some(now);
        }
        world.advance(now);
        world
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Lives on until this moment; an earlier one changes nothing.
    pub fn advance(&mut self, to: Timestamp) {
        loop {
            // Long stretches in which nothing moves are lived through from scrape to scrape.
            let long = to.duration_since(self.now) > LONG && self.is_idle(self.now + SCRAPE);
            let step = if long { SCRAPE } else { TICK };
            let next = self.now + step;
            if next > to {
                return;
            }
            self.now = next;
            self.settle();
            self.traffic.pass(&self.store, &self.kubelets, &mut self.logs, step, next);
            if next.duration_since(self.scraped) >= SCRAPE {
                self.scraped = next;
                self.traffic.scrape(&self.store, &self.kubelets, &mut self.series, next);
                if next.duration_since(self.judged) >= JUDGE {
                    self.judged = next;
                    events::expire(&mut self.store, next);
                    self.rules.evaluate(&mut self.series, next.as_millisecond());
                }
            }
            self.look_at_canary();
        }
    }

    /// Nothing was changed since the last look, nothing is due until then, and no rollout is under way.
    fn is_idle(&self, until: Timestamp) -> bool {
        self.store.version() == self.settled && self.is_quiet && self.kubelets.due.is_none_or(|due| due > until)
    }

    /// Controllers and kubelets, until none has anything left to do at this moment.
    pub fn settle(&mut self) {
        if self.is_idle(self.now) {
            return;
        }
        self.is_quiet = false;
        for _ in 0..ROUNDS {
            let touched = self.store.touched(self.settled);
            self.settled = self.store.version();
            if !touched.is_empty() {
                garbage::collect(&mut self.store, self.now);
            }
            certificates::sync(&mut self.store, self.now);
            deployments::sync(&mut self.store, &touched, self.now);
            replicasets::sync(&mut self.store, &touched, self.now);
            self.kubelets.step(&mut self.store, &mut self.logs, self.now);
            if self.store.version() == self.settled {
                self.is_quiet = deployments::are_done(&self.store) && certificates::are_done(&self.store);
                return;
            }
        }
    }

    /// Is the API server away?
    pub fn is_away(&self) -> bool {
        let Some((since, outage)) = self.canary_since.zip(self.outage) else { return false };
        let into = self.now.duration_since(since);
        into >= outage.after && into < outage.after + outage.lasts
    }

    fn look_at_canary(&mut self) {
        if self.canary_since.is_none() {
            let ready = |key: &store::Key, pod: &serde_json::Value| {
                text(pod, "/metadata/labels/version") == "canary"
                    && self.kubelets.lives.get(key).is_some_and(|life| life.ready.is_some())
            };
            let is_there = self.store.list("pods", &self.namespace).any(|(key, pod)| ready(key, pod));
            self.canary_since = is_there.then_some(self.now);
        }
    }
}

#[cfg(test)]
mod tests;
