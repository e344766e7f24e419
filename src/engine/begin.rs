//! Control has come to a step: is it wanted, may it go ahead, what stands before it.

use super::{
    draft::{Draft, End, Ruled},
    fact::{Fact, Intent, StepResult},
    flow::UNSEEN,
    message::{Actor, Effect, Refusal, Selected, Via},
    path,
    state::{Lane, Phase, Run, VerifiedAct},
};
use crate::runbook::{
    calendar,
    model::{Action, BaselineSpec, Confirm, OnClosed, Risk, Step},
    value::StepId,
};

/// What a step asks before it acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Nothing,
    Key,
    /// This word must be typed.
    Word(String),
}

impl Run {
    /// From risk × protected, or as the author said. In the lane the one confirmation of the ripcord covers all.
    pub(super) fn asks_before(&self, id: &StepId, step: &Step) -> Asks {
        if self.lane == Lane::Rollback {
            return Asks::Nothing;
        }
        let wished = if self.wishes.ask_before.contains(id) { Asks::Key } else { Asks::Nothing };
        if matches!(step.action, Action::Runbook(_)) {
            return wished;
        }
        let word = || {
            let context = &self.opened.target.context;
            Asks::Word(if context.is_empty() { self.book().metadata.name.clone() } else { context.clone() })
        };
        match (step.common.confirm, step.risk()) {
            // It is asked, so that it can be refused: a read-only run starts nothing that writes.
            (_, risk) if self.read_only && risk >= Risk::Write => Asks::Key,
            (Confirm::None, _) | (Confirm::Auto, Risk::Read) => wished,
            (Confirm::Type, _) => word(),
            (Confirm::Auto, Risk::Destructive) if self.opened.target.protected => word(),
            (Confirm::Key | Confirm::Auto, _) => Asks::Key,
        }
    }

    fn must_capture(&self, step: &Step) -> Option<BaselineSpec> {
        if self.lane == Lane::Rollback || self.writes_begun || self.baseline.is_some() || step.risk() < Risk::Write {
            return None;
        }
        self.book().baseline.clone().filter(|spec| !matches!(spec, BaselineSpec::None(_)))
    }
}

impl Draft {
    pub(super) fn enter_first(&mut self, lane: Lane) -> Ruled {
        match self.run.lane_steps(lane).first().map(|step| step.id().clone()) {
            Some(step) => self.fact(Fact::StepEntered { step }),
            None => self.finish_list(None),
        }
    }

    /// Begins the step control is at. False where it must wait for somebody.
    pub(super) fn begin(&mut self) -> Ruled<bool> {
        let Some(id) = self.run.current().cloned() else { return Ok(false) };
        let step = self.found(&id)?.step.clone();
        let begun = self.run.state(&id).is_some_and(|state| state.begun);
        if let Some(when) = step.common.when.as_deref().filter(|_| !begun) {
            match self.run.truth(&id, when) {
                Ok(true) => {}
                Ok(false) => {
                    self.fact(Fact::StepSkipped { step: id.clone(), why: format!("when: {when}"), by: None })?;
                    self.go_on(&id)?;
                    return Ok(true);
                }
                Err(why) => return self.fail_before(&id, "render", format!("when: {why}")).map(|()| true),
            }
        }
        if self.run.lane() == Lane::Rollback && matches!(step.action, Action::Approval(_)) {
            let why = "the way back waits for no approval".to_owned();
            self.fact(Fact::StepSkipped { step: id.clone(), why, by: None })?;
            return self.go_on(&id).map(|()| true);
        }
        let asks = self.run.asks_before(&id, &step);
        let intent = match self.run.intent_for(&id, None) {
            Ok(intent) => intent,
            // What is selected comes with the confirmation; until then the preview cannot be whole.
            Err(why) if asks != Asks::Nothing && why.contains("selected") => return Ok(false),
            Err(why) => return self.fail_before(&id, "render", why).map(|()| true),
        };
        if let Some(moved) = self.ask_calendar(&id, &step)? {
            return Ok(moved);
        }
        if asks != Asks::Nothing {
            return Ok(false);
        }
        if let Some(spec) = self.run.must_capture(&step) {
            let by = Actor::engine();
            self.fact(Fact::StepConfirmed { step: id.clone(), by, typed: None, selected: None })?;
            self.effect(Effect::Capture { ticket: baseline_ticket(), spec });
            return Ok(false);
        }
        self.perform(intent).map(|()| true)
    }

