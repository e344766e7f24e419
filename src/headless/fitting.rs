//! Whether answers fit a runbook: all that can be known of it is told before a run is made.
//! What depends on the run itself (who approves, what a probe sees) is refused when it is said.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::answers::{Answers, FailureAnswer, GuardAnswer, OneOrMany, StepAnswer, TickAnswer};
use crate::{
    engine::{Run, path},
    runbook::{
        expr,
        model::{Action, Checklist, Decision, InputField, ReasonRule, Runbook, Step},
        params,
        problem::nearest,
    },
};

impl Answers {
    /// Every answer that fits nothing: a step that is not there, or a word its kind never asks for.
    pub fn problems(&self, run: &Run) -> Vec<String> {
        let mut problems = Vec::new();
        let rows = run.rows();
        for (id, answers) in &self.steps {
            let Some(row) = rows.iter().find(|row| row.id.as_str() == id) else {
                let near = nearest(id, rows.iter().map(|row| row.id.as_str()));
                let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                problems.push(format!("there is no step {id}{near}"));
                continue;
            };
            for answer in all(Some(answers)) {
                let kind = row.step.action.name();
                let never = |key| format!("{id} is a {kind}; it never asks for `{key}`");
                problems.extend(answer.misfits(row.step).into_iter().map(never));
                problems.extend(answer.unknown_words(row.step).into_iter().map(|why| format!("{id}: {why}")));
            }
        }
        problems.extend(self.strangers(run.book()));
        problems.extend(self.contradictions());
        problems.into_iter().map(|problem| format!("answers: {problem}")).collect()
    }

    /// Guards and secrets that the runbook does not have.
    fn strangers(&self, book: &Runbook) -> Vec<String> {
        let known: Vec<_> = path::guards(book).iter().map(path::Watch::name).collect();
        let guards = self.guards.keys().filter(|name| !known.contains(name));
        let secrets = self.secrets.keys().filter(|name| !has_secret(book, name));
        let guards = guards.map(|name| format!("there is no guard over {name}"));
        guards.chain(secrets.map(|name| format!("there is no secret {name}"))).collect()
    }

    /// Who does not confirm the way back cannot ask for it as well.
    fn contradictions(&self) -> Vec<String> {
        if self.rollback.as_ref().is_none_or(|rollback| rollback.confirm) {
            return Vec::new();
        }
        let guard = |answer: &GuardAnswer| matches!(answer, GuardAnswer::Rollback);
        let guards = self.guards.iter().filter(|(_, answers)| all(Some(answers)).iter().any(guard));
        let fails = |answer: &StepAnswer| {
            all(answer.on_failure.as_ref()).iter().any(|answer| matches!(answer, FailureAnswer::Rollback))
        };
        let steps = self.steps.iter().filter(|(_, answers)| all(Some(answers)).iter().any(fails));
        let names = guards.map(|(name, _)| name).chain(steps.map(|(id, _)| id));
        names
            .map(|name| format!("{name} asks for the way back, and `rollback: {{confirm: false}}` refuses it"))
            .collect()
    }
}

fn all<T: Clone>(answers: Option<&OneOrMany<T>>) -> VecDeque<T> {
    answers.cloned().map(Into::into).unwrap_or_default()
}

/// Of the runbook, or of one inside it.
fn has_secret(book: &Runbook, name: &str) -> bool {
    let inside = |step: &Step| match &step.action {
        Action::Runbook(nested) => nested.book.as_ref().is_some_and(|inner| has_secret(inner, name)),
        _ => false,
    };
    book.secrets.contains_key(name) || book.steps.iter().chain(&book.rollback).any(inside)
}

impl StepAnswer {
    fn misfits(&self, step: &Step) -> Vec<&'static str> {
        let action = &step.action;
        let is = |fits: bool, given: bool, key: &'static str| (given && !fits).then_some(key);
        let machine = action.is_machine_work()
            || matches!(action, Action::PortForward(_) | Action::Wait(_) | Action::Analysis(_));
        [
            is(may_be_skipped(action), self.skip.is_some(), "skip"),
            is(machine || action.is_for_people(), self.confirm.is_some(), "confirm"),
            is(matches!(action, Action::Checklist(_)), self.tick.is_some(), "tick"),
            is(matches!(action, Action::Checklist(_)), !self.overrides.is_empty(), "override"),
            is(matches!(action, Action::Checklist(_) | Action::Manual(_)), self.done.is_some(), "done"),
            is(matches!(action, Action::Manual(_)), self.evidence.is_some(), "evidence"),
            is(matches!(action, Action::Input(_)), self.values.is_some(), "values"),
            is(matches!(action, Action::Decision(_)), self.choose.is_some(), "choose"),
            is(matches!(action, Action::Approval(_)), self.approve.is_some(), "approve"),
            is(matches!(action, Action::Approval(_)), self.refuse.is_some(), "refuse"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Words that the step does not know, in an answer of the right kind.
    fn unknown_words(&self, step: &Step) -> Vec<String> {
        let mut problems = match &step.action {
            Action::Checklist(list) => self.unknown_items(list),
            Action::Decision(decision) => self.unknown_options(decision),
            Action::Input(fields) => {
                let values = all(self.values.as_ref());
                values.iter().flat_map(|values| unfit_values(fields, values)).collect()
            }
            _ => Vec::new(),
        };
        if all(self.approve.as_ref()).iter().any(|answer| answer.by.trim().is_empty()) {
            problems.push("approve: by whom?".into());
        }
        if all(self.evidence.as_ref()).iter().any(|answer| answer.text.is_none() && answer.file.is_none()) {
            problems.push("evidence: a text, or `file:`".into());
        }
        problems
    }

    fn unknown_items(&self, list: &Checklist) -> Vec<String> {
        let ticked = match &self.tick {
            Some(TickAnswer::Items(items)) => items.as_slice(),
            _ => &[],
        };
        let named = ticked.iter().chain(self.overrides.keys());
        let unknown = named.filter(|item| list.items.iter().all(|known| known.id != **item));
        unknown.map(|item| format!("there is no item {item}")).collect()
    }

    fn unknown_options(&self, decision: &Decision) -> Vec<String> {
        let unfit = |choice: super::answers::ChooseAnswer| {
            let option = &choice.option;
            match decision.options.iter().find(|known| known.id == *option) {
                None => Some(format!("there is no option {option}")),
                Some(known) if known.reason == ReasonRule::Required && choice.reason.is_none() => {
                    Some(format!("{option} wants a reason: `choose: {{option: {option}, reason: …}}`"))
                }
                Some(_) => None,
            }
        };
        all(self.choose.as_ref()).into_iter().filter_map(unfit).collect()
    }
}

/// A field whose own rules are templates is held to them once they are filled in.
fn unfit_values(fields: &indexmap::IndexMap<String, InputField>, values: &BTreeMap<String, Value>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, value) in values {
        match fields.get(name) {
            None => problems.push(format!("there is no field {name}")),
            Some(field) if serde_json::to_string(field).is_ok_and(|text| expr::is_templated(&text)) => {}
            Some(field) => problems.extend(params::check(name, &field.as_param(), value).err()),
        }
    }
    let open = fields.iter().filter(|(name, field)| {
        let param = field.as_param();
        param.required && param.default.is_none() && !values.contains_key(*name)
    });
    problems.extend(open.map(|(name, _)| format!("{name} is required")));
    problems
}

/// What says where to go, and an approval, are answered and never skipped.
fn may_be_skipped(action: &Action) -> bool {
    !matches!(action, Action::Approval(_) | Action::Decision(_) | Action::Branch(_) | Action::End(_))
}
