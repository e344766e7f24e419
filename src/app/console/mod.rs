//! The console's loop over a live run: hear, handle, draw. Keys come first and draw at once.

pub mod answering;
pub mod eyes;
mod kept;
pub mod keys;
pub mod looking;
mod record;
mod redacted;
pub mod shell;
mod tty;
pub mod waiting;

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind};
use futures::{FutureExt as _, StreamExt as _};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{interval, sleep},
};

use self::{
    answering::Answering,
    eyes::{Eyes, Word},
    keys::Keys,
    record::Recording,
};
use super::{
    Fault, clock,
    exit::{self, Ended, Left},
    open::Live,
};
use crate::{
    audit::{requests, show},
    cli, demo,
    effects::loan::Loan,
    engine::{
        Actor, Command, Fact, Input,
        message::{EvidenceGiven, Via},
    },
    observe::{Observation, alerts::Alert},
    session::{Now, Receipt},
    tui::{
        dialog::{Dialog, Kind},
        look::Look,
        state::{Act, TrailLine, Ui, WayBack},
        terminal::Screen,
        theme::Theme,
        update,
        view::{self, Scene},
    },
};

/// The most often that what is merely seen is drawn; a key draws at once.
const FRAME: Duration = Duration::from_millis(33);

/// A frame waits for whatever else is ready, but no longer: on a busy machine something always is.
const OVERDUE: Duration = Duration::from_millis(250);

struct Console {
    live: Live,
    ui: Ui,
    theme: Theme,
    screen: Screen,
    eyes: Eyes,
    words: mpsc::Receiver<Word>,
    answering: Answering,
    left: Option<Left>,
    /// What is opened once this run was left.
    then: Option<cli::Run>,
    anchored: bool,
    recording: Recording,
    /// The last command was refused: what asked for it comes back.
    refused: bool,
    /// Something changed that is not on the screen yet.
    stale: bool,
    drawn: Instant,
    began: Instant,
}

/// Drives a run in the terminal; the exit code says how it ended.
pub async fn drive(mut live: Live, theme: Theme, command: Option<Command>) -> Result<Ended, Fault> {
    let screen = Screen::take()
        .map_err(|error| Fault::usage(format!("the terminal cannot be used: {error}; give --headless")))?;
    let mut ui = Ui::new(clock::now().wall);
    let run = live.session.run();
    (ui.has_cluster, ui.has_metrics) = (eyes::has_cluster(run), eyes::has_metrics(run));
    ui.live.selected = live.pod.take().map(Into::into);
    let world = live.session.performer().clone();
    let (eyes, words) = Eyes::open(world, live.session.run(), live.ends.news.clone());
    let (left, then, anchored, refused, stale) = (None, None, false, false, true);
    let (drawn, began) = (Instant::now(), Instant::now());
    let (answering, recording) = (Answering::default(), Recording::default());
    let mut this = Console {
        live,
        ui,
        theme,
        screen,
        eyes,
        words,
        answering,
        left,
        then,
        anchored,
        recording,
        refused,
        stale,
        drawn,
        began,
    };
    kept::read_back(&this.live.run_dir(), &mut this.ui.seen.output);
    for (at, receipt, facts) in std::mem::take(&mut this.live.first) {
        this.remember(at, &receipt, &facts);
    }
    if let Some(command) = command {
        this.command(command);
    }
    update::raise(&mut this.ui, this.live.session.run());
    let ended = this.go().await;
    if ended.is_err() {
        this.let_go("the terminal failed");
    }
    this.settled().await;
    this.anchor();
    this.screen.leave();
    ended?;
    this.live.let_go().await;
    // What the way back did while nothing could be written: said here, since no trail has it.
    this.live.session.journal().take_overflow().iter().for_each(|line| super::say(line));
    let gap = this.live.session.journal().has_gap();
    let run = this.live.session.run();
    // On the terminal that was given back, if it is still there.
    outln!("{}", crate::visible::line(&exit::words(run, this.left.as_ref())));
    let code = if gap { 4 } else { exit::code(run, this.left.as_ref()) };
    Ok(Ended { code, then: this.then })
}

