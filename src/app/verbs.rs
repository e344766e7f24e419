//! The verbs that only read, print or write a file.

use std::{fs, io::Write as _, path::Path};

use clap::CommandFactory as _;

use super::{Fault, say, state};
use crate::{
    audit::{runs, verify},
    cli::{Check, Cli, Common, Format, Import, Listing, New},
    import,
    runbook::{self, Problem, problem::Severity},
    visible,
};

/// Every problem of all files; 0 where there is no error, else 2.
pub fn check(check: &Check) -> Result<u8, Fault> {
    let mut problems: Vec<Problem> = Vec::new();
    for path in &check.runbooks {
        match runbook::load(path) {
            Ok(loaded) => {
                problems.extend(loaded.warnings);
                problems.extend(overdue(path, &loaded.book));
            }
            Err(found) => problems.extend(found),
        }
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    match check.output {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&problems).unwrap_or_default()),
        Format::Text => {
            let mut out = std::io::stderr().lock();
            for problem in &problems {
                let _ = writeln!(out, "{}", problem.render());
            }
            let warnings = problems.len() - errors;
            let files = check.runbooks.len();
            match errors {
                0 => outln!("ok: {files} checked, {warnings} warnings"),
                _ => outln!("{errors} errors, {warnings} warnings in {files} files"),
            }
        }
    }
    Ok(if errors == 0 { 0 } else { 2 })
}

/// A warning once `reviewEvery` has passed.
fn overdue(path: &Path, book: &runbook::model::Runbook) -> Option<Problem> {
    let (reviewed, every) = (book.metadata.reviewed?, book.metadata.review_every?);
    let due = reviewed.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().checked_add(every.get()).ok()?;
    (super::clock::now().wall > due).then(|| {
        let mut problem = Problem::of_file(
            path,
            format!("the review of {reviewed} is older than {every}"),
            "read it with care, then set `reviewed`",
        );
        problem.severity = Severity::Warning;
        problem
    })
}

pub fn schema() -> Result<u8, Fault> {
    outln!("{}", serde_json::to_string_pretty(runbook::schema::json()).unwrap_or_default());
    Ok(0)
}

pub fn completions(shell: clap_complete::Shell) -> Result<u8, Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ripcord", &mut script);
    out!("{}", String::from_utf8_lossy(&script));
    Ok(0)
}

pub fn runs(common: &Common, listing: &Listing) -> Result<u8, Fault> {
    let dir = state::state_dir(common)?.value;
    let runs = runs::list(&dir);
    if listing.output == Format::Json {
        outln!("{}", serde_json::to_string_pretty(&runs).unwrap_or_default());
        return Ok(0);
    }
    if runs.is_empty() {
        outln!("no runs yet in {}; `ripcord run RUNBOOK` makes the first", dir.display());
        return Ok(0);
    }
    outln!("{:<44} {:<20} {:<20} {:<24} OUTCOME", "RUN", "OPERATOR", "RUNBOOK", "TARGET");
    for run in runs {
        let status =
            serde_json::to_value(run.status).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let status = match (&run.broken, run.live, &run.at) {
            (Some(broken), ..) => format!("BROKEN: {broken}"),
            (None, true, at) => format!("live at {}", at.as_deref().unwrap_or("-")),
            (None, false, Some(at)) => format!("{status} at {at}; ripcord resume"),
            (None, false, None) => status,
        };
        let target = if run.context.is_empty() { "-".to_owned() } else { format!("{}/{}", run.context, run.namespace) };
        outln!(
            "{}",
            visible::line(&format!("{:<44} {:<20} {:<20} {target:<24} {status}", run.run, run.operator, run.runbook))
        );
    }
    for gone in verify::holes(&dir) {
        outln!("{gone:<44} deleted: the ledger knows it, the disk does not");
    }
    Ok(0)
}

/// A first runbook that passes `check`.
pub fn new(new: &New) -> Result<u8, Fault> {
    let name = new.name.trim_end_matches(".yaml");
    let path = Path::new(name).with_extension("yaml");
    let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let text = include_str!("../../assets/new.yaml").replace("NAME", &id);
    if let Err(problems) = runbook::load_str(&path.display().to_string(), &text) {
        let all: String = problems.iter().map(Problem::render).collect();
        return Err(Fault::usage(format!("«{id}» does not make a runbook\n{all}")));
    }
    let file = fs::OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = file.map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
    file.write_all(text.as_bytes()).map_err(|error| Fault::failed(format!("{}: {error}", path.display())))?;
    say(&format!("wrote {}; try `ripcord run {}` and edit it", path.display(), path.display()));
    Ok(0)
}

/// A Markdown guide as a runbook; nothing is written over.
pub fn import(args: &Import) -> Result<u8, Fault> {
    let shown = args.guide.display().to_string();
    let read = fs::read_to_string(&args.guide).map_err(|error| Fault::usage(format!("{shown}: {error}")))?;
    let file = args.guide.file_name().map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
    let imported = import::import(&file, &read).map_err(Fault::usage)?;
    // What is printed must be what was promised.
    if let Err(problems) = runbook::load_str("imported.yaml", &imported.text) {
        let all: String = problems.iter().map(Problem::render).collect();
        return Err(Fault::failed(format!("{shown} could not be made a runbook that passes `check` (a bug)\n{all}")));
    }
    match &args.to {
        None => out!("{}", imported.text),
        Some(path) => {
            let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
            let mut file = file.map_err(|error| Fault::usage(format!("{}: {error}", path.display())))?;
            let written = file.write_all(imported.text.as_bytes());
            written.map_err(|error| Fault::failed(format!("{}: {error}", path.display())))?;
        }
    }
    say(&format!("{} steps; {} want a person's eye: look for `# finish:`", imported.steps, imported.unfinished));
    Ok(0)
}

/// Every step with its exact command; nothing is sent.
pub fn dry_run(opened: crate::engine::fact::Opened) -> Result<u8, Fault> {
    let run = crate::engine::Run::open(opened.started_at, opened);
    for row in run.rows() {
        let lane = if row.lane == crate::engine::state::Lane::Rollback { "R" } else { " " };
        let risk = format!("{:?}", row.step.risk()).to_lowercase();
        outln!(
            "{lane} {:indent$}{:<24} {risk:<11} {}",
            "",
            row.id.to_string(),
            visible::line(&run.text_for(&row.id, row.step.title())),
            indent = row.depth * 2
        );
        let lines = match run.intent_for(&row.id, None) {
            Ok(intent) => intent.command,
            Err(why) => format!("(not known yet: {why})"),
        };
        for line in lines.lines() {
            outln!("      {}", visible::line(line));
        }
    }
    Ok(0)
}
