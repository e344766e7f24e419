//! `x`: a shell in a container, on the operator's own terminal. The session is recorded before anything is typed.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;

use super::{Console, Fault, terminal, tty::Tty};
use crate::{
    effects::{
        kube::{
            connect::Cluster,
            shell::{self, ShellEnd, ShellSpec},
        },
        output::{self, FOLDER},
    },
    engine::{Actor, Command, Fact, message::Via},
    redact::Redactor,
    tui::terminal::Screen,
};

/// A session that is about to begin: where, and where it is recorded.
pub struct Session {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    pub run_dir: PathBuf,
    /// Of the recording, inside the run's folder of outputs.
    pub name: String,
}

impl Session {
    /// Its folder is there, its recording has a name of its own.
    pub fn new(run_dir: PathBuf, namespace: &str, pod: String, container: String) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        output::folder(&run_dir).map_err(|error| format!("nothing unrecorded runs: {error}"))?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("shell-{}-{number}.cast", std::process::id());
        Ok(Self { namespace: namespace.to_owned(), pod, container, run_dir, name })
    }

    /// What the trail says before anything is typed.
    pub fn announced(&self) -> Command {
        let Self { namespace, pod, container, name, .. } = self;
        let text = format!("opens a shell in {namespace} / {pod}, container {container}; recorded in {FOLDER}/{name}");
        Command::Note { text }
    }

    /// The fact that names the recording once it is whole.
    pub fn recorded(&self, by: &str, sha256: String) -> Command {
        let by = Actor::system(by.to_owned(), Via::Console);
        let (pod, container) = (self.pod.clone(), self.container.clone());
        let file = format!("{FOLDER}/{}", self.name);
        Command::Record { fact: Box::new(Fact::ShellRecorded { by, pod, container, file, sha256 }) }
    }

    /// Has the terminal until the shell ends.
    pub async fn attach(
        &self,
        cluster: &Cluster,
        screen: &mut Screen,
        secrets: &Redactor,
    ) -> Result<anyhow::Result<ShellEnd>, Fault> {
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        let spec = ShellSpec {
            namespace: self.namespace.clone(),
            pod: self.pod.clone(),
            container: Some(self.container.clone()),
            command: shell::DEFAULT.map(str::to_owned).to_vec(),
            columns,
            rows,
        };
        let (input, output) = (Tty::open().map_err(terminal)?, Tty::open().map_err(terminal)?);
        screen.leave();
        enable_raw_mode().map_err(terminal)?;
        let (sizes, heard) = mpsc::channel(4);
        let sizing = tokio::spawn(tell_sizes(sizes, (columns, rows)));
        let cast = self.run_dir.join(FOLDER).join(&self.name);
        let ended = shell::shell(cluster, &spec, input, output, heard, &cast, secrets).await;
        sizing.abort();
        let _ = disable_raw_mode();
        screen.back().map_err(terminal)?;
        Ok(ended)
    }
}

impl Console {
    /// Returns when the shell has ended; the fact names its recording.
    pub(super) async fn shell(&mut self, pod: String, container: String) -> Result<(), Fault> {
        if self.live.session.run().is_read_only() {
            self.ui.status = Some("this session is read-only: a shell could write".into());
            return Ok(());
        }
        let Some(cluster) = self.eyes.cluster().cloned() else {
            self.ui.status = Some("the cluster is not there yet".into());
            return Ok(());
        };
        let session = match Session::new(self.live.run_dir(), self.eyes.pod_namespace(), pod, container) {
            Ok(session) => session,
            Err(why) => {
                self.ui.status = Some(why);
                return Ok(());
            }
        };
        self.command(session.announced());
        if !self.may_act().await {
            return Ok(());
        }
        match session.attach(&cluster, &mut self.screen, &self.live.redactor).await? {
            Ok(end) => {
                let told = session.recorded(&self.live.operator, end.sha256);
                self.command(told);
                self.ui.status =
                    Some(format!("the shell ended after {} s; its recording is {}", end.seconds, session.name));
            }
            Err(error) => self.ui.status = Some(format!("no shell: {error:#}")),
        }
        Ok(())
    }
}

/// The container's terminal is as large as ours, also when ours changes.
async fn tell_sizes(sizes: mpsc::Sender<(u16, u16)>, first: (u16, u16)) {
    let mut last = first;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = crossterm::terminal::size().unwrap_or(last);
        if now != std::mem::replace(&mut last, now) && sizes.send(now).await.is_err() {
            return;
        }
    }
}
