//! What a step's expressions and templates may see, and the intent rendered from it.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{
    fact::{Carried, Intent},
    message::Selected,
    path::{self, Found},
    state::{Lane, Run, StepState, StepStatus},
};
use crate::runbook::{
    expr::{self, Piece, plain},
    model::{Action, Nested, Runbook, Step},
    params::{self, env_name},
    value::{Dur, StepId, Tpl},
};

/// Why a step could not be rendered; it fails before its intent.
pub type Unrendered = String;

/// Each `${{ … }}` by itself; what cannot be filled in is named by the last word of its path.
fn piecewise(text: &str, filled: impl Fn(&str) -> Option<String>) -> String {
    let Ok(pieces) = expr::pieces(text) else { return text.to_owned() };
    let one = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Expression { source, .. } => filled(&format!("${{{{{source}}}}}")).unwrap_or_else(|| {
            let inside = source.trim();
            format!("<{}>", inside.rsplit(['.', ' ']).next().unwrap_or(inside))
        }),
    };
    pieces.into_iter().map(one).collect()
}

impl Run {
    /// Exactly what the next attempt at a step would do, as its preview shows it.
    pub fn intent_for(&self, id: &StepId, selected: Option<&Selected>) -> Result<Intent, Unrendered> {
        let found = path::find(self.book(), id).ok_or_else(|| format!("step {id} is not in the runbook"))?;
        // The scope holds every step's outputs: it is built only for steps that ask for something in it.
        let scope = match is_templated(found.step) {
            true => self.scope(id, selected.or(self.selected.as_ref())),
            false => Value::Null,
        };
        let ids = leaf_ids(found.book);
        let action = render_action(&found.step.action, &scope, &ids)?;
        let env = self.env(&found, id, &scope, &ids)?;
        let timeout = render_timeout(found.step, &action, &scope, &ids)?;
        let target = &self.opened.target;
        Ok(Intent {
            step: id.clone(),
            attempt: self.state(id).map_or(0, |state| state.attempts) + 1,
            risk: found.step.risk(),
            command: super::command::line(&action, &target.namespace, &target.context),
            action,
            env,
            timeout,
        })
    }

    /// A title, doc or prompt with its values filled in; `<name>` stands for one that is not known yet.
    pub fn text_for(&self, id: &StepId, text: &str) -> String {
        let Some(found) = path::find(self.book(), id) else { return text.to_owned() };
        // A frame asks for the title of every row; the scope is built only for those that name something in it.
        let scope = if expr::is_templated(text) { self.scope(id, None) } else { Value::Null };
        let ids = leaf_ids(found.book);
        let filled = |text: &str| expr::shown(text, &scope, &ids).ok();
        filled(text).unwrap_or_else(|| piecewise(text, filled))
    }

    /// The names in scope of a step, as `actions.md` lists them.
    pub fn scope(&self, id: &StepId, selected: Option<&Selected>) -> Value {
        let parent = id.parent();
        let book = path::find(self.book(), id).map_or(self.book(), |found| found.book);
        let opened = &self.opened;
        let secrets: Map<String, Value> =
            book.secrets.keys().map(|name| (name.clone(), json!(format!("${{{{ secrets.{name} }}}}")))).collect();
        let mut scope = json!({
            "params": self.params_of(parent.as_ref()),
            "secrets": secrets,
            "run": { "id": opened.run, "operator": opened.operator.name, "startedAt": opened.started_at.to_string() },
            "target": { "context": opened.target.context, "namespace": opened.target.namespace },
            "steps": self.steps_scope(book, parent.as_ref()),
        });
        if let Some(baseline) = self.baseline() {
            scope["baseline"] = json!({
                "kind": baseline.kind, "name": baseline.name, "revision": baseline.revision,
                "images": baseline.images, "age": baseline.age,
            });
        }
        if let Some(selected) = selected {
            scope["selected"] = serde_json::to_value(selected).unwrap_or_default();
        }
        scope
    }

    /// The params of the runbook that a path's parent opened; the run's own at the top.
    fn params_of(&self, parent: Option<&StepId>) -> BTreeMap<String, Value> {
        let Some(parent) = parent else { return self.opened.params.clone() };
        let with = match self.state(parent).and_then(|state| state.intent.as_deref()) {
            Some(Intent { action: Action::Runbook(nested), .. }) => nested.with.clone(),
            _ => IndexMap::new(),
        };
        let declared = match self.step(parent).map(|step| &step.action) {
            Some(Action::Runbook(nested)) => nested.book.as_ref().map(|book| &book.params),
            _ => None,
        };
        let defaults =
            declared.into_iter().flatten().filter_map(|(name, param)| Some((name.clone(), param.default.clone()?)));
        defaults.chain(with).collect()
    }

