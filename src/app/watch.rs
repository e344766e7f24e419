//! `ripcord watch`: only the live panes. Nothing is recorded while one only looks; the first act (a shell, a note)
//! opens a run named `watch`, and from there on every act stands in its trail.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures::StreamExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{interval, sleep},
};

use super::{
    Fault, clock,
    console::{
        answering::Answering,
        eyes::{Eyes, Word, take_in},
        shell::Session,
        terminal,
    },
    drive,
    open::{self, Doors, Ends, Live},
    prepare::{self, Prepared},
};
use crate::{
    cli::{self, Common},
    engine::{Actor, Command, Input, Run, message::Via},
    headless::answers::Answers,
    observe::Observation,
    runbook::{self, model::PaneFilter},
    tui::{
        state::{Act, Pane, Ui},
        terminal::Screen,
        theme::Theme,
        update,
        view::{self, Scene},
    },
};

/// What a run of looking on is recorded under.
const BOOK: &str = "\
apiVersion: ripcord/v1
kind: Runbook
metadata: {name: watch, title: Looking on}
steps:
  - id: watch
    title: Look
    manual: What was done while looking on stands in this trail.
";

const FRAME: Duration = Duration::from_millis(33);

struct Watch {
    ui: Ui,
    run: Run,
    theme: Theme,
    screen: Screen,
    eyes: Eyes,
    words: mpsc::Receiver<Word>,
    ends: Ends,
    answering: Answering,
    prepared: Option<Prepared>,
    /// The run that the first act opened.
    live: Option<Live>,
    doors: Doors,
    left: bool,
    stale: bool,
    drawn: Instant,
}

/// Opens the panes; returns when they are left.
pub fn open(common: &Common, args: &cli::Watch) -> Result<u8, Fault> {
    drive::can_be_driven(&cli::Headless::default())?;
    let mut loaded = runbook::load_str("watch.yaml", BOOK)
        .map_err(|_| Fault::failed("the book of `watch` does not load (a bug)".to_owned()))?;
    loaded.book.panes.pods = Some(PaneFilter { selector: args.selector.clone(), ..PaneFilter::default() });
    let flags = cli::Run { runbook: "watch".into(), ..cli::Run::default() };
    let prepared = prepare::prepare_loaded(common, &flags, &Answers::default(), Path::new("watch.yaml"), loaded)?;
    let doors = Doors { terminal: false, kubeconfig: common.kubeconfig.clone(), ..Default::default() };
    let theme = Theme::new(common.no_color, common.ascii);
    drive::runtime()?.block_on(async {
        let mut watch = Watch::new(prepared, doors, theme)?;
        let ended = watch.go().await;
        watch.close();
        watch.screen.leave();
        ended.map(|()| 0)
    })
}

impl Watch {
    fn new(prepared: Prepared, doors: Doors, theme: Theme) -> Result<Self, Fault> {
        let opened = prepared.opened.clone();
        let redactor = prepared.redactor.clone();
        let run = Run::open(opened.started_at, opened.clone());
        let (world, ends) = open::wire(&prepared.dir(), &opened, Default::default(), &redactor, &doors)?;
        let screen = Screen::take().map_err(terminal)?;
        let (eyes, words) = Eyes::open(world, &run, ends.news.clone());
        let ui = Ui { has_cluster: true, watching: true, focus: Pane::Pods, ..Ui::new(clock::now().wall) };
        let answering = Answering::default();
        let (prepared, live) = (Some(prepared), None);
        let drawn = Instant::now();
        let (left, stale) = (false, true);
        Ok(Self { ui, run, theme, screen, eyes, words, ends, answering, prepared, live, doors, left, stale, drawn })
    }

    async fn go(&mut self) -> Result<(), Fault> {
        let mut keys = EventStream::new();
        let mut second = interval(Duration::from_secs(1));
        let mut hangup = signal(SignalKind::hangup()).map_err(terminal)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(terminal)?;
        while !self.left {
            let frame = FRAME.saturating_sub(self.drawn.elapsed());
            tokio::select! {
                biased;
                event = keys.next() => match event {
                    Some(Ok(event)) => {
                        if self.event(event).await? {
                            keys = EventStream::new();
                        }
                    }
                    Some(Err(_)) | None => self.left = true,
                },
                _ = hangup.recv() => self.left = true,
                _ = terminate.recv() => self.left = true,
                Some(word) = self.words.recv() => self.hear(word),
                Some(seen) = self.ends.observations.recv() => self.see(seen),
                _ = second.tick() => {
                    self.ui.seen.cluster.tick(clock::now().wall);
                    self.stale = true;
                }
                () = sleep(frame), if self.stale => self.draw()?,
            }
        }
        Ok(())
    }

