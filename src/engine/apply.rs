//! The only mutation: one fact into the run. Refuses the impossible, live and while replaying alike.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    fact::{Fact, Intent, Opened, RunStatus, SampleVerdict, StepEnd, StepResult},
    message::{Resolution, Ticket, Via},
    state::{AfterCancel, GateState, GuardState, ItemState, Lane, Phase, Run, Sample, StepState, StepStatus},
};
use crate::runbook::{
    model::{Action, End, Risk},
    value::StepId,
};

/// A fact that cannot follow what stands before it. The trail is broken, or there is a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this cannot have happened: {0}; the trail is damaged, see `ripcord trail verify`")]
pub struct Corrupt(pub String);

fn corrupt<T>(text: impl Into<String>) -> Result<T, Corrupt> {
    Err(Corrupt(text.into()))
}

impl Run {
    /// A run as its first fact says.
    pub fn open(at: Timestamp, opened: Opened) -> Self {
        let guards = vec![GuardState::default(); super::path::guards(&opened.runbook).len()];
        Self {
            read_only: opened.read_only,
            opened: Arc::new(opened),
            started: false,
            status: RunStatus::Open,
            lane: Lane::Forward,
            at: None,
            phase: Phase::Idle,
            steps: Default::default(),
            baseline: None,
            writes_begun: false,
            break_glass: None,
            guards,
            rollback: None,
            end: None,
            left: Vec::new(),
            closed_at: None,
            last_at: at,
            selected: None,
            wishes: Default::default(),
            in_flight: Default::default(),
        }
    }

