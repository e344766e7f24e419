//! What an input offers (`pick`): pods as they are now, revisions as they were when its dialog was opened.
//! Asks nobody.

use super::state::{Choice, Ui};
use crate::{
    engine::Run,
    runbook::{
        model::{Action, InputField, Pick},
        value::StepId,
    },
};

pub fn field<'a>(run: &'a Run, step: &StepId, name: &str) -> Option<&'a InputField> {
    match run.state(step)?.intent.as_deref().map(|intent| &intent.action) {
        Some(Action::Input(fields)) => fields.get(name),
        _ => None,
    }
}

/// The choices of a field, or why there are none; `None` where it offers none.
pub fn of(ui: &Ui, run: &Run, step: &StepId, name: &str) -> Option<Result<Vec<Choice>, String>> {
    match field(run, step, name)?.pick? {
        Pick::Pods => Some(Ok(pods(ui))),
        Pick::Revisions => {
            let asked = ui.choices.get(&(step.clone(), name.to_owned()));
            Some(asked.cloned().unwrap_or_else(|| Err("asking which revisions there are ...".into())))
        }
    }
}

/// What is not well comes first, as in the pane.
fn pods(ui: &Ui) -> Vec<Choice> {
    let mut rows: Vec<_> = ui.seen.cluster.pods.living().collect();
    rows.sort_by(|a, b| (a.health, &a.name).cmp(&(b.health, &b.name)));
    let choice = |row: &crate::observe::pods::PodRow| {
        let [_, ready, status, restarts, age] = row.cells(ui.now);
        let words = format!("{ready}  {status}  {restarts} restarts  {age}");
        Choice { value: row.name.to_string(), words, suggested: false }
    };
    rows.into_iter().map(choice).collect()
}
