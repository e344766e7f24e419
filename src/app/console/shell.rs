//! `x`: a shell in a container, on the operator's own terminal. The session is recorded before anything is typed.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;

use super::{Console, Fault, terminal, tty::Tty};
use crate::{
    effects::{
        kube::shell::{self, ShellSpec},
        output::{self, FOLDER},
    },
    engine::{Actor, Command, Fact, message::Via},
};

impl Console {
    /// Returns when the shell has ended; the fact names its recording.
    pub(super) async fn shell(&mut self, pod: String) -> Result<(), Fault> {
        if self.live.session.run().opened().read_only {
            self.ui.status = Some("this session is read-only: a shell could write".into());
            return Ok(());
        }
        let Some(cluster) = self.eyes.cluster().cloned() else {
            self.ui.status = Some("the cluster is not there yet".into());
            return Ok(());
        };
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("shell-{}-{number}.cast", std::process::id());
        let cast = self.live.run_dir().join(FOLDER).join(&name);
        if let Err(error) = output::folder(&self.live.run_dir()) {
            self.ui.status = Some(format!("nothing unrecorded runs: {error}"));
            return Ok(());
        }
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        let spec = ShellSpec {
            namespace: self.eyes.pod_namespace().to_owned(),
            pod: pod.clone(),
            container: None,
            command: shell::DEFAULT.map(str::to_owned).to_vec(),
            columns,
            rows,
        };
        let said =
            Command::Note { text: format!("opens a shell in {} / {pod}; recorded in {FOLDER}/{name}", spec.namespace) };
        self.command(said);
        if self.refused || self.ui.halted.is_some() {
            return Ok(()); // nothing unrecorded runs
        }
        let (input, output) = (Tty::open().map_err(terminal)?, Tty::open().map_err(terminal)?);
        self.screen.leave();
        enable_raw_mode().map_err(terminal)?;
        let (sizes, heard) = mpsc::channel(4);
        let sizing = tokio::spawn(tell_sizes(sizes, (columns, rows)));
        let ended = shell::shell(&cluster, &spec, input, output, heard, &cast, &self.live.redactor).await;
        sizing.abort();
        let _ = disable_raw_mode();
        self.screen.back().map_err(terminal)?;
        match ended {
            Ok(end) => {
                let by = Actor::system(self.live.operator.clone(), Via::Console);
                let file = format!("{FOLDER}/{name}");
                let fact = Fact::ShellRecorded { by, pod, container: String::new(), file, sha256: end.sha256 };
                self.command(Command::Record { fact: Box::new(fact) });
                self.ui.status = Some(format!("the shell ended after {} s; its recording is {name}", end.seconds));
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
