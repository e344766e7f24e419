//! `ripcord` alone: the library on the screen, with what fires, and what is chosen there is opened.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crossterm::event::{Event, EventStream, KeyEventKind};
use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::{sync::mpsc, time::interval};

use super::{
    Fault,
    alerts::{Answer, answers, params},
    books::{self, Book},
    clock,
    config::config,
    demo, drive,
    firing::Firing,
    state,
};
use crate::{
    audit::runs::{self, RunSummary},
    cli::{self, Common},
    demo::Scenario,
    engine::fact::RunStatus,
    observe::{alerts::Alert, human},
    runbook::model::Runbook,
    tui::{
        library::{self, Entry, Library, Next, Of, Open},
        terminal::Screen,
        theme::{Theme, run_word},
    },
};

/// Shows the library, then does what was chosen.
pub fn open(common: &Common) -> Result<u8, Fault> {
    drive::can_be_driven(&cli::Headless::default())?;
    let books = books::all()?;
    let library = load(common, &books)?;
    let theme = Theme::new(common.no_color, common.ascii);
    let runtime = drive::runtime()?;
    let chosen = runtime.block_on(choose(common, library, &books, theme));
    runtime.shutdown_background(); // whoever is still being asked keeps nobody waiting
    match chosen? {
        Open::Nothing => Ok(0),
        Open::Run { runbook, params } => {
            drive::run(common, &cli::Run { runbook, param: params, ..cli::Run::default() })
        }
        Open::Resume(run) => drive::resume(common, &cli::Resume { run: Some(run), headless: cli::Headless::default() }),
        Open::Demo => demo::play(common, &cli::Demo::of(Scenario::default())),
    }
}

async fn choose(common: &Common, mut library: Library, books: &[Book], theme: Theme) -> Result<Open, Fault> {
    let fault = |error: std::io::Error| Fault::usage(format!("the terminal cannot be used: {error}"));
    let (tell, mut told) = mpsc::channel(16);
    let mut firing = Firing::ask(common, &config()?, books, &tell)?;
    let mut screen = Screen::take().map_err(fault)?;
    let (mut keys, mut second) = (EventStream::new(), interval(Duration::from_secs(1)));
    loop {
        let now = clock::now().wall;
        library.fires(alerts(&firing, books, now), firing.word(now));
        screen.terminal.draw(|frame| library::draw(frame, &library, &theme)).map_err(fault)?;
        tokio::select! {
            biased;
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => match library.key(key) {
                    Next::Stay => {}
                    Next::Leave => return Ok(Open::Nothing),
                    Next::Open(open) => return Ok(open),
                },
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(Open::Nothing),
            },
            Some(news) = told.recv() => firing.hear(clock::now().wall, news),
            _ = second.tick() => {}
        }
    }
}

/// A row for each runbook that answers an alert; one that says so where none does, or where nobody can be asked.
fn alerts(firing: &Firing, books: &[Book], now: Timestamp) -> Vec<Entry> {
    let unknown = |why: &str| Entry {
        name: "alerts".into(),
        title: why.to_owned(),
        state: "UNKNOWN".into(),
        about: format!("{why}\nIt is asked again every 30 s."),
        of: Of::Alert,
        ..Entry::default()
    };
    let of = |alert: &Alert| -> Vec<Entry> {
        let since = human::since(now, alert.since.map(|at| at.min(now)));
        let row = Entry {
            name: alert.name.clone(),
            title: format!("no runbook answers it   {}", alert.where_word()),
            state: format!("{} {since}", alert.state.word().0),
            about: alert.summary.clone(),
            of: Of::Alert,
            ..Entry::default()
        };
        let answers = answers(books, &alert.name, &alert.labels);
        let opens = |answer: &Answer| Entry {
            open: Open::Run { runbook: answer.open.clone(), params: params(answer) },
            title: format!("{}   {}", answer.name, alert.where_word()),
            about: format!("{}\nEnter: ripcord run {} {}", row.about, answer.name, options(answer)),
            ..row.clone()
        };
        if answers.is_empty() { vec![row] } else { answers.iter().map(opens).collect() }
    };
    firing.troubles().map(unknown).chain(firing.alerts().into_iter().flat_map(of)).collect()
}

/// `-p pod=x`, or the label that the alert does not have.
fn options(answer: &Answer) -> String {
    let given: Vec<_> = params(answer).iter().map(|param| format!("-p {param}")).collect();
    answer.lacks.as_ref().map_or_else(|| given.join(" "), |why| format!("({why}; it will be asked for)"))
}

fn load(common: &Common, books: &[Book]) -> Result<Library, Fault> {
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
    // the demo's book needs the demo's cluster
    entries.extend(books.iter().filter(|book| book.name != "demo").map(|book| of_book(book, &last, now)));
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
    let since = human::since(now, run.started.parse::<Timestamp>().ok().map(|at| at.min(now)));
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
        of: Of::Run,
        ..Entry::default()
    }
}

fn of_book(book: &Book, last: &BTreeMap<&str, &RunSummary>, now: Timestamp) -> Entry {
    let (open, book) = match &book.book {
        Ok(of) => (book.open.clone(), of),
        Err(problems) => {
            return Entry {
                name: book.name.clone(),
                title: book.open.clone(),
                warning: match problems.len() {
                    1 => "1 problem: ripcord check".to_owned(),
                    count => format!("{count} problems: ripcord check"),
                },
                about: problems.first().map(|problem| problem.render()).unwrap_or_default(),
                ..Entry::default()
            };
        }
    };
    let meta = &book.metadata;
    let state = last.get(meta.name.as_str()).map_or_else(|| "never run".to_owned(), |run| outcome(run, now));
    Entry {
        open: Open::Run { runbook: open, params: Vec::new() },
        name: meta.name.clone(),
        title: meta.title().to_owned(),
        state,
        owners: meta.owners.join(", "),
        reviewed: meta.reviewed.map(|day| day.to_string()).unwrap_or_default(),
        tags: meta.tags.join(", "),
        alerts: meta.alerts.iter().map(|alert| alert.name()).collect::<Vec<_>>().join(", "),
        warning: overdue(book, now).unwrap_or_default(),
        about: book.description.clone(),
        of: Of::Runbook,
    }
}

fn outcome(run: &RunSummary, now: Timestamp) -> String {
    let (word, _) = run_word(run.status);
    let at = run.ended.as_deref().unwrap_or(&run.started).parse::<Timestamp>().ok();
    format!("{word} {} ago", human::since(now, at.map(|at| at.min(now))))
}

/// Its review is due: the day it was read with care, plus how often that shall be.
fn overdue(book: &Runbook, now: Timestamp) -> Option<String> {
    let reviewed = book.metadata.reviewed?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let due = reviewed.checked_add(book.metadata.review_every?.get()).ok()?;
    (due < now).then(|| "its review is overdue".to_owned())
}
