//! Joins a run with its trail and its hands; the same for every frontend.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::mpsc;

use super::{
    Fault, anchor, clock, exit,
    prepare::{self, Prepared},
    signals::Signals,
    state,
};
use crate::{
    audit::{self, OpenError, TrailFile},
    effects::{
        World,
        kube::connect::{Cluster, ConnectOptions},
        loan::Loan,
        lock::Lock,
        metrics::Metrics,
        runners::Runners,
        secrets::SecretStore,
        work::Place,
    },
    engine::{
        Actor, Command, Fact, Input, Report, Run, Ticket,
        fact::{Opened, Previous},
        message::Via,
        state::Lane,
    },
    headless::answers::Answers,
    observe::Observation,
    redact::Redactor,
    runbook::Loaded,
    session::{Journal as _, Now, Receipt, Session},
};

/// A run that lives in this process.
pub struct Live {
    pub session: Session<TrailFile, World>,
    pub ends: Ends,
    pub redactor: Redactor,
    pub state_dir: PathBuf,
    pub operator: String,
    pub signals: Signals,
    /// What the opening itself recorded, and when, for the first lines of a frontend.
    pub first: Vec<(Now, Receipt, Vec<Fact>)>,
    /// The pod that the cursor is on from the start.
    pub pod: Option<String>,
}

/// What an unfinished run is taken up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    GoingOn,
    /// Nothing that writes is started.
    Looking,
    /// Its way back, which a full disk does not stop.
    GoingBack,
}

/// What a run may reach beside its own folder.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    /// Interactive steps may have the terminal.
    pub terminal: bool,
    pub kubeconfig: Option<PathBuf>,
    /// Whose lock of the target is taken over, by the run that was typed.
    pub take_lock: Option<String>,
    /// A cluster that is there already: the demo's own.
    pub cluster: Option<Cluster>,
}

/// The ends of the channels that a frontend holds.
pub struct Ends {
    pub reports: mpsc::Receiver<(Ticket, Report)>,
    pub observations: mpsc::Receiver<Observation>,
    /// Where what a frontend looks at by itself is said.
    pub news: mpsc::Sender<Observation>,
    /// Interactive steps ask for the terminal here.
    pub loans: mpsc::Receiver<Loan>,
}

pub fn wire(
    dir: &Path,
    opened: &Opened,
    secrets: SecretStore,
    redactor: &Redactor,
    doors: &Doors,
) -> Result<(World, Ends), Fault> {
    let (report_tx, reports) = mpsc::channel(256);
    let (seen_tx, observations) = mpsc::channel(4096);
    let (loan_tx, loans) = mpsc::channel(1);
    let program = std::env::current_exe()
        .map_err(|error| Fault::failed(format!("this program cannot be found again: {error}")))?;
    let place = Place {
        run_dir: dir.to_owned(),
        workdir: opened.workdir.clone().into(),
        run: opened.run.clone(),
        cluster: tokio::sync::OnceCell::new_with(doors.cluster.clone()),
        connect: ConnectOptions {
            kubeconfig: doors.kubeconfig.clone(),
            context: Some(opened.target.context.clone()).filter(|context| !context.is_empty()),
            namespace: Some(opened.target.namespace.clone()).filter(|namespace| !namespace.is_empty()),
            in_cluster: false,
        },
        target: opened.target.clone(),
        // A cluster of one's own, the demo's, has nobody else at it.
        lock: if doors.cluster.is_some() { Lock::none() } else { Lock::of(opened, doors.take_lock.clone()) },
        metrics: Metrics::new(opened.runbook.prometheus.clone()),
        runners: Runners::new(program),
        secrets: Arc::new(secrets),
        redactor: redactor.clone(),
        reports: report_tx,
        observations: seen_tx.clone(),
        terminal: doors.terminal.then_some(loan_tx),
    };
    Ok((World::new(place), Ends { reports, observations, news: seen_tx, loans }))
}

