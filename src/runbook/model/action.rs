//! What a step does: a closed set of plain data. The work itself is done in `effects`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Analysis, Goto, Helm, Kubernetes, Param, Risk, Runbook};
use crate::runbook::value::{Dur, Tpl};

/// The one thing a step does. Text fields may hold `${{ … }}` until they are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    Run(Run),
    Http(Http),
    Kubernetes(Kubernetes),
    Helm(Helm),
    Analysis(Analysis),
    Checklist(Checklist),
    Manual(String),
    Approval(Approval),
    Decision(Decision),
    Input(IndexMap<String, InputField>),
    Wait(Tpl<Dur>),
    Branch(Branch),
    PortForward(PortForward),
    Notify(Notify),
    Runbook(Nested),
    End(End),
}

impl Action {
    /// The key as written in YAML.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Http(_) => "http",
            Self::Kubernetes(_) => "kubernetes",
            Self::Helm(_) => "helm",
            Self::Analysis(_) => "analysis",
            Self::Checklist(_) => "checklist",
            Self::Manual(_) => "manual",
            Self::Approval(_) => "approval",
            Self::Decision(_) => "decision",
            Self::Input(_) => "input",
            Self::Wait(_) => "wait",
            Self::Branch(_) => "branch",
            Self::PortForward(_) => "portForward",
            Self::Notify(_) => "notify",
            Self::Runbook(_) => "runbook",
            Self::End(_) => "end",
        }
    }

    /// The risk an action has by itself; `semantics.md`, «Risk, confirmation».
    pub fn risk(&self) -> Risk {
        match self {
            Self::Run(_) => Risk::Write,
            Self::Http(http) if http.is_read() => Risk::Read,
            Self::Http(_) => Risk::Write,
            Self::Kubernetes(verb) => verb.risk(),
            Self::Helm(verb) => verb.risk(),
            Self::Runbook(nested) => nested
                .book
                .as_ref()
                .map_or(Risk::Write, |book| book.steps.iter().map(super::Step::risk).max().unwrap_or(Risk::Read)),
            _ => Risk::Read,
        }
    }

    /// Done by a person, at their own pace.
    pub fn is_for_people(&self) -> bool {
        matches!(self, Self::Checklist(_) | Self::Manual(_) | Self::Approval(_) | Self::Decision(_) | Self::Input(_))
    }

    /// It speaks to a cluster natively.
    pub fn is_of_cluster(&self) -> bool {
        matches!(self, Self::Kubernetes(_) | Self::Helm(_) | Self::PortForward(_))
    }

    /// Machine work has a default timeout; people, gates, waits and nested runbooks have none.
    pub fn is_machine_work(&self) -> bool {
        matches!(self, Self::Run(_) | Self::Http(_) | Self::Kubernetes(_) | Self::Helm(_) | Self::Notify(_))
    }
}

/// A script, or an argv without any shell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "RunDoc")]
pub struct Run {
    /// No shell at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argv: Option<Vec<String>>,
    /// The interpreter for `script`; default bash, run as `bash -euo pipefail`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Hands over the terminal and comes back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interactive: bool,
}

/// `run:` as it may be written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RunDoc {
    Script(String),
    Spec(RunSpec),
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunSpec {
    #[serde(default)]
    pub argv: Option<Vec<String>>,
    #[serde(default)]
    pub shell: Option<String>,
    #[serde(default)]
    pub script: Option<String>,
    #[serde(default)]
    pub workdir: Option<String>,
    #[serde(default)]
    pub interactive: bool,
}

impl From<RunDoc> for Run {
    fn from(doc: RunDoc) -> Self {
        match doc {
            RunDoc::Script(script) => Self { script: Some(script), ..Self::default() },
            RunDoc::Spec(RunSpec { argv, shell, script, workdir, interactive }) => {
                Self { argv, shell, script, workdir, interactive }
            }
        }
    }
}

impl JsonSchema for Run {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Run".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        RunDoc::json_schema(generator)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Http {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    #[serde(default)]
    pub expect: Expect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
}

impl Http {
    pub fn method(&self) -> &str {
        self.method.as_deref().unwrap_or("GET")
    }

