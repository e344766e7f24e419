//! The console's side of the step-runner: start one, hear it, find it again. Starts nothing twice.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::{MissedTickBehavior, interval},
};

use super::{
    ending,
    output::{self, create_private, stem},
    runners::Runner,
    tail::Tail,
    work::{Work, failed},
};
use crate::{
    engine::message::{Report, Started},
    runner::{
        job::{Job, Rung},
        status::{self, Ended, Phase},
    },
};

/// How often the screen looks for new output.
const TAIL: Duration = Duration::from_millis(50);

/// A child to be run by a step-runner.
#[derive(Clone, Debug)]
pub struct Process {
    pub argv: Vec<String>,
    pub cwd: PathBuf,
    /// Over what is inherited. Values may be secrets.
    pub env: Vec<(String, String)>,
    pub ladder: Vec<Rung>,
    /// Gives the child `$RIPCORD_OUTPUT`.
    pub takes_outputs: bool,
    /// Files of ours to be removed at the end.
    pub remove: Vec<PathBuf>,
}

/// Runs it to its end. `Started` is told on the way; the end is returned.
pub async fn perform(work: &Work, process: Process) -> Report {
    match accept(work) {
        Ok(Accepted::New(status)) => {
            let (job, output) = match job(work, process) {
                Ok(job) => job,
                Err(error) => {
                    return failed("refused", format!("the step could not be prepared: {error}; nothing was started"));
                }
            };
            match work.place.runners.give(&job, status).await {
                Ok(runner) => {
                    let place = work.place.clone();
                    tokio::task::spawn_blocking(move || place.runners.start_ahead());
                    hear(work, runner, output.as_deref()).await
                }
                Err(error) => {
                    failed("refused", format!("the step-runner could not be started: {error}; nothing was started"))
                }
            }
        }
        Ok(Accepted::Before) => reattach(work, true).await,
        Err(error) => failed("refused", format!("the step's status file cannot be made: {error}; nothing was started")),
    }
}

/// `output/<step>.<attempt>.status`
pub fn status_path(work: &Work) -> PathBuf {
    work.run_dir().join(output::FOLDER).join(format!("{}.status", stem(&work.ticket)))
}

enum Accepted {
    /// The status file, locked, to be handed to the runner.
    New(File),
    /// This ticket was started once already.
    Before,
}

fn accept(work: &Work) -> io::Result<Accepted> {
    let made = output::folder(work.run_dir()).and_then(|_| create_private(&status_path(work)));
    let mut file = match made {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Accepted::Before),
        Err(error) => nowhere(error)?,
    };
    file.try_lock().map_err(|error| io::Error::other(error.to_string()))?;
    let _ = status::append(&mut file, &Phase::Accepted { boot_id: status::boot_id() }, false);
    Ok(Accepted::New(file))
}

/// On a full disk only the way back is started at all, and it must not fail for want of a status file: one in
/// memory will do, as long as this console lives.
fn nowhere(error: io::Error) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    if matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem
    ) {
        let memory = rustix::fs::memfd_create("ripcord-status", rustix::fs::MemfdFlags::CLOEXEC)?;
        return Ok(memory.into());
    }
    Err(error)
}

/// The job, and the output's name as facts have it.
fn job(work: &Work, process: Process) -> io::Result<(Job, Option<String>)> {
    let output = match output::create(work.run_dir(), &work.ticket) {
        Ok((_, path)) => Some(path),
        Err(error) => {
            tracing::warn!(%error, step = %work.ticket.step, "the output of this step cannot be kept");
            None
        }
    };
    let outputs = work.run_dir().join(output::FOLDER).join(format!("{}.outputs", stem(&work.ticket)));
    let outputs = (process.takes_outputs && create_private(&outputs).is_ok()).then_some(outputs);
    let name = output.as_deref().map(|path| output::relative(work.run_dir(), path));
    let job = Job {
        argv: process.argv,
        cwd: process.cwd,
        env: process.env,
        timeout_ms: work.timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
        ladder: process.ladder,
        output,
        outputs,
        remove: process.remove,
        secrets: work.place.secrets.pairs(),
    };
    Ok((job, name))
}

async fn hear(work: &Work, runner: Runner, output: Option<&str>) -> Report {
    let Runner { process: mut runner, line } = runner;
    let mut tail = Tail::new(work, output);
    let mut phases = BufReader::new(line).lines();
    let mut tick = interval(TAIL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut ended, mut cancelled) = (None, false);
    loop {
        tokio::select! {
            next = phases.next_line() => match next.ok().flatten().map(|line| serde_json::from_str(&line)) {
                Some(Ok(Phase::Started { child })) => work.tell(Report::Started(started(child))).await,
                Some(Ok(Phase::Ended(how))) => {
                    // It is durable; the runner itself may take its time to go, and is reaped in the background.
                    ended = Some(*how);
                    break;
                }
                Some(_) => {}
                None => break,
            },
            () = work.cancel.cancelled(), if !cancelled => {
                cancelled = true;
                signal(runner.id());
            }
            _ = tick.tick() => tail.catch_up(),
        }
    }
    if let Some(ended) = ended {
        tail.finish();
        return ending::report(work, &ended, output, tail.last());
    }
    let _ = runner.wait().await;
    read_back(work, tail).await
}