/// Opens a new run: its first record is durable when this returns.
pub fn fresh(prepared: Prepared, doors: &Doors) -> Result<Live, Fault> {
    let signals = Signals::listen()?;
    let dir = prepared.dir();
    record_opening(prepared, signals, doors).inspect_err(|_| {
        // Without a first record there is no run: its folder would only be in the way of `verify`.
        if std::fs::metadata(dir.join(audit::TRAIL)).is_ok_and(|trail| trail.len() == 0) {
            let _ = std::fs::remove_dir_all(&dir);
        }
    })
}

fn record_opening(prepared: Prepared, signals: Signals, doors: &Doors) -> Result<Live, Fault> {
    let trail = prepared.create()?;
    let chain = trail.chain_uid().to_owned();
    let Prepared { opened, secrets, redactor, state_dir, .. } = prepared;
    let operator = opened.operator.name.clone();
    let (world, ends) = wire(trail.dir(), &opened, secrets, &redactor, doors)?;
    let (now, first) = (clock::now(), Fact::RunOpened(Box::new(opened.clone())));
    let session = Session::open(now, opened, trail, world).map_err(|error| Fault::trail(error.to_string()))?;
    // Behind the first record: of a run that dies before it, the ledger has nothing to miss.
    anchor::open(&state_dir, &session.run().opened().run, chain)?;
    let first = vec![(now, session.last().clone(), vec![first])];
    Ok(Live { session, ends, redactor, state_dir, operator, signals, first, pod: None })
}

/// Takes an unfinished run up; its resume is recorded when this returns.
pub fn resume(state_dir: &Path, run: &str, answers: &Answers, doors: &Doors, what: For) -> Result<Live, Fault> {
    let signals = Signals::listen()?;
    let dir = state_dir.join("runs").join(run);
    let opened = audit::runs::opened(state_dir, run)
        .ok_or_else(|| Fault::trail(format!("{run} cannot be read; `ripcord trail verify {run}` says why")))?;
    let secrets = prepare::secrets_of(&opened.runbook, answers, Path::new(&opened.workdir), doors.terminal)?;
    let redactor = prepare::redactor_of(&secrets)?;
    let (mut trail, reopened, told) =
        TrailFile::reopen(&dir, &state::host(), &clock::boot_id(), redactor.clone()).map_err(open_fault)?;
    let told_run = Run::replay(&reopened.facts).map_err(|corrupt| Fault::trail(corrupt.to_string()))?;
    let now = clock::now();
    if told_run.is_closed() {
        return Err(close_late(state_dir, run, now, &mut trail, &told_run));
    }
    if what == For::Looking && (told_run.lane() == Lane::Rollback || opened.rollback_of.is_some()) {
        return Err(Fault::usage(format!("{run} is on its way back, and that writes; take it up without --read-only")));
    }
    let operator = state::operator()?.value;
    // On a full disk a second console is not told who this is; the lock holds all the same.
    let _ = trail.hold_as(std::process::id(), &operator, &now.wall.to_string());
    let (world, ends) = wire(&dir, &opened, secrets, &redactor, doors)?;
    let mut session = Session::take_up(now, told_run, reopened.last, trail, world);
    let mut first = Vec::new();
    let me = Actor::system(operator.clone(), Via::Console);
    let commands = told.into_iter().map(|fact| Command::Record { fact: Box::new(fact) });
    let read_only = what == For::Looking;
    let resume = Command::Resume { host: state::host(), pid: std::process::id(), read_only };
    session.bind_back(what == For::GoingBack);
    for command in commands.chain([resume]) {
        let input = Input::Command { by: me.clone(), command };
        let recorded = session.handle(now, &input).map_err(|error| Fault::trail(error.to_string()))?;
        first.extend(recorded.receipt.map(|receipt| (now, receipt, recorded.facts)));
    }
    session.bind_back(false);
    Ok(Live { session, ends, redactor, state_dir: state_dir.to_owned(), operator, signals, first, pod: None })
}