    /// The calendar is asked before each forward write. `None`: it is open.
    fn ask_calendar(&mut self, id: &StepId, step: &Step) -> Ruled<Option<bool>> {
        if self.run.lane() == Lane::Rollback || self.run.break_glass().is_some() || step.risk() < Risk::Write {
            return Ok(None);
        }
        if matches!(step.action, Action::Runbook(_)) {
            return Ok(None); // its own steps are asked
        }
        let Some(calendar) = &self.run.book().calendar else { return Ok(None) };
        let Some(reason) = calendar::closed(calendar, self.now) else { return Ok(None) };
        match calendar.on_closed {
            OnClosed::BreakGlass => self.fact(Fact::CalendarClosed { reason })?,
            OnClosed::Refuse => self.fail_before(id, "calendar", format!("the change calendar is closed: {reason}"))?,
        }
        Ok(Some(true))
    }

    /// A step that cannot even be attempted: no intent stands, nothing was sent.
    pub(super) fn fail_before(&mut self, id: &StepId, reason: &str, message: impl Into<String>) -> Ruled {
        self.outcome(id, StepResult::Failed, End::because(reason, message))?;
        self.after_failure(id)
    }

    pub(super) fn confirm(
        &mut self,
        by: &Actor,
        id: &StepId,
        typed: Option<&str>,
        selected: Option<&Selected>,
    ) -> Ruled {
        self.must_be_current(id)?;
        match self.run.phase() {
            Phase::Entered => {}
            Phase::Capturing => return Err(Refusal::new("confirmed already; the baseline is being read")),
            Phase::CalendarClosed(reason) => return Err(Refusal::new(format!("the calendar is closed: {reason}"))),
            _ => return Err(Refusal::new(format!("{id} does not wait for a confirmation"))),
        }
        let step = self.found(id)?.step.clone();
        if self.run.is_read_only() && step.risk() >= Risk::Write {
            return Err(Refusal::new("this run is read-only: nothing that writes is started (--read-only)"));
        }
        // Nothing will ever be selected where there is no pods pane; a person at one is asked to select.
        if by.via == Via::Answers
            && let Err(why) = self.run.intent_for(id, selected)
        {
            return self.fail_before(id, "render", why);
        }
        if let Asks::Word(word) = self.run.asks_before(id, &step)
            && typed != Some(word.as_str())
        {
            return Err(Refusal::new(format!("type {word} to go ahead")));
        }
        let intent = self.run.intent_for(id, selected).map_err(Refusal)?;
        self.fact(Fact::StepConfirmed {
            step: id.clone(),
            by: by.clone(),
            typed: typed.map(str::to_owned),
            selected: selected.cloned(),
        })?;
        match self.run.must_capture(&step) {
            Some(spec) => self.effect(Effect::Capture { ticket: baseline_ticket(), spec }),
            None => self.perform(intent)?,
        }
        Ok(())
    }

    pub(super) fn decline(&mut self, by: &Actor, id: &StepId) -> Ruled {
        self.must_be_current(id)?;
        if self.run.phase() != &Phase::Entered {
            return Err(Refusal::new(format!("{id} does not wait for a confirmation")));
        }
        self.fact(Fact::StepDeclined { step: id.clone(), by: by.clone() })
    }

