//! An answers file: what a person would say, as data. Checked against the runbook before the run starts.

use std::collections::{BTreeMap, VecDeque};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Value, json};

use crate::{
    engine::{
        Run,
        message::{Actor, Resolution},
    },
    runbook::model::{Action, Secret, Step},
};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub guards: BTreeMap<String, GuardAnswer>,
    #[serde(default)]
    pub calendar: Option<CalendarAnswer>,
    #[serde(default)]
    pub rollback: Option<RollbackAnswer>,
    #[serde(default)]
    pub steps: BTreeMap<String, OneOrMany<StepAnswer>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GuardAnswer {
    Rollback,
    Ignore(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CalendarAnswer {
    pub break_glass: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackAnswer {
    pub confirm: bool,
}

/// An answer, or several for as many asks.
#[derive(Clone, Debug)]
pub enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// By hand, so that a mistake is told in the words of the kind that was meant.
impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            many @ Value::Array(_) => serde_json::from_value(many).map(Self::Many),
            one => serde_json::from_value(one).map(Self::One),
        }
        .map_err(D::Error::custom)
    }
}

impl<T> From<OneOrMany<T>> for VecDeque<T> {
    fn from(value: OneOrMany<T>) -> Self {
        match value {
            OneOrMany::One(one) => VecDeque::from([one]),
            OneOrMany::Many(many) => many.into(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepAnswer {
    #[serde(default)]
    pub confirm: Option<OneOrMany<bool>>,
    #[serde(default)]
    pub tick: Option<TickAnswer>,
    #[serde(default, rename = "override")]
    pub overrides: BTreeMap<String, String>,
    #[serde(default)]
    pub done: Option<OneOrMany<bool>>,
    #[serde(default)]
    pub evidence: Option<OneOrMany<EvidenceAnswer>>,
    #[serde(default)]
    pub values: Option<OneOrMany<BTreeMap<String, Value>>>,
    #[serde(default)]
    pub choose: Option<OneOrMany<ChooseAnswer>>,
    #[serde(default)]
    pub approve: Option<OneOrMany<ApproveAnswer>>,
    #[serde(default)]
    pub refuse: Option<OneOrMany<RefuseAnswer>>,
    #[serde(default)]
    pub skip: Option<OneOrMany<String>>,
    #[serde(default)]
    pub on_failure: Option<OneOrMany<FailureAnswer>>,
    #[serde(default)]
    pub on_unknown: Option<OneOrMany<Resolution>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum TickAnswer {
    All(AllWord),
    Items(Vec<String>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllWord {
    All,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum EvidenceAnswer {
    Text(String),
    File { file: String },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ChooseAnswer {
    Id(String),
    With {
        option: String,
        #[serde(default)]
        reason: Option<String>,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ApproveAnswer {
    By {
        by: String,
        #[serde(default)]
        note: Option<String>,
    },
    Name(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefuseAnswer {
    pub by: String,
    #[serde(alias = "note", alias = "reason")]
    pub why: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureAnswer {
    Retry,
    Rollback,
    Abort,
    Skip(String),
}

impl Answers {
    /// Every answer that fits nothing: a step that is not there, or a word its kind never asks for.
    pub fn problems(&self, run: &Run) -> Vec<String> {
        let mut problems = Vec::new();
        let rows = run.rows();
        for (id, answers) in &self.steps {
            let Some(row) = rows.iter().find(|row| row.id.as_str() == id) else {
                let known = rows.iter().map(|row| row.id.as_str());
                let near = crate::runbook::problem::nearest(id, known);
                let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
                problems.push(format!("answers: there is no step {id}{near}"));
                continue;
            };
            let answers: VecDeque<StepAnswer> = answers.clone().into();
            for answer in answers {
                problems.extend(
                    answer
                        .misfits(row.step)
                        .into_iter()
                        .map(|key| format!("answers: {id} is a {}; it never asks for `{key}`", row.step.action.name())),
                );
                problems.extend(answer.unknown_words(id, row.step));
            }
        }
        for name in self.guards.keys() {
            let known = run
                .book()
                .guards
                .iter()
                .any(|guard| guard.metric.as_deref() == Some(name) || (guard.pods.is_some() && name == "pods"));
            if !known {
                problems.push(format!("answers: there is no guard over {name}"));
            }
        }
        problems
    }
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

    fn unknown_words(&self, id: &str, step: &Step) -> Vec<String> {
        let mut problems = Vec::new();
        match (&step.action, &self.tick) {
            (Action::Checklist(list), Some(TickAnswer::Items(items))) => {
                for item in items.iter().filter(|item| list.items.iter().all(|known| known.id != **item)) {
                    problems.push(format!("answers: {id} has no item {item}"));
                }
            }
            (Action::Decision(decision), _) => {
                let chosen: VecDeque<ChooseAnswer> = self.choose.clone().map(Into::into).unwrap_or_default();
                for choice in chosen {
                    let (ChooseAnswer::Id(option) | ChooseAnswer::With { option, .. }) = choice;
                    if decision.options.iter().all(|known| known.id != option) {
                        problems.push(format!("answers: {id} has no option {option}"));
                    }
                }
            }
            _ => {}
        }
        problems
    }
}

/// What says where to go, and an approval, are answered and never skipped.
fn may_be_skipped(action: &Action) -> bool {
    !matches!(action, Action::Approval(_) | Action::Decision(_) | Action::Branch(_) | Action::End(_))
}

/// Reads an answers file's JSON form (YAML was read by the caller).
///
/// # Errors
/// Every key that means nothing and every value of the wrong kind, each with the place where it stands.
pub fn parse(value: Value) -> Result<Answers, Vec<String>> {
    let Value::Object(map) = value else {
        return if value.is_null() { Ok(Answers::default()) } else { Err(vec!["answers: expected a map".into()]) };
    };
    let mut problems = Vec::new();
    for (key, value) in &map {
        let one = |value: &Value| serde_json::from_value::<Answers>(json!({ key: value })).map(|_| ());
        match (key.as_str(), value) {
            ("steps", Value::Object(steps)) => {
                for (id, answer) in steps {
                    if let Err(error) = serde_json::from_value::<OneOrMany<StepAnswer>>(answer.clone()) {
                        problems.push(format!("answers: steps.{id}: {error}"));
                    }
                }
            }
            _ => problems.extend(one(value).err().map(|error| format!("answers: {key}: {error}"))),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(Value::Object(map)).map_err(|error| vec![format!("answers: {error}")])
}

/// Somebody named in an answers file is never more than claimed.
pub fn claimed(name: &str) -> Actor {
    Actor::claimed(name, crate::engine::message::Via::Answers)
}
