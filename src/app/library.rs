//! `ripcord` alone: the library on the screen, and what is chosen there is opened.

use std::{collections::BTreeMap, path::Path};

use crossterm::event::{Event, KeyEventKind, read};
use jiff::Timestamp;

use super::{Fault, clock, demo, drive, shipped, state};
use crate::{
    audit::runs::{self, RunSummary},
    cli::{self, Common},
    demo::Scenario,
    engine::fact::RunStatus,
    observe::human,
    runbook::{self, model::Runbook},
    tui::{
        library::{self, Entry, Library, Next, Open},
        terminal::Screen,
        theme::{Theme, run_word},
    },
};

/// Shows the library, then does what was chosen.
pub fn open(common: &Common) -> Result<u8, Fault> {
    drive::can_be_driven(&cli::Headless::default())?;
    let theme = Theme::new(common.no_color, common.ascii);
    match choose(&mut load(common)?, theme)? {
        Open::Nothing => Ok(0),
        Open::Run(runbook) => drive::run(common, &cli::Run { runbook, ..cli::Run::default() }),
        Open::Resume(run) => drive::resume(common, &cli::Resume { run: Some(run), headless: cli::Headless::default() }),
        Open::Demo => demo::play(common, &cli::Demo::of(Scenario::default())),
    }
}

fn choose(library: &mut Library, theme: Theme) -> Result<Open, Fault> {
    let fault = |error: std::io::Error| Fault::usage(format!("the terminal cannot be used: {error}"));
    let mut screen = Screen::take().map_err(fault)?;
    loop {
        screen.terminal.draw(|frame| library::draw(frame, library, &theme)).map_err(fault)?;
        let Event::Key(key) = read().map_err(fault)? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match library.key(key) {
            Next::Stay => {}
            Next::Leave => return Ok(Open::Nothing),
            Next::Open(open) => return Ok(open),
        }
    }
}

fn load(common: &Common) -> Result<Library, Fault> {
    let now = clock::now().wall;
    let state_dir = state::state_dir(common)?.value;
    let runs = runs::list(&state_dir);
    let goes_on =
        |run: &&RunSummary| run.status == RunStatus::Open && run.broken.is_none() && !is_dead(&state_dir, run);
    let mut entries: Vec<Entry> = runs.iter().filter(goes_on).map(|run| unfinished(run, now)).collect();
    let mut last: BTreeMap<&str, &RunSummary> = BTreeMap::new();
    for run in runs.iter().rev() {
        last.insert(&run.runbook, run); // newest wins
    }
    let mut own = Vec::new();
    for file in state::library()? {
        let entry = of_file(&file, &last, now);
        if entry.name != "demo" {
            own.push(entry); // the demo's book needs the demo's cluster
        }
    }
    for (name, text) in shipped::ALL {
        let known = own.iter().any(|entry: &Entry| entry.name == *name);
        if let Ok(loaded) = runbook::load_str(&format!("shipped/{name}.yaml"), text)
            && !known
        {
            own.push(of_book(&loaded.book, (*name).to_owned(), &last, now));
        }
    }
    entries.extend(own);
    entries.push(Entry {
        open: Open::Demo,
        name: "demo".into(),
        state: last.get("demo").map(|run| outcome(run, now)).unwrap_or_default(),
        title: "Rehearse a bad canary on an embedded cluster".into(),
        about:
            "Nothing to install, nothing outside touched. The canary goes bad after a minute; pull the ripcord with z."
                .into(),
        ..Entry::default()
    });
    let dirs: Vec<_> = state::search_path()?.iter().map(|dir| dir.display().to_string()).collect();
    Ok(Library::new(entries, dirs.join(", ")))
}

/// A demo whose process is gone: nothing can go on with it.
fn is_dead(state_dir: &Path, run: &RunSummary) -> bool {
    !run.live && demo::is_one(state_dir, &run.run)
}

/// Rows of the same runbook are told apart by target, place and time.
fn unfinished(run: &RunSummary, now: Timestamp) -> Entry {
    let at = run.at.as_deref().map(|at| format!(" at {at}")).unwrap_or_default();
    let live = if run.live { "live elsewhere" } else { "open" };
    let since = human::since(now, run.started.parse().ok());
    let target = if run.context.is_empty() { String::new() } else { format!("  {}/{}", run.context, run.namespace) };
    let goes_on = if run.live {
        format!("Its own terminal drives it; `ripcord attach {}` looks on.", run.run)
    } else {
        "Enter goes on with it.".to_owned()
    };
    Entry {
        open: if run.live { Open::Nothing } else { Open::Resume(run.run.clone()) },
        name: run.runbook.clone(),
        title: format!("{}{target}", if run.title.is_empty() { &run.run } else { &run.title }),
        state: format!("{live} {since}{at}"),
        about: format!("{} by {}, since {}.\n{goes_on}", run.run, run.operator, run.started),
        ..Entry::default()
    }
}

fn of_file(file: &Path, last: &BTreeMap<&str, &RunSummary>, now: Timestamp) -> Entry {
    match runbook::load(file) {
        Ok(loaded) => of_book(&loaded.book, file.display().to_string(), last, now),
        Err(problems) => Entry {
            name: file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
            title: file.display().to_string(),
            warning: match problems.len() {
                1 => "1 problem: ripcord check".to_owned(),
                count => format!("{count} problems: ripcord check"),
            },
            about: problems.first().map(|problem| problem.render()).unwrap_or_default(),
            ..Entry::default()
        },
    }
}

fn of_book(book: &Runbook, open: String, last: &BTreeMap<&str, &RunSummary>, now: Timestamp) -> Entry {
    let meta = &book.metadata;
    let state = last.get(meta.name.as_str()).map_or_else(|| "never run".to_owned(), |run| outcome(run, now));
    Entry {
        open: Open::Run(open),
        name: meta.name.clone(),
        title: meta.title().to_owned(),
        state,
        owners: meta.owners.join(", "),
        reviewed: meta.reviewed.map(|day| day.to_string()).unwrap_or_default(),
        tags: meta.tags.join(", "),
        alerts: meta.alerts.iter().map(|alert| alert.name()).collect::<Vec<_>>().join(", "),
        warning: overdue(book, now).unwrap_or_default(),
        about: book.description.clone(),
    }
}

fn outcome(run: &RunSummary, now: Timestamp) -> String {
    let (word, _) = run_word(run.status);
    let at = run.ended.as_deref().unwrap_or(&run.started).parse::<Timestamp>().ok();
    format!("{word} {} ago", human::since(now, at))
}

/// Its review is due: the day it was read with care, plus how often that shall be.
fn overdue(book: &Runbook, now: Timestamp) -> Option<String> {
    let reviewed = book.metadata.reviewed?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let due = reviewed.checked_add(book.metadata.review_every?.get()).ok()?;
    (due < now).then(|| "its review is overdue".to_owned())
}
