//! When a gate measures: slots on a fixed grid, filled late where they were missed.

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use jiff::Timestamp;

use super::Rule;
use crate::{
    engine::{
        fact::SampleVerdict,
        message::Reading,
        state::{GateState, Sample},
    },
    runbook::{
        model::{Analysis, Metric},
        value::{Dur, Tpl},
    },
};

/// How many slots in a row may stay unknown before the hold begins again.
pub(super) const UNKNOWN_SLOTS: usize = 2;
const INTERVAL: Dur = Dur::secs(30);

/// A gate made ready: when it measures and by what rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub interval: Duration,
    pub initial_delay: Duration,
    /// Slots in a hold: `for / interval + 1`.
    pub count: u32,
    pub rules: Vec<Rule>,
}

/// What a gate wants now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// Slot → the metrics to read at it.
    Measure(BTreeMap<Timestamp, Vec<String>>),
    /// Too long a silence: the hold begins again, with counters at zero.
    Restart,
}

impl Plan {
    /// From a rendered gate and the metrics of its runbook.
    pub fn new(analysis: &Analysis, metrics: &IndexMap<String, Metric>) -> Result<Self, String> {
        let dur = |dur: &Option<Tpl<Dur>>| dur.as_ref().and_then(Tpl::value).map(Dur::get);
        let interval = dur(&analysis.interval).unwrap_or(INTERVAL.get());
        if interval.is_zero() {
            return Err("interval must be longer than zero".into());
        }
        let count = match (dur(&analysis.duration), analysis.count.as_ref().and_then(Tpl::value)) {
            (Some(whole), None) => {
                u32::try_from(whole.as_millis() / interval.as_millis()).unwrap_or(u32::MAX).saturating_add(1)
            }
            (None, Some(count)) if count > 0 => count,
            _ => return Err("a gate needs exactly one of `for` and `count`".into()),
        };
        let rules = rules(analysis, metrics)?;
        Ok(Self { interval, initial_delay: dur(&analysis.initial_delay).unwrap_or_default(), count, rules })
    }

    pub fn rule(&self, key: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.key == key)
    }

    /// How long a hold takes from its first slot to its last.
    pub fn hold(&self) -> Duration {
        self.interval * (self.count - 1)
    }

    pub fn first_slot(&self, gate: &GateState) -> Timestamp {
        later(gate.began, self.initial_delay)
    }

    pub fn last_slot(&self, gate: &GateState) -> Timestamp {
        later(self.first_slot(gate), self.hold())
    }

    /// Past this a gate that could never hold long enough ends as Error.
    pub fn limit(&self, gate: &GateState) -> Timestamp {
        later(gate.first_began, self.initial_delay + 3 * self.hold().max(self.interval))
    }

    fn slots(&self, gate: &GateState) -> impl Iterator<Item = Timestamp> {
        let first = self.first_slot(gate);
        let interval = self.interval;
        (0..self.count).map(move |n| later(first, interval * n))
    }

    pub fn judge(&self, key: &str, reading: &Reading) -> SampleVerdict {
        self.rule(key).map_or(SampleVerdict::Error, |rule| rule.judge(reading))
    }

    /// What must be read now. `asked`: what is being read already.
    pub fn due(&self, gate: &GateState, now: Timestamp, asked: impl Fn(&str, Timestamp) -> bool) -> Due {
        if self.rules.iter().any(|rule| self.silence(gate, &rule.key) > UNKNOWN_SLOTS) {
            return Due::Restart;
        }
        let mut due: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
        for slot in self.slots(gate).take_while(|slot| *slot <= now) {
            for rule in &self.rules {
                if !has(gate, &rule.key, slot) && !asked(&rule.key, slot) {
                    due.entry(slot).or_default().push(rule.key.clone());
                }
            }
        }
        if due.is_empty() { Due::Nothing } else { Due::Measure(due) }
    }

    /// Slots in a row at which nobody could be asked, at their longest.
    fn silence(&self, gate: &GateState, key: &str) -> usize {
        let samples = gate.samples.get(key).map(Vec::as_slice).unwrap_or_default();
        let mut longest = 0;
        let mut run = 0;
        for sample in samples {
            run = if matches!(sample.reading, Reading::Unreachable { .. }) { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    }

    /// When something is due next: the next slot nobody asked for yet, or the gate's own end.
    pub fn deadline(&self, gate: &GateState, asked: impl Fn(&str, Timestamp) -> bool) -> Option<Timestamp> {
        let open =
            |slot: &Timestamp| self.rules.iter().any(|rule| !has(gate, &rule.key, *slot) && !asked(&rule.key, *slot));
        let slot = self.slots(gate).find(open);
        Some(slot.map_or(self.limit(gate), |slot| slot.min(self.limit(gate))))
    }
}

fn rules(analysis: &Analysis, metrics: &IndexMap<String, Metric>) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for given in &analysis.metrics {
        let (key, metric) = match (&given.metric, &given.pods) {
            (Some(name), None) => {
                (name.clone(), Some(metrics.get(name).ok_or_else(|| format!("there is no metric {name}"))?))
            }
            (None, Some(_)) => ("pods".to_owned(), None),
            _ => return Err("each entry of a gate names one metric, or pods".into()),
        };
        let same = rules.iter().filter(|rule| rule.key == key || rule.key.starts_with(&format!("{key}#"))).count();
        let key = if same == 0 { key } else { format!("{key}#{}", same + 1) };
        rules.push(Rule::of_gate(given, metric, &key));
    }
    if rules.is_empty() { Err("a gate without metrics can show nothing".into()) } else { Ok(rules) }
}

fn has(gate: &GateState, key: &str, slot: Timestamp) -> bool {
    gate.samples.get(key).is_some_and(|samples: &Vec<Sample>| samples.iter().any(|sample| sample.slot == slot))
}

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
