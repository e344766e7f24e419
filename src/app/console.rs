//! The console's loop over a live run: hear, handle, draw. Keys come first and draw at once.

use std::time::{Duration, Instant};

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures::StreamExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{interval, sleep},
};

use super::{
    Fault, clock,
    exit::{self, Left},
    open::Live,
};
use crate::{
    audit::{requests, show},
    effects::{evidence, loan::Loan},
    engine::{
        Actor, Command, Fact, Input,
        message::{EvidenceGiven, Via},
    },
    observe::Observation,
    session::{Now, Receipt, SessionError},
    tui::{
        state::{Act, TrailLine, Ui},
        terminal::Screen,
        theme::Theme,
        update,
        view::{self, Scene},
    },
};

/// The most often that what is merely seen is drawn; a key draws at once.
const FRAME: Duration = Duration::from_millis(33);

struct Console {
    live: Live,
    ui: Ui,
    theme: Theme,
    screen: Screen,
    left: Option<Left>,
    anchored: bool,
    /// Something changed that is not on the screen yet.
    stale: bool,
    drawn: Instant,
}

/// Drives a run in the terminal; the exit code says how it ended.
pub async fn drive(live: Live, theme: Theme, command: Option<Command>) -> Result<u8, Fault> {
    let screen = Screen::take()
        .map_err(|error| Fault::usage(format!("the terminal cannot be used: {error}; give --headless")))?;
    let ui = Ui::new(clock::now().wall);
    let mut this = Console { live, ui, theme, screen, left: None, anchored: false, stale: true, drawn: Instant::now() };
    for (receipt, facts) in std::mem::take(&mut this.live.first) {
        this.remember(clock::now(), &receipt, &facts);
    }
    if let Some(command) = command {
        this.command(command);
    }
    let ended = this.go().await;
    this.screen.leave();
    ended?;
    let run = this.live.session.run();
    farewell(&exit::words(run, this.left.as_ref()));
    Ok(exit::code(run, this.left.as_ref()))
}

#[expect(clippy::print_stdout, reason = "the last line, on the terminal that was given back")]
fn farewell(words: &str) {
    println!("{}", crate::visible::line(words));
}

impl Console {
    async fn go(&mut self) -> Result<(), Fault> {
        let fault = |error: std::io::Error| Fault::failed(format!("signals cannot be heard: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(fault)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(fault)?;
        let mut keys = EventStream::new();
        let mut second = interval(Duration::from_secs(1));
        let mut poll = interval(Duration::from_millis(200));
        self.draw()?;
        while self.left.is_none() {
            let until_deadline = self.until_deadline();
            let frame = FRAME.saturating_sub(self.drawn.elapsed());
            tokio::select! {
                biased;
                event = keys.next() => match event {
                    Some(Ok(event)) => self.event(event, &mut keys)?,
                    Some(Err(_)) | None => self.let_go("the terminal is gone"),
                },
                _ = interrupt.recv() => self.let_go("SIGINT"),
                _ = terminate.recv() => self.let_go("SIGTERM"),
                _ = hangup.recv() => self.let_go("SIGHUP"),
                Some((ticket, report)) = self.live.ends.reports.recv() => self.handle(&Input::Report { ticket, report }),
                Some(loan) = self.live.ends.loans.recv() => {
                    drop(keys);
                    self.lend(loan).await?;
                    keys = EventStream::new();
                }
                () = sleep(until_deadline) => self.handle(&Input::Clock),
                Some(seen) = self.live.ends.observations.recv(), if !self.ui.frozen => self.see(seen),
                _ = poll.tick() => self.take_requests(),
                _ = second.tick() => self.stale = true,
                () = sleep(frame), if self.stale => self.draw()?,
            }
            self.anchor();
        }
        Ok(())
    }

    fn until_deadline(&mut self) -> Duration {
        let now = self.live.session.steady(clock::now());
        clock::sleep_until(now, self.live.session.run().deadline())
    }

    fn event(&mut self, event: Event, keys: &mut EventStream) -> Result<(), Fault> {
        self.ui.now = clock::now().wall;
        let acts = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                update::key(&mut self.ui, self.live.session.run(), key)
            }
            Event::Paste(text) => {
                update::paste(&mut self.ui, &text);
                Vec::new()
            }
            _ => Vec::new(),
        };
        for act in acts {
            self.act(act, keys)?;
        }
        self.draw()
    }

