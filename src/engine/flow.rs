//! Where control goes after a step: success, failure, retries, gotos, the end.

use std::time::Duration;

use serde_json::json;

use super::{
    begin::baseline_ticket,
    draft::{Draft, End as Ending, Ruled},
    fact::{BEFORE_THE_ACT, Fact, RunStatus, StepResult},
    message::{Actor, Done, Effect, Refusal, Resolution, Ticket},
    state::{Lane, Phase, Run, StepState, VerifiedAct},
};
use crate::runbook::{
    model::{Action, Branch, End, EndCategory, Goto, OnFailure, Probe, Retries, Step},
    value::StepId,
};

/// The reason of a failure that only the check tells of: the act itself was never heard to end.
pub(super) const UNSEEN: &str = "unknown";

impl Draft {
    /// The act reported success: what it promised must be there, its check must hold.
    pub(super) fn succeed(&mut self, id: &StepId, done: Done) -> Ruled {
        let step = self.found(id)?.step.clone();
        let missing: Vec<_> = step.common.outputs.iter().filter(|name| !done.outputs.contains_key(*name)).collect();
        if let Some(name) = missing.first() {
            let message = format!("it ended well but did not write {name}=… to $RIPCORD_OUTPUT");
            self.outcome(id, StepResult::Failed, Ending { done, ..Ending::because("outputs", message) })?;
            return self.after_failure(id);
        }
        match &step.common.verify {
            Some(probe) => self.verify(id, probe, VerifiedAct::Reported, done),
            None => {
                self.outcome(id, StepResult::Succeeded, Ending::done(done))?;
                self.go_on(id)
            }
        }
    }

    pub(super) fn verify(&mut self, id: &StepId, probe: &Probe, act: VerifiedAct, done: Done) -> Ruled {
        let probe = self.run.rendered_probe(id, probe).map_err(Refusal)?;
        let attempt = self.attempt(id);
        self.fact(Fact::StepVerifying { step: id.clone(), attempt, act, done })?;
        let ticket = self.ticket(id);
        self.look(ticket, None, Box::new(probe));
        Ok(())
    }

    /// A look at the world with the values its step has; a script reads them from its environment.
    pub(super) fn look(&mut self, ticket: Ticket, item: Option<String>, probe: Box<Probe>) {
        let env = self.run.look_env(&ticket.step);
        self.effect(Effect::Probe { ticket, item, probe, env });
    }

    /// A step failed and its outcome stands: its own retries, then what its author said.
    pub(super) fn after_failure(&mut self, id: &StepId) -> Ruled {
        let step = self.found(id)?.step.clone();
        let state = self.run.state(id);
        let used = state.map_or(0, |state| state.retries_used);
        let reason = state.and_then(|state| state.reason.clone()).unwrap_or_else(|| "failed".into());
        let final_reason = BEFORE_THE_ACT.contains(&reason.as_str());
        if let Some(retries) = step.common.retries.as_ref().filter(|retries| used < retries.limit && !final_reason) {
            let at = self.now.checked_add(backoff(retries, used)).unwrap_or(self.now);
            return self.fact(Fact::StepRetried { step: id.clone(), by: Actor::engine(), at: Some(at) });
        }
        self.on_failure(id, &step, &reason)
    }

    pub(super) fn on_failure(&mut self, id: &StepId, step: &Step, reason: &str) -> Ruled {
        let default = if matches!(step.action, Action::Notify(_)) { OnFailure::Continue } else { OnFailure::Prompt };
        match step.common.on_failure.clone().unwrap_or(default) {
            // Nobody saw it fail: only a person lets the run go past it.
            OnFailure::Continue | OnFailure::Goto(_) if reason == UNSEEN => {
                self.fact(Fact::StepAsked { step: id.clone(), reason: reason.to_owned() })
            }
            OnFailure::Prompt => self.fact(Fact::StepAsked { step: id.clone(), reason: reason.to_owned() }),
            OnFailure::Continue => self.go_on(id),
            OnFailure::Abort => self.close(RunStatus::Failed, None),
            OnFailure::Goto(to) => self.goto(id, &to, &format!("{id} failed: {reason}")),
        }
    }

