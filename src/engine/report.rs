//! What the world answers. A report counts only if its ticket is the one in flight and it answers what was asked.

use super::{
    draft::{Draft, Ruled},
    fact::Fact,
    message::{Actor, Report, Ticket, Via},
    state::{Phase, VerifiedAct},
};
use crate::runbook::{model::Action, value::StepId};

impl Draft {
    pub(super) fn report(&mut self, ticket: &Ticket, report: &Report) -> Ruled {
        if let Report::Captured(result) = report {
            return self.captured(result);
        }
        if let Report::Noted(text) = report {
            return self.fact(Fact::NoteAdded { by: Actor::engine(), text: format!("{}: {text}", ticket.step) });
        }
        if let Report::Compared(look) = report {
            return self.compared(look);
        }
        if let Some(index) = ticket.guard_index() {
            return self.guard_report(index, report);
        }
        let id = &ticket.step;
        match self.run.phase().clone() {
            Phase::Cancelling { ticket: flying, then } if &flying == ticket => match report {
                Report::Started(_) => self.started(ticket, report),
                _ => self.cancelled(id, then, report),
            },
            Phase::Verifying { ticket: flying, act } if &flying == ticket => match (report, act) {
                (Report::Probed { item: None, look }, _) => self.verified(id, look),
                (Report::Unknown { message }, VerifiedAct::Reported | VerifiedAct::Unknown) => {
                    self.verified(id, &super::message::Look { passed: None, detail: message.clone() })
                }
                _ => Ok(()),
            },
            Phase::Busy(flying) if &flying == ticket => self.busy_report(ticket, report),
            _ => Ok(()), // late, or of another attempt: it no longer answers anything
        }
    }

    fn busy_report(&mut self, ticket: &Ticket, report: &Report) -> Ruled {
        let id = &ticket.step;
        let Some(action) = self.run.action_in_hand(id).cloned() else { return Ok(()) };
        match (&action, report) {
            (Action::Checklist(_), Report::Probed { item: Some(item), look }) => self.item_seen(id, item, look),
            (Action::Analysis(_), Report::Sample { metric, slot, reading }) => {
                self.gate_sample(id, metric, *slot, reading)
            }
            (action, report) if action.is_machine_work() || matches!(action, Action::PortForward(_)) => match report {
                Report::Started(_) => self.started(ticket, report),
                Report::Succeeded(done) => self.succeed(id, done.clone()),
                Report::Failed(failure) => {
                    self.outcome(id, super::fact::StepResult::Failed, failure.clone().into())?;
                    self.after_failure(id)
                }
                Report::Unknown { message } => self.unknown(id, message),
                Report::NeverBegan { message } => self.never_began(id, message),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The console went between the intent and the act. Nothing failed: the step stands before its act again, and
    /// asks again what it asked, since confirmations lapse.
    fn never_began(&mut self, id: &StepId, message: &str) -> Ruled {
        self.fact(Fact::NoteAdded { by: Actor::engine(), text: format!("{id}: {message}") })?;
        self.fact(Fact::StepRetried { step: id.clone(), by: Actor::system("ripcord", Via::Console), at: None })
    }

    fn started(&mut self, ticket: &Ticket, report: &Report) -> Ruled {
        let Report::Started(started) = report else { return Ok(()) };
        let known = self.run.state(&ticket.step).and_then(|state| state.started.as_ref());
        if known == Some(started) {
            return Ok(()); // attached again to what the trail knows
        }
        let (step, attempt) = (ticket.step.clone(), ticket.attempt);
        self.fact(Fact::StepStarted { step, attempt, started: started.clone() })
    }
}
