//! Guards: live from the first write to the way back or the end, also while a person thinks. Those of a nested
//! runbook live while it runs.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    analysis::guard,
    draft::{Draft, Ruled},
    fact::{Fact, SampleVerdict},
    message::{Actor, Effect, Measured, Measurement, Reading, Refusal, Report, Ticket},
    path::{self, Watch},
    scope,
    state::{Lane, Run},
};
use crate::runbook::{
    model::{Guard, GuardAction},
    value::StepId,
};

/// `$window` of a guard, in seconds.
const WINDOW: u64 = 60;

/// An answer that did not come by then, or could not be recorded, is asked for again: no guard falls silent.
const LOST: Duration = Duration::from_secs(60);

impl Run {
    /// Every guard there is, in the order of their states.
    pub fn watches(&self) -> Vec<Watch<'_>> {
        // Most runs have none, and this is asked at every decision.
        if self.guards.is_empty() { Vec::new() } else { path::guards(self.book()) }
    }

    /// Its runbook runs, and nothing leads back yet.
    pub fn is_watching(&self, watch: &Watch<'_>) -> bool {
        let runs = |within: &StepId| {
            let inner = self.at.as_ref().and_then(|at| at.as_str().strip_prefix(within.as_str()));
            inner.is_some_and(|rest| rest.starts_with('/'))
        };
        self.lane == Lane::Forward && !self.is_closed() && watch.within.as_ref().is_none_or(runs)
    }

    /// Since when it counts: the first write, or the start of its runbook after it.
    fn armed(&self, index: usize, watch: &Watch<'_>) -> Option<Timestamp> {
        let armed = self.guards.get(index)?.armed_at?;
        let began = watch.within.as_ref().and_then(|within| self.state(within)?.entered_at);
        Some(began.map_or(armed, |began| began.max(armed)))
    }

    /// When a guard is to be read next; `None` while it is not armed.
    fn guard_due(&self, index: usize, watch: &Watch<'_>) -> Option<Timestamp> {
        let armed = self.armed(index, watch).filter(|_| self.is_watching(watch))?;
        let interval = guard::interval(watch.guard);
        let asked = self.in_flight.iter().filter(|(ticket, ..)| ticket.guard_index() == Some(index));
        // What was asked before its runbook began anew is answered to nobody.
        if let Some(slot) = asked.map(|(.., slot)| *slot).filter(|slot| *slot >= armed).max() {
            return slot.checked_add(interval.max(LOST)).ok();
        }
        match self.guards.get(index)?.last.as_ref().filter(|last| last.slot >= armed) {
            None => Some(armed),
            Some(last) => last.slot.checked_add(interval).ok(),
        }
    }

    pub(super) fn guard_deadline(&self) -> Option<Timestamp> {
        let watches = self.watches();
        watches.iter().enumerate().filter_map(|(index, watch)| self.guard_due(index, watch)).min()
    }

    fn guard_measurement(&self, watch: &Watch<'_>, since: Timestamp) -> Result<Measurement, String> {
        let at = self.at.clone().unwrap_or_else(|| StepId::new(""));
        if let Some(name) = &watch.guard.metric {
            let metric = watch.book.metrics.get(name).ok_or_else(|| format!("there is no metric {name}"))?;
            return self.measurement(&inside(watch).unwrap_or(at), name, metric, WINDOW);
        }
        let rule = guard::pods(&self.guard_in_force(watch)?);
        Ok(Measurement { metric: "pods".into(), what: Measured::Pods { rule, since } })
    }

    /// As it is written, with the values of its runbook; the outermost one's were filled in when the run was opened.
    fn guard_in_force(&self, watch: &Watch<'_>) -> Result<Guard, String> {
        let Some(inside) = inside(watch) else { return Ok(watch.guard.clone()) };
        let values = self.scope(&inside, None);
        let written = serde_json::to_value(watch.guard).map_err(|error| error.to_string())?;
        let filled = scope::fill_probe(&written, &values, &scope::leaf_ids(watch.book));
        filled
            .map_err(|error| error.to_string())
            .and_then(|filled| serde_json::from_value(filled).map_err(|error| error.to_string()))
    }
}

