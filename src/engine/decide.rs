//! From (run, input, time) to a decision. Dispatch only; the rules are in the files beside.

use jiff::Timestamp;

use super::{
    draft::{Draft, Ruled},
    fact::Fact,
    message::{Actor, Command, Decision, Input, Refusal},
    state::{Lane, Phase, Run},
};

impl Run {
    /// What follows from an input at a time. Pure: nothing has happened yet.
    pub fn decide(&self, now: Timestamp, input: &Input) -> Result<Decision, Refusal> {
        if self.is_closed() {
            return match input {
                Input::Command { .. } => Err(Refusal::new("this run is closed; `ripcord run` opens a new one")),
                _ => Ok(Decision::default()),
            };
        }
        let mut draft = Draft::new(self, now);
        match input {
            Input::Command { by, command } => draft.command(by, command)?,
            Input::Report { ticket, report } => draft.report(ticket, report)?,
            Input::Clock => {}
        }
        draft.settle()?;
        Ok(draft.finish())
    }
}

impl Draft {
    fn command(&mut self, by: &Actor, command: &Command) -> Ruled {
        match command {
            Command::Start => self.start(by),
            Command::Resume { host, pid, read_only } => self.resume(by, host, *pid, *read_only),
            Command::Note { text } if text.trim().is_empty() => Err(Refusal::new("an empty note says nothing")),
            Command::Note { text } => self.fact(Fact::NoteAdded { by: by.clone(), text: text.clone() }),
            Command::Detach { why } => self.fact(Fact::RunDetached { by: by.clone(), why: why.clone() }),
            Command::Record { fact } => self.record(fact),
            _ if !self.run.is_started() => match command {
                Command::Rollback { why } if self.run.opened().rollback_of.is_some() => {
                    self.fact(Fact::RunStarted { by: by.clone() })?;
                    self.begin_lane(by, why)
                }
                Command::Abort { why } | Command::Rollback { why } => self.abort(by, why),
                Command::BreakGlass { why } => self.break_glass(by, why),
                _ => Err(Refusal::new("the run has not begun: press r to start")),
            },
            Command::Rollback { why } => self.pull_ripcord(by, why),
            Command::Abort { why } => self.abort(by, why),
            Command::DismissGuard { guard, why } => self.dismiss_guard(by, *guard, why),
            Command::BreakGlass { why } => self.break_glass(by, why),
            Command::Confirm { step, typed, selected } => self.confirm(by, step, typed.as_deref(), selected.as_ref()),
            Command::Decline { step } => self.decline(by, step),
            Command::Retry { step } => self.retry(by, step),
            Command::Skip { step, why } => self.skip(by, step, why),
            Command::Resolve { step, outcome, why } => self.resolve(by, step, *outcome, why),
            people => self.people(by, people),
        }
    }

    fn start(&mut self, by: &Actor) -> Ruled {
        if self.run.is_started() {
            return Err(Refusal::new("the run has begun already"));
        }
        self.fact(Fact::RunStarted { by: by.clone() })?;
        if self.run.opened().rollback_of.is_some() {
            return self.begin_lane(by, "the way back of an earlier run");
        }
        self.enter_first(Lane::Forward)
    }

    /// Only facts that state something beside the steps may be recorded from outside.
    fn record(&mut self, fact: &Fact) -> Ruled {
        match fact {
            Fact::ShellRecorded { .. }
            | Fact::SecretRevealed { .. }
            | Fact::TargetChecked { .. }
            | Fact::AnchorMade { .. }
            | Fact::TrailRecovered { .. }
            | Fact::AuditGap { .. } => self.fact(fact.clone()),
            other => Err(Refusal::new(format!("{} follows from a decision, not from a wish", other.kind()))),
        }
    }

    /// Goes on with whatever needs nobody, until something has to be waited for.
    pub(super) fn settle(&mut self) -> Ruled {
        // Every pass drafts a fact or stops; a cycle without a person is refused at load, so this ends.
        for _ in 0..10_000 {
            if self.run.is_closed() || !self.run.is_started() {
                return Ok(());
            }
            if self.over_time()? {
                continue;
            }
            let moved = match self.run.phase().clone() {
                Phase::Entered => self.begin()?,
                Phase::RetryAt(at) if self.now >= at => self.begin_retry()?,
                Phase::Busy(ticket) => self.tick(&ticket)?,
                Phase::CalendarClosed(_)
                | Phase::Capturing
                | Phase::Comparing(_)
                | Phase::RetryAt(_)
                | Phase::Verifying { .. }
                | Phase::Asked
                | Phase::Unknown
                | Phase::Cancelling { .. }
                | Phase::Idle => false,
            };
            if !moved {
                return self.watch_guards();
            }
        }
        Err(Refusal::new("the runbook goes round without end; stop it with z and report this"))
    }
}
