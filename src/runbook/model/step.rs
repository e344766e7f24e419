//! A step: what the author wrote once, with exactly one action.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Probe};
use crate::runbook::value::{Dur, StepId, Tpl};

/// A checked step. The common fields are in [`Common`], the one thing it does in `action`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    #[serde(flatten)]
    pub common: Common,
    pub action: Action,
}

/// What every step may say about itself, whatever it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    /// Stable: `[a-z][a-z0-9-]{0,62}`; answers, trails and gotos name it.
    pub id: StepId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown a tired person can use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// An expression; false skips the step and goes where success goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Per attempt; past it the attempt fails with reason `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Goto>,
    /// Hides SKIP.
    #[serde(default)]
    pub required: bool,
    /// Default by action; a runbook may only raise it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    #[serde(default)]
    pub confirm: Confirm,
    /// A read-only check after it; also what a resume runs when the outcome is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Probe>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// The act may be done twice without harm, so an unknown outcome may be tried again.
    #[serde(default)]
    pub repeatable: bool,
    /// Names the step promises to write; a promised one that is missing is a failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// For `manual`: asks for text or a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl Step {
    pub fn id(&self) -> &StepId {
        &self.common.id
    }

    pub fn title(&self) -> &str {
        self.common.title.as_deref().unwrap_or(self.common.id.as_str())
    }

    /// The risk in force: the action's own, raised by the author.
    pub fn risk(&self) -> Risk {
        self.action.risk().max(self.common.risk.unwrap_or(Risk::Read))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    /// Extra attempts after the first; default 0; counted per visit.
    #[serde(default)]
    pub limit: u32,
    #[serde(default)]
    pub backoff: Backoff,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backoff {
    pub duration: Dur,
    pub factor: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Dur>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { duration: Dur::secs(1), factor: 1.0, max_duration: None }
    }
}

/// `prompt | abort | continue | rollback | goto:<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OnFailure {
    Prompt,
    Abort,
    Continue,
    Goto(Goto),
}

impl TryFrom<String> for OnFailure {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "prompt" => Self::Prompt,
            "abort" => Self::Abort,
            "continue" => Self::Continue,
            "rollback" => Self::Goto(Goto::Rollback),
            other => match other.strip_prefix("goto:") {
                Some(id) if !id.trim().is_empty() => Self::Goto(Goto::from(id.trim().to_owned())),
                _ => return Err(format!("«{other}» is none of prompt, abort, continue, rollback, goto:<id>")),
            },
        })
    }
}

impl From<OnFailure> for String {
    fn from(value: OnFailure) -> Self {
        match value {
            OnFailure::Prompt => "prompt".into(),
            OnFailure::Abort => "abort".into(),
            OnFailure::Continue => "continue".into(),
            OnFailure::Goto(Goto::Rollback) => "rollback".into(),
            OnFailure::Goto(to) => format!("goto:{}", String::from(to)),
        }
    }
}

impl JsonSchema for OnFailure {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OnFailure".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(prompt|abort|continue|rollback|goto:.+)$",
            "description": "prompt (default) | abort | continue | rollback | goto:<id>"
        })
    }
}

/// Where control goes: a step of the same lane, the rollback lane, or the end of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Goto {
    Step(StepId),
    Rollback,
    End,
}

impl From<String> for Goto {
    fn from(text: String) -> Self {
        match text.as_str() {
            "rollback" => Self::Rollback,
            "end" => Self::End,
            _ => Self::Step(StepId(text)),
        }
    }
}

impl From<Goto> for String {
    fn from(value: Goto) -> Self {
        match value {
            Goto::Step(id) => id.0,
            Goto::Rollback => "rollback".into(),
            Goto::End => "end".into(),
        }
    }
}

impl JsonSchema for Goto {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Goto".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "a step id of the same lane, `rollback` or `end`" })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    Read,
    Write,
    Destructive,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// From risk × protected.
    #[default]
    Auto,
    None,
    Key,
    Type,
}

/// The lane step that undoes this one, or `none` with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Undo {
    Step(StepId),
    None(UndoNone),
}

/// `undo: {none: why}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoNone {
    pub none: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    #[serde(default)]
    pub required: bool,
    /// The evidence is a file; its SHA-256 goes into the trail.
    #[serde(default)]
    pub file: bool,
}
