//! What the run wants of a person now, derived from its state.

use super::{
    ask::{Ask, FailureChoices},
    begin::Asks,
    message::Selected,
    path,
    state::{Lane, Phase, Run},
};
use crate::runbook::{
    model::{Action, Choice, Risk},
    value::StepId,
};

impl Run {
    /// Everything that waits for a person: guards first, since they are urgent, then the step.
    pub fn asks(&self, selected: Option<&Selected>) -> Vec<Ask> {
        if self.is_closed() {
            return Vec::new();
        }
        if !self.started {
            return vec![Ask::Start];
        }
        let mut asks: Vec<Ask> = self.guard_offers();
        asks.extend(self.step_ask(selected));
        asks
    }

    fn guard_offers(&self) -> Vec<Ask> {
        if self.lane == Lane::Rollback {
            return Vec::new();
        }
        let offers = self.guards.iter().enumerate().filter(|(_, guard)| !guard.dismissed);
        offers.filter_map(|(guard, state)| Some(Ask::Guard { guard, detail: state.tripped.clone()? })).collect()
    }

    fn step_ask(&self, selected: Option<&Selected>) -> Option<Ask> {
        let id = self.at.as_ref()?;
        let step = path::find(self.book(), id)?.step;
        match &self.phase {
            Phase::CalendarClosed(reason) => Some(Ask::Calendar { reason: reason.clone() }),
            Phase::Entered => self.confirmation(id, step, selected),
            Phase::Busy(ticket) => self.people_ask(&ticket.step),
            Phase::Asked => {
                let reason = self.state(id).and_then(|state| state.reason.clone()).unwrap_or_default();
                Some(Ask::Failure { step: id.clone(), reason, choices: self.failure_choices(step) })
            }
            Phase::Unknown => {
                let message = self.state(id).map(|state| state.message.clone()).unwrap_or_default();
                Some(Ask::Unknown { step: id.clone(), message })
            }
            Phase::Idle
            | Phase::Capturing
            | Phase::Comparing(_)
            | Phase::Verifying { .. }
            | Phase::RetryAt(_)
            | Phase::Cancelling { .. } => None,
        }
    }

    fn confirmation(
        &self,
        id: &StepId,
        step: &crate::runbook::model::Step,
        selected: Option<&Selected>,
    ) -> Option<Ask> {
        let typed = match self.asks_before(id, step) {
            Asks::Nothing => return None,
            Asks::Key => None,
            Asks::Word(word) => Some(word),
        };
        Some(match self.intent_for(id, selected) {
            Ok(intent) => Ask::Confirm { intent: Box::new(intent), typed },
            Err(reason) => Ask::Select { step: id.clone(), reason },
        })
    }

    fn people_ask(&self, id: &StepId) -> Option<Ask> {
        let step = id.clone();
        match self.action_in_hand(id)? {
            Action::Checklist(_) => Some(Ask::Checklist { step }),
            Action::Manual(_) => Some(Ask::Manual { step }),
            Action::Approval(_) => Some(Ask::Approval { step }),
            Action::Decision(_) => Some(Ask::Decision { step }),
            Action::Input(_) => Some(Ask::Input { step }),
            _ => None,
        }
    }

    fn failure_choices(&self, step: &crate::runbook::model::Step) -> FailureChoices {
        let goes_on =
            !matches!(step.action, Action::Decision(_) | Action::Branch(_) | Action::End(_) | Action::Approval(_));
        FailureChoices {
            skip: !step.common.required && goes_on,
            rollback: self.lane == Lane::Forward && self.has_lane(),
            retry: true,
        }
    }

    /// The word that must be typed for a destructive option on a protected target.
    pub fn choice_word(&self, choice: &Choice) -> Option<String> {
        let target = &self.opened.target;
        let destructive = choice.risk == Some(Risk::Destructive) && target.protected;
        destructive
            .then(|| if target.context.is_empty() { self.book().metadata.name.clone() } else { target.context.clone() })
    }
}
