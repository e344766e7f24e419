//! The rules as properties over generated series, and as a table beside what Argo Rollouts and Flagger would say.

mod beside;
mod properties;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Plan, Standing, Verdict};
use crate::{
    engine::{
        message::{Decimal, Reading},
        state::{GateState, Sample},
    },
    runbook::model::Metric,
};

/// A gate driven by hand: every slot answered by a function, in a given order.
struct Gate {
    plan: Plan,
    state: GateState,
    now: Timestamp,
}

/// A reading that is due.
type Asked = (Timestamp, String);

fn value(number: f64) -> Reading {
    Reading::Value { value: Decimal(number), baseline: None, samples: None, baseline_samples: None }
}

fn counted(number: f64, samples: f64) -> Reading {
    Reading::Value { value: Decimal(number), baseline: None, samples: Some(Decimal(samples)), baseline_samples: None }
}

fn empty() -> Reading {
    Reading::NoData { why: "empty".into() }
}

fn away() -> Reading {
    Reading::Unreachable { why: "refused".into() }
}

fn forgotten() -> Reading {
    Reading::Forgotten { why: "nobody remembers".into() }
}

fn error() -> Reading {
    Reading::Error { why: "3 series".into() }
}

fn metrics(names: &[&str]) -> IndexMap<String, Metric> {
    let metric = json!({"query": "up", "successCondition": "result < 0.001", "failureCondition": "result > 0.01"});
    names.iter().map(|name| ((*name).to_owned(), serde_json::from_value(metric.clone()).unwrap())).collect()
}

fn plan(analysis: Value) -> Plan {
    Plan::new(&serde_json::from_value(analysis).unwrap(), &metrics(&["a", "b"])).unwrap()
}

fn two_minutes(metrics: Value) -> Plan {
    plan(json!({"for": "2m", "interval": "30s", "metrics": metrics}))
}

impl Gate {
    fn new(plan: Plan) -> Self {
        let began = Timestamp::UNIX_EPOCH;
        let state = GateState { began, first_began: began, samples: BTreeMap::new() };
        Self { plan, state, now: began }
    }

    /// As the engine does it: record, then ask where it stands; a restart begins the hold again.
    fn hear(&mut self, key: &str, slot: Timestamp, reading: Reading) -> Standing {
        let verdict = self.plan.judge(key, &reading);
        let sample = Sample { slot, reading, verdict, heard: self.now };
        let samples = self.state.samples.entry(key.to_owned()).or_default();
        samples.retain(|other| other.slot != slot);
        samples.push(sample);
        samples.sort_by_key(|sample| sample.slot);
        self.standing()
    }

    fn standing(&mut self) -> Standing {
        let standing = self.plan.standing(&self.state, self.now);
        if standing == Standing::Restart {
            self.state = GateState { began: self.now, samples: BTreeMap::new(), ..self.state.clone() };
        }
        standing
    }

    fn due(&self) -> Vec<Asked> {
        let due = self.plan.due(&self.state, self.now, |_, _| false);
        due.into_iter().flat_map(|(slot, keys)| keys.into_iter().map(move |key| (slot, key))).collect()
    }

    /// The slot's place since the gate first began.
    fn nth(&self, slot: Timestamp) -> usize {
        let since = slot.duration_since(self.state.first_began).as_millis();
        usize::try_from(since / i128::try_from(self.plan.interval.as_millis()).unwrap()).unwrap()
    }

    /// Answers what is due, in an order of its own, until the gate is over or an hour has passed.
    fn run(mut self, order: impl Fn(&mut Vec<Asked>), read: impl Fn(&str, usize, bool) -> Reading) -> (Verdict, Self) {
        let end = self.now + SignedDuration::from_hours(1);
        while self.now < end {
            let mut due = self.due();
            order(&mut due);
            for (slot, key) in due {
                let late = slot < self.now;
                if let Standing::Over(verdict) = self.hear(&key, slot, read(&key, self.nth(slot), late)) {
                    return (verdict, self);
                }
            }
            let asleep = self.plan.deadline(&self.state, |_, _| false).unwrap();
            self.now = asleep.max(self.now + SignedDuration::from_secs(1));
            if let Standing::Over(verdict) = self.standing() {
                return (verdict, self);
            }
        }
        panic!("a gate that never ends");
    }
}
