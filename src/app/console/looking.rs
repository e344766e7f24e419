//! A console that only looks: hears keys, draws what is seen, and hands over what a key asks for. Nothing is recorded here.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind};
use futures::StreamExt as _;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Interval, interval, sleep},
};

use super::{
    FRAME,
    answering::Answering,
    eyes::{Eyes, Word, take_in},
    keys::Keys,
    terminal,
};
use crate::{
    app::{
        Fault, clock,
        open::{self, Doors, Ends},
        prepare::Prepared,
    },
    engine::Run,
    observe::Observation,
    redact::Redactor,
    tui::{
        state::{Act, Ui},
        terminal::Screen,
        theme::Theme,
        update,
        view::{self, Scene},
    },
};

pub struct Looking {
    pub ui: Ui,
    pub run: Run,
    pub eyes: Eyes,
    pub screen: Screen,
    theme: Theme,
    words: mpsc::Receiver<Word>,
    ends: Ends,
    redactor: Redactor,
    answering: Answering,
    keys: Keys,
    second: Interval,
    hangup: Signal,
    terminate: Signal,
    stale: bool,
    drawn: Instant,
    /// Without it a dialog that is deaf for a moment would stay deaf.
    began: Instant,
}

impl Looking {
    pub fn new(prepared: &Prepared, doors: &Doors, theme: Theme) -> Result<Self, Fault> {
        let (opened, redactor) = (prepared.opened.clone(), prepared.redactor.clone());
        let run = Run::open(opened.started_at, opened.clone());
        let (world, ends) = open::wire(&prepared.dir(), &opened, Default::default(), &redactor, doors)?;
        let screen = Screen::take().map_err(terminal)?;
        let (eyes, words) = Eyes::open(world, &run, ends.news.clone());
        Ok(Self {
            ui: Ui::new(clock::now().wall),
            run,
            eyes,
            screen,
            theme,
            words,
            ends,
            redactor,
            answering: Answering::default(),
            keys: Keys::default(),
            second: interval(Duration::from_secs(1)),
            hangup: signal(SignalKind::hangup()).map_err(terminal)?,
            terminate: signal(SignalKind::terminate()).map_err(terminal)?,
            stale: true,
            drawn: Instant::now(),
            began: Instant::now(),
        })
    }

    /// Looks until a key asks for something, and answers that; `None`: the terminal is gone, or we are told to go.
    pub async fn next(&mut self) -> Result<Option<Vec<Act>>, Fault> {
        loop {
            let frame = FRAME.saturating_sub(self.drawn.elapsed());
            tokio::select! {
                biased;
                event = self.keys.next() => match event {
                    Some(Ok(event)) => {
                        let acts = self.event(event);
                        self.draw()?;
                        if !acts.is_empty() {
                            return Ok(Some(acts));
                        }
                    }
                    Some(Err(_)) | None => return Ok(None),
                },
                _ = self.hangup.recv() => return Ok(None),
                _ = self.terminate.recv() => return Ok(None),
                Some(word) = self.words.recv() => {
                    if let Word::Seen(seen) = word {
                        self.eyes.hear(&mut self.ui, seen);
                    }
                    self.stale = true;
                }
                Some(seen) = self.ends.observations.recv() => self.see(seen),
                _ = self.second.tick() => {
                    self.eyes.second(&mut self.ui);
                    self.stale = true;
                }
                () = sleep(frame), if self.stale => self.draw()?,
            }
        }
    }

    fn event(&mut self, event: Event) -> Vec<Act> {
        self.ui.now = clock::now().wall;
        self.ui.boot_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => update::key(&mut self.ui, &self.run, key),
            Event::Paste(text) => {
                update::paste(&mut self.ui, &text);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn see(&mut self, first: Observation) {
        take_in(&mut self.ui, &self.redactor, first, &mut self.ends.observations);
        self.stale = true;
    }

    /// To the shell; `fg` comes back here.
    pub fn suspend(&mut self) -> Result<(), Fault> {
        self.screen.leave();
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
        self.screen.back().map_err(terminal)?;
        self.listen_again();
        Ok(())
    }

    /// Somebody else had the terminal meanwhile.
    pub fn listen_again(&mut self) {
        self.keys = Keys::default();
        self.stale = true;
    }

    pub fn draw(&mut self) -> Result<(), Fault> {
        self.ui.now = clock::now().wall;
        let answers = |alert: &_| self.answering.names(alert);
        let scene = Scene { ui: &self.ui, run: &self.run, theme: &self.theme, answers: &answers };
        let mut reach = self.ui.reach;
        self.screen.terminal.draw(|frame| reach = view::draw(frame, &scene)).map_err(terminal)?;
        self.ui.reach = reach;
        (self.stale, self.drawn) = (false, Instant::now());
        Ok(())
    }
}
