//! Guards: live from the first write to the way back or the end, also while a person thinks.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    analysis::guard,
    draft::{Draft, Ruled},
    fact::{Fact, SampleVerdict},
    message::{Actor, Effect, Measured, Measurement, Reading, Refusal, Report, Ticket},
    state::{Lane, Run},
};
use crate::runbook::{
    model::{Guard, GuardAction, PodRule},
    value::{Dur, StepId},
};

impl Run {
    fn guards_live(&self) -> bool {
        self.lane == Lane::Forward && !self.is_closed()
    }

    /// When a guard is to be read next; `None` while it is not armed or is being read.
    fn guard_due(&self, index: usize) -> Option<Timestamp> {
        let state = self.guards.get(index)?;
        let armed = state.armed_at?;
        let asked = self.in_flight.iter().any(|(ticket, ..)| ticket.guard_index() == Some(index));
        if asked || !self.guards_live() {
            return None;
        }
        let interval = self.book().guards.get(index)?.interval.unwrap_or(Dur::secs(15)).get();
        match &state.last {
            None => Some(armed),
            Some(last) => last.slot.checked_add(interval.max(Duration::from_secs(1))).ok(),
        }
    }

    pub(super) fn guard_deadline(&self) -> Option<Timestamp> {
        (0..self.guards.len()).filter_map(|index| self.guard_due(index)).min()
    }

    fn guard_measurement(&self, guard: &Guard, since: Timestamp) -> Result<Measurement, String> {
        if let Some(name) = &guard.metric {
            let metric = self.book().metrics.get(name).ok_or_else(|| format!("there is no metric {name}"))?;
            let at = self.at.clone().unwrap_or_else(|| StepId::new(""));
            return self.measurement(&at, name, metric, 60);
        }
        let rule = guard.pods.clone().unwrap_or_default();
        let rule = PodRule {
            max_restarts: rule.max_restarts.or_else(|| guard.max_restarts.clone()),
            min_ready: rule.min_ready.or_else(|| guard.min_ready.clone()),
            ..rule
        };
        Ok(Measurement { metric: "pods".into(), what: Measured::Pods { rule, since } })
    }
}

impl Draft {
    /// Asks for every reading that is due.
    pub(super) fn watch_guards(&mut self) -> Ruled {
        for index in 0..self.run.guards.len() {
            if self.run.guard_due(index).is_none_or(|due| due > self.now) {
                continue;
            }
            let Some(guard) = self.run.book().guards.get(index).cloned() else { continue };
            let since = self.run.guards[index].armed_at.unwrap_or(self.now);
            match self.run.guard_measurement(&guard, since) {
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
        if !self.run.guards_live() {
            return Ok(());
        }
        match report {
            Report::Sample { slot, reading, .. } => self.guard_read(index, *slot, reading),
            Report::Unknown { message } => self.guard_read(index, self.now, &Reading::Error { why: message.clone() }),
            _ => Ok(()),
        }
    }

    fn guard_read(&mut self, index: usize, slot: Timestamp, reading: &Reading) -> Ruled {
        let Some(rule) = self.run.book().guards.get(index).cloned() else { return Ok(()) };
        let reading = &super::gates::finite(reading);
        let verdict = guard::judge(&rule, &self.run.book().metrics, reading);
        self.fact(Fact::GuardSample { guard: index, slot, reading: reading.clone(), verdict })?;
        let state = self.run.guards[index].clone();
        if state.tripped.is_some() {
            return match verdict {
                SampleVerdict::Successful => self.fact(Fact::GuardRecovered { guard: index }),
                _ => Ok(()),
            };
        }
        if state.failures <= rule.failure_limit.unwrap_or(0) {
            return Ok(());
        }
        let detail = guard::describe(&rule, &self.run.book().metrics, reading, slot);
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
        self.fact(Fact::GuardDismissed { guard, by: by.clone(), why: why.to_owned() })
    }
}
