//! The headless loop: hear, answer, print; until the run ends or asks something nobody answers.

use std::{io::Stdout, time::Duration};

use tokio::time::sleep;

use super::{
    Fault, clock,
    console::eyes,
    exit::{self, Left},
    open::Live,
    say,
};
use crate::{
    audit::requests,
    cli::{Headless, OnPrompt, Output},
    engine::{Actor, Command, Input, message::Via},
    headless::{Policy, Reply, Reporter},
    observe::Observation,
    runbook::model::Action,
    session::SessionError,
};

struct Loop {
    live: Live,
    policy: Policy,
    reporter: Reporter<Stdout>,
    on_prompt: OnPrompt,
    left: Option<Left>,
    /// Why the last command changed nothing.
    refused: Option<String>,
}

/// Drives a run by policy; the exit code says how it ended.
pub async fn drive(live: Live, policy: Policy, flags: &Headless, command: Option<Command>) -> Result<u8, Fault> {
    let reporter = Reporter::new(std::io::stdout(), flags.output == Output::Json, live.redactor.clone());
    let mut this = Loop { live, policy, reporter, on_prompt: flags.on_prompt, left: None, refused: None };
    for (at, receipt, facts) in std::mem::take(&mut this.live.first) {
        this.reporter.facts(at, &receipt, &facts);
    }
    if let Some(command) = command {
        this.say(command)?;
    }
    this.go().await?;
    this.offer().await;
    this.live.let_go().await;
    let run = this.live.session.run();
    let (code, words) = (exit::code(run, this.left.as_ref()), exit::words(run, this.left.as_ref()));
    this.reporter.ended(&words);
    this.live.anchor()?;
    if this.live.session.journal().has_gap() {
        return Err(Fault::trail("what was done on the way back is not in the trail yet: it could not be written"));
    }
    Ok(code)
}

impl Loop {
    async fn go(&mut self) -> Result<(), Fault> {
        loop {
            // First what others said: an approval may have been left while nobody drove the run.
            self.take_requests()?;
            while self.answer()? {}
            if self.live.session.run().is_closed() || self.left.is_some() {
                return Ok(());
            }
            let until_deadline = self.until_deadline();
            let requests = sleep(Duration::from_millis(200));
            tokio::select! {
                biased;
                signal = self.live.signals.next() => self.let_go(signal)?,
                Some((ticket, report)) = self.live.ends.reports.recv() => self.handle(Input::Report { ticket, report })?,
                Some(seen) = self.live.ends.observations.recv() => self.see(&seen),
                () = sleep(until_deadline) => self.handle(Input::Clock)?,
                () = requests => self.take_requests()?,
            }
        }
    }

    fn until_deadline(&mut self) -> Duration {
        let now = self.live.session.steady(clock::now());
        clock::sleep_until(now, self.live.session.run().deadline())
    }

    fn see(&mut self, seen: &Observation) {
        if let Observation::Output(line) = seen {
            self.reporter.output(&line.text);
        }
    }

    fn me(&self) -> Actor {
        Actor::system(self.live.operator.clone(), Via::Answers)
    }

    fn say(&mut self, command: Command) -> Result<(), Fault> {
        let by = self.me();
        self.handle(Input::Command { by, command })
    }

    /// One input; a refusal is told and changes nothing.
    fn handle(&mut self, input: Input) -> Result<(), Fault> {
        let now = clock::now();
        self.live.session.wish(self.policy.wishes());
        match self.live.session.handle(now, &input) {
            Ok(recorded) => {
                // Neither the trail nor its reserve had room: these lines are the only copy there is.
                self.live.session.journal().take_overflow().iter().for_each(|line| say(line));
                if let Some(receipt) = &recorded.receipt {
                    self.print_outputs();
                    self.reporter.facts(now, receipt, &recorded.facts);
                }
                Ok(())
            }
            Err(SessionError::Refused(refusal)) => {
                say(&refusal.to_string());
                self.refused = Some(refusal.to_string());
                Ok(())
            }
            Err(error) => Err(Fault::trail(error.to_string())),
        }
    }

    /// What a step printed stands before its outcome.
    fn print_outputs(&mut self) {
        while let Ok(seen) = self.live.ends.observations.try_recv() {
            self.see(&seen);
        }
    }

    /// Answers what is asked; true where something was said.
    fn answer(&mut self) -> Result<bool, Fault> {
        if self.live.session.run().is_closed() || self.left.is_some() {
            return Ok(false);
        }
        if let Some((by, command)) = self.policy.volunteer(self.live.session.run()) {
            self.handle(Input::Command { by, command })?;
        }
        let asks = self.live.session.run().asks(None);
        for ask in asks {
            match self.policy.answer(self.live.session.run(), &ask) {
                Reply::Wait => {}
                Reply::Say(by, command) => {
                    let before = self.live.session.last().sequence;
                    self.handle(Input::Command { by, command })?;
                    if self.live.session.last().sequence == before {
                        let why = self.refused.take().unwrap_or_else(|| "it changed nothing".into());
                        return self.unanswered(&format!("the answer given was refused: {why}")).map(|()| false);
                    }
                    return Ok(true);
                }
                Reply::Unanswered(what) => {
                    return self
                        .unanswered(&what)
                        .map(|()| !self.live.session.run().is_closed() && self.left.is_none());
                }
            }
        }
        Ok(false)
    }

    /// What could have been picked, where an input was left unanswered.
    async fn offer(&mut self) {
        if !matches!(self.left, Some(Left::Unanswered(_))) {
            return;
        }
        let run = self.live.session.run();
        let intent = run.current().and_then(|id| run.state(id)?.intent.clone());
        let Some(Action::Input(fields)) = intent.as_deref().map(|intent| &intent.action) else { return };
        let world = self.live.session.performer().clone();
        for (name, field) in fields {
            let Some(of) = &field.of else { continue };
            let lines: Vec<String> = match world.revisions(of).await {
                Ok(all) => all.iter().map(eyes::choice).map(|one| format!("{:>4}  {}", one.value, one.words)).collect(),
                Err(error) => vec![format!("the history cannot be read: {error:#}")],
            };
            say(&format!("{name} can be one of:\n{}", lines.join("\n")));
        }
    }

    fn unanswered(&mut self, what: &str) -> Result<(), Fault> {
        let before = self.live.session.last().sequence;
        match self.on_prompt {
            OnPrompt::Stop => {}
            OnPrompt::Rollback => self.say(Command::Rollback { why: what.to_owned() })?,
            OnPrompt::Abort => self.say(Command::Abort { why: what.to_owned() })?,
        }
        if self.live.session.last().sequence == before {
            self.say(Command::Detach { why: format!("unanswered: {what}") })?;
            self.left = Some(Left::Unanswered(what.to_owned()));
        }
        Ok(())
    }

    fn let_go(&mut self, signal: &str) -> Result<(), Fault> {
        self.left = Some(Left::Interrupted);
        self.say(Command::Detach { why: signal.to_owned() })
    }

    fn take_requests(&mut self) -> Result<(), Fault> {
        for request in requests::take(&self.live.run_dir()) {
            self.handle(Input::Command { by: request.by, command: request.command })?;
        }
        Ok(())
    }
}
