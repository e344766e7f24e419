//! A child that gets the terminal. It stays in the terminal's session, prints to it and to no file, and does not
//! outlive the console.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::{
    loan, output,
    process::Process,
    work::{Work, failed},
};
use crate::{
    engine::message::Report,
    runner::{
        job::Stop,
        status::{self, Ended},
    },
};

pub async fn perform(work: &Work, process: Process) -> Report {
    let _terminal = match loan::borrow(work.place.terminal.as_ref()).await {
        Ok(terminal) => terminal,
        Err(message) => return failed("refused", message),
    };
    let report = run(work, &process).await;
    for path in &process.remove {
        let _ = std::fs::remove_file(path);
    }
    report
}

async fn run(work: &Work, process: &Process) -> Report {
    let begun = std::time::Instant::now();
    let outputs = work.run_dir().join(output::FOLDER).join(format!("{}.outputs", output::stem(&work.ticket)));
    let outputs =
        (output::folder(work.run_dir()).is_ok() && output::create_private(&outputs).is_ok()).then_some(outputs);
    let Some((program, arguments)) = process.argv.split_first() else {
        return failed("notFound", "argv is empty; name a program");
    };
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RIPCORD_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(&process.cwd).envs(process.env.iter().map(|(name, value)| (name, value)));
    command.kill_on_drop(true);
    if let Some(outputs) = &outputs {
        command.env("RIPCORD_OUTPUT", outputs);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return failed(
                "notFound",
                format!(
                    "«{program}» could not be started in {}: {error}; install it, or check `workdir`",
                    process.cwd.display()
                ),
            );
        }
    };
    if let Some(pid) = child.id() {
        let child = status::Process::of(pid);
        let started =
            crate::engine::message::Started { pid: Some(pid), start_time: child.start_time, boot_id: child.boot_id };
        work.tell(Report::Started(started)).await;
    }
    let mut ended = wait(work, process, &mut child).await;
    ended.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outputs.map(|path| crate::runner::outputs::take(&path)) {
        Some(Ok(outputs)) => {
            ended.outputs =
                outputs.into_iter().map(|(name, value)| (name, work.place.redactor.redact(&value).into())).collect();
        }
        Some(Err(problem)) => ended.outputs_problem = Some(problem),
        None => {}
    }
    super::ending::report(work, &ended, None, None)
}

async fn wait(work: &Work, process: &Process, child: &mut tokio::process::Child) -> Ended {
    let mut ended = Ended::default();
    let mut rungs = process.ladder.iter();
    let mut next = work.timeout;
    loop {
        let stop = async {
            match next {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            status = child.wait() => {
                crate::runner::how(&mut ended, status);
                return ended;
            }
            () = work.cancel.cancelled(), if !(ended.cancelled || ended.timed_out) => ended.cancelled = true,
            () = stop => ended.timed_out |= !ended.cancelled,
        }
        next = rungs.next().map(|rung| {
            let signal = match rung.signal {
                Stop::Int => Signal::INT,
                Stop::Term => Signal::TERM,
                Stop::Kill => Signal::KILL,
            };
            if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
                let _ = kill_process(pid, signal);
            }
            Duration::from_millis(rung.wait_ms)
        });
    }
}
