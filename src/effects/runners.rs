//! Step-runners: one waits ahead of its step, so that no step waits for a process to start. It knows nothing of the
//! run until its job comes, serves that one and no other, and without a job goes when the console goes.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    process::Stdio,
    sync::{Mutex, PoisonError},
};

use tokio::{
    io::AsyncWriteExt as _,
    net::UnixStream,
    process::{Child, Command},
};

use crate::runner::{self, handover, job::Job};

/// A runner and the only line to it: when that closes and no job came, the runner ends.
pub struct Runner {
    pub process: Child,
    pub line: UnixStream,
}

/// Where runners come from.
pub struct Runners {
    /// This very program.
    program: PathBuf,
    ahead: Mutex<Option<Runner>>,
}

impl Runners {
    pub fn new(program: PathBuf) -> Self {
        Self { program, ahead: Mutex::new(None) }
    }

    /// Gives a job to the runner that waits, else to a new one.
    ///
    /// # Errors
    /// There is no runner to be had; nothing was begun.
    pub async fn give(&self, job: &Job, status: File) -> io::Result<Runner> {
        let text = serde_json::to_vec(job)?;
        let ahead = self.waiting().take();
        // One that was killed while it waited takes nothing, and began nothing.
        let ahead = ahead.filter(|runner| handover::give_status(&runner.line, &status).is_ok());
        let mut runner = match ahead {
            Some(runner) => runner,
            None => {
                let runner = self.start()?;
                handover::give_status(&runner.line, &status)?;
                runner
            }
        };
        drop(status);
        // A runner that is gone already is found out by its silence.
        let _ = runner.line.write_all(&text).await;
        let _ = runner.line.shutdown().await;
        Ok(runner)
    }

    /// Starts the next step's runner. Where that fails, the step starts its own and says why.
    pub fn start_ahead(&self) {
        let mut waiting = self.waiting();
        if waiting.is_none() {
            *waiting = self.start().ok();
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<Runner>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> io::Result<Runner> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let process = Command::new(&self.program)
            .arg0("ripcord")
            .arg(runner::SUBCOMMAND)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Runner { process, line: UnixStream::from_std(ours)? })
    }
}
