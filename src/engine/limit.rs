//! A `timeout` an author wrote on what the engine itself keeps: people's steps, waits, gates, nested runbooks.
//! Machine work has its limit in its intent and is stopped by whoever does it.

use std::iter::successors;

use jiff::Timestamp;

use super::{
    draft::{Draft, End, Ruled},
    fact::StepResult,
    message::{Actor, Effect},
    state::{AfterCancel, Phase, Run},
};
use crate::runbook::{model::Action, value::StepId};

impl Run {
    /// The first limit that will be passed: of the step in hand, or of a nested runbook around it.
    pub(super) fn limit(&self) -> Option<(StepId, Timestamp)> {
        let id = self.at.as_ref()?;
        let patient = |of: &Action| of.is_for_people() || matches!(of, Action::Wait(_) | Action::Analysis(_));
        let own = self.action_in_hand(id).is_some_and(patient);
        // While a confirmation is waited for no time counts, and of what nobody knows the end nothing is over.
        let counts = matches!(self.phase, Phase::Busy(_) | Phase::Verifying { .. } | Phase::RetryAt(_) | Phase::Asked);
        let around = successors(id.parent(), StepId::parent).filter(|_| counts);
        let limits = own.then(|| id.clone()).into_iter().chain(around);
        limits.filter_map(|id| Some((self.limit_of(&id)?, id))).min().map(|(at, id)| (id, at))
    }

    fn limit_of(&self, id: &StepId) -> Option<Timestamp> {
        let state = self.state(id)?;
        let limit = state.intent.as_ref()?.timeout?.get();
        state.entered_at?.checked_add(limit).ok()?.checked_add(state.confirming).ok()
    }
}

impl Draft {
    /// True where a limit was passed and something followed from it.
    pub(super) fn over_time(&mut self) -> Ruled<bool> {
        let Some((id, _)) = self.run.limit().filter(|(_, at)| self.now >= *at) else { return Ok(false) };
        let Some(current) = self.run.current().cloned() else { return Ok(false) };
        let by = Actor::engine();
        match self.run.phase().clone() {
            Phase::Busy(ticket) if self.waits_for_the_world(&current) => {
                self.cancel(&by, ticket, AfterCancel::TimedOut)?
            }
            Phase::Busy(ticket) | Phase::Verifying { ticket, .. } => {
                self.effect(Effect::Cancel { ticket });
                if current != id {
                    self.outcome(&current, StepResult::Aborted, End::because("stopped", "stopped before its end"))?;
                }
                self.timed_out(&id)?;
            }
            _ => self.timed_out(&id)?,
        }
        Ok(true)
    }

    /// What was in flight inside has ended, and with it the nested runbook whose limit was passed.
    pub(super) fn limit_cancelled(&mut self, inner: &StepId) -> Ruled {
        let over = |id: &StepId| self.run.limit_of(id).is_some_and(|at| self.now >= at);
        match successors(inner.parent(), StepId::parent).find(over) {
            Some(id) => self.timed_out(&id),
            None => self.go_on(inner),
        }
    }

    fn timed_out(&mut self, id: &StepId) -> Ruled {
        let mut between = self.run.current().filter(|current| *current != id).and_then(StepId::parent);
        while let Some(parent) = between.filter(|parent| parent != id) {
            self.outcome(&parent, StepResult::Aborted, End::because("stopped", "left before its end"))?;
            between = parent.parent();
        }
        let limit = self.run.state(id).and_then(|state| state.intent.as_ref()?.timeout);
        let why = format!("not over within {}", limit.map_or_else(String::new, |limit| limit.to_string()));
        self.outcome(id, StepResult::Failed, End::because("timeout", why))?;
        self.after_failure(id)
    }
}