fn started(child: status::Process) -> Started {
    Started { pid: Some(child.pid), start_time: child.start_time, boot_id: child.boot_id }
}

/// Asks a runner to climb its ladder.
fn signal(runner: Option<u32>) {
    if let Some(pid) = runner.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// The console went and came back: waits for a runner that lives, or reads how it ended. `tell_start`: nobody has
/// recorded yet that the child was started.
pub async fn reattach(work: &Work, tell_start: bool) -> Report {
    let (_, phases) = match look(&status_path(work)) {
        Ok(seen) => seen,
        Err(error) => return unreadable(&error),
    };
    if tell_start
        && let Some(Phase::Started { child }) = phases.iter().find(|phase| matches!(phase, Phase::Started { .. }))
    {
        work.tell(Report::Started(started(child.clone()))).await;
    }
    let name = format!("{}/{}.log", output::FOLDER, stem(&work.ticket));
    read_back(work, Tail::new(work, Some(&name))).await
}

async fn read_back(work: &Work, mut tail: Tail) -> Report {
    let path = status_path(work);
    let mut cancelled = false;
    let mut tick = interval(TAIL);
    loop {
        let (alive, phases) = match look(&path) {
            Ok(seen) => seen,
            Err(error) => return unreadable(&error),
        };
        tail.catch_up();
        if let Some(Phase::Ended(ended)) = phases.last() {
            tail.finish();
            return ending::report(work, ended, tail.name(), tail.last());
        }
        if !alive {
            return without_end(&phases);
        }
        if work.cancel.is_cancelled() && !cancelled {
            cancelled = true;
            signal(runner_of(&phases));
        }
        tokio::select! {
            () = work.cancel.cancelled(), if !cancelled => {}
            _ = tick.tick() => {}
        }
    }
}

/// Whether the runner lives, and all it wrote.
fn look(path: &Path) -> io::Result<(bool, Vec<Phase>)> {
    let file = File::open(path)?;
    // Asked first: a runner that ends in between has written its end by then.
    let alive = match file.try_lock() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(error)) => return Err(error),
    };
    drop(file);
    Ok((alive, status::read(path)?))
}

fn runner_of(phases: &[Phase]) -> Option<u32> {
    phases.iter().find_map(|phase| match phase {
        Phase::Starting { runner } if runner.is_alive() => Some(runner.pid),
        _ => None,
    })
}

fn without_end(phases: &[Phase]) -> Report {
    let boot = status::boot_id();
    let message = match phases.last() {
        Some(Phase::Accepted { boot_id }) if boot_id.is_some() && *boot_id == boot => {
            return Report::NeverBegan {
                message: "the console went before the step-runner began anything; nothing was done".into(),
            };
        }
        Some(Phase::Started { child }) if child.is_alive() => format!(
            "the step-runner is gone, but its child (pid {}) still runs; watch it end, then say what came of it",
            child.pid
        ),
        Some(Phase::Started { child }) if child.boot_id != boot => {
            "the machine was restarted while the step ran; look at what it did, then say what came of it".into()
        }
        Some(Phase::Started { child }) => format!(
            "the step-runner is gone without a status and its child (pid {}) has ended; look at what it did, then say what came of it",
            child.pid
        ),
        _ => "the step-runner is gone and nobody knows whether it started the child; look, then say what came of it"
            .into(),
    };
    Report::Unknown { message }
}

/// Whether the child of an attempt nobody saw the end of may run still; false only where that is known.
pub fn may_run(work: &Work) -> bool {
    let phases = match look(&status_path(work)) {
        Ok((true, _)) => return true,
        Ok((false, phases)) => phases,
        Err(error) => return error.kind() != io::ErrorKind::NotFound,
    };
    match phases.last() {
        Some(Phase::Starting { runner }) => runner.boot_id == status::boot_id(),
        Some(Phase::Started { child }) => child.is_alive(),
        None | Some(Phase::Accepted { .. } | Phase::Ended(_)) => false,
    }
}

fn unreadable(error: &io::Error) -> Report {
    let message = if error.kind() == io::ErrorKind::NotFound {
        "there is no status file: the step may never have been started, or the file was removed; look, then say what came of it".into()
    } else {
        format!("the step's status file cannot be read: {error}; look at what the step did, then say what came of it")
    };
    Report::Unknown { message }
}

/// For adapters that read a child's end themselves.
pub fn is_success(ended: &Ended) -> bool {
    ended.exit_code == Some(0) && !ended.timed_out && !ended.cancelled
}