/// A step of the nested runbook a guard stands in: its values are the guard's.
fn inside(watch: &Watch<'_>) -> Option<StepId> {
    let within = watch.within.as_ref()?;
    Some(watch.book.steps.first()?.id().under(Some(within)))
}

impl Draft {
    /// Asks for every reading that is due.
    pub(super) fn watch_guards(&mut self) -> Ruled {
        for index in 0..self.run.guards.len() {
            let run = &self.run;
            let watches = run.watches();
            let Some(watch) = watches.get(index) else { continue };
            if run.guard_due(index, watch).is_none_or(|due| due > self.now) {
                continue;
            }
            let since = run.armed(index, watch).unwrap_or(self.now);
            match run.guard_measurement(watch, since) {
                Ok(what) => {
                    let effect = Effect::Measure { ticket: Ticket::guard(index), slot: self.now, metrics: vec![what] };
                    self.effect(effect);
                }
                // A guard that cannot read says so and is not silently off.
                Err(why) => self.guard_read(index, self.now, &Reading::Error { why })?,
            }
        }
        Ok(())
    }

    pub(super) fn guard_report(&mut self, index: usize, report: &Report) -> Ruled {
        if !self.run.watches().get(index).is_some_and(|watch| self.run.is_watching(watch)) {
            return Ok(());
        }
        match report {
            Report::Sample { slot, reading, .. } => self.guard_read(index, *slot, reading),
            Report::Unknown { message } => self.guard_read(index, self.now, &Reading::Error { why: message.clone() }),
            _ => Ok(()),
        }
    }

    fn guard_read(&mut self, index: usize, slot: Timestamp, reading: &Reading) -> Ruled {
        let run = &self.run;
        let watches = run.watches();
        let Some(watch) = watches.get(index) else { return Ok(()) };
        let reading = super::gates::finite(reading);
        let (metric, metrics) = (watch.name(), &watch.book.metrics);
        let (rule, reading) = match run.guard_in_force(watch) {
            Ok(rule) => (rule, reading),
            Err(why) => (watch.guard.clone(), Reading::Error { why }),
        };
        let verdict = guard::judge(&rule, metrics, &reading);
        let detail = guard::describe(&rule, metrics, &reading, slot);
        self.fact(Fact::GuardSample { guard: index, metric: metric.clone(), slot, reading, verdict })?;
        let state = &self.run.guards[index];
        if state.tripped.is_some() {
            return match verdict {
                SampleVerdict::Successful => self.fact(Fact::GuardRecovered { guard: index, metric }),
                _ => Ok(()),
            };
        }
        if state.failures <= rule.failure_limit.unwrap_or(0) {
            return Ok(());
        }
        self.fact(Fact::GuardTripped { guard: index, detail: detail.clone() })?;
        match rule.on_failure {
            GuardAction::Rollback if self.run.has_lane() => self.begin_lane(&Actor::engine(), &detail),
            GuardAction::Rollback | GuardAction::OfferRollback => Ok(()),
        }
    }

    pub(super) fn dismiss_guard(&mut self, by: &Actor, guard: usize, why: &str) -> Ruled {
        let offered = self.run.guards.get(guard).is_some_and(|state| state.tripped.is_some() && !state.dismissed);
        if !offered {
            return Err(Refusal::new(format!("guard {guard} offers nothing now")));
        }
        if why.trim().is_empty() {
            return Err(Refusal::new("putting a guard's offer aside needs a reason, in words"));
        }
        let metric = self.run.watches().get(guard).map(Watch::name).unwrap_or_default();
        self.fact(Fact::GuardDismissed { guard, metric, by: by.clone(), why: why.to_owned() })
    }
}
