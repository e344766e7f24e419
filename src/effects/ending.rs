//! How a child ended, as a report with words for people.

use std::collections::BTreeMap;

use super::work::{Work, failed_with};
use crate::{
    engine::message::{Done, OutputRef, Report},
    runner::status::Ended,
};

/// `output`: the file's name in the run's folder. `last`: the last line it printed.
pub fn report(work: &Work, ended: &Ended, output: Option<&str>, last: Option<&str>) -> Report {
    let done = done(ended, output);
    if let Some(why) = &ended.not_started {
        return failed_with(&why.reason, &why.message, done);
    }
    let how = how(ended);
    let said = last.map(|line| format!("; it last said: {line}")).unwrap_or_default();
    if ended.cancelled {
        return failed_with("cancelled", format!("stopped on request ({how})"), done);
    }
    if ended.timed_out {
        let limit = work.timeout.map_or_else(String::new, |limit| format!(" of {}", crate::runbook::value::Dur(limit)));
        let message =
            format!("ran past its limit{limit} and was stopped ({how}){said}; raise `timeout` if it needs longer");
        return failed_with("timeout", message, done);
    }
    // Later steps execute what is in an output: nothing hidden may come through it.
    let hidden = ended.outputs.iter().find(|(_, value)| !crate::visible::is_safe_value(value));
    if let (Some(0), Some((name, _))) = (ended.exit_code, hidden) {
        let message = format!("it ended well, but its output {name} holds invisible or control characters");
        return failed_with("outputs", message, done);
    }
    match (ended.exit_code, ended.signal, &ended.outputs_problem) {
        (Some(0), _, None) => Report::Succeeded(done),
        (Some(0), _, Some(problem)) => failed_with("outputs", problem, done),
        (Some(code), ..) => failed_with("exit", format!("{how}{}{said}", meaning(code)), done),
        (None, Some(_), _) => failed_with("signal", format!("{how}{said}"), done),
        (None, None, _) => Report::Unknown {
            message: format!("{}; look at what the step did, then say what came of it", ended.notes.join("; ")),
        },
    }
}

fn done(ended: &Ended, output: Option<&str>) -> Done {
    let kept = ended.output.as_ref().zip(output);
    let outputs: BTreeMap<_, _> =
        ended.outputs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let mut summary = format!(
        "{} in {}",
        how(ended),
        crate::runbook::value::Dur(std::time::Duration::from_millis(ended.duration_ms))
    );
    for note in &ended.notes {
        summary.push_str("; ");
        summary.push_str(note);
    }
    Done {
        exit_code: ended.exit_code,
        signal: ended.signal,
        duration_ms: ended.duration_ms,
        output: kept.map(|(kept, file)| OutputRef {
            file: file.to_owned(),
            bytes: kept.bytes,
            sha256: kept.sha256.clone(),
        }),
        outputs,
        summary,
        ..Done::default()
    }
}

fn how(ended: &Ended) -> String {
    match (ended.exit_code, ended.signal) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => match name(signal) {
            Some(name) => format!("signal {signal} ({name})"),
            None => format!("signal {signal}"),
        },
        (None, None) => "not started".into(),
    }
}

/// What the shell means by an exit code of its own.
fn meaning(code: i32) -> &'static str {
    match code {
        126 => ": found, but not executable; check its mode",
        127 => ": a command was not found; install it, or put it under `requires.tools`",
        137 => ": a command was killed (KILL), often for want of memory",
        _ => "",
    }
}

fn name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        6 => "ABRT",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        _ => return None,
    })
}