    fn steps_scope(&self, book: &Runbook, parent: Option<&StepId>) -> Value {
        let mut steps = Map::new();
        for step in book.steps.iter().chain(&book.rollback) {
            let id = step.id().under(parent);
            let mut entry = Map::new();
            let state = self.state(&id);
            let carried = self.opened.carried.get(&id).filter(|_| state.is_none());
            let status = state.map(|state| state.status).or(carried.map(|_| StepStatus::Done)).unwrap_or_default();
            entry.insert("status".into(), json!(status.word()));
            if let Some(Carried { outcome, choice, outputs }) = state.map(StepState::carried).as_ref().or(carried) {
                if let Some(outcome) = outcome {
                    entry.insert("outcome".into(), json!(outcome.word()));
                }
                if let Some(choice) = choice {
                    entry.insert("choice".into(), json!(choice));
                }
                entry.insert("outputs".into(), json!(outputs));
            }
            steps.insert(step.id().as_str().to_owned(), Value::Object(entry));
        }
        Value::Object(steps)
    }

    /// What the lane of a later run may be told of this run's forward steps.
    pub fn left_by_steps(&self) -> BTreeMap<StepId, Carried> {
        let mut left = self.opened.carried.clone();
        for step in &self.book().steps {
            left.extend(self.state(step.id()).map(|state| (step.id().clone(), state.carried())));
        }
        left
    }

    /// Params and secrets under their upper-case names, then the step's own `env` over them.
    fn env(
        &self,
        found: &Found<'_>,
        id: &StepId,
        scope: &Value,
        ids: &[&str],
    ) -> Result<IndexMap<String, String>, Unrendered> {
        if !needs_env(&found.step.action) {
            return Ok(IndexMap::new());
        }
        self.values_as_env(found, id, scope, ids)
    }

    /// The environment of a step's checks. What cannot be rendered is left out: the script says what it misses.
    pub(super) fn look_env(&self, id: &StepId) -> IndexMap<String, String> {
        let Some(found) = path::find(self.book(), id) else { return IndexMap::new() };
        let (scope, ids) = (self.scope(id, self.selected.as_ref()), leaf_ids(found.book));
        self.values_as_env(&found, id, &scope, &ids).unwrap_or_default()
    }

    fn values_as_env(
        &self,
        found: &Found<'_>,
        id: &StepId,
        scope: &Value,
        ids: &[&str],
    ) -> Result<IndexMap<String, String>, Unrendered> {
        let mut env = IndexMap::new();
        for (name, value) in self.params_of(id.parent().as_ref()) {
            env.insert(env_name(&name), plain(&value));
        }
        for name in found.book.secrets.keys() {
            env.insert(env_name(name), format!("${{{{ secrets.{name} }}}}"));
        }
        for (name, text) in &found.step.common.env {
            let value = expr::render(text, scope, ids).map_err(|error| format!("env {name}: {error}"))?;
            env.insert(name.clone(), plain(&value));
        }
        Ok(env)
    }

    /// A condition of a step or a branch, in that step's scope.
    pub(super) fn truth(&self, id: &StepId, condition: &str) -> Result<bool, Unrendered> {
        let book = path::find(self.book(), id).map_or(self.book(), |found| found.book);
        expr::truth(condition, &self.scope(id, self.selected.as_ref()), &leaf_ids(book))
            .map_err(|error| error.to_string())
    }

    pub(super) fn lane_steps(&self, lane: Lane) -> &[Step] {
        match lane {
            Lane::Forward => &self.book().steps,
            Lane::Rollback => &self.book().rollback,
        }
    }
}

impl StepState {
    fn carried(&self) -> Carried {
        Carried { outcome: self.outcome, choice: self.choice.clone(), outputs: self.outputs.clone() }
    }
}

fn needs_env(action: &Action) -> bool {
    match action {
        Action::Run(_) | Action::Helm(_) => true,
        Action::Checklist(list) => list.items.iter().any(|item| item.probe.is_some()),
        _ => false,
    }
}

pub(super) fn leaf_ids(book: &Runbook) -> Vec<&str> {
    book.steps.iter().chain(&book.rollback).map(|step| step.id().as_str()).collect()
}

/// Every template of an action filled in. A nested runbook renders only what it is given.
fn is_templated(step: &Step) -> bool {
    matches!(step.action, Action::Runbook(_)) || serde_json::to_string(step).is_ok_and(|text| text.contains("${{"))
}