    pub fn is_read(&self) -> bool {
        self.method().eq_ignore_ascii_case("GET") || self.method().eq_ignore_ascii_case("HEAD")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// Default: any 2xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Tpl<u16>>,
    /// JSON pointer → the value it must have.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub json: IndexMap<String, Value>,
    /// The body holds this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<Tpl<Dur>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checklist {
    #[serde(default)]
    pub mode: ChecklistMode,
    pub items: Vec<ChecklistItem>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ChecklistMode {
    /// In order.
    #[default]
    ReadDo,
    /// In any order.
    DoConfirm,
}

/// An item: a plain tick, or a probe that looks for itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "ItemDoc")]
pub struct ChecklistItem {
    /// As written, else `item-N` (set by the parser, counted from 1).
    pub id: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    pub required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Box<Probe>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ItemDoc {
    Text(String),
    Item(ItemSpec),
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemSpec {
    #[serde(default)]
    pub id: Option<String>,
    pub text: String,
    #[serde(default)]
    pub doc: Option<String>,
    /// Default true: an item that may be left open says `required: false`.
    #[serde(default = "yes")]
    pub required: bool,
    #[serde(default)]
    pub probe: Option<Box<Probe>>,
}

fn yes() -> bool {
    true
}

impl From<ItemDoc> for ChecklistItem {
    fn from(doc: ItemDoc) -> Self {
        match doc {
            ItemDoc::Text(text) => Self { id: String::new(), text, doc: None, required: true, probe: None },
            ItemDoc::Item(ItemSpec { id, text, doc, required, probe }) => {
                Self { id: id.unwrap_or_default(), text, doc, required, probe }
            }
        }
    }
}

impl JsonSchema for ChecklistItem {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ChecklistItem".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        ItemDoc::json_schema(generator)
    }
}

/// A read-only look at the world. Exactly one of `query`, `http`, `run`, `kubernetes`, `helm`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    /// PromQL; with `successCondition` over `result`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Over `result` (of a query) or the outputs of the look (`status`, `body`, `json`, `count` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<Http>>,
    /// Exit 0 is yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Box<Kubernetes>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<Box<Helm>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    pub prompt: String,
    /// Distinct names; default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_approvals: Option<Tpl<u32>>,
    /// Globs over the approver's name; empty means anyone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    #[serde(default = "yes")]
    pub prevent_self_approval: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
    #[serde(default)]
    pub on_timeout: OnTimeout,
    /// The operator may go on alone with a typed reason, shown for the rest of the run.
    #[serde(default)]
    pub break_glass: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnTimeout {
    #[default]
    Reject,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decision {
    pub prompt: String,
    pub options: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub goto: Goto,
    #[serde(default)]
    pub reason: ReasonRule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
}

impl Choice {
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.id)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReasonRule {
    #[default]
    Optional,
    Required,
}

/// A value asked for in mid-run. Checked like a param; an optional `pick` offers live choices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputField {
    #[serde(rename = "type", default)]
    pub kind: super::ParamType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick: Option<Pick>,
    /// For `pick: revisions`: whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<PickOf>,
}

impl InputField {
    /// The same rules as a param.
    pub fn as_param(&self) -> Param {
        Param {
            kind: self.kind,
            required: self.required.unwrap_or(self.default.is_none()),
            default: self.default.clone(),
            pattern: self.pattern.clone(),
            one_of: self.one_of.clone(),
            min: self.min,
            max: self.max,
            description: self.description.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Pick {
    Pods,
    Revisions,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PickOf {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm_release: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Branch {
    pub choices: Vec<BranchChoice>,
    pub default: Goto,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BranchChoice {
    pub when: String,
    pub goto: Goto,
}

/// Held open for as long as the run, or until a named step is reached. Exactly one of
/// `service`, `pod`, `deployment`, each `[namespace/]name`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortForward {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Tpl<u16>>,
    /// Default: the same number, or a free one if that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_port: Option<Tpl<u16>>,
    /// A step id, or `end` (default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Goto>,
}

impl PortForward {
    /// `service ml-api`
    pub fn leads_to(&self) -> String {
        let named = [("service", &self.service), ("pod", &self.pod), ("deployment", &self.deployment)];
        let named = named.into_iter().filter_map(|(kind, name)| Some(format!("{kind} {}", name.as_ref()?)));
        named.collect::<Vec<_>>().join(", ")
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Notify {
    Slack(Slack),
    Pagerduty(Pagerduty),
    Webhook(Webhook),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slack {
    pub webhook: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pagerduty {
    pub routing_key: String,
    #[serde(default)]
    pub severity: Tpl<Severity>,
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Default: PagerDuty's own events endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Critical,
    #[default]
    Error,
    Warning,
    Info,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
}

/// Another runbook; its steps appear nested, in the same trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nested {
    /// A path relative to the file that names it.
    #[serde(rename = "ref")]
    pub reference: String,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Value>,
    /// The checked runbook behind `ref`; filled in by the loader, never written by an author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub book: Option<Box<Runbook>>,
}

/// Closes the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct End {
    pub category: EndCategory,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EndCategory {
    Resolved,
    Escalated,
    NoAction,
    NeedsRca,
}
