//! `ripcord trail` and `attach`: what was recorded, for people, machines and archives. Writes nothing into a run.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{Fault, exit, say, state};
use crate::{
    audit::{self, Follow, Record, export, ledger, report, runs, show, verify},
    cli::{Attach, Common, Format, Output, ReportFormat},
    engine::fact::RunStatus,
};

/// How long a follower rests between two looks at the file.
const LOOK: Duration = Duration::from_millis(100);

/// The trail for people, or a JSON fact a line; with `follow` until the run is closed.
pub fn show(common: &Common, run: &str, follow: bool, output: Format) -> Result<u8, Fault> {
    let state_dir = state::state_dir(common)?.value;
    let run = state::find_run(&state_dir, run)?;
    let dir = state_dir.join("runs").join(run);
    if follow {
        return follow_to_the_end(&dir, output == Format::Json, 0, || true).map(|_| 0);
    }
    let (records, broken) = audit::read_records(&dir).map_err(unreadable)?;
    print(&records, output == Format::Json);
    match broken {
        Some(why) => Err(Fault::trail(format!("{why}; what stands before it is shown"))),
        None => Ok(0),
    }
}

fn unreadable(error: io::Error) -> Fault {
    Fault::trail(format!("the trail cannot be read: {error}"))
}

/// Prints records; false once nobody reads on.
fn print(records: &[(Record, Vec<Value>)], json: bool) -> bool {
    let mut out = io::stdout().lock();
    let mut write = || {
        for (record, facts) in records {
            if json {
                show::record_json(record, facts).iter().try_for_each(|fact| writeln!(out, "{fact}"))?;
            } else {
                show::record_lines(record, facts).iter().try_for_each(|line| writeln!(out, "{line}"))?;
            }
        }
        out.flush()
    };
    write().is_ok()
}

/// Prints what comes behind the first `known` records, until the run is closed or nobody is there to close it.
fn follow_to_the_end(dir: &Path, json: bool, mut known: usize, go_on: impl Fn() -> bool) -> Result<bool, Fault> {
    let mut follow = Follow::new(dir);
    loop {
        // Asked first: what was written before the writer went is still read.
        let live = go_on();
        let records = follow.more().map_err(unreadable)?;
        if !print(records.get(known..).unwrap_or_default(), json) {
            return Ok(false);
        }
        known = known.saturating_sub(records.len());
        if let Some(why) = &follow.stopped {
            return Err(Fault::trail(format!("{why}; what stands before it is shown")));
        }
        if Follow::is_over(&records) {
            return Ok(true);
        }
        if !live {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}

/// Looks on at a run that another process drives; answers the run's own exit code.
pub fn attach(common: &Common, args: &Attach) -> Result<u8, Fault> {
    let state_dir = state::state_dir(common)?.value;
    let run = state::find_run(&state_dir, &args.run)?;
    let dir = state_dir.join("runs").join(&run);
    if !audit::is_held(&dir) {
        return Err(match runs::summary(&state_dir, &run).status {
            RunStatus::Open => {
                Fault { exit: 3, message: format!("nobody drives {run} now; `ripcord resume {run}` goes on with it") }
            }
            _ => Fault::usage(format!("{run} is closed; `ripcord trail show {run}` tells it")),
        });
    }
    let holder = audit::holder(&dir);
    say(&format!(
        "looking on at {run}: process {} of {} on {} since {}; Ctrl-C ends the looking, not the run",
        holder.pid, holder.user, holder.host, holder.since
    ));
    look_on(&state_dir, &run, args.output, 0)
}

/// Prints another console's run behind its first `known` records, until it is closed; answers the run's exit code.
pub(super) fn look_on(state_dir: &Path, run: &str, output: Output, known: usize) -> Result<u8, Fault> {
    let dir = state_dir.join("runs").join(run);
    let closed = follow_to_the_end(&dir, output == Output::Json, known, || audit::is_held(&dir))?;
    match closed {
        true => Ok(exit::of_status(runs::summary(state_dir, run).status)),
        false => {
            Err(Fault { exit: 3, message: format!("the console let go of {run}; `ripcord resume {run}` goes on") })
        }
    }
}

/// Exit codes of `audit-trail.md`; bad usage of this verb is 4.
pub fn verify(common: &Common, names: &[String], all: bool, output: Format) -> Result<u8, Fault> {
    let state_dir = state::state_dir(common).map_err(|fault| Fault::trail(fault.message))?.value;
    let mut verdicts = if all { verify::verify_all(&state_dir) } else { Vec::new() };
    for name in names {
        // A name that is nobody's does not keep the others from being looked at.
        let run = find_told(&state_dir, name);
        let known = run.as_ref().is_ok_and(|run| verdicts.iter().any(|verdict| &verdict.run == run));
        match run {
            Ok(_) if known => {}
            Ok(run) => verdicts.push(verify::verify(&state_dir, &run)),
            Err(fault) => verdicts.push(verify::Verdict::unread(name, fault.message)),
        }
    }
    if verdicts.is_empty() && !all {
        return Err(Fault::trail("which run? Name one, or --all"));
    }
    if verdicts.is_empty() {
        return Err(Fault::trail(format!(
            "there is no run in {}, so nothing was verified; is it the right --state-dir?",
            state_dir.display()
        )));
    }
    match output {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&verdicts).unwrap_or_default()),
        Format::Text => verdicts.iter().for_each(|verdict| out!("{}", verdict.render())),
    }
    Ok(verify::worst(&verdicts))
}

