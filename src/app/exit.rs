//! Exit codes, in one place.

use crate::{
    cli,
    engine::{Run, fact::RunStatus},
};

/// Why a frontend let go of a run that is not closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// A question nobody answered.
    Unanswered(String),
    /// `q`, SIGINT, SIGTERM, SIGHUP.
    Interrupted,
}

/// How a frontend ended, and what it was left for.
pub struct Ended {
    pub code: u8,
    pub then: Option<cli::Run>,
}

/// 0 succeeded · 1 failed or rolled back · 3 needs a person · 130 interrupted.
pub fn code(run: &Run, left: Option<&Left>) -> u8 {
    match (run.status(), left) {
        (RunStatus::Open, Some(Left::Interrupted)) => 130,
        (status, _) => of_status(status),
    }
}

/// The same of a run that is only looked at.
pub fn of_status(status: RunStatus) -> u8 {
    match status {
        RunStatus::Succeeded => 0,
        RunStatus::Failed | RunStatus::RolledBack | RunStatus::RollbackIncomplete | RunStatus::Aborted => 1,
        RunStatus::Open => 3,
    }
}

/// How it ended, in a line.
pub fn words(run: &Run, left: Option<&Left>) -> String {
    let status = match run.status() {
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::RolledBack => "rolled back",
        RunStatus::RollbackIncomplete => "rollback incomplete",
        RunStatus::Aborted => "aborted",
        RunStatus::Open => "open",
    };
    let id = &run.opened().run;
    // A demo's cluster ends with its process; there is nothing to go on with.
    let goes_on = match run.opened().target.server.as_str() {
        crate::demo::SERVER => "a demo is not taken up again".to_owned(),
        _ => format!("`ripcord resume {id}` goes on"),
    };
    // Leaving a run that is over interrupts nothing.
    let more = match left.filter(|_| !run.is_closed()) {
        Some(Left::Unanswered(what)) => format!(": {what}; {goes_on}"),
        Some(Left::Interrupted) => format!(": interrupted; {goes_on}"),
        None if run.left().is_empty() => String::new(),
        None => format!(" ({})", run.left().join(", ")),
    };
    let end = run.end().map_or_else(String::new, |(category, code)| {
        let category =
            serde_json::to_value(category).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        format!(" {category}{}", code.as_ref().map_or_else(String::new, |code| format!("/{code}")))
    });
    format!("{status}{end}{more}  run {id}")
}
