//! The runs of a state directory, as a list. Broken ones are listed too, with what is wrong.

use std::{fs, path::Path};

use serde::Serialize;

use super::{TRAIL, is_held, read, read_facts};
use crate::engine::{
    Fact, Run,
    fact::{Opened, RunStatus},
};

/// A line of `ripcord runs`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    pub run: String,
    pub started: String,
    pub operator: String,
    pub runbook: String,
    pub title: String,
    pub context: String,
    pub namespace: String,
    pub status: RunStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Some console holds it open now.
    pub live: bool,
    /// Where control stands, of an open run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// Newest first.
pub fn list(state_dir: &Path) -> Vec<RunSummary> {
    let Ok(entries) = fs::read_dir(state_dir.join("runs")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names.reverse();
    names
        .iter()
        // Without a record nothing was done in it; `verify` tells of such a folder.
        .filter(|name| state_dir.join("runs").join(name).join(TRAIL).metadata().is_ok_and(|file| file.len() > 0))
        .map(|name| summary(state_dir, name))
        .collect()
}

pub fn summary(state_dir: &Path, name: &str) -> RunSummary {
    let dir = state_dir.join("runs").join(name);
    let live = is_held(&dir);
    let facts = read_facts(&dir).map_err(|error| error.to_string());
    let told = facts.and_then(|facts| Run::replay(&facts).map_err(|error| error.to_string()));
    match told {
        Ok(run) => of_run(&run, live),
        Err(broken) => RunSummary { broken: Some(broken), ..blank(name, live) },
    }
}

fn blank(name: &str, live: bool) -> RunSummary {
    RunSummary {
        run: name.to_owned(),
        started: String::new(),
        operator: String::new(),
        runbook: String::new(),
        title: String::new(),
        context: String::new(),
        namespace: String::new(),
        status: RunStatus::Open,
        ended: None,
        live,
        at: None,
        broken: None,
    }
}

fn of_run(run: &Run, live: bool) -> RunSummary {
    let opened: &Opened = run.opened();
    RunSummary {
        started: opened.started_at.to_string(),
        operator: opened.operator.name.clone(),
        runbook: opened.runbook.metadata.name.clone(),
        title: opened.runbook.metadata.title().to_owned(),
        context: opened.target.context.clone(),
        namespace: opened.target.namespace.clone(),
        status: run.status(),
        ended: run.closed_at().map(|at| at.to_string()),
        at: run.current().filter(|_| !run.is_closed()).map(ToString::to_string),
        ..blank(&opened.run, live)
    }
}

/// Unfinished runs, newest first.
pub fn unfinished(state_dir: &Path) -> Vec<RunSummary> {
    list(state_dir).into_iter().filter(|run| run.status == RunStatus::Open && run.broken.is_none()).collect()
}

/// The first fact of a run, without the rest.
pub fn opened(state_dir: &Path, name: &str) -> Option<Opened> {
    match read::first_fact(&state_dir.join("runs").join(name)).ok()? {
        Fact::RunOpened(opened) => Some(*opened),
        _ => None,
    }
}