    /// The baseline was read; what was confirmed still has to be what will be done.
    pub(super) fn captured(&mut self, result: &Result<super::fact::Baseline, String>) -> Ruled {
        if self.run.phase() != &Phase::Capturing {
            return Ok(());
        }
        let Some(id) = self.run.current().cloned() else { return Ok(()) };
        let baseline = match result {
            Ok(baseline) => baseline.clone(),
            Err(why) => {
                let message = format!("the baseline cannot be read, and without it there is no safe way back: {why}");
                return self.fail_before(&id, "baseline", message);
            }
        };
        let before = self.run.intent_for(&id, None).map_err(Refusal)?;
        self.fact(Fact::BaselineCaptured { baseline })?;
        let after = match self.run.intent_for(&id, None) {
            Ok(after) => after,
            Err(why) => return self.fail_before(&id, "render", why),
        };
        if before == after {
            return self.perform(after);
        }
        let why = "the target changed between the preview and the act; look at it again".to_owned();
        self.fact(Fact::StepRetried { step: id.clone(), by: Actor::system("ripcord", Via::Console), at: None })?;
        self.fact(Fact::NoteAdded { by: Actor::engine(), text: why })
    }

    /// A failed check is looked at again; anything else is attempted again.
    pub(super) fn begin_retry(&mut self) -> Ruled<bool> {
        let Some(id) = self.run.current().cloned() else { return Ok(false) };
        let step = self.found(&id)?.step.clone();
        let act = match self.run.state(&id).and_then(|state| state.reason.as_deref()) {
            Some("verify") => Some(VerifiedAct::Reported),
            Some(UNSEEN) => Some(VerifiedAct::Unknown),
            _ => None,
        };
        if let Some(act) = act.filter(|_| !step.common.repeatable) {
            return self.look_again(&id, &step, act).map(|()| true);
        }
        if self.run.is_read_only() && step.risk() >= Risk::Write {
            return self.fact(Fact::StepAsked { step: id, reason: "read-only".into() }).map(|()| true);
        }
        let intent = match self.run.intent_for(&id, None) {
            Ok(intent) => intent,
            Err(why) => return self.fail_before(&id, "render", why).map(|()| true),
        };
        self.perform(intent).map(|()| true)
    }

    fn look_again(&mut self, id: &StepId, step: &Step, act: VerifiedAct) -> Ruled {
        let done = self.run.state(id).and_then(|state| state.done.clone()).unwrap_or_default();
        match &step.common.verify {
            Some(probe) => self.verify(id, probe, act, done),
            None => Err(Refusal::new(format!("{id} has no check to repeat"))),
        }
    }

    /// Records the intent; only then may the effect start.
    pub(super) fn perform(&mut self, intent: Intent) -> Ruled {
        let (id, action) = (intent.step.clone(), intent.action.clone());
        let (env, timeout) = (intent.env.clone(), intent.timeout);
        self.fact(Fact::StepIntent(Box::new(intent)))?;
        let ticket = self.ticket(&id);
        match &action {
            Action::Run(_)
            | Action::Http(_)
            | Action::Kubernetes(_)
            | Action::Helm(_)
            | Action::PortForward(_)
            | Action::Notify(_) => {
                self.effect(Effect::Perform { ticket, action: Box::new(action), env, timeout });
                Ok(())
            }
            Action::Runbook(_) => self.enter_nested(&id),
            Action::Branch(branch) => self.branch(&id, branch),
            Action::End(end) => self.end(&id, end),
            Action::Analysis(_) => self.begin_gate(&id),
            Action::Wait(_) => Ok(()),
            Action::Checklist(_) => self.look_at_items(&id),
            Action::Approval(approval) => self.ask_approval(&id, approval),
            Action::Manual(_) | Action::Decision(_) | Action::Input(_) => Ok(()),
        }
    }

    fn enter_nested(&mut self, id: &StepId) -> Ruled {
        let first = match path::find(self.run.book(), id).map(|found| &found.step.action) {
            Some(Action::Runbook(nested)) => nested.book.as_ref().and_then(|book| book.steps.first()),
            _ => None,
        };
        match first.map(|step| step.id().under(Some(id))) {
            Some(step) => self.fact(Fact::StepEntered { step }),
            None => self.finish_list(Some(id)),
        }
    }
}

pub(super) fn baseline_ticket() -> super::message::Ticket {
    super::message::Ticket::new("baseline", 0)
}