impl Console {
    async fn go(&mut self) -> Result<(), Fault> {
        let woken = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        let mut woken = signal(woken).map_err(|error| Fault::failed(format!("signals cannot be heard: {error}")))?;
        let mut keys = Keys::default();
        let mut second = interval(Duration::from_secs(1));
        let mut poll = interval(Duration::from_millis(200));
        self.draw()?;
        while self.left.is_none() {
            if self.stale && self.drawn.elapsed() > OVERDUE {
                self.draw()?;
            }
            let until_deadline = self.until_deadline();
            let frame = FRAME.saturating_sub(self.drawn.elapsed());
            tokio::select! {
                biased;
                event = keys.next() => match event {
                    Some(Ok(event)) => self.event(event, &mut keys).await?,
                    Some(Err(_)) | None => self.let_go("the terminal is gone"),
                },
                signal = self.live.signals.next() => self.let_go(signal),
                _ = woken.recv() => self.woken()?,
                (now, written) = self.recording.written(), if self.recording.is_writing() => {
                    let before = self.ui.dialog.clone();
                    self.written(now, written);
                    self.draw()?;
                    self.unread(before.as_ref(), &mut keys);
                }
                Some((ticket, report)) = self.live.ends.reports.recv(), if !self.recording.is_writing() => {
                    self.handle(Input::Report { ticket, report });
                }
                Some(loan) = self.live.ends.loans.recv() => {
                    drop(keys);
                    self.lend(loan).await?;
                    keys = Keys::default();
                }
                () = sleep(until_deadline), if !self.recording.is_writing() => self.handle(Input::Clock),
                Some(word) = self.words.recv() => self.hear(word),
                Some(seen) = self.live.ends.observations.recv() => self.see(seen),
                _ = poll.tick(), if !self.recording.is_writing() => self.take_requests(),
                _ = second.tick() => self.second(),
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

    async fn event(&mut self, event: Event, keys: &mut Keys) -> Result<(), Fault> {
        self.ui.now = clock::now().wall;
        self.ui.boot_ms = self.uptime();
        let before = self.ui.dialog.clone();
        self.recording.asked_by.clone_from(&before);
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
        self.refused = false;
        for act in acts {
            self.act(act, keys).await?;
        }
        self.recording.asked_by = None;
        self.soon().await;
        self.draw()?;
        self.unread(before.as_ref(), keys);
        Ok(())
    }

    /// What was typed before a dialog could be read must not answer it.
    fn unread(&mut self, before: Option<&Dialog>, keys: &mut Keys) {
        if opened_to_act(before, self.ui.dialog.as_ref()) {
            self.look_for_it();
            while let Some(Some(Ok(_))) = keys.next().now_or_never() {}
        }
    }

    /// What the dialog that stands there now wants to show, and only the world knows.
    fn look_for_it(&mut self) {
        let run = self.live.session.run();
        match self.ui.dialog.as_ref().map(|dialog| &dialog.kind) {
            Some(Kind::Ripcord { .. }) if self.ui.has_cluster && run.writes_begun() => {
                self.ui.way_back = WayBack::default();
                self.eyes.way_back(run, &self.live.state_dir);
            }
            Some(Kind::Input { step, fields, .. }) => {
                self.eyes.choices(run, step, fields.iter().map(|(name, _)| name.clone()));
            }
            _ => {}
        }
    }

    /// Milliseconds that no clock change and no demo's pace can move.
    fn uptime(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn act(&mut self, act: Act, keys: &mut Keys) -> Result<(), Fault> {
        match act {
            Act::Command(command) => self.command(command),
            Act::CommandAs(name, command) => {
                self.handle(Input::Command { by: Actor::claimed(name, Via::Console), command });
            }
            Act::EvidenceFile(step, file) => {
                let path = std::path::Path::new(&self.live.session.run().opened().workdir).join(&file);
                self.ui.status = Some(format!("reading {file}"));
                self.eyes.evidence(step, file, path);
            }
            Act::Copy(text) => {
                if let Err(error) = self.screen.copy(&text) {
                    self.ui.status = Some(format!("not copied: {error}"));
                }
            }
            Act::Preview(step) => {
                let selection = self.ui.selection();
                if let Ok(intent) = self.live.session.run().intent_for(&step, selection.as_ref()) {
                    self.eyes.preview(step, intent.action);
                }
            }
            Act::Look(look) => self.eyes.look(look),
            Act::Answers(alert) => self.answers(&alert),
            Act::Open(opens) => {
                let param = opens.params;
                self.then = Some(cli::Run { runbook: opens.runbook, param, ..cli::Run::default() });
                self.let_go("another runbook answers an alert");
            }
            Act::Shell { pod, container } => {
                self.shell(pod, container).await?;
                *keys = Keys::default();
            }
            Act::Reveal(of) => {
                let by = Actor::system(self.live.operator.clone(), Via::Console);
                self.command(Command::Record { fact: Box::new(Fact::SecretRevealed { by, object: of.to_string() }) });
                if self.may_act().await {
                    self.eyes.look(Look::Revealed(of));
                }
            }
            Act::Forward(model) => {
                self.command(Command::Note { text: format!("opens a port-forward to {}", model.leads_to()) });
                if self.may_act().await {
                    self.eyes.forward(*model);
                }
            }
            Act::CloseForwards => self.eyes.close_forwards(),
            Act::Troubleshoot(_) => {} // only while one looks on
            Act::Suspend => self.suspend(keys)?,
            Act::Quit => self.let_go("q"),
        }
        Ok(())
    }

    /// Offers to leave for what answers an alert.
    fn answers(&mut self, alert: &Alert) {
        let runbooks = self.answering.opens(alert);
        if self.live.session.run().opened().target.server == demo::SERVER {
            self.ui.status = Some("this alert fires in the demo only: `ripcord demo --runbook FILE` answers it".into());
        } else if runbooks.is_empty() {
            let why = format!("no runbook answers {}; name it under `metadata.alerts` of one", alert.name);
            self.ui.status = Some(why);
        } else {
            let kind = Kind::Answer { alert: alert.name.clone(), runbooks, row: 0 };
            self.ui.dialog = Some(Dialog { kind, opened: self.ui.boot_ms, raised: false, down: 0, read: 0 });
        }
    }

    /// To the shell; `fg` comes back here.
    fn suspend(&mut self, keys: &mut Keys) -> Result<(), Fault> {
        self.screen.leave();
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
        *keys = Keys::default();
        self.screen.back().map_err(terminal)
    }

    /// Somebody else stopped us and let us go on: the terminal is whatever they left.
    fn woken(&mut self) -> Result<(), Fault> {
        self.screen.leave();
        self.screen.back().map_err(terminal)?;
        self.draw()
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
        self.handle(Input::Command { by, command });
    }

    /// What was to be recorded first is: nothing unrecorded is done.
    async fn may_act(&mut self) -> bool {
        self.settled().await;
        !self.refused && self.ui.halted.is_none()
    }

    fn remember(&mut self, now: Now, receipt: &Receipt, facts: &[Fact]) {
        for fact in facts {
            if let Fact::StepIntent(intent) = fact {
                self.ui.seen.metrics.marks.push((now.wall, intent.step.to_string()));
            }
            let text = serde_json::to_string(fact).unwrap_or_default();
            let clean = self.live.redactor.redact(&text).into_owned();
            let value = serde_json::from_str(&clean).unwrap_or_default();
            let text = show::fact_line(receipt.sequence, now.wall, &value);
            let reads = matches!(fact, Fact::GateSample { .. } | Fact::GuardSample { .. });
            self.ui.remember(TrailLine { sequence: receipt.sequence, text, reads });
        }
    }

    /// Drawn once for all of it. What is frozen is drawn as it was; what is seen goes on.
    fn see(&mut self, first: Observation) {
        eyes::take_in(&mut self.ui, &self.live.redactor, first, &mut self.live.ends.observations);
        self.stale = true;
    }

    fn hear(&mut self, word: Word) {
        self.stale = true;
        match word {
            Word::Seen(seen) => self.eyes.hear(&mut self.ui, seen),
            Word::Evidence { step, file, hash: Ok(sha256) } => {
                let evidence = EvidenceGiven { file: Some(file), sha256: Some(sha256), text: None };
                self.ui.status = None;
                self.command(Command::Done { step, evidence: Some(evidence) });
            }
            Word::Evidence { hash: Err(why), .. } => self.ui.status = Some(why),
            Word::Preview { step, lines } => {
                let lines = self.clean(&lines);
                if let Some(preview) = self.ui.preview.as_mut().filter(|preview| preview.step == step) {
                    preview.lines = Some(lines);
                }
            }
            Word::WayBack { lines, whole } => {
                let lines = self.clean(&lines);
                self.ui.way_back.lines.extend(lines);
                self.ui.way_back.whole |= whole;
            }
            Word::Choices { step, field, offered } => update::offered(&mut self.ui, step, field, offered),
        }
    }

    fn clean(&self, lines: &[String]) -> Vec<String> {
        lines.iter().map(|line| self.live.redactor.redact(line).into_owned()).collect()
    }

    fn second(&mut self) {
        self.eyes.second(&mut self.ui);
        self.stale = true;
    }

    fn take_requests(&mut self) {
        for request in requests::take(&self.live.run_dir()) {
            self.handle(Input::Command { by: request.by, command: request.command });
        }
    }

    fn let_go(&mut self, why: &str) {
        if !self.live.session.run().is_closed() {
            self.command(Command::Detach { why: why.to_owned() });
        }
        self.left = Some(Left::Interrupted);
    }

    fn anchor(&mut self) {
        if self.anchored || self.recording.is_writing() || !self.live.session.run().is_closed() {
            return;
        }
        self.anchored = true;
        if let Err(fault) = self.live.anchor() {
            self.ui.halted = Some(fault.message);
        }
    }

    fn draw(&mut self) -> Result<(), Fault> {
        self.ui.now = clock::now().wall;
        self.ui.boot_ms = self.uptime();
        let answers = |alert: &_| self.answering.names(alert);
        let scene = Scene { ui: &self.ui, run: self.live.session.run(), theme: &self.theme, answers: &answers };
        let mut reach = self.ui.reach;
        self.screen.terminal.draw(|frame| reach = view::draw(frame, &scene)).map_err(terminal)?;
        self.ui.reach = reach;
        (self.stale, self.drawn) = (false, Instant::now());
        Ok(())
    }
}

/// A dialog that acts stands where none, or another, stood.
fn opened_to_act(before: Option<&Dialog>, after: Option<&Dialog>) -> bool {
    let Some(after) = after else { return false };
    after.kind.acts()
        && before.is_none_or(|before| std::mem::discriminant(&before.kind) != std::mem::discriminant(&after.kind))
}

/// A terminal that went away leaves the run open, as its hangup does.
pub fn terminal(error: std::io::Error) -> Fault {
    Fault { exit: 130, message: format!("the terminal failed: {error}; `ripcord resume` goes on") }
}