    /// The run as its trail tells it.
    pub fn replay<'a>(facts: impl IntoIterator<Item = &'a (Timestamp, Fact)>) -> Result<Self, Corrupt> {
        let mut facts = facts.into_iter();
        let Some((at, Fact::RunOpened(opened))) = facts.next() else {
            return corrupt("a trail that does not begin with run.opened");
        };
        let mut run = Self::open(*at, (**opened).clone());
        for (at, fact) in facts {
            run.apply(*at, fact)?;
        }
        Ok(run)
    }

    /// Takes one fact in.
    pub fn apply(&mut self, at: Timestamp, fact: &Fact) -> Result<(), Corrupt> {
        if self.is_closed() && !matches!(fact, Fact::AnchorMade { .. } | Fact::AuditGap { .. }) {
            return corrupt(format!("{} after run.closed", fact.kind()));
        }
        self.last_at = self.last_at.max(at);
        match fact {
            Fact::RunOpened(_) => corrupt("run.opened twice"),
            Fact::RunStarted { .. } => {
                self.started = true;
                Ok(())
            }
            Fact::RunResumed { read_only, .. } => {
                self.read_only = self.opened.read_only || *read_only;
                self.selected = None;
                if self.phase == Phase::Capturing {
                    self.phase = Phase::Entered;
                }
                self.in_flight.clear();
                Ok(())
            }
            Fact::RunClosed { status, category, code, left } => {
                self.status = *status;
                self.end = category.map(|category| (category, code.clone()));
                self.left.clone_from(left);
                self.closed_at = Some(at);
                self.phase = Phase::Idle;
                Ok(())
            }
            Fact::BaselineCaptured { baseline } => {
                self.baseline = Some(baseline.clone());
                Ok(())
            }
            Fact::RollbackBegan { .. } | Fact::RollbackVerifying { .. } | Fact::RollbackVerified { .. } => {
                self.apply_way_back(at, fact)
            }
            Fact::BreakGlassUsed { .. } | Fact::CalendarClosed { .. } => {
                self.apply_calendar(fact);
                Ok(())
            }
            Fact::GuardSample { .. }
            | Fact::GuardTripped { .. }
            | Fact::GuardDismissed { .. }
            | Fact::GuardRecovered { .. } => self.apply_guard(at, fact),
            Fact::NoteAdded { .. }
            | Fact::RunDetached { .. }
            | Fact::TargetChecked { .. }
            | Fact::ShellRecorded { .. }
            | Fact::SecretRevealed { .. }
            | Fact::AuditGap { .. }
            | Fact::TrailRecovered { .. }
            | Fact::AnchorMade { .. } => Ok(()),
            step => self.apply_step(at, step),
        }
    }

    fn apply_way_back(&mut self, at: Timestamp, fact: &Fact) -> Result<(), Corrupt> {
        match fact {
            Fact::RollbackBegan { .. } if self.lane == Lane::Rollback => return corrupt("rollback.began twice"),
            Fact::RollbackBegan { by, why } => {
                self.lane = Lane::Rollback;
                self.rollback = Some((by.clone(), why.clone(), at));
            }
            Fact::RollbackVerifying { category, code } => {
                let end = category.map(|category| End { category, code: code.clone() });
                self.phase = Phase::Comparing(end);
            }
            _ => self.phase = Phase::Idle,
        }
        Ok(())
    }

    fn apply_calendar(&mut self, fact: &Fact) {
        match fact {
            Fact::BreakGlassUsed { why, .. } => {
                self.break_glass = Some(why.clone());
                if matches!(self.phase, Phase::CalendarClosed(_)) {
                    self.phase = Phase::Entered;
                }
            }
            Fact::CalendarClosed { reason } => self.phase = Phase::CalendarClosed(reason.clone()),
            _ => {}
        }
    }

    fn apply_step(&mut self, at: Timestamp, fact: &Fact) -> Result<(), Corrupt> {
        match fact {
            Fact::StepEntered { step } => self.entered(at, step),
            Fact::StepConfirmed { step, selected, .. } => {
                self.must_be_at(step, "step.confirmed")?;
                self.selected.clone_from(selected);
                self.phase = Phase::Capturing;
                Ok(())
            }
            Fact::StepDeclined { step, .. } => self.ask_person(step, "declined"),
            Fact::StepIntent(intent) => self.intended(at, intent),
            Fact::StepStarted { step, started, .. } => {
                self.state_mut(step)?.started = Some(started.clone());
                Ok(())
            }
            Fact::StepCancelling { step, attempt, then, .. } => {
                self.must_be_at(step, "step.cancelling")?;
                self.phase = Phase::Cancelling { ticket: Ticket::new(step.clone(), *attempt), then: *then };
                Ok(())
            }
            Fact::StepVerifying { step, attempt, act, done } => {
                self.must_be_at(step, "step.verifying")?;
                let state = self.state_mut(step)?;
                state.done = Some(done.clone());
                state.status = StepStatus::Running;
                self.phase = Phase::Verifying { ticket: Ticket::new(step.clone(), *attempt), act: *act };
                Ok(())
            }
            Fact::StepVerified { step, look, .. } => {
                self.state_mut(step)?.verified = Some(look.clone());
                Ok(())
            }
            Fact::StepOutcome(end) => self.ended(at, end),
            Fact::StepResolved { step, outcome, .. } => self.resolved(at, step, *outcome),
            Fact::StepSkipped { step, why, by } => {
                self.must_be_at(step, "step.skipped")?;
                let state = self.state_mut(step)?;
                state.by_rule = by.is_none();
                state.outcome = Some(StepResult::Skipped);
                state.status = StepStatus::Done;
                state.message.clone_from(why);
                state.ended_at = Some(at);
                self.phase = Phase::Idle;
                Ok(())
            }
            Fact::StepRetried { step, by, at: not_before } => {
                self.must_be_at(step, "step.retried")?;
                let state = self.state_mut(step)?;
                state.status = StepStatus::Waiting;
                if by.via == Via::Engine {
                    state.retries_used += 1;
                }
                self.phase = not_before.map_or(Phase::Entered, Phase::RetryAt);
                Ok(())
            }
            Fact::StepAsked { step, reason } => self.ask_person(step, reason),
            people => self.apply_people(at, people),
        }
    }

    fn apply_people(&mut self, at: Timestamp, fact: &Fact) -> Result<(), Corrupt> {
        match fact {
            Fact::ChecklistTicked { step, item, state, by, detail } => {
                let item_state = ItemState { tick: *state, detail: detail.clone(), by: by.clone(), at };
                self.state_mut(step)?.ticks.insert(item.clone(), item_state);
            }
            Fact::InputGiven { step, values, .. } => self.state_mut(step)?.outputs.clone_from(values),
            Fact::DecisionMade { step, option, .. } => self.state_mut(step)?.choice = Some(option.clone()),
            Fact::ApprovalAsked { step, until, .. } => self.state_mut(step)?.approval_until = *until,
            Fact::ApprovalGiven { step, by, note } => {
                self.state_mut(step)?.approvals.push((by.clone(), note.clone()));
            }
            Fact::GateBegan { step, at: began, .. } => {
                // answers still on their way belong to the old hold
                self.in_flight.retain(|(ticket, ..)| &ticket.step != step);
                let state = self.state_mut(step)?;
                let first_began = state.gate.as_ref().map_or(*began, |gate| gate.first_began);
                state.gate = Some(GateState { began: *began, first_began, samples: Default::default() });
            }
            Fact::GateSample { step, metric, slot, reading, verdict, .. } => {
                self.in_flight.retain(|(ticket, key, asked)| (&ticket.step, key, asked) != (step, metric, slot));
                let Some(gate) = self.state_mut(step)?.gate.as_mut() else {
                    return corrupt(format!("gate.sample of {step} without gate.began"));
                };
                let sample = Sample { slot: *slot, reading: reading.clone(), verdict: *verdict, heard: at };
                let samples = gate.samples.entry(metric.clone()).or_default();
                match samples.binary_search_by_key(slot, |other| other.slot) {
                    // asked again, since nobody could be asked then
                    Ok(place) => samples[place] = sample,
                    Err(place) => samples.insert(place, sample),
                }
            }
            // Words for people; the outcome that follows carries the state.
            _ => {}
        }
        Ok(())
    }

    fn apply_guard(&mut self, at: Timestamp, fact: &Fact) -> Result<(), Corrupt> {
        let (Fact::GuardSample { guard: index, .. }
        | Fact::GuardTripped { guard: index, .. }
        | Fact::GuardDismissed { guard: index, .. }
        | Fact::GuardRecovered { guard: index, .. }) = fact
        else {
            return corrupt("not a guard's fact");
        };
        if let Fact::GuardSample { slot, .. } = fact {
            self.in_flight.retain(|(ticket, _, asked)| ticket.guard_index() != Some(*index) || asked != slot);
        }
        let Some(guard) = self.guards.get_mut(*index) else {
            return corrupt(format!("guard {index}, and the runbook has none such"));
        };
        match fact {
            Fact::GuardSample { slot, reading, verdict, .. } => {
                match verdict {
                    SampleVerdict::Failed => guard.failures += 1,
                    SampleVerdict::Successful => guard.failures = 0,
                    SampleVerdict::Inconclusive | SampleVerdict::Error => {}
                }
                guard.last = Some(Sample { slot: *slot, reading: reading.clone(), verdict: *verdict, heard: at });
            }
            Fact::GuardTripped { detail, .. } => guard.tripped = Some(detail.clone()),
            Fact::GuardDismissed { .. } => guard.dismissed = true,
            _ => (guard.tripped, guard.dismissed, guard.failures) = (None, false, 0),
        }
        Ok(())
    }

    fn entered(&mut self, at: Timestamp, step: &StepId) -> Result<(), Corrupt> {
        let Some(found) = super::path::find(self.book(), step) else {
            return corrupt(format!("step {step} is not in the runbook"));
        };
        if matches!(self.phase, Phase::Unknown | Phase::Cancelling { .. }) {
            return corrupt(format!("{step} was entered while another step was not over"));
        }
        if found.lane != self.lane {
            return corrupt(format!("{step} was entered from the other lane"));
        }
        let state = Arc::make_mut(self.steps.entry(step.clone()).or_default());
        state.visits += 1;
        state.status = StepStatus::Waiting;
        state.entered_at = Some(at);
        (state.outcome, state.ended_at, state.verified, state.gate, state.done) = (None, None, None, None, None);
        (state.reason, state.begun, state.retries_used) = (None, false, 0);
        state.message.clear();
        state.ticks.clear();
        state.approvals.clear();
        self.at = Some(step.clone());
        self.phase = Phase::Entered;
        self.selected = None;
        Ok(())
    }

    fn intended(&mut self, at: Timestamp, intent: &Intent) -> Result<(), Corrupt> {
        self.must_be_at(&intent.step, "step.intent")?;
        if matches!(self.phase, Phase::Busy(_) | Phase::Unknown | Phase::Verifying { .. } | Phase::Cancelling { .. }) {
            return corrupt(format!("a second intent of {} while the first has no end", intent.step));
        }
        let forward_write = self.lane == Lane::Forward && intent.risk >= Risk::Write;
        if forward_write && !matches!(intent.action, Action::Runbook(_)) && !self.writes_begun {
            self.writes_begun = true;
            for guard in &mut self.guards {
                guard.armed_at = Some(at);
            }
        }
        self.count_confirming(at, &intent.step);
        let waits = intent.action.is_for_people() || matches!(intent.action, Action::Wait(_));
        let state = Arc::make_mut(self.steps.entry(intent.step.clone()).or_default());
        state.attempts = intent.attempt;
        state.begun = true;
        state.status = if waits { StepStatus::Waiting } else { StepStatus::Running };
        state.intent = Some(Arc::new(intent.clone()));
        (state.outcome, state.done, state.started, state.gate) = (None, None, None, None);
        (state.entered_at, state.confirming) = (Some(at), SignedDuration::ZERO);
        self.phase = Phase::Busy(Ticket::new(intent.step.clone(), intent.attempt));
        self.selected = None;
        Ok(())
    }

    /// The limits of the nested runbooks around a step stand still while its confirmation is waited for.
    fn count_confirming(&mut self, at: Timestamp, step: &StepId) {
        let asked = matches!(self.phase, Phase::Entered | Phase::Capturing);
        let since = self.state(step).and_then(|state| state.ended_at.max(state.entered_at)).filter(|_| asked);
        let waited = since.map_or(SignedDuration::ZERO, |since| at.duration_since(since));
        for around in std::iter::successors(step.parent(), StepId::parent) {
            if let Some(state) = self.steps.get_mut(&around) {
                Arc::make_mut(state).confirming += waited;
            }
        }
    }

    fn ended(&mut self, at: Timestamp, end: &StepEnd) -> Result<(), Corrupt> {
        let is_parent = self.at.as_ref().is_some_and(|current| is_inside(current, &end.step));
        if !is_parent {
            self.must_be_at(&end.step, "step.outcome")?;
            let legal = match self.phase {
                Phase::Busy(_) | Phase::Verifying { .. } | Phase::Cancelling { .. } => true,
                Phase::Idle | Phase::Unknown => false,
                _ => end.is_unattempted(),
            };
            if !legal {
                return corrupt(format!("an outcome of {} without an intent", end.step));
            }
        }
        let leaves = matches!(self.phase, Phase::Cancelling { then: AfterCancel::Lane | AfterCancel::Abort, .. });
        let unknown = end.outcome == StepResult::Unknown && !leaves;
        let state = self.state_mut(&end.step)?;
        state.outcome = Some(end.outcome);
        state.status = if unknown { StepStatus::Waiting } else { StepStatus::Done };
        state.reason.clone_from(&end.reason);
        state.message.clone_from(&end.message);
        state.ended_at = Some(at);
        for (name, value) in &end.done.outputs {
            state.outputs.insert(name.clone(), value.clone());
        }
        state.done = Some(end.done.clone());
        self.in_flight.retain(|(ticket, ..)| ticket.step != end.step);
        self.at = Some(end.step.clone());
        self.phase = if unknown { Phase::Unknown } else { Phase::Idle };
        Ok(())
    }

    fn resolved(&mut self, at: Timestamp, step: &StepId, outcome: Resolution) -> Result<(), Corrupt> {
        self.must_be_at(step, "step.resolved")?;
        let state = self.state_mut(step)?;
        state.outcome = match outcome {
            Resolution::Succeeded => Some(StepResult::Succeeded),
            Resolution::Failed => Some(StepResult::Failed),
            Resolution::Retry => state.outcome,
        };
        state.status = StepStatus::Done;
        state.ended_at = Some(at);
        self.phase = Phase::Idle;
        Ok(())
    }

    fn ask_person(&mut self, step: &StepId, reason: &str) -> Result<(), Corrupt> {
        self.must_be_at(step, "step.asked")?;
        let state = self.state_mut(step)?;
        state.status = StepStatus::Waiting;
        state.reason.get_or_insert_with(|| reason.to_owned());
        self.phase = Phase::Asked;
        Ok(())
    }

    fn must_be_at(&self, step: &StepId, what: &str) -> Result<(), Corrupt> {
        if self.at.as_ref() == Some(step) {
            return Ok(());
        }
        let at = self.at.as_ref().map_or("no step", StepId::as_str);
        corrupt(format!("{what} of {step} while the run is at {at}"))
    }

    fn state_mut(&mut self, step: &StepId) -> Result<&mut StepState, Corrupt> {
        match self.steps.get_mut(step) {
            Some(state) => Ok(Arc::make_mut(state)),
            None => corrupt(format!("a fact about {step}, where the run has never been")),
        }
    }
}

/// `a/b` lies inside `a`.
pub(super) fn is_inside(step: &StepId, parent: &StepId) -> bool {
    step.as_str().strip_prefix(parent.as_str()).is_some_and(|rest| rest.starts_with('/'))
}
