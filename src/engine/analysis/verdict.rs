//! From readings to a verdict. Failed > Error > Inconclusive > Successful, per metric and across.
//!
//! A failure ends a gate whenever it is heard. Everything else is told slot by slot in the order of the slots,
//! and only once every metric of a slot has answered, so that no order of answers can change it.

use jiff::Timestamp;

use super::{
    Plan, Rule,
    plan::{is_away, sample_at, samples},
};
use crate::{
    engine::{
        fact::{SampleVerdict, StepResult},
        message::{Decimal, Reading},
        state::{GateState, Sample},
    },
    runbook::model::Unit,
};

/// How many slots in a row nobody may know before the hold begins again.
const FORGOTTEN_SLOTS: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub result: StepResult,
    pub reasons: Vec<String>,
}

/// What a gate's readings come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// More readings are needed.
    Open,
    /// Too long a past that nobody knows: the hold begins again, with counters at zero.
    Restart,
    Over(Verdict),
}

/// One metric's counters, in the order of the slots.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub successful: u32,
    pub failed: u32,
    pub inconclusive: u32,
    /// Errors in a row, up to the last slot counted.
    pub errors: u32,
    /// Slots in a row that nobody knows, up to the last slot counted.
    pub forgotten: u32,
}

impl Count {
    pub(super) fn add(&mut self, sample: &Sample) {
        self.forgotten = if matches!(sample.reading, Reading::Forgotten { .. }) { self.forgotten + 1 } else { 0 };
        self.errors = if sample.verdict == SampleVerdict::Error { self.errors + 1 } else { 0 };
        match sample.verdict {
            SampleVerdict::Successful => self.successful += 1,
            SampleVerdict::Failed => self.failed += 1,
            SampleVerdict::Inconclusive => self.inconclusive += 1,
            SampleVerdict::Error => {}
        }
    }
}

impl Plan {
    /// Where the gate stands: a failure at once, the rest when all that was asked has been answered.
    pub fn standing(&self, gate: &GateState, now: Timestamp) -> Standing {
        let failed = worst(self.rules.iter().filter_map(|rule| failed(gate, rule)));
        if failed.result == StepResult::Failed {
            return Standing::Over(failed);
        }
        let told = if self.is_answered(gate, now) { self.told(gate).1 } else { Standing::Open };
        let limit = self.limit(gate);
        match told {
            Standing::Over(verdict) => Standing::Over(verdict),
            Standing::Open | Standing::Restart if now >= limit => Standing::Over(Verdict {
                result: StepResult::Error,
                reasons: vec![format!(
                    "no whole window of good readings by {limit:.0}: longer than the initial delay and three times the window"
                )],
            }),
            open => open,
        }
    }

    /// The verdict, if one stands.
    pub fn verdict(&self, gate: &GateState, now: Timestamp) -> Option<Verdict> {
        match self.standing(gate, now) {
            Standing::Over(verdict) => Some(verdict),
            Standing::Open | Standing::Restart => None,
        }
    }

    /// Every slot that has come was read, or its server was away. While an answer is on its way only a
    /// failure is told, for it might be one.
    fn is_answered(&self, gate: &GateState, now: Timestamp) -> bool {
        let known = |slot| self.rules.iter().all(|rule| sample_at(samples(gate, rule), slot).is_some());
        self.slots(gate).take_while(|slot| *slot <= now).all(known)
    }

    /// The story so far, slot by slot: how many slots it covers, and where it leads.
    pub(super) fn told(&self, gate: &GateState) -> (u32, Standing) {
        let mut counts = vec![Count::default(); self.rules.len()];
        let mut read = 0;
        for slot in self.slots(gate) {
            let row: Vec<_> = self.rules.iter().map(|rule| sample_at(samples(gate, rule), slot)).collect();
            let Some(row) = row.into_iter().collect::<Option<Vec<_>>>() else { return (read, Standing::Open) };
            if row.iter().any(|sample| is_away(sample)) {
                return (read, Standing::Open);
            }
            counts.iter_mut().zip(&row).for_each(|(count, sample)| count.add(sample));
            read += 1;
            let trips = self.rules.iter().zip(&counts).zip(&row);
            let tripped = worst(trips.filter_map(|((rule, count), sample)| tripped(rule, count, sample)));
            if weight(tripped.result) > 0 {
                return (read, Standing::Over(tripped));
            }
            if counts.iter().any(|count| count.forgotten > FORGOTTEN_SLOTS) {
                return (read, Standing::Restart);
            }
        }
        (read, Standing::Over(self.at_end(gate, &counts)))
    }

    /// The whole window was read and no limit exceeded: is there enough to call it good?
    fn at_end(&self, gate: &GateState, counts: &[Count]) -> Verdict {
        let thin = worst(self.rules.iter().zip(counts).filter_map(|(rule, count)| {
            let why = if count.successful == 0 {
                "not one good reading".to_owned()
            } else {
                too_few(rule, samples(gate, rule))?
            };
            Some((StepResult::Inconclusive, format!("{}: {why}", rule.title())))
        }));
        if !thin.reasons.is_empty() {
            return thin;
        }
        let held = |rule: &Rule| {
            let last = last_words(rule, samples(gate, rule), SampleVerdict::Successful);
            format!("{}: held ({last})", rule.title())
        };
        Verdict { result: StepResult::Succeeded, reasons: self.rules.iter().map(held).collect() }
    }
}

