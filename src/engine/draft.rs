//! A decision in the making. It holds a copy of the run and applies each fact as it is drafted,
//! so that a decision is legal by construction and later rules see what earlier ones did.

use jiff::Timestamp;

use super::{
    fact::{Fact, StepEnd, StepResult},
    message::{Actor, Decision, Done, Effect, Failure, Refusal, Ticket},
    path::{self, Found},
    state::Run,
};
use crate::runbook::value::StepId;

pub(super) struct Draft {
    pub run: Run,
    pub now: Timestamp,
    pub decision: Decision,
}

/// Rules answer whether they changed something; a refusal changes nothing.
pub(super) type Ruled<T = ()> = Result<T, Refusal>;

impl Draft {
    pub fn new(run: &Run, now: Timestamp) -> Self {
        Self { run: run.clone(), now, decision: Decision::default() }
    }

    /// Drafts a fact. One that cannot follow is a bug in a rule, and is refused instead of recorded.
    pub fn fact(&mut self, fact: Fact) -> Ruled {
        self.run.apply(self.now, &fact).map_err(|corrupt| Refusal(corrupt.0))?;
        self.decision.facts.push(fact);
        Ok(())
    }

    pub fn effect(&mut self, effect: Effect) {
        self.run.note_asked(&effect);
        self.decision.effects.push(effect);
    }

    pub fn found(&self, id: &StepId) -> Ruled<Found<'_>> {
        path::find(self.run.book(), id).ok_or_else(|| Refusal::new(format!("there is no step {id}")))
    }

    /// The innermost step, which must be the one named.
    pub fn must_be_current(&self, id: &StepId) -> Ruled {
        match self.run.current() {
            Some(current) if current == id => Ok(()),
            Some(current) => Err(Refusal::new(format!("the run is at {current}, not at {id}"))),
            None => Err(Refusal::new("the run has not begun: press r to start")),
        }
    }

    pub fn attempt(&self, id: &StepId) -> u32 {
        self.run.state(id).map_or(0, |state| state.attempts)
    }

    pub fn ticket(&self, id: &StepId) -> Ticket {
        Ticket::new(id.clone(), self.attempt(id))
    }

    /// The step's end, as one fact.
    pub fn outcome(&mut self, id: &StepId, outcome: StepResult, end: End) -> Ruled {
        let attempt = self.attempt(id);
        let End { reason, message, mut done, by, evidence } = end;
        if done.duration_ms == 0 {
            done.duration_ms = self.taken(id);
        }
        self.fact(Fact::StepOutcome(Box::new(StepEnd {
            step: id.clone(),
            attempt,
            outcome,
            reason,
            message,
            evidence,
            by,
            done,
        })))
    }

    /// Since the step's intent, where nobody closer to the work has measured it.
    fn taken(&self, id: &StepId) -> u64 {
        let since = self.run.state(id).filter(|state| state.begun).and_then(|state| state.entered_at);
        since.map_or(0, |since| u64::try_from(self.now.duration_since(since).as_millis()).unwrap_or(0))
    }

    pub fn finish(self) -> Decision {
        self.decision
    }
}

/// What goes with an outcome.
#[derive(Default)]
pub(super) struct End {
    pub reason: Option<String>,
    pub message: String,
    pub done: Done,
    pub by: Option<Actor>,
    pub evidence: Option<super::message::EvidenceGiven>,
}

impl End {
    pub fn done(done: Done) -> Self {
        Self { done, ..Self::default() }
    }

    pub fn because(reason: &str, message: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), message: message.into(), ..Self::default() }
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self { reason: Some(failure.reason), message: failure.message, done: failure.done, ..Self::default() }
    }
}
