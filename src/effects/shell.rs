//! `run:` as a process. Values reach it through the environment and never as shell text.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::{
    interactive,
    output::{FOLDER, create_private, stem},
    process::{self, Process},
    work::{Work, failed},
};
use crate::{engine::message::Report, runbook::model::Run, runner::job::Rung};

/// One argument may be at most 128 KiB on Linux; a longer script goes through a file.
const IN_ARGUMENT: usize = 96 * 1024;

/// Runs a script or an argv to its end.
pub async fn perform(work: &Work, run: &Run, env: &IndexMap<String, String>) -> Report {
    match build(work, run, env) {
        Err((reason, message)) => failed(reason, message),
        Ok(process) if run.interactive => interactive::perform(work, process).await,
        Ok(process) => process::perform(work, process).await,
    }
}

/// The console came back. An interactive step does not outlive it.
pub async fn reattach(work: &Work, run: &Run, tell_start: bool) -> Report {
    if run.interactive {
        return Report::Unknown {
            message: "the step had the terminal when the console ended; look at what it did, then say what came of it"
                .into(),
        };
    }
    process::reattach(work, tell_start).await
}

pub(super) fn build(work: &Work, run: &Run, env: &IndexMap<String, String>) -> Result<Process, (&'static str, String)> {
    let mut pairs = Vec::with_capacity(env.len());
    for (name, value) in env {
        let value = work.reveal(value).map_err(|problem| ("render", problem.to_string()))?;
        pairs.push((name.clone(), value.into_owned()));
    }
    let (argv, remove) = match (&run.argv, &run.script) {
        (Some(argv), _) => (argv.clone(), Vec::new()),
        (None, Some(script)) => interpreted(work, run.shell.as_deref(), script)?,
        (None, None) => return Err(("render", "neither a script nor an argv; write one of them".into())),
    };
    let cwd = run.workdir.as_deref().map_or_else(|| work.place.workdir.clone(), |dir| work.path(dir));
    Ok(Process { argv, cwd, env: pairs, ladder: Rung::for_scripts(), takes_outputs: true, remove })
}

/// An argv, and files to remove afterwards.
type Interpreted = (Vec<String>, Vec<PathBuf>);

/// The interpreter's argv, and the file to remove afterwards where the script needed one.
fn interpreted(work: &Work, shell: Option<&str>, script: &str) -> Result<Interpreted, (&'static str, String)> {
    let mut argv: Vec<String> = match shell.map(str::trim) {
        None | Some("bash") => ["bash", "-euo", "pipefail"].map(str::to_owned).into(),
        Some("sh") => ["sh", "-eu"].map(str::to_owned).into(),
        Some(other) => other.split_whitespace().map(str::to_owned).collect(),
    };
    let is_shell = matches!(
        argv.first().map(|program| program.rsplit('/').next().unwrap_or(program)),
        Some("bash" | "sh" | "dash" | "zsh" | "ksh" | "ash")
    );
    if is_shell && script.len() <= IN_ARGUMENT {
        argv.extend(["-c".to_owned(), script.to_owned()]);
        return Ok((argv, Vec::new()));
    }
    let path = work.run_dir().join(FOLDER).join(format!("{}.script", stem(&work.ticket)));
    let write = || {
        super::output::folder(work.run_dir())?;
        std::io::Write::write_all(&mut create_private(&path)?, script.as_bytes())
    };
    write().map_err(|error| {
        ("refused", format!("the script cannot be written to {}: {error}; nothing was started", path.display()))
    })?;
    argv.push(path.to_string_lossy().into_owned());
    Ok((argv, vec![path]))
}