/// Failures count whenever they are heard, in whatever order.
fn failed(gate: &GateState, rule: &Rule) -> Option<(StepResult, String)> {
    let samples = samples(gate, rule);
    let failed = samples.iter().filter(|sample| sample.verdict == SampleVerdict::Failed).count();
    if u32::try_from(failed).unwrap_or(u32::MAX) <= rule.failure_limit {
        return None;
    }
    let last = samples.iter().rev().find(|sample| sample.verdict == SampleVerdict::Failed)?;
    let said = rule.words(&last.reading);
    let why = format!("{}: {said} at {:.0}, {}", rule.title(), last.slot, rule.limit());
    let limit = rule.failure_limit;
    let why = if limit > 0 { format!("{why}: {failed} failed, {limit} may") } else { why };
    Some((StepResult::Failed, why))
}

/// A limit is exceeded, not met: 0 allows none.
fn tripped(rule: &Rule, count: &Count, sample: &Sample) -> Option<(StepResult, String)> {
    let (title, said) = (rule.title(), rule.words(&sample.reading));
    if count.errors > rule.consecutive_error_limit {
        let limit = rule.consecutive_error_limit;
        return Some((StepResult::Error, format!("{title}: {} errors in a row, {limit} may ({said})", count.errors)));
    }
    (count.inconclusive > rule.inconclusive_limit && sample.verdict == SampleVerdict::Inconclusive).then(|| {
        let why = format!("{title}: neither good nor bad ({said}), {}", rule.limit());
        (StepResult::Inconclusive, why)
    })
}

/// Samples behind the number, at the end of the window, if there are too few of them to tell.
fn too_few(rule: &Rule, samples: &[Sample]) -> Option<String> {
    let need = rule.min_samples?;
    match samples.iter().rev().find_map(|sample| behind(rule, sample)) {
        Some(have) if have >= need => None,
        Some(have) => Some(format!("{have} of {need} samples needed to tell")),
        None => Some(format!("an unknown number of samples, {need} are needed to tell")),
    }
}

/// How many samples stand behind a reading; behind both sides, where both are counted.
pub(super) fn behind(rule: &Rule, sample: &Sample) -> Option<u64> {
    let Reading::Value { samples, baseline_samples, .. } = &sample.reading else { return None };
    let counted = |number: &Option<Decimal>| number.filter(|count| count.0 >= 0.0).map(|count| count.0 as u64);
    let own = counted(samples)?;
    match rule.metric.as_ref().is_some_and(|metric| metric.baseline_samples_query.is_some()) {
        true => counted(baseline_samples).map(|other| own.min(other)),
        false => Some(own),
    }
}

fn last_words(rule: &Rule, samples: &[Sample], verdict: SampleVerdict) -> String {
    let last = samples.iter().rev().find(|sample| sample.verdict == verdict);
    last.map_or_else(String::new, |sample| rule.words(&sample.reading))
}

/// A reading in a few words.
pub fn words(reading: &Reading, unit: Unit) -> String {
    match reading {
        Reading::Value { value, baseline: None, .. } => unit.show(value.0),
        Reading::Value { value, baseline: Some(baseline), .. } => {
            format!("{}, baseline {}", unit.show(value.0), unit.show(baseline.0))
        }
        Reading::NoData { why } => format!("no data: {why}"),
        Reading::Error { why } | Reading::Unreachable { why } | Reading::Forgotten { why } => why.clone(),
    }
}

impl Rule {
    /// A reading of this metric in a few words.
    pub fn words(&self, reading: &Reading) -> String {
        match (&self.pods, reading) {
            (Some(_), Reading::Value { value, samples: Some(ready), .. }) => {
                format!("{} restarts, {} ready", value.0, ready.0)
            }
            (Some(_), Reading::Value { value, .. }) => format!("{} restarts", value.0),
            _ => words(reading, self.metric.as_ref().map_or(Unit::Count, |metric| metric.unit)),
        }
    }
}

pub(super) fn weight(result: StepResult) -> u8 {
    match result {
        StepResult::Failed => 3,
        StepResult::Error => 2,
        StepResult::Inconclusive => 1,
        _ => 0,
    }
}

/// The gravest finding and all its reasons; Succeeded without any.
fn worst(findings: impl Iterator<Item = (StepResult, String)>) -> Verdict {
    let findings: Vec<_> = findings.collect();
    let results = findings.iter().map(|(result, _)| *result);
    let top = results.max_by_key(|result| weight(*result)).unwrap_or(StepResult::Succeeded);
    let reasons = findings.into_iter().filter(|(result, _)| *result == top).map(|(_, why)| why).collect();
    Verdict { result: top, reasons }
}
