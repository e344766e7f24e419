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

/// A gate made ready: when it measures and by what rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub interval: Duration,
    pub initial_delay: Duration,
    /// Readings in a hold: `for / interval + 1`. As in Argo an error is no reading: it moves the end by a slot.
    pub count: u32,
    pub rules: Vec<Rule>,
}

/// Slot → the metrics to read at it.
pub type Work = BTreeMap<Timestamp, Vec<String>>;

impl Plan {
    /// From a rendered gate and the metrics of its runbook.
    pub fn new(analysis: &Analysis, metrics: &IndexMap<String, Metric>) -> Result<Self, String> {
        let dur = |dur: &Option<Tpl<Dur>>| dur.as_ref().and_then(Tpl::value).map(Dur::get);
        let interval = dur(&analysis.interval).unwrap_or(Analysis::INTERVAL.get());
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

    /// How long a hold takes from its first slot to its last, if there are no errors.
    pub fn hold(&self) -> Duration {
        self.interval * (self.count - 1)
    }

    pub fn first_slot(&self, gate: &GateState) -> Timestamp {
        later(gate.began, self.initial_delay)
    }

    pub fn last_slot(&self, gate: &GateState) -> Timestamp {
        later(self.first_slot(gate), self.interval * self.wanted(gate).saturating_sub(1))
    }

    /// Past this a gate that could never hold long enough ends as Error.
    pub fn limit(&self, gate: &GateState) -> Timestamp {
        later(gate.first_began, self.initial_delay + 3 * self.hold().max(self.interval))
    }

    pub(super) fn slots(&self, gate: &GateState) -> impl Iterator<Item = Timestamp> {
        let first = self.first_slot(gate);
        let interval = self.interval;
        (0..self.wanted(gate)).map(move |n| later(first, interval * n))
    }

    /// Slots this hold needs: what it counts, and one more for each error, which counts for nothing.
    pub(super) fn wanted(&self, gate: &GateState) -> u32 {
        let errors = |rule: &Rule| {
            let bad = |sample: &&Sample| sample.verdict == SampleVerdict::Error && !is_away(sample);
            samples(gate, rule).iter().filter(bad).count()
        };
        let most = self.rules.iter().map(errors).max().unwrap_or(0);
        self.count.saturating_add(u32::try_from(most).unwrap_or(u32::MAX))
    }

    /// True for the slots of this hold only.
    pub fn has_slot(&self, gate: &GateState, slot: Timestamp) -> bool {
        self.slots(gate).any(|other| other == slot)
    }

    pub fn judge(&self, key: &str, reading: &Reading) -> SampleVerdict {
        self.rule(key).map_or(SampleVerdict::Error, |rule| rule.judge(reading))
    }

    /// What must be read now: slots nobody has read yet, however long ago, and those whose server was away
    /// and may be back. `asked`: what is being read already.
    pub fn due(&self, gate: &GateState, now: Timestamp, asked: impl Fn(&str, Timestamp) -> bool) -> Work {
        let mut work = Work::new();
        for rule in &self.rules {
            for slot in self.slots(gate).filter(|slot| !asked(&rule.key, *slot)) {
                if self.ask_at(gate, rule, slot).is_some_and(|at| at <= now) {
                    work.entry(slot).or_default().push(rule.key.clone());
                }
            }
        }
        work
    }

    /// When something is due next: the next slot nobody asked for yet, or the gate's own end.
    pub fn deadline(&self, gate: &GateState, asked: impl Fn(&str, Timestamp) -> bool) -> Option<Timestamp> {
        let times = self.rules.iter().flat_map(|rule| {
            let open = self.slots(gate).filter(|slot| !asked(&rule.key, *slot));
            open.filter_map(|slot| self.ask_at(gate, rule, slot)).min()
        });
        Some(times.min().map_or(self.limit(gate), |at| at.min(self.limit(gate))))
    }

    /// When a slot wants to be read; `None` once it has been, or while nothing says that its server is back.
    fn ask_at(&self, gate: &GateState, rule: &Rule, slot: Timestamp) -> Option<Timestamp> {
        let samples = samples(gate, rule);
        let Some(sample) = sample_at(samples, slot) else { return Some(slot) };
        if !is_away(sample) {
            return None;
        }
        let newest = samples.last()?;
        if newest.slot == slot {
            // the next slot knocks; past the last one the newest does, once an interval
            let is_last = slot >= self.last_slot(gate);
            return is_last.then(|| later(sample.heard, self.interval));
        }
        let answered = samples.iter().filter(|other| !is_away(other)).map(|other| other.heard).max()?;
        (answered > sample.heard).then_some(answered)
    }
}

/// Nobody could be asked then; somebody may still know.
pub(super) fn is_away(sample: &Sample) -> bool {
    matches!(sample.reading, Reading::Unreachable { .. })
}

pub(super) fn samples<'a>(gate: &'a GateState, rule: &Rule) -> &'a [Sample] {
    gate.samples.get(&rule.key).map(Vec::as_slice).unwrap_or_default()
}

/// Samples stand in slot order.
pub(super) fn sample_at(samples: &[Sample], slot: Timestamp) -> Option<&Sample> {
    samples.binary_search_by_key(&slot, |sample| sample.slot).ok().map(|place| &samples[place])
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

pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
