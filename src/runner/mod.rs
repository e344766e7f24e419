//! The step-runner: the process that outlives the console and owns a step's child.
//!
//! `ripcord __runner`: waits on stdin for a job and its locked status file, in a session of its own. It owns the
//! deadline and the ladder also while no console lives, and knows nothing of the run but its own job. One job, then
//! it ends; none, and it goes with the console.

mod beside;
mod child;
pub(crate) mod digest;
mod follow;
pub(crate) mod handover;
pub mod job;
pub(crate) mod outputs;
mod pipe;
pub mod status;

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Instant,
};

use job::Job;
use rustix::process::Pid;
use status::{Ended, Kept, Phase, Process};
use tokio::process::Child;

use crate::redact::Redactor;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "__runner";

/// Larger outputs are not synced: the outcome holds their hash, and a loss would be found.
const SYNCED: u64 = 8 * 1024 * 1024;

/// With less free space than this the child gets a pipe: a full disk must not fail what it prints.
const ROOM: u64 = 256 * 1024 * 1024;

/// Runs the job that comes on stdin. Returns the process's exit code: 0 once the status is written, whatever became
/// of the child.
pub fn main() -> i32 {
    // Fails only for a group leader, which then is in nobody's way either.
    let _ = rustix::process::setsid();
    child::adopt();
    let run = || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut console = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        // Signals are not heard before there is a job: until then they end it, as they would any process.
        let Some((job, status)) = handover::receive(&mut console)? else { return Ok(()) };
        let redactor = redactor(&job);
        runtime.block_on(Runner { job, redactor, status, console }.run())
    };
    match run() {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

struct Runner {
    job: Job,
    redactor: Redactor,
    status: File,
    /// The other direction of stdin, for a console that still listens.
    console: File,
}

/// How the child's output gets into its file.
enum Route {
    /// The child holds the file itself.
    Direct(follow::Follower),
    Piped(pipe::Pipe),
}

impl Runner {
    async fn run(mut self) -> io::Result<()> {
        let mut signals = child::Signals::listen()?;
        self.tell(&Phase::Starting { runner: Process::of(std::process::id()) }, false);
        let begun = Instant::now();
        let mut ended = match self.start() {
            Err(not_started) => Ended { not_started: Some(not_started), ..Ended::default() },
            Ok((mut child, mut route)) => {
                let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
                let (Some(id), Some(group)) = (child.id(), group) else {
                    return Err(io::Error::other("the child has no pid"));
                };
                self.tell(&Phase::Started { child: Process::of(id) }, true);
                let waited = child::wait(&mut child, group, &self.job, &mut signals, || {
                    if let Route::Direct(follower) = &mut route {
                        follower.begin();
                    }
                })
                .await;
                let mut ended = Ended { timed_out: waited.timed_out, cancelled: waited.cancelled, ..Ended::default() };
                how(&mut ended, waited.status);
                ended.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.gather(group, route, &mut ended).await;
                ended
            }
        };
        self.take_outputs(&mut ended);
        self.tell(&Phase::Ended(Box::new(ended)), true);
        Ok(())
    }

    /// A phase is on disk before it is told. A status that cannot be written is told all the same: the console
    /// may still listen, and it is the last who could know.
    fn tell(&mut self, phase: &Phase, sync: bool) {
        let _ = status::append(&mut self.status, phase, sync);
        if let Ok(mut line) = serde_json::to_vec(phase) {
            line.push(b'\n');
            let _ = self.console.write_all(&line);
        }
    }

    fn start(&self) -> Result<(Child, Route), status::NotStarted> {
        let broken = |error: io::Error| status::NotStarted {
            reason: "refused".into(),
            message: format!("the step's output has nowhere to go: {error}; check the run's folder and the disk"),
        };
        let file = match &self.job.output {
            Some(path) => Some(File::options().append(true).open(path).map_err(broken)?),
            None => None,
        };
        if let (Some(file), Some(path)) = (&file, &self.job.output)
            && self.job.secrets.is_empty()
            && has_room(path)
        {
            let stdout = Stdio::from(file.try_clone().map_err(broken)?);
            let stderr = Stdio::from(file.try_clone().map_err(broken)?);
            return Ok((child::spawn(&self.job, stdout, stderr)?, Route::Direct(follow::Follower::new(path))));
        }
        let (pipe, writer) = pipe::Pipe::new(file, &self.redactor).map_err(broken)?;
        let stderr = Stdio::from(writer.try_clone().map_err(broken)?);
        Ok((child::spawn(&self.job, Stdio::from(writer), stderr)?, Route::Piped(pipe)))
    }

    /// Ends what the child left behind and closes the output.
    async fn gather(&self, group: Pid, mut route: Route, ended: &mut Ended) {
        let left = child::sweep(group, || match &mut route {
            Route::Direct(_) => true,
            Route::Piped(pipe) => pipe.has_ended(),
        })
        .await;
        if left.swept {
            ended.notes.push("processes the step left running in its group were killed; start a service in a session of its own (setsid) if it shall stay".into());
        }
        ended.output = match (route, &self.job.output) {
            (Route::Piped(pipe), _) => {
                let (kept, notes) = pipe.close();
                ended.notes.extend(notes);
                kept.filter(|_| self.job.output.is_some())
            }
            (Route::Direct(follower), Some(path)) => match follower.finish() {
                Ok(kept) => {
                    if left.escaped {
                        ended.notes.push("a process the step started in a session of its own goes on".into());
                        let _ = follow::detach(path, &kept);
                    }
                    Some(kept)
                }
                Err(error) => {
                    ended.notes.push(format!("the output cannot be read back: {error}"));
                    None
                }
            },
            (Route::Direct(_), None) => None,
        };
        self.sync_output(ended.output.as_ref());
    }

    fn sync_output(&self, kept: Option<&Kept>) {
        if let (Some(kept), Some(path)) = (kept, &self.job.output)
            && (1..=SYNCED).contains(&kept.bytes)
            && let Ok(file) = File::open(path)
        {
            let _ = file.sync_data();
        }
    }

    fn take_outputs(&self, ended: &mut Ended) {
        for path in &self.job.remove {
            let _ = std::fs::remove_file(path);
        }
        let Some(path) = &self.job.outputs else { return };
        match outputs::take(path) {
            Ok(outputs) => {
                ended.outputs =
                    outputs.into_iter().map(|(name, value)| (name, self.redactor.redact(&value).into())).collect();
            }
            Err(problem) => ended.outputs_problem = Some(problem),
        }
    }
}

fn redactor(job: &Job) -> Redactor {
    // The console refused what cannot be searched for before it asked for a run.
    Redactor::new(job.secrets.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap_or_default()
}

pub(crate) fn how(ended: &mut Ended, status: io::Result<ExitStatus>) {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => {
            ended.exit_code = status.code();
            ended.signal = status.signal();
        }
        Err(error) => ended.notes.push(format!("the child's exit status is not known: {error}")),
    }
}

fn has_room(path: &Path) -> bool {
    rustix::fs::statvfs(path).map_or(true, |fs| fs.f_bavail.saturating_mul(fs.f_frsize) >= ROOM)
}
