//! Where a gate stands, for the screen: what holds, what does not, how long still, what would happen now.

use jiff::Timestamp;

use super::{
    Plan, Rule, Standing, Verdict,
    plan::{is_away, samples},
    verdict::{Count, behind},
};
use crate::engine::{
    fact::{SampleVerdict, StepResult},
    state::{GateState, Sample},
};

#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Slots that every metric has answered, of those this hold needs.
    pub read: u32,
    pub wanted: u32,
    /// When the window is whole, if nothing happens.
    pub ends: Timestamp,
    /// Past this the gate ends as Error.
    pub limit: Timestamp,
    /// The hold began again at this time, after a past that nobody knows.
    pub restarted: Option<Timestamp>,
    pub rules: Vec<RuleProgress>,
    /// What the verdict would be if the window ended now, and why.
    pub would_be: Verdict,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RuleProgress {
    pub key: String,
    pub title: String,
    /// What it is held against, in words.
    pub limit: String,
    /// The newest reading.
    pub last: Option<Sample>,
    /// The newest reading in words.
    pub said: String,
    /// Since which slot the newest reading's verdict has been the same.
    pub since: Option<Timestamp>,
    pub successful: u32,
    pub failed: u32,
    pub inconclusive: u32,
    /// Errors in a row, up to the newest.
    pub errors: u32,
    /// Slots whose server was away: they are asked for again.
    pub away: u32,
    /// Samples behind the number, of those needed.
    pub samples: Option<(u64, u64)>,
}

impl Plan {
    pub fn progress(&self, gate: &GateState) -> Progress {
        let (read, standing) = self.told(gate);
        let rules: Vec<_> = self.rules.iter().map(|rule| self.rule_progress(gate, rule)).collect();
        let would_be = match self.standing(gate, gate.began) {
            Standing::Over(verdict) => verdict,
            _ => match standing {
                Standing::Over(verdict) => verdict,
                _ => unfinished(&rules),
            },
        };
        Progress {
            read,
            wanted: self.wanted(gate),
            ends: self.last_slot(gate),
            limit: self.limit(gate),
            restarted: (gate.began != gate.first_began).then_some(gate.began),
            rules,
            would_be,
        }
    }

    fn rule_progress(&self, gate: &GateState, rule: &Rule) -> RuleProgress {
        let samples = samples(gate, rule);
        let mut count = Count::default();
        samples.iter().for_each(|sample| count.add(sample));
        let last = samples.last().cloned();
        let same = |sample: &&Sample| last.as_ref().is_some_and(|last| last.verdict == sample.verdict);
        RuleProgress {
            key: rule.key.clone(),
            title: rule.title().to_owned(),
            limit: rule.limit(),
            said: last.as_ref().map(|last| rule.words(&last.reading)).unwrap_or_default(),
            since: samples.iter().rev().take_while(same).last().map(|sample| sample.slot),
            successful: count.successful,
            failed: count.failed,
            inconclusive: count.inconclusive,
            errors: count.errors,
            away: u32::try_from(samples.iter().filter(|sample| is_away(sample)).count()).unwrap_or(u32::MAX),
            samples: rule
                .min_samples
                .map(|need| (last.as_ref().and_then(|last| behind(rule, last)).unwrap_or(0), need)),
            last,
        }
    }
}

/// No limit is exceeded and the window is not whole: nothing to pass on yet.
fn unfinished(rules: &[RuleProgress]) -> Verdict {
    let bad = |rule: &&RuleProgress| rule.last.as_ref().is_none_or(|last| last.verdict != SampleVerdict::Successful);
    let mut reasons: Vec<_> = rules
        .iter()
        .filter(bad)
        .map(|rule| match &rule.last {
            Some(_) => format!("{}: {}", rule.title, rule.said),
            None => format!("{}: not read yet", rule.title),
        })
        .collect();
    if reasons.is_empty() {
        reasons.push("the window is not whole yet".into());
    }
    Verdict { result: StepResult::Inconclusive, reasons }
}