/// It ended with the disk full: its end stands in the reserve, and is told now.
fn close_late(state_dir: &Path, run: &str, now: Now, trail: &mut TrailFile, told: &Run) -> Fault {
    let written = match trail.append(now, &[]) {
        Ok(receipt) => anchor::close(state_dir, run, receipt.head, receipt.sequence),
        Err(error) => Err(Fault::trail(format!("what the reserve holds cannot be written yet: {error}"))),
    };
    let message = format!("{run} ended while its trail could not be written; the trail tells it all now");
    written.err().unwrap_or(Fault { exit: exit::of_status(told.status()), message })
}

/// The way back of a closed run: a new run, linked to it, with its baseline and its lane.
pub fn way_back(state_dir: &Path, run: &str, answers: &Answers, doors: &Doors) -> Result<Live, Fault> {
    let dir = state_dir.join("runs").join(run);
    let facts = audit::read_facts(&dir).map_err(|error| Fault::trail(error.to_string()))?;
    let old = Run::replay(&facts).map_err(|corrupt| Fault::trail(corrupt.to_string()))?;
    if !old.has_lane() {
        return Err(Fault::failed(format!("{run} has no way back: its runbook has no rollback and no baseline")));
    }
    let (records, _) = audit::read_records(&dir).map_err(|error| Fault::trail(error.to_string()))?;
    let head = records.last().map(|(record, _)| record.fingerprint.clone()).unwrap_or_default();
    let now = clock::now();
    let previous = Previous { run: run.to_owned(), head };
    let opened = Opened {
        run: prepare::run_id(now.wall, &old.book().metadata.name)?,
        operator: Actor::system(state::operator()?.value, Via::Console),
        host: state::host(),
        pid: std::process::id(),
        started_at: now.wall,
        rollback_of: Some(previous.clone()),
        previous: Some(previous),
        baseline: old.baseline().cloned(),
        carried: old.left_by_steps(),
        ..old.opened().clone()
    };
    let secrets = prepare::secrets_of(&opened.runbook, answers, Path::new(&opened.workdir), doors.terminal)?;
    let redactor = prepare::redactor_of(&secrets)?;
    let approved = audit::approved::read(&dir).map_err(|error| {
        Fault::trail(format!("the runbook that was approved cannot be read: {error}; `ripcord trail verify {run}`"))
    })?;
    let loaded = Loaded {
        book: (*opened.runbook).clone(),
        warnings: Vec::new(),
        files: approved.into_iter().map(|(name, bytes)| (audit::approved::original(&name).into(), bytes)).collect(),
        hash: opened.runbook_hash.clone(),
    };
    fresh(Prepared { opened, loaded, secrets, missing: Vec::new(), redactor, state_dir: state_dir.to_owned() }, doors)
}

fn open_fault(error: OpenError) -> Fault {
    match error {
        OpenError::Held(_) => Fault {
            exit: 3,
            message: format!("{error}; `ripcord attach` looks on, `ripcord rollback` pulls its ripcord"),
        },
        OpenError::Closed { .. } => Fault::usage(format!("{error}; `ripcord run` opens a new run")),
        other => Fault::trail(other.to_string()),
    }
}

impl Live {
    pub fn run_id(&self) -> String {
        self.session.run().opened().run.clone()
    }

    pub fn run_dir(&self) -> PathBuf {
        self.state_dir.join("runs").join(self.run_id())
    }

    /// Whoever waits for the target of a run that is closed waits no longer.
    pub async fn let_go(&mut self) {
        if self.session.run().is_closed() {
            self.session.performer().let_go().await;
        }
    }

    /// A closed run's head goes into the ledger: the anchor of this machine.
    pub fn anchor(&mut self) -> Result<(), Fault> {
        // An end that stands in the reserve alone has no record yet, so there is no head to hold it to.
        if !self.session.run().is_closed() || self.session.journal().has_gap() {
            return Ok(());
        }
        crate::effects::kube::private_kubeconfig::remove(&self.run_dir());
        let last = self.session.last().clone();
        anchor::close(&self.state_dir, &self.run_id(), last.head, last.sequence)
    }
}