    /// Nobody knows how it ended: the check looks first, then a person. Never a guess.
    pub(super) fn unknown(&mut self, id: &StepId, message: &str) -> Ruled {
        let step = self.found(id)?.step.clone();
        if let Some(probe) = &step.common.verify {
            let done = Done { summary: message.to_owned(), ..Done::default() };
            return self.verify(id, probe, VerifiedAct::Unknown, done);
        }
        self.outcome(id, StepResult::Unknown, Ending::because("unknown", message))?;
        if matches!(step.action, Action::Notify(_)) {
            let why = "a notification is not sent twice; the run goes on".to_owned();
            self.fact(Fact::StepResolved { step: id.clone(), outcome: Resolution::Failed, by: Actor::engine(), why })?;
            return self.go_on(id);
        }
        let used = self.run.state(id).map_or(0, |state| state.retries_used);
        let limit = step.common.retries.as_ref().map_or(1, |retries| retries.limit.max(1));
        if step.common.repeatable && used < limit {
            let why = "repeatable: true".to_owned();
            self.fact(Fact::StepResolved { step: id.clone(), outcome: Resolution::Retry, by: Actor::engine(), why })?;
            return self.fact(Fact::StepRetried { step: id.clone(), by: Actor::engine(), at: Some(self.now) });
        }
        Ok(())
    }

    /// What the check saw.
    pub(super) fn verified(&mut self, id: &StepId, look: &super::message::Look) -> Ruled {
        let Phase::Verifying { act, .. } = *self.run.phase() else { return Ok(()) };
        let attempt = self.attempt(id);
        let done = self.run.state(id).and_then(|state| state.done.clone()).unwrap_or_default();
        self.fact(Fact::StepVerified { step: id.clone(), attempt, look: look.clone() })?;
        match (look.passed, act) {
            (Some(true), _) => {
                self.outcome(
                    id,
                    StepResult::Succeeded,
                    Ending { done, message: look.detail.clone(), ..Ending::default() },
                )?;
                self.go_on(id)
            }
            (None, VerifiedAct::Unknown) => {
                let message = format!("{}; and the check could not look: {}", done.summary, look.detail);
                self.outcome(id, StepResult::Unknown, Ending::because("unknown", message))
            }
            (_, VerifiedAct::Unknown) => {
                let message = format!("the check says it did not happen: {}", look.detail);
                self.outcome(id, StepResult::Failed, Ending { done, ..Ending::because(UNSEEN, message) })?;
                self.after_failure(id)
            }
            (_, VerifiedAct::Reported) => {
                self.outcome(
                    id,
                    StepResult::Failed,
                    Ending { done, ..Ending::because("verify", look.detail.clone()) },
                )?;
                self.after_failure(id)
            }
        }
    }

    /// `next`, else the following step, else the end of this list.
    pub(super) fn go_on(&mut self, id: &StepId) -> Ruled {
        let found = self.found(id)?;
        let next = found.step.common.next.clone();
        let following = found.following().map(|step| step.id().clone());
        match (next, following) {
            (Some(goto), _) => self.goto(id, &goto, "next: rollback"),
            (None, Some(step)) => self.fact(Fact::StepEntered { step: step.under(id.parent().as_ref()) }),
            (None, None) => self.finish_list(id.parent().as_ref()),
        }
    }

    pub(super) fn goto(&mut self, from: &StepId, to: &Goto, why: &str) -> Ruled {
        match to {
            Goto::Step(step) => self.fact(Fact::StepEntered { step: step.under(from.parent().as_ref()) }),
            Goto::End => self.finish_list(from.parent().as_ref()),
            Goto::Rollback if self.run.may_not_turn_back() => {
                self.fact(Fact::StepAsked { step: from.clone(), reason: why.to_owned() })
            }
            Goto::Rollback => {
                self.leave_parents(from)?;
                self.begin_lane(&Actor::engine(), why)
            }
        }
    }

    /// The last step of a list is over: the parent's end, or the run's.
    pub(super) fn finish_list(&mut self, parent: Option<&StepId>) -> Ruled {
        if let Some(parent) = parent {
            return self.succeed(parent, Done::default());
        }
        match self.run.lane() {
            Lane::Forward => self.close(RunStatus::Succeeded, None),
            Lane::Rollback => self.end_lane(None),
        }
    }

    /// The lane is through. Steps that succeeded are no proof: with a baseline the target itself is asked.
    fn end_lane(&mut self, end: Option<&End>) -> Ruled {
        if self.run.baseline().is_none() {
            return self.close_lane(None, end);
        }
        let (category, code) = parts(end);
        self.fact(Fact::RollbackVerifying { category, code })?;
        self.compare();
        Ok(())
    }

    pub(super) fn compare(&mut self) {
        if let Some(baseline) = self.run.baseline().cloned() {
            self.effect(Effect::Compare { ticket: baseline_ticket(), baseline: Box::new(baseline) });
        }
    }

    /// What the target is, held against the baseline.
    pub(super) fn compared(&mut self, look: &super::message::Look) -> Ruled {
        let Phase::Comparing(end) = self.run.phase().clone() else { return Ok(()) };
        self.fact(Fact::RollbackVerified { look: look.clone() })?;
        let amiss = (look.passed != Some(true)).then(|| format!("the baseline: {}", look.detail));
        self.close_lane(amiss, end.as_ref())
    }

