//! The only place that names every concrete part and joins them.

/// To standard output; a reader that went away (`| head`) is no fault of ours.
macro_rules! out {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout().lock(), $($text)*);
    }};
}

/// The same with the end of the line.
macro_rules! outln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($text)*);
    }};
}

mod alerts;
mod anchor;
mod asking;
mod books;
mod clock;
mod config;
mod console;
mod demo;
mod doctor;
mod drive;
mod dry_run;
mod emergency;
mod exit;
mod firing;
mod library;
mod log;
mod manual;
mod open;
mod prepare;
mod shipped;
mod signals;
mod state;
mod trail;
mod unattended;
mod verbs;
mod watch;

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;

use crate::cli::{Cli, Common, Trail, Verb};

/// Everything the program says to a person who made a mistake.
#[derive(Debug)]
pub struct Fault {
    pub exit: u8,
    pub message: String,
}

impl Fault {
    fn usage(message: impl Into<String>) -> Self {
        Self { exit: 2, message: message.into() }
    }

    fn failed(message: impl Into<String>) -> Self {
        Self { exit: 1, message: message.into() }
    }

    fn trail(message: impl Into<String>) -> Self {
        Self { exit: 4, message: message.into() }
    }
}

/// Parses the arguments, does the job, answers the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let code = if verifies(std::env::args().skip(1)) { 4 } else { 2 };
            return ExitCode::from(if error.use_stderr() { code } else { 0 });
        }
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    match job(cli) {
        Ok(code) => ExitCode::from(code),
        Err(fault) => {
            say(&fault.message);
            ExitCode::from(fault.exit)
        }
    }
}

/// Arguments that could not be read were meant for `trail verify`, whatever flags stand around its name.
fn verifies(mut args: impl Iterator<Item = String>) -> bool {
    args.any(|word| word == "trail") && args.any(|word| word == "verify")
}

/// To standard error. Where nobody reads it any more (a terminal that was closed) that is no reason to fall.
fn say(message: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "ripcord: {}", crate::visible::text(message));
}

fn job(cli: Cli) -> Result<u8, Fault> {
    let Some(verb) = cli.verb else {
        if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
            return Err(Fault::usage(
                "no terminal here for the console, so say a command: `ripcord --help` lists them, `ripcord demo --headless` plays a story",
            ));
        }
        return library::open(&config::in_force(cli.common)?);
    };
    match verb {
        // These need nothing of the machine, so nothing of it can be in their way.
        Verb::Check(check) => verbs::check(&check),
        Verb::Schema => verbs::schema(),
        Verb::New(new) => verbs::new(&new),
        Verb::Import(import) => verbs::import(&import),
        Verb::Completions { shell } => verbs::completions(shell),
        Verb::Man { command } => manual::print(command.as_deref()),
        Verb::Config => config::print(&cli.common),
        Verb::Trail(verb) => trail_job(&cli.common, verb),
        verb => run_job(&config::in_force(cli.common)?, verb),
    }
}

/// The verbs that read what was recorded.
fn trail_job(common: &Common, verb: Trail) -> Result<u8, Fault> {
    match verb {
        Trail::Show { run, follow, output } => trail::show(common, &run, follow, output),
        Trail::Verify { runs, all, output } => trail::verify(common, &runs, all, output),
        Trail::Report { run, output } => trail::report(common, &run, output),
        Trail::Export { run, to } => trail::export(common, &run, to.as_deref()),
    }
}

/// The verbs that drive a run, or look at one.
fn run_job(common: &Common, verb: Verb) -> Result<u8, Fault> {
    let _flushes = log::start(common)?;
    if matches!(verb, Verb::Run(_) | Verb::Demo(_) | Verb::For(_)) {
        prepare::hash_ahead();
    }
    match verb {
        Verb::Run(run) => drive::run(common, &run),
        Verb::Demo(args) => demo::play(common, &args),
        Verb::Watch(args) => watch::open(common, &args),
        Verb::Resume(resume) => drive::resume(common, &resume),
        Verb::Rollback(rollback) => drive::rollback(common, &rollback),
        Verb::Approve(approve) => drive::approve(common, &approve),
        Verb::Refuse(refuse) => drive::refuse(common, &refuse),
        Verb::Attach(attach) => trail::attach(common, &attach),
        Verb::Doctor(args) => doctor::examine(common, &args),
        Verb::For(alert) => alerts::open(common, &alert),
        Verb::Runs(listing) => verbs::runs(common, &listing),
        other => job(Cli { common: common.clone(), verb: Some(other) }),
    }
}