fn render_action(action: &Action, scope: &Value, ids: &[&str]) -> Result<Action, Unrendered> {
    let mut bare = action.clone();
    if let Action::Runbook(nested) = &mut bare {
        nested.book = None;
    }
    let value = serde_json::to_value(&bare).map_err(|error| error.to_string())?;
    let value = match action {
        // Words for people, and what they answer; nothing here is executed.
        Action::Manual(_) | Action::Approval(_) | Action::Decision(_) | Action::Input(_) => shown(&value, scope, ids),
        _ => fill(&value, false, scope, ids),
    };
    let mut rendered =
        serde_json::from_value(value.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    if let (Action::Runbook(nested), Action::Runbook(rendered)) = (action, &mut rendered) {
        hold_to_declared(nested, rendered)?;
    }
    Ok(rendered)
}

/// What a nested runbook is given is held to what it declares, now that it is known.
fn hold_to_declared(nested: &Nested, rendered: &mut Nested) -> Result<(), Unrendered> {
    let Some(book) = &nested.book else { return Ok(()) };
    let given = rendered.with.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let values = params::resolve(&book.params, &given).map_err(|problems| format!("with: {}", problems.join("; ")))?;
    rendered.with = values.into_iter().collect();
    Ok(())
}

fn shown(value: &Value, scope: &Value, ids: &[&str]) -> Result<Value, expr::ExprError> {
    Ok(match value {
        Value::String(text) => Value::String(expr::shown(text, scope, ids)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| shown(item, scope, ids)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let filled = map.iter().map(|(key, value)| Ok((key.clone(), shown(value, scope, ids)?)));
            Value::Object(filled.collect::<Result<_, expr::ExprError>>()?)
        }
        other => other.clone(),
    })
}

/// Keys under which an author writes data of any shape; there a whole template keeps its own type.
/// Everywhere else a field has a type of its own, and text is what it reads.
const FREE: [&str; 6] = ["json", "set", "values", "with", "patch", "default"];

fn fill(value: &Value, free: bool, scope: &Value, ids: &[&str]) -> Result<Value, expr::ExprError> {
    Ok(match value {
        Value::String(_) if free => expr::render_json(value, scope, ids)?,
        Value::String(text) => Value::String(plain(&expr::render(text, scope, ids)?)),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill(item, free, scope, ids)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let filled = map.iter().map(|(key, value)| {
                let value = match value {
                    // A value in PromQL is escaped as a label's value.
                    Value::String(query) if !free && key == "query" => {
                        Value::String(expr::render_promql(query, scope, ids)?)
                    }
                    value => fill(value, free || FREE.contains(&key.as_str()), scope, ids)?,
                };
                Ok((key.clone(), value))
            });
            Value::Object(filled.collect::<Result<_, expr::ExprError>>()?)
        }
        other => other.clone(),
    })
}

/// A probe with its templates filled in, by the same rule.
pub(super) fn fill_probe(value: &Value, scope: &Value, ids: &[&str]) -> Result<Value, expr::ExprError> {
    fill(value, false, scope, ids)
}

/// Per attempt: as written, else the action's own `timeout` + 30 s, else 5 m; only machine work has one.
fn render_timeout(step: &Step, action: &Action, scope: &Value, ids: &[&str]) -> Result<Option<Dur>, Unrendered> {
    if let Some(timeout) = &step.common.timeout {
        return dur(timeout, scope, ids).map(Some);
    }
    if !action.is_machine_work() {
        return Ok(None);
    }
    let own = match action {
        Action::Http(http) => http.timeout.as_ref(),
        Action::Kubernetes(verb) => own_timeout(verb),
        Action::Helm(crate::runbook::model::Helm::Upgrade(upgrade)) => upgrade.timeout.as_ref(),
        Action::Helm(crate::runbook::model::Helm::Rollback(rollback)) => rollback.timeout.as_ref(),
        _ => None,
    };
    Ok(Some(match own.and_then(Tpl::value) {
        Some(Dur(own)) => Dur(own + std::time::Duration::from_secs(30)),
        None => Dur::mins(5),
    }))
}

fn own_timeout(verb: &crate::runbook::model::Kubernetes) -> Option<&Tpl<Dur>> {
    use crate::runbook::model::Kubernetes::{RolloutRestart, RolloutStatus, Wait};
    match verb {
        Wait(wait) => wait.timeout.as_ref(),
        RolloutStatus(rollout) | RolloutRestart(rollout) => rollout.timeout.as_ref(),
        _ => None,
    }
}

pub(super) fn dur(value: &Tpl<Dur>, scope: &Value, ids: &[&str]) -> Result<Dur, Unrendered> {
    match value {
        Tpl::Value(dur) => Ok(*dur),
        Tpl::Template(template) => {
            let value = expr::render(&template.0, scope, ids).map_err(|error| error.to_string())?;
            plain(&value).parse::<Dur>().map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_the_query_of_a_probe_stays_inside_its_quotes() {
        let probe = json!({"query": "up{a=\"${{ params.x }}\"}", "http": {"json": {"query": "${{ params.x }}"}}});
        let filled = fill_probe(&probe, &json!({"params": {"x": "b\"} or up{c=\""}}), &[]).unwrap();
        assert_eq!(filled["query"], "up{a=\"b\\\"} or up{c=\\\"\"}");
        assert_eq!(filled["http"]["json"]["query"], "b\"} or up{c=\"", "data of the author's own is left alone");
    }
}
