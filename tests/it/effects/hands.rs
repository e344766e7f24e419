//! A world with nothing but a folder: effects go in, reports come out.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use indexmap::IndexMap;
use ripcord::{
    effects::{World, kube::connect::ConnectOptions, loan::Loan, runners::Runners, secrets::SecretStore, work::Place},
    engine::message::{Done, Effect, Failure, Report, Started, Ticket},
    observe::Observation,
    redact::Redactor,
    runbook::model::{Action, Run},
    session::{Performer, Receipt},
};
use tokio::sync::mpsc;

/// Nothing here takes so long; without it a hang would hang the whole suite.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Hands {
    pub dir: tempfile::TempDir,
    pub seen: mpsc::Receiver<Observation>,
    world: World,
    reports: mpsc::Receiver<(Ticket, Report)>,
}

impl Hands {
    pub fn new() -> Self {
        Self::with(&[], None)
    }

    pub fn with(secrets: &[(&str, &str)], terminal: Option<mpsc::Sender<Loan>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::at(dir, secrets, terminal)
    }

    pub fn at(dir: tempfile::TempDir, secrets: &[(&str, &str)], terminal: Option<mpsc::Sender<Loan>>) -> Self {
        // What `main` does first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut store = SecretStore::default();
        for (name, value) in secrets {
            store.insert("", name, (*value).to_owned().into()).unwrap();
        }
        let (to_reports, reports) = mpsc::channel(16);
        let (to_screen, seen) = mpsc::channel(64);
        let run_dir = dir.path().join("run");
        std::fs::create_dir_all(&run_dir).unwrap();
        let world = World::new(Place {
            run_dir,
            workdir: dir.path().to_owned(),
            runners: Runners::new(env!("CARGO_BIN_EXE_ripcord").into()),
            secrets: Arc::new(store),
            redactor: Redactor::new(secrets.iter().copied()).unwrap(),
            reports: to_reports,
            observations: to_screen,
            cluster: tokio::sync::OnceCell::new(),
            connect: ConnectOptions::default(),
            target: Default::default(),
            lock: ripcord::effects::lock::Lock::none(),
            metrics: ripcord::effects::metrics::Metrics::new(None),
            run: "run".into(),
            terminal,
        });
        Self { dir, seen, world, reports }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run_dir(&self) -> PathBuf {
        self.path("run")
    }

    pub fn start(&mut self, effect: Effect) {
        let under = Receipt { uid: "uid".into(), sequence: 1, head: "0".repeat(64) };
        self.world.start(effect, &under);
    }

    pub fn perform(&mut self, ticket: &Ticket, action: Action, timeout: Option<Duration>) {
        self.perform_with(ticket, action, &[], timeout);
    }

    pub fn perform_with(&mut self, ticket: &Ticket, action: Action, env: &[(&str, &str)], timeout: Option<Duration>) {
        let env: IndexMap<_, _> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let timeout = timeout.map(ripcord::runbook::value::Dur);
        self.start(Effect::Perform { ticket: ticket.clone(), action: Box::new(action), env, timeout });
    }

    pub async fn next(&mut self) -> (Ticket, Report) {
        tokio::time::timeout(PATIENCE, self.reports.recv()).await.expect("a report comes").unwrap()
    }

    pub async fn started(&mut self) -> Started {
        match self.next().await.1 {
            Report::Started(started) => started,
            other => panic!("not a start: {other:?}"),
        }
    }

    /// The last word on what is in flight.
    pub async fn end(&mut self) -> Report {
        loop {
            match self.next().await.1 {
                Report::Started(_) => {}
                end => return end,
            }
        }
    }

    /// Runs one bash script to its end.
    pub async fn script(&mut self, text: &str) -> Report {
        self.perform(&Ticket::new("step", 1), script(text), None);
        self.end().await
    }

    pub fn output(&self, done: &Done) -> Vec<u8> {
        std::fs::read(self.run_dir().join(&done.output.as_ref().unwrap().file)).unwrap()
    }

    /// The lines that reached the screen so far.
    pub fn lines(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok())
            .filter_map(|seen| match seen {
                Observation::Output(line) => Some(line.text),
                _ => None,
            })
            .collect()
    }
}

pub fn script(text: &str) -> Action {
    Action::Run(Run { script: Some(text.to_owned()), ..Run::default() })
}

pub fn argv(words: &[&str]) -> Action {
    Action::Run(Run { argv: Some(words.iter().map(|word| (*word).to_owned()).collect()), ..Run::default() })
}

pub fn done(report: Report) -> Done {
    match report {
        Report::Succeeded(done) => done,
        other => panic!("it did not succeed: {other:?}"),
    }
}

pub fn failure(report: Report) -> Failure {
    match report {
        Report::Failed(failure) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

pub fn unknown(report: Report) -> String {
    match report {
        Report::Unknown { message } => message,
        other => panic!("it is known: {other:?}"),
    }
}

/// A named pipe: opening it to read waits for a writer, so a script can say «I am here».
pub fn fifo(path: &Path) -> PathBuf {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
    path.to_owned()
}

/// Waits until the script wrote into the pipe.
pub async fn heard(path: PathBuf) -> String {
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path).unwrap());
    tokio::time::timeout(PATIENCE, read).await.expect("the script got there").unwrap()
}

/// Ends a process that a test left running on purpose.
pub fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}