/// A run on the disk, or one that only the ledger still knows: it was taken away, and `verify` says so.
fn find_told(state_dir: &Path, name: &str) -> Result<String, Fault> {
    state::find_run(state_dir, name).or_else(|fault| {
        let mut known: Vec<String> =
            ledger::read(state_dir).unwrap_or_default().iter().map(|e| e.run().into()).collect();
        known.retain(|run| run == name || (!name.is_empty() && run.contains(name)));
        known.dedup();
        match known.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(Fault::trail(fault.message)),
        }
    })
}

/// The incident timeline.
pub fn report(common: &Common, run: &str, output: ReportFormat) -> Result<u8, Fault> {
    let state_dir = state::state_dir(common)?.value;
    let run = state::find_run(&state_dir, run)?;
    let dir = state_dir.join("runs").join(&run);
    let facts = audit::read_facts(&dir).map_err(|error| Fault::trail(error.to_string()))?;
    let (records, _) = audit::read_records(&dir).map_err(unreadable)?;
    let head = records.last().map_or("", |(record, _)| record.fingerprint.as_str());
    let text = report::markdown(&facts, head).map_err(Fault::trail)?;
    match output {
        ReportFormat::Markdown => out!("{text}"),
        ReportFormat::Html => out!("{}", report::html(&text, &run)),
    }
    Ok(0)
}

/// One archive of a run; `-` is standard output, and nothing is ever written over.
pub fn export(common: &Common, run: &str, to: Option<&Path>) -> Result<u8, Fault> {
    let state_dir = state::state_dir(common)?.value;
    let run = state::find_run(&state_dir, run)?;
    let failed = |error: io::Error| Fault::trail(format!("{run} cannot be exported: {error}"));
    if to == Some(Path::new("-")) {
        export::export(&state_dir, &run, io::stdout().lock()).map_err(failed)?;
        return Ok(0);
    }
    let path = to.map_or_else(|| PathBuf::from(format!("{run}.tar.gz")), Path::to_owned);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let file = file.map_err(|error| Fault::usage(format!("{}: {error}; name another with --to", path.display())))?;
    let mut out = io::BufWriter::new(file);
    if let Err(error) = export::export(&state_dir, &run, &mut out).and_then(|()| out.flush()) {
        let _ = fs::remove_file(&path); // half an archive proves nothing
        return Err(failed(error));
    }
    say(&format!(
        "wrote {}; unpacked, `ripcord trail verify {run} --state-dir {run}` verifies it there",
        path.display()
    ));
    Ok(0)
}