    fn act(&mut self, act: Act, keys: &mut EventStream) -> Result<(), Fault> {
        match act {
            Act::Command(command) => self.command(command),
            Act::CommandAs(name, command) => {
                self.handle(&Input::Command { by: Actor::claimed(name, Via::Console), command })
            }
            Act::EvidenceFile(step, file) => {
                let path = std::path::Path::new(&self.live.session.run().opened().workdir).join(&file);
                match evidence::hash_file(&path) {
                    Ok(sha256) => {
                        let evidence = EvidenceGiven { file: Some(file), sha256: Some(sha256), text: None };
                        self.command(Command::Done { step, evidence: Some(evidence) });
                    }
                    Err(error) => self.ui.status = Some(format!("{}: {error}", path.display())),
                }
            }
            Act::Copy(text) => {
                if let Err(error) = self.screen.copy(&text) {
                    self.ui.status = Some(format!("not copied: {error}"));
                }
            }
            Act::Suspend => self.suspend(keys)?,
            Act::Quit => self.let_go("q"),
        }
        Ok(())
    }

    /// To the shell; `fg` comes back here.
    fn suspend(&mut self, keys: &mut EventStream) -> Result<(), Fault> {
        self.screen.leave();
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
        *keys = EventStream::new();
        self.screen.back().map_err(terminal)
    }

    /// An interactive step gets the terminal, and gives it back.
    async fn lend(&mut self, loan: Loan) -> Result<(), Fault> {
        self.screen.leave();
        if loan.granted.send(()).is_ok() {
            let _ = loan.returned.await;
        }
        self.screen.back().map_err(terminal)?;
        self.stale = true;
        Ok(())
    }

    fn command(&mut self, command: Command) {
        let by = Actor::system(self.live.operator.clone(), Via::Console);
        self.handle(&Input::Command { by, command });
    }

    /// One input; what it left behind is on the screen with the next frame.
    fn handle(&mut self, input: &Input) {
        let now = clock::now();
        self.stale = true;
        match self.live.session.handle(now, input) {
            Ok(recorded) => {
                self.ui.halted = self.live.session.halted().map(str::to_owned);
                if let Some(receipt) = &recorded.receipt {
                    self.remember(now, receipt, &recorded.facts);
                }
            }
            Err(SessionError::Refused(refusal)) => self.ui.status = Some(refusal.to_string()),
            Err(error) => self.ui.halted = Some(error.to_string()),
        }
        self.ui.now = now.wall;
        update::raise(&mut self.ui, self.live.session.run());
    }

    fn remember(&mut self, now: Now, receipt: &Receipt, facts: &[Fact]) {
        for fact in facts {
            let text = serde_json::to_string(fact).unwrap_or_default();
            let clean = self.live.redactor.redact(&text).into_owned();
            let value = serde_json::from_str(&clean).unwrap_or_default();
            self.ui.remember(TrailLine {
                sequence: receipt.sequence,
                text: show::fact_line(receipt.sequence, now.wall, &value),
            });
        }
    }

    /// Takes in all that waits, then draws once.
    fn see(&mut self, first: Observation) {
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(seen) = next {
            if let Observation::Output(line) = seen {
                self.ui.output.push(&line);
            }
            taken += 1;
            next = if taken < 4096 { self.live.ends.observations.try_recv().ok() } else { None };
        }
        self.stale = true;
    }

    fn take_requests(&mut self) {
        for request in requests::take(&self.live.run_dir()) {
            self.handle(&Input::Command { by: request.by, command: request.command });
        }
    }

    fn let_go(&mut self, why: &str) {
        if !self.live.session.run().is_closed() {
            self.command(Command::Detach { why: why.to_owned() });
        }
        self.left = Some(Left::Interrupted);
    }

    fn anchor(&mut self) {
        if self.anchored || !self.live.session.run().is_closed() {
            return;
        }
        self.anchored = true;
        if let Err(fault) = self.live.anchor() {
            self.ui.halted = Some(fault.message);
        }
    }

    fn draw(&mut self) -> Result<(), Fault> {
        self.ui.now = clock::now().wall;
        let scene = Scene { ui: &self.ui, run: self.live.session.run(), theme: &self.theme };
        self.screen.terminal.draw(|frame| view::draw(frame, &scene)).map_err(terminal)?;
        (self.stale, self.drawn) = (false, Instant::now());
        Ok(())
    }
}

fn terminal(error: std::io::Error) -> Fault {
    Fault::failed(format!("the terminal failed: {error}; `ripcord resume` goes on"))
}