    /// Somebody who was not told is left to tell, and is no less rolled back.
    fn close_lane(&mut self, amiss: Option<String>, end: Option<&End>) -> Ruled {
        let undone = self.run.rows().into_iter().any(|row| {
            row.lane == Lane::Rollback
                && !matches!(row.step.action, Action::Notify(_))
                && row.state.is_some_and(is_left)
        });
        let status = if undone || amiss.is_some() { RunStatus::RollbackIncomplete } else { RunStatus::RolledBack };
        let left = self.run.left_in(Lane::Rollback).into_iter().chain(amiss).collect();
        self.close_with(status, left, end)
    }

    pub(super) fn close(&mut self, status: RunStatus, end: Option<&End>) -> Ruled {
        let left = self.run.left_in(self.run.lane());
        self.close_with(status, left, end)
    }

    fn close_with(&mut self, status: RunStatus, left: Vec<String>, end: Option<&End>) -> Ruled {
        let (category, code) = parts(end);
        self.fact(Fact::RunClosed { status, category, code, left })
    }

    pub(super) fn branch(&mut self, id: &StepId, branch: &Branch) -> Ruled {
        let mut to = &branch.default;
        for choice in &branch.choices {
            match self.run.truth(id, &choice.when) {
                Ok(true) => {
                    to = &choice.goto;
                    break;
                }
                Ok(false) => {}
                Err(why) => return self.fail_before(id, "render", format!("when: {why}")),
            }
        }
        let mut done = Done { summary: format!("→ {}", String::from(to.clone())), ..Done::default() };
        done.outputs.insert("goto".into(), json!(String::from(to.clone())));
        self.outcome(id, StepResult::Succeeded, Ending::done(done))?;
        self.goto(id, to, &format!("branch {id}"))
    }

    pub(super) fn end(&mut self, id: &StepId, end: &End) -> Ruled {
        let mut done = Done { summary: end_words(end), ..Done::default() };
        if let Some(code) = &end.code {
            done.outputs.insert("code".into(), json!(code));
        }
        self.outcome(id, StepResult::Succeeded, Ending::done(done.clone()))?;
        if let Some(parent) = id.parent() {
            return self.succeed(&parent, done);
        }
        match (self.run.lane(), end.category) {
            (Lane::Rollback, _) => self.end_lane(Some(end)),
            (Lane::Forward, EndCategory::Escalated) => self.close(RunStatus::Failed, Some(end)),
            (Lane::Forward, _) => self.close(RunStatus::Succeeded, Some(end)),
        }
    }
}

impl Run {
    /// By itself: a person is asked instead.
    fn may_not_turn_back(&self) -> bool {
        self.lane() == Lane::Rollback || self.is_read_only() || self.wishes.ask_before_way_back
    }

    /// Steps of a lane that did not succeed although the run went past them; skipped by a rule does not count.
    pub(super) fn left_in(&self, lane: Lane) -> Vec<String> {
        let mut left = Vec::new();
        for row in self.rows().into_iter().filter(|row| row.lane == lane) {
            let Some(state) = row.state else { continue };
            if let Some(outcome) = state.outcome.filter(|_| is_left(state)) {
                left.push(format!("{} {}", row.id, outcome.word()));
            }
        }
        left
    }

    pub(super) fn rendered_probe(&self, id: &StepId, probe: &Probe) -> Result<Probe, String> {
        let found = super::path::find(self.book(), id).ok_or_else(|| format!("there is no step {id}"))?;
        let ids = super::scope::leaf_ids(found.book);
        let value = serde_json::to_value(probe).map_err(|error| error.to_string())?;
        let value = super::scope::fill_probe(&value, &self.scope(id, self.selected.as_ref()), &ids);
        serde_json::from_value(value.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }
}

fn parts(end: Option<&End>) -> (Option<EndCategory>, Option<String>) {
    end.map_or((None, None), |end| (Some(end.category), end.code.clone()))
}

fn is_left(state: &StepState) -> bool {
    match state.outcome {
        None | Some(StepResult::Succeeded) => false,
        Some(StepResult::Skipped) => !state.by_rule,
        Some(_) => true,
    }
}

fn end_words(end: &End) -> String {
    let category =
        serde_json::to_value(end.category).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    match &end.code {
        Some(code) => format!("{category}: {code}"),
        None => category,
    }
}

/// `duration × factor^used`, at most `maxDuration`.
fn backoff(retries: &Retries, used: u32) -> Duration {
    let grown =
        retries.backoff.duration.get().as_secs_f64() * retries.backoff.factor.max(0.0).powi(used.min(64) as i32);
    let cap = retries.backoff.max_duration.map_or(86_400.0, |max| max.get().as_secs_f64());
    Duration::from_secs_f64(grown.min(cap).max(0.0))
}
