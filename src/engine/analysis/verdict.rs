//! From readings to a verdict. Failed > Error > Inconclusive > Successful, per metric and across.

use jiff::Timestamp;

use super::{Plan, Rule};
use crate::engine::{
    fact::{SampleVerdict, StepResult},
    message::Reading,
    state::{GateState, Sample},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub result: StepResult,
    pub reasons: Vec<String>,
}

/// Where a gate stands, for the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Slots with every metric read, of all.
    pub read: u32,
    pub count: u32,
    pub ends: Timestamp,
    pub rules: Vec<RuleProgress>,
    /// What the verdict would be if the window ended now.
    pub would_be: StepResult,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RuleProgress {
    pub key: String,
    pub title: String,
    pub last: Option<Sample>,
    pub failed: u32,
    pub inconclusive: u32,
    /// Samples behind the number, of those needed.
    pub samples: Option<(u64, u64)>,
}

#[derive(Default)]
struct Count {
    successful: u32,
    failed: u32,
    inconclusive: u32,
    /// The longest run of errors.
    errors: u32,
}

fn count(samples: &[Sample]) -> Count {
    let (mut count, mut run) = (Count::default(), 0);
    for sample in samples {
        run = if sample.verdict == SampleVerdict::Error { run + 1 } else { 0 };
        count.errors = count.errors.max(run);
        match sample.verdict {
            SampleVerdict::Successful => count.successful += 1,
            SampleVerdict::Failed => count.failed += 1,
            SampleVerdict::Inconclusive => count.inconclusive += 1,
            SampleVerdict::Error => {}
        }
    }
    count
}

fn weight(result: StepResult) -> u8 {
    match result {
        StepResult::Failed => 3,
        StepResult::Error => 2,
        StepResult::Inconclusive => 1,
        _ => 0,
    }
}

impl Plan {
    /// The verdict, if it stands: a failure at once, the rest when every metric of the slot was read.
    pub fn verdict(&self, gate: &GateState, now: Timestamp) -> Option<Verdict> {
        let tripped = self.tripped(gate);
        if tripped.result == StepResult::Failed {
            return Some(tripped);
        }
        let complete = self.is_even(gate);
        if complete && weight(tripped.result) > 0 {
            return Some(tripped);
        }
        if complete && self.read(gate) >= self.count {
            return Some(self.at_end(gate));
        }
        let limit = self.limit(gate);
        (now >= limit).then(|| Verdict {
            result: StepResult::Error,
            reasons: vec![format!(
                "no whole window of good readings by {limit}: longer than the initial delay and three times the window"
            )],
        })
    }

    pub fn progress(&self, gate: &GateState) -> Progress {
        let rules = self.rules.iter().map(|rule| {
            let samples = samples(gate, rule);
            let count = count(samples);
            let last = samples.last().cloned();
            let enough = rule.min_samples.map(|need| (last.as_ref().and_then(sample_count).unwrap_or(0), need));
            RuleProgress {
                key: rule.key.clone(),
                title: rule.title().to_owned(),
                last,
                failed: count.failed,
                inconclusive: count.inconclusive,
                samples: enough,
            }
        });
        let tripped = self.tripped(gate);
        let would_be = if weight(tripped.result) > 0 { tripped.result } else { self.at_end(gate).result };
        Progress {
            read: self.read(gate),
            count: self.count,
            ends: self.last_slot(gate),
            rules: rules.collect(),
            would_be,
        }
    }

