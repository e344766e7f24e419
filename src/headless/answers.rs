//! An answers file: what a person would say, as data. Whether it fits a runbook is looked at in `fitting`.

use std::collections::{BTreeMap, VecDeque};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Value, json};

use crate::{
    engine::message::{Actor, Resolution},
    runbook::model::Secret,
};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    pub guards: BTreeMap<String, OneOrMany<GuardAnswer>>,
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

/// The one confirmation of the way back. `false`: the runbook does not begin it by itself, a person is asked.
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
    #[serde(default, deserialize_with = "evidence")]
    pub evidence: Several<EvidenceAnswer>,
    #[serde(default)]
    pub values: Option<OneOrMany<BTreeMap<String, Value>>>,
    #[serde(default, deserialize_with = "choose")]
    pub choose: Several<ChooseAnswer>,
    #[serde(default, deserialize_with = "approve")]
    pub approve: Several<ApproveAnswer>,
    #[serde(default)]
    pub refuse: Option<OneOrMany<RefuseAnswer>>,
    #[serde(default)]
    pub skip: Option<OneOrMany<String>>,
    #[serde(default)]
    pub on_failure: Option<OneOrMany<FailureAnswer>>,
    #[serde(default)]
    pub on_unknown: Option<OneOrMany<Resolution>>,
}

/// `all`, or the ids of items.
#[derive(Clone, Debug)]
pub enum TickAnswer {
    All,
    Items(Vec<String>),
}

impl<'de> Deserialize<'de> for TickAnswer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(word) if word == "all" => Ok(Self::All),
            items @ Value::Array(_) => serde_json::from_value(items).map(Self::Items).map_err(D::Error::custom),
            other => Err(D::Error::custom(format!("tick: {other} is neither `all` nor a list of items' ids"))),
        }
    }
}

/// What was seen, or the file that shows it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceAnswer {
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub file: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseAnswer {
    pub option: String,
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveAnswer {
    pub by: String,
    #[serde(default)]
    pub note: Option<String>,
}

type Several<T> = Option<OneOrMany<T>>;

/// One word stands for a map with that word under `key`.
fn short<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
    name: &str,
    key: &str,
) -> Result<Several<T>, D::Error> {
    let widened = |value| match value {
        Value::String(word) => json!({ key: word }),
        other => other,
    };
    let value = match Value::deserialize(from)? {
        Value::Array(items) => Value::Array(items.into_iter().map(widened).collect()),
        one => widened(one),
    };
    serde_json::from_value(value).map(Some).map_err(|error| D::Error::custom(format!("{name}: {error}")))
}

fn evidence<'de, D: Deserializer<'de>>(from: D) -> Result<Several<EvidenceAnswer>, D::Error> {
    short(from, "evidence", "text")
}

fn choose<'de, D: Deserializer<'de>>(from: D) -> Result<Several<ChooseAnswer>, D::Error> {
    short(from, "choose", "option")
}

fn approve<'de, D: Deserializer<'de>>(from: D) -> Result<Several<ApproveAnswer>, D::Error> {
    short(from, "approve", "by")
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
