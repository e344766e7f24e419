//! The only place that names every concrete part and joins them.

mod clock;
mod console;
mod drive;
mod exit;
mod log;
mod open;
mod prepare;
mod state;
mod unattended;
mod verbs;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Trail, Verb};

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
            let trail = std::env::args().nth(1).as_deref() == Some("trail")
                && std::env::args().nth(2).as_deref() == Some("verify");
            let _ = error.print();
            let code = if error.use_stderr() { if trail { 4 } else { 2 } } else { 0 };
            return ExitCode::from(code);
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

#[expect(clippy::print_stderr, reason = "the one place that complains")]
fn say(message: &str) {
    eprintln!("ripcord: {}", crate::visible::text(message));
}

fn job(cli: Cli) -> Result<u8, Fault> {
    let common = cli.common;
    let _flushes = log::start(&common)?;
    match cli.verb {
        Verb::Check(check) => verbs::check(&check),
        Verb::Schema => verbs::schema(),
        Verb::New(new) => verbs::new(&new),
        Verb::Completions { shell } => verbs::completions(shell),
        Verb::Config => verbs::config(&common),
        Verb::Runs(listing) => verbs::runs(&common, &listing),
        Verb::Trail(Trail::Show { run, follow, output }) => verbs::show(&common, &run, follow, output),
        Verb::Trail(Trail::Verify { runs, all, output }) => verbs::verify(&common, &runs, all, output),
        Verb::Trail(Trail::Report { run, output }) => verbs::report(&common, &run, output),
        Verb::Run(run) => drive::run(&common, &run),
        Verb::Resume(resume) => drive::resume(&common, &resume),
        Verb::Rollback(rollback) => drive::rollback(&common, &rollback),
        Verb::Approve(approve) => drive::approve(&common, &approve),
        Verb::Refuse(refuse) => drive::refuse(&common, &refuse),
    }
}
