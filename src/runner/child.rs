//! The child: started, waited for, stopped by its ladder, and what it leaves behind.

use std::{
    future::pending,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Incoming, SignalKind, signal},
    time::{Instant, sleep, sleep_until},
};

use super::job::{Job, Rung, Stop};
use crate::runner::status::NotStarted;

/// Signals to the runner. TERM means: cancel. HUP and INT are for a console that is going away, and mean nothing.
pub struct Signals {
    cancel: Incoming,
    _hangup: Incoming,
    _interrupt: Incoming,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            cancel: signal(SignalKind::terminate())?,
            _hangup: signal(SignalKind::hangup())?,
            _interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// Starts the child in a process group of its own. The runner's session has no terminal, so `/dev/tty` fails at
/// once in the child instead of stopping it.
pub fn spawn(job: &Job, stdout: Stdio, stderr: Stdio) -> Result<Child, NotStarted> {
    let Some((program, arguments)) = job.argv.split_first() else {
        return Err(NotStarted { reason: "notFound".into(), message: "argv is empty; name a program".into() });
    };
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RIPCORD_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(&job.cwd).envs(job.env.iter().map(|(name, value)| (name, value)));
    if let Some(outputs) = &job.outputs {
        command.env("RIPCORD_OUTPUT", outputs);
    }
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
    command.spawn().map_err(|error| why_not(job, program, &error))
}

fn why_not(job: &Job, program: &str, error: &std::io::Error) -> NotStarted {
    let (reason, message) = match error.kind() {
        _ if !job.cwd.is_dir() => (
            "notFound",
            format!("the working directory {} is not there; create it or change `workdir`", job.cwd.display()),
        ),
        std::io::ErrorKind::NotFound => (
            "notFound",
            format!(
                "«{program}»: no such program in PATH; install it, or put it under `requires.tools` so that the check finds it before the start"
            ),
        ),
        std::io::ErrorKind::PermissionDenied => {
            ("refused", format!("«{program}» may not be executed: {error}; check its mode and its interpreter"))
        }
        _ => ("refused", format!("«{program}» could not be started: {error}")),
    };
    NotStarted { reason: reason.into(), message }
}

/// How the wait ended.
pub struct Waited {
    pub status: std::io::Result<ExitStatus>,
    pub timed_out: bool,
    pub cancelled: bool,
}

/// Waits for the child; past the deadline or on a cancel, climbs the ladder. `settled` runs once, when the child
/// has lived long enough to be worth it.
pub async fn wait(
    child: &mut Child,
    group: Pid,
    job: &Job,
    signals: &mut Signals,
    mut settled: impl FnMut(),
) -> Waited {
    let begun = Instant::now();
    let deadline = job.timeout_ms.map(|ms| begun + Duration::from_millis(ms));
    let mut ladder = Ladder { rungs: &job.ladder, next: None };
    let (mut timed_out, mut cancelled) = (false, false);
    let mut old = Some(begun + Duration::from_millis(20));
    loop {
        tokio::select! {
            biased;
            status = child.wait() => return Waited { status, timed_out, cancelled },
            _ = signals.cancel.recv(), if !(timed_out || cancelled) => {
                cancelled = true;
                ladder.climb(group);
            }
            () = at(deadline), if !(timed_out || cancelled) => {
                timed_out = true;
                ladder.climb(group);
            }
            () = at(ladder.next) => ladder.climb(group),
            () = at(old) => {
                old = None;
                settled();
            }
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}

struct Ladder<'a> {
    rungs: &'a [Rung],
    next: Option<Instant>,
}

impl Ladder<'_> {
    fn climb(&mut self, group: Pid) {
        self.next = None;
        let Some((rung, rest)) = self.rungs.split_first() else { return };
        let _ = kill_process_group(group, sent(rung.signal));
        self.rungs = rest;
        if !rest.is_empty() {
            self.next = Some(Instant::now() + Duration::from_millis(rung.wait_ms));
        }
    }
}

fn sent(stop: Stop) -> Signal {
    match stop {
        Stop::Int => Signal::INT,
        Stop::Term => Signal::TERM,
        Stop::Kill => Signal::KILL,
    }
}

/// What was still there after the child.
#[derive(Default)]
pub struct Left {
    /// Processes of the group had to be killed.
    pub swept: bool,
    /// Processes that made a session of their own go on.
    pub escaped: bool,
}

/// How long what the child leaves behind may take to end by itself: a `tee` that still flushes.
const GRACE: Duration = Duration::from_millis(500);

/// After the child: a short grace, then the rest of its group is killed.
pub async fn sweep(group: Pid, mut output_ended: impl FnMut() -> bool) -> Left {
    let until = Instant::now() + GRACE;
    let mut left = Left::default();
    let mut pause = Duration::from_millis(1);
    loop {
        let others = descendants_live();
        let members = test_kill_process_group(group).is_ok();
        if !members && !others && output_ended() {
            return left;
        }
        if Instant::now() >= until {
            if !members || left.swept {
                left.escaped = others;
                return left;
            }
            left.swept = true;
            let _ = kill_process_group(group, Signal::KILL);
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Whether anything the child started still runs, its own session or not. The runner has adopted what lost its
/// parent, so having no child left means that nothing is left.
fn descendants_live() -> bool {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Makes the runner adopt what the child leaves behind. Where the system cannot, only the group is known.
pub fn adopt() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}
