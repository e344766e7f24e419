//! What time does: waits end, approvals run out, gates and guards come due. And when to be told of it.

use jiff::Timestamp;

use super::{
    draft::{Draft, Ruled},
    message::{Done, Effect, Ticket},
    state::{Phase, Run},
};
use crate::runbook::{
    model::Action,
    value::{StepId, Tpl},
};

impl Draft {
    /// An attempt is going on: has its time come?
    pub(super) fn tick(&mut self, ticket: &Ticket) -> Ruled<bool> {
        let id = &ticket.step;
        match self.run.action_in_hand(id) {
            Some(Action::Wait(_)) if self.run.wait_end(id).is_some_and(|end| self.now >= end) => {
                self.succeed(id, Done::default()).map(|()| true)
            }
            Some(Action::Approval(_)) if self.run.approval_end(id).is_some_and(|end| self.now >= end) => {
                self.approval_timed_out(id).map(|()| true)
            }
            Some(Action::Analysis(_)) => self.drive_gate(id),
            _ => Ok(false),
        }
    }
}

impl Run {
    /// When the engine wants to be called next, if nothing else happens.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.is_closed() || !self.started {
            return None;
        }
        let own = match &self.phase {
            Phase::RetryAt(at) => Some(*at),
            Phase::Busy(ticket) => match self.action_in_hand(&ticket.step) {
                Some(Action::Wait(_)) => self.wait_end(&ticket.step),
                Some(Action::Approval(_)) => self.approval_end(&ticket.step),
                Some(Action::Analysis(_)) => self.gate_deadline(&ticket.step),
                _ => None,
            },
            _ => None,
        };
        [own, self.limit().map(|(_, at)| at), self.guard_deadline()].into_iter().flatten().min()
    }

    /// When a wait is over.
    pub fn wait_end(&self, id: &StepId) -> Option<Timestamp> {
        let state = self.state(id)?;
        match &state.intent.as_ref()?.action {
            Action::Wait(Tpl::Value(dur)) => state.entered_at?.checked_add(dur.get()).ok(),
            _ => None,
        }
    }

    fn approval_end(&self, id: &StepId) -> Option<Timestamp> {
        self.state(id)?.approval_until
    }

    /// Remembers what was asked of the world, so that a slot is not asked for twice.
    pub(super) fn note_asked(&mut self, effect: &Effect) {
        if let Effect::Measure { ticket, slot, metrics } = effect {
            for metric in metrics {
                self.in_flight.insert((ticket.clone(), metric.metric.clone(), *slot));
            }
        }
    }

    /// The session calls this as it starts a decision's effects.
    pub fn asked(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.note_asked(effect);
        }
    }
}