    /// The worst limit exceeded so far; Successful where none is.
    fn tripped(&self, gate: &GateState) -> Verdict {
        worst(self.rules.iter().filter_map(|rule| {
            let count = count(samples(gate, rule));
            let title = rule.title();
            let last = |verdict| last_words(samples(gate, rule), verdict);
            if count.failed > rule.failure_limit {
                let why = format!(
                    "{title}: {} over the limit of {} ({})",
                    count.failed,
                    rule.failure_limit,
                    last(SampleVerdict::Failed)
                );
                return Some((StepResult::Failed, why));
            }
            if count.errors > rule.consecutive_error_limit {
                let why = format!("{title}: {} errors in a row ({})", count.errors, last(SampleVerdict::Error));
                return Some((StepResult::Error, why));
            }
            (count.inconclusive > rule.inconclusive_limit).then(|| {
                let why = format!("{title}: neither good nor bad ({})", last(SampleVerdict::Inconclusive));
                (StepResult::Inconclusive, why)
            })
        }))
    }

    /// The whole window was read and no limit exceeded: is there enough to call it good?
    fn at_end(&self, gate: &GateState) -> Verdict {
        let verdict = worst(self.rules.iter().filter_map(|rule| {
            let samples = samples(gate, rule);
            let title = rule.title();
            if count(samples).successful == 0 {
                return Some((StepResult::Inconclusive, format!("{title}: not one good reading")));
            }
            let need = rule.min_samples?;
            let have = samples.last().and_then(sample_count);
            (have.is_none_or(|have| have < need)).then(|| {
                let have = have.map_or_else(|| "an unknown number".to_owned(), |have| have.to_string());
                (StepResult::Inconclusive, format!("{title}: {have} of {need} samples needed to tell"))
            })
        }));
        if verdict.reasons.is_empty() {
            let reasons = self.rules.iter().map(|rule| {
                format!("{}: {} ({})", rule.title(), "held", last_words(samples(gate, rule), SampleVerdict::Successful))
            });
            return Verdict { result: StepResult::Succeeded, reasons: reasons.collect() };
        }
        verdict
    }

    /// Slots that every metric has.
    fn read(&self, gate: &GateState) -> u32 {
        let read = self.rules.iter().map(|rule| samples(gate, rule).len()).min().unwrap_or(0);
        u32::try_from(read).unwrap_or(u32::MAX)
    }

    /// Every metric has been read at the same slots, so the order of answers cannot matter.
    fn is_even(&self, gate: &GateState) -> bool {
        let slots = |rule: &Rule| samples(gate, rule).iter().map(|sample| sample.slot).collect::<Vec<_>>();
        let mut all = self.rules.iter().map(slots);
        let Some(first) = all.next() else { return false };
        all.all(|other| other == first)
    }
}

fn samples<'a>(gate: &'a GateState, rule: &Rule) -> &'a [Sample] {
    gate.samples.get(&rule.key).map(Vec::as_slice).unwrap_or_default()
}

fn sample_count(sample: &Sample) -> Option<u64> {
    match &sample.reading {
        Reading::Value { samples: Some(count), .. } if count.0 >= 0.0 => Some(count.0 as u64),
        _ => None,
    }
}

fn last_words(samples: &[Sample], verdict: SampleVerdict) -> String {
    let last = samples.iter().rev().find(|sample| sample.verdict == verdict);
    last.map_or_else(String::new, |sample| words(&sample.reading))
}

/// A reading in a few words.
pub(super) fn words(reading: &Reading) -> String {
    match reading {
        Reading::Value { value, baseline: None, .. } => format!("{}", value.0),
        Reading::Value { value, baseline: Some(baseline), .. } => format!("{}, baseline {}", value.0, baseline.0),
        Reading::NoData { why } => format!("no data: {why}"),
        Reading::Error { why } | Reading::Unreachable { why } => why.clone(),
    }
}

fn worst(findings: impl Iterator<Item = (StepResult, String)>) -> Verdict {
    let findings: Vec<_> = findings.collect();
    let top = findings
        .iter()
        .map(|(result, _)| *result)
        .max_by_key(|result| weight(*result))
        .unwrap_or(StepResult::Succeeded);
    let reasons = findings.into_iter().filter(|(result, _)| *result == top).map(|(_, why)| why).collect();
    Verdict { result: top, reasons }
}
