//! Another process takes the run over: confirmations have lapsed, what was in flight is looked for, not repeated.

use super::{
    draft::{Draft, Ruled},
    fact::Fact,
    message::{Actor, Effect, Refusal, Ticket},
    state::Phase,
};
use crate::runbook::{
    model::{Action, Risk},
    value::StepId,
};

impl Draft {
    pub(super) fn resume(&mut self, by: &Actor, host: &str, pid: u32, read_only: bool) -> Ruled {
        if self.run.is_closed() {
            return Err(Refusal::new("this run is closed"));
        }
        self.fact(Fact::RunResumed { by: by.clone(), host: host.to_owned(), pid, read_only })?;
        self.reopen_forwards();
        match self.run.phase().clone() {
            Phase::Busy(ticket) => self.resume_busy(&ticket),
            Phase::Cancelling { ticket, .. } => {
                self.find_again(&ticket);
                self.effect(Effect::Cancel { ticket });
                Ok(())
            }
            Phase::Verifying { ticket, .. } => self.resume_check(&ticket.step),
            Phase::Comparing(_) => {
                self.compare();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn resume_busy(&mut self, ticket: &Ticket) -> Ruled {
        let id = &ticket.step;
        match self.run.action_in_hand(id).cloned() {
            Some(Action::Checklist(list)) => {
                let ticks = self.run.state(id).map(|state| state.ticks.clone()).unwrap_or_default();
                for item in list.items.into_iter().filter(|item| !ticks.contains_key(&item.id)) {
                    if let Some(probe) = item.probe {
                        self.look(ticket.clone(), Some(item.id), probe);
                    }
                }
                Ok(())
            }
            Some(Action::Approval(approval)) => self.ask_approval(id, &approval),
            Some(action) if action.is_machine_work() || matches!(action, Action::PortForward(_)) => {
                self.find_again(ticket);
                Ok(())
            }
            _ => Ok(()), // gates fill in, waits count wall time, people are asked again
        }
    }

    /// Reads and port-forwards are simply done again; for the rest the adapter looks what became of it.
    fn find_again(&mut self, ticket: &Ticket) {
        let Some(state) = self.run.state(&ticket.step) else { return };
        let Some(intent) = state.intent.clone() else { return };
        let (started, since) = (state.started.clone(), state.entered_at);
        let action = Box::new(intent.action.clone());
        let again = match &intent.action {
            Action::PortForward(_) => true,
            Action::Run(_) | Action::Notify(_) => false,
            action => action.risk() == Risk::Read,
        };
        let ticket = ticket.clone();
        self.effect(if again {
            Effect::Perform { ticket, action, env: intent.env.clone(), timeout: intent.timeout }
        } else {
            Effect::Reattach { ticket, action, started, since }
        });
    }

    fn resume_check(&mut self, id: &StepId) -> Ruled {
        let Some(probe) = self.found(id)?.step.common.verify.clone() else { return Ok(()) };
        let probe = self.run.rendered_probe(id, &probe).map_err(Refusal)?;
        self.look(self.ticket(id), None, Box::new(probe));
        Ok(())
    }

    /// Port-forwards are held by a process; a new one opens them again.
    fn reopen_forwards(&mut self) {
        let open: Vec<_> = self.run.open_forwards();
        for (ticket, action) in open {
            let (env, timeout) = (Default::default(), None);
            self.effect(Effect::Perform { ticket, action: Box::new(action), env, timeout });
        }
    }
}

impl super::state::Run {
    /// Forwards that were opened and whose `until` has not been reached.
    fn open_forwards(&self) -> Vec<(Ticket, Action)> {
        self.rows()
            .into_iter()
            .filter_map(|row| {
                let state = row.state?;
                let intent = state.intent.as_ref()?;
                let Action::PortForward(forward) = &intent.action else { return None };
                let closed = match &forward.until {
                    Some(crate::runbook::model::Goto::Step(until)) => {
                        self.state(&until.under(row.id.parent().as_ref())).is_some_and(|state| state.visits > 0)
                    }
                    _ => false,
                };
                let open = state.outcome == Some(super::fact::StepResult::Succeeded) && !closed;
                open.then(|| (Ticket::new(row.id.clone(), state.attempts), intent.action.clone()))
            })
            .collect()
    }
}
