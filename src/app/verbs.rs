//! The verbs that only read, print or write a file.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    io::{ErrorKind, Write as _},
    path::Path,
};

use clap::CommandFactory as _;

use super::{Fault, say, state};
use crate::{
    audit::{runs, verify},
    cli::{Check, Cli, Common, Format, Import, Listing, New},
    import,
    observe::human,
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
    // A runbook that lies in several, or is named twice, is told once.
    let mut told = HashSet::new();
    problems.retain(|problem| told.insert(problem.clone()));
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    match check.output {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&problems).unwrap_or_default()),
        Format::Text => {
            let mut out = std::io::stderr().lock();
            for problem in &problems {
                let _ = writeln!(out, "{}", problem.render());
            }
            let warnings = problems.len() - errors;
            match errors {
                0 => outln!("ok: {} checked, {warnings} warnings", check.runbooks.len()),
                _ => {
                    let files: BTreeSet<&Path> = problems.iter().map(|problem| problem.file.as_path()).collect();
                    let word = if errors == 1 { "error" } else { "errors" };
                    outln!("{errors} {word}, {warnings} warnings in {} files", files.len());
                }
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
    outln!("{}", serde_json::to_string_pretty(&runbook::schema::for_editors()).unwrap_or_default());
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
    let now = super::clock::now().wall;
    let head = ["RUN", "WHEN", "RUNBOOK", "TARGET", "OPERATOR", "OUTCOME"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(runs.iter().map(|run| cells(&dir, run, now))).collect();
    let wide = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(wide);
    for row in &rows {
        let padded: String = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        outln!("{padded}{}", row[5]);
    }
    for gone in verify::holes(&dir) {
        outln!("{gone:<44} deleted: the ledger knows it, the disk does not");
    }
    Ok(0)
}

/// One run as a row: which, how long ago it began, what, where, who, and how it ended or stands.
fn cells(dir: &Path, run: &runs::RunSummary, now: jiff::Timestamp) -> [String; 6] {
    let status = serde_json::to_value(run.status).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let status = match (&run.broken, run.live, &run.at) {
        (Some(broken), ..) => format!("BROKEN: {broken}"),
        (None, true, at) => format!("live at {}", at.as_deref().unwrap_or("-")),
        (None, false, Some(at)) if super::demo::is_one(dir, &run.run) => format!("{status} at {at}; its demo is gone"),
        (None, false, Some(at)) => format!("{status} at {at}; ripcord resume"),
        (None, false, None) => status,
    };
    let target = if run.context.is_empty() { "-".to_owned() } else { format!("{}/{}", run.context, run.namespace) };
    let when = match run.started.parse::<jiff::Timestamp>() {
        Ok(at) => format!("{} ago", human::since(now, Some(at.min(now)))),
        Err(_) => "-".to_owned(),
    };
    [run.run.clone(), when, run.runbook.clone(), target, run.operator.clone(), status]
        .map(|cell| visible::line(&cell).into_owned())
}

/// A first runbook that passes `check`.
pub fn new(new: &New) -> Result<u8, Fault> {
    let name = new.name.trim_end_matches(".yaml");
    let path = Path::new(name).with_extension("yaml");
    let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let text = include_str!("../../assets/new.yaml").replace("NAME", &id);
    if runbook::load_str(&path.display().to_string(), &text).is_err() {
        return Err(Fault::usage(format!(
            "«{}» cannot be a runbook's name: lower-case letters, digits and `-`, a letter first; such as `ripcord new restart-api`",
            visible::line(&id)
        )));
    }
    write_fresh(&path, &text)?;
    let path = path.display();
    say(&format!("wrote {path}; edit it, `ripcord check {path}` says what is wrong, `ripcord run {path}` tries it"));
    Ok(0)
}

/// Nothing is written over.
fn write_fresh(path: &Path, text: &str) -> Result<(), Fault> {
    let shown = path.display();
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Fault::usage(format!("{shown} is there already and is left as it is; name another"))
        }
        ErrorKind::NotFound => Fault::usage(format!("{shown}: its folder is not there; make it first")),
        _ => Fault::usage(format!("{shown}: {error}")),
    })?;
    file.write_all(text.as_bytes()).map_err(|error| Fault::failed(format!("{shown}: {error}")))
}

/// A Markdown guide as a runbook; nothing is written over.
pub fn import(args: &Import) -> Result<u8, Fault> {
    let shown = args.guide.display().to_string();
    let read = guide(&args.guide).map_err(|why| Fault::usage(format!("{shown}: {why}")))?;
    let file = args.guide.file_name().map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
    let imported = import::import(&file, &read).map_err(Fault::usage)?;
    if imported.text.len() as u64 > LARGEST {
        return Err(Fault::usage(format!("{shown}: its runbook would be larger than 1 MiB; split it")));
    }
    // What is printed must be what was promised.
    if let Err(problems) = runbook::load_str("imported.yaml", &imported.text) {
        let all: String = problems.iter().map(Problem::render).collect();
        return Err(Fault::failed(format!("{shown} could not be made a runbook that passes `check` (a bug)\n{all}")));
    }
    match &args.to {
        None => out!("{}", imported.text),
        Some(path) => write_fresh(path, &imported.text)?,
    }
    say(&format!("{} steps; {} want a person's eye: look for `# finish:`", imported.steps, imported.unfinished));
    Ok(0)
}

/// A runbook above this is not read.
const LARGEST: u64 = 1 << 20;

fn guide(path: &Path) -> Result<String, String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("this is no file; name one Markdown file".into());
    }
    if about.len() > LARGEST {
        return Err("it is larger than 1 MiB, and so would be its runbook; split it".into());
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text; save the guide as Markdown in UTF-8".into())
}