    /// True: somebody else had the terminal meanwhile.
    async fn event(&mut self, event: Event) -> Result<bool, Fault> {
        self.ui.now = clock::now().wall;
        let acts = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => update::key(&mut self.ui, &self.run, key),
            Event::Paste(text) => {
                update::paste(&mut self.ui, &text);
                Vec::new()
            }
            _ => Vec::new(),
        };
        let mut lent = false;
        for act in acts {
            match act {
                Act::Look(look) => self.eyes.look(look),
                Act::Copy(text) => drop(self.screen.copy(&text)),
                Act::Quit => self.left = true,
                Act::Command(command @ Command::Note { .. }) => drop(self.record(command)),
                Act::Shell(pod) => {
                    self.shell(pod).await?;
                    lent = true;
                }
                Act::Suspend => {
                    self.screen.leave();
                    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
                    self.screen.back().map_err(terminal)?;
                    lent = true;
                }
                _ => self.ui.status = Some("nothing is run here; `ripcord run RUNBOOK` does".into()),
            }
        }
        self.draw()?;
        Ok(lent)
    }

    /// Into the trail of the run, which is opened by the first of them. False: it is not there.
    fn record(&mut self, command: Command) -> bool {
        if let Some(prepared) = self.prepared.take() {
            match open::fresh(prepared, &self.doors) {
                Ok(mut live) => {
                    let by = Actor::system(live.operator.clone(), Via::Console);
                    let _ = live.session.handle(clock::now(), &Input::Command { by, command: Command::Start });
                    self.live = Some(live);
                }
                Err(fault) => {
                    self.ui.status = Some(fault.message);
                    return false;
                }
            }
        }
        let Some(live) = &mut self.live else {
            self.ui.status = Some("there is no trail to write to; nothing was done".into());
            return false;
        };
        let by = Actor::system(live.operator.clone(), Via::Console);
        match live.session.handle(clock::now(), &Input::Command { by, command }) {
            Ok(recorded) => {
                let sequence = recorded.receipt.map_or(0, |receipt| receipt.sequence);
                self.ui.status = Some(format!("recorded as #{sequence} of {}", live.run_id()));
                true
            }
            Err(error) => {
                self.ui.status = Some(error.to_string());
                false
            }
        }
    }

    async fn shell(&mut self, pod: String) -> Result<(), Fault> {
        let Some(cluster) = self.eyes.cluster().cloned() else {
            self.ui.status = Some("the cluster is not there yet".into());
            return Ok(());
        };
        if self.run.opened().read_only {
            self.ui.status = Some("this session is read-only: a shell could write".into());
            return Ok(());
        }
        if self.live.is_none() && !self.record(Command::Note { text: "looking on".into() }) {
            return Ok(());
        }
        let Some(run_dir) = self.live.as_ref().map(Live::run_dir) else { return Ok(()) };
        let session = match Session::new(run_dir, self.eyes.pod_namespace(), pod) {
            Ok(session) => session,
            Err(why) => {
                self.ui.status = Some(why);
                return Ok(());
            }
        };
        if !self.record(session.announced()) {
            return Ok(()); // nothing unrecorded runs
        }
        let Some(redactor) = self.live.as_ref().map(|live| live.redactor.clone()) else { return Ok(()) };
        match session.attach(&cluster, &mut self.screen, &redactor).await? {
            Ok(end) => {
                let operator = self.live.as_ref().map(|live| live.operator.clone()).unwrap_or_default();
                self.record(session.recorded(&operator, end.sha256));
            }
            Err(error) => self.ui.status = Some(format!("no shell: {error:#}")),
        }
        Ok(())
    }

    fn see(&mut self, first: Observation) {
        take_in(&mut self.ui, first, &mut self.ends.observations);
        self.stale = true;
    }

    fn hear(&mut self, word: Word) {
        self.stale = true;
        match word {
            Word::Seen(seen) => self.eyes.hear(&mut self.ui, seen),
            Word::Evidence { .. } | Word::Preview { .. } => {} // nothing here has steps
        }
    }

    /// The run, if there was one, is over.
    fn close(&mut self) {
        let Some(live) = &mut self.live else { return };
        let by = Actor::system(live.operator.clone(), Via::Console);
        let done = Command::Done { step: "watch".into(), evidence: None };
        if live.session.handle(clock::now(), &Input::Command { by, command: done }).is_ok() {
            let _ = live.anchor();
        }
    }

    fn draw(&mut self) -> Result<(), Fault> {
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
