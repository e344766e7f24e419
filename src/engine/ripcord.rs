//! The way back, and the plain stop: from any state, with what is in flight stopped first.

use super::{
    begin::baseline_ticket,
    draft::{Draft, End, Ruled},
    fact::{Fact, RunStatus, StepResult},
    message::{Actor, Effect, Failure, Look, Refusal, Report, Ticket},
    state::{AfterCancel, Lane, Phase},
};
use crate::runbook::{model::Action, value::StepId};

impl Draft {
    /// A person pulls. Before the first write there is nothing to lead back from, so it is an abort.
    pub(super) fn pull_ripcord(&mut self, by: &Actor, why: &str) -> Ruled {
        if self.run.lane() == Lane::Rollback {
            return Err(Refusal::new("the way back is under way already"));
        }
        if !self.run.writes_begun() {
            return self.abort(by, why);
        }
        if self.run.is_read_only() {
            return Err(Refusal::new("this run is read-only, and the way back writes; take it up without --read-only"));
        }
        if !self.run.has_lane() {
            return Err(Refusal::new("this runbook has no way back (no rollback:, no baseline); abort it, or go on"));
        }
        self.begin_lane(by, why)
    }

    /// Records that the way back began, then stops what is in flight, then enters the lane.
    pub(super) fn begin_lane(&mut self, by: &Actor, why: &str) -> Ruled {
        if !self.run.has_lane() {
            return Err(Refusal::new("this runbook has no way back"));
        }
        self.fact(Fact::RollbackBegan { by: by.clone(), why: why.to_owned() })?;
        if self.stop_in_flight(by, AfterCancel::Lane)? {
            return Ok(());
        }
        self.enter_first(Lane::Rollback)
    }

    pub(super) fn abort(&mut self, by: &Actor, why: &str) -> Ruled {
        self.fact(Fact::NoteAdded { by: by.clone(), text: format!("abort: {why}") })?;
        if matches!(self.run.phase(), Phase::Comparing(_)) {
            self.effect(Effect::Cancel { ticket: baseline_ticket() });
            return self.compared(&Look { passed: None, detail: "nobody waited for the answer".into() });
        }
        if self.stop_in_flight(by, AfterCancel::Abort)? {
            return Ok(());
        }
        self.close_aborted()
    }

    /// True where something was told to stop and its end has to be heard first.
    fn stop_in_flight(&mut self, by: &Actor, then: AfterCancel) -> Ruled<bool> {
        let Some(id) = self.run.current().cloned() else { return Ok(false) };
        match self.run.phase().clone() {
            Phase::Busy(ticket) | Phase::Verifying { ticket, .. } if self.waits_for_the_world(&id) => {
                self.cancel(by, ticket, then)?;
                Ok(true)
            }
            Phase::Cancelling { ticket, .. } => {
                self.cancel(by, ticket, then)?;
                Ok(true)
            }
            Phase::Busy(_) | Phase::Verifying { .. } => {
                self.effect(Effect::Cancel { ticket: self.ticket(&id) });
                self.stopped(&id, by)?;
                Ok(false)
            }
            Phase::Entered | Phase::Capturing | Phase::RetryAt(_) | Phase::CalendarClosed(_) => {
                self.stopped(&id, by)?;
                Ok(false)
            }
            Phase::Asked | Phase::Unknown | Phase::Idle | Phase::Comparing(_) => {
                self.leave_parents(&id)?;
                Ok(false)
            }
        }
    }

    /// Gates, waits and people end at once; machine work has to say how it ended.
    pub(super) fn waits_for_the_world(&self, id: &StepId) -> bool {
        let verifying = matches!(self.run.phase(), Phase::Verifying { .. });
        let action = self.run.state(id).and_then(|state| state.intent.as_ref()).map(|intent| &intent.action);
        !verifying && action.is_some_and(|action| action.is_machine_work() || matches!(action, Action::PortForward(_)))
    }

    pub(super) fn cancel(&mut self, by: &Actor, ticket: Ticket, then: AfterCancel) -> Ruled {
        let Ticket { step, attempt } = ticket.clone();
        self.fact(Fact::StepCancelling { step, attempt, by: by.clone(), then })?;
        self.effect(Effect::Cancel { ticket });
        Ok(())
    }

    fn stopped(&mut self, id: &StepId, by: &Actor) -> Ruled {
        let end = End { by: Some(by.clone()), ..End::because("stopped", "stopped before its end") };
        self.outcome(id, StepResult::Aborted, end)?;
        self.leave_parents(id)
    }

    /// The nested runbooks around a step end with it.
    pub(super) fn leave_parents(&mut self, id: &StepId) -> Ruled {
        let mut parent = id.parent();
        while let Some(id) = parent {
            self.outcome(&id, StepResult::Aborted, End::because("stopped", "left before its end"))?;
            parent = id.parent();
        }
        Ok(())
    }

    /// What was told to stop has ended, one way or the other.
    pub(super) fn cancelled(&mut self, id: &StepId, then: AfterCancel, report: &Report) -> Ruled {
        let (outcome, end) = match report {
            Report::Succeeded(done) => (StepResult::Succeeded, End::done(done.clone())),
            Report::Failed(failure) => (aborted_or_failed(failure), failure.clone().into()),
            Report::NeverBegan { message } => (StepResult::Aborted, End::because("cancelled", message.clone())),
            Report::Unknown { message } => (StepResult::Unknown, End::because("unknown", message.clone())),
            _ => return Ok(()),
        };
        self.outcome(id, outcome, end)?;
        match then {
            AfterCancel::TimedOut if outcome == StepResult::Unknown => Ok(()), // a person says first what became of it
            AfterCancel::TimedOut => self.limit_cancelled(id),
            AfterCancel::Lane => self.leave_parents(id).and_then(|()| self.enter_first(Lane::Rollback)),
            AfterCancel::Abort => self.leave_parents(id).and_then(|()| self.close_aborted()),
        }
    }

    fn close_aborted(&mut self) -> Ruled {
        let status = match self.run.lane() {
            Lane::Forward => RunStatus::Aborted,
            Lane::Rollback => RunStatus::RollbackIncomplete,
        };
        self.close(status, None)
    }
}

fn aborted_or_failed(failure: &Failure) -> StepResult {
    if matches!(failure.reason.as_str(), "cancelled" | "signal") { StepResult::Aborted } else { StepResult::Failed }
}
