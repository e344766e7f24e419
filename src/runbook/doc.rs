//! A runbook as it is written: the same payload types as the model, with one optional key per action.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    model::*,
    value::{Dur, Tpl},
};

#[derive(Deserialize, JsonSchema)]
pub enum ApiVersion {
    #[serde(rename = "ripcord/v1")]
    V1,
}

#[derive(Deserialize, JsonSchema)]
pub enum DocKind {
    Runbook,
}

/// A ripcord runbook.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Runbook")]
pub struct RunbookDoc {
    #[serde(rename = "apiVersion")]
    pub _api_version: ApiVersion,
    #[serde(rename = "kind")]
    pub _kind: DocKind,
    pub metadata: Metadata,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub target: Target,
    #[serde(default)]
    pub params: IndexMap<String, Param>,
    #[serde(default)]
    pub secrets: IndexMap<String, Secret>,
    #[serde(default)]
    pub requires: Requires,
    #[serde(default)]
    pub calendar: Option<Calendar>,
    #[serde(default)]
    pub prometheus: Option<Prometheus>,
    #[serde(default)]
    pub baseline: Option<BaselineSpec>,
    #[serde(default)]
    pub metrics: IndexMap<String, Metric>,
    #[serde(default)]
    pub panes: Panes,
    #[serde(default)]
    pub guards: Vec<Guard>,
    pub steps: Vec<StepDoc>,
    #[serde(default)]
    pub rollback: Option<RollbackDoc>,
}

/// The way back: a lane of steps, or another runbook.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RollbackDoc {
    Steps(Vec<StepDoc>),
    Runbook(RollbackRunbook),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRunbook {
    pub runbook: String,
    #[serde(default)]
    pub with: IndexMap<String, Value>,
}

/// A step: the common keys, and exactly one action.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Step")]
pub struct StepDoc {
    #[serde(flatten)]
    pub common: Common,
    /// A script (`bash -euo pipefail`), or `{argv: […]}`, or `{shell, script}`.
    #[serde(default)]
    pub run: Option<Run>,
    #[serde(default)]
    pub http: Option<Http>,
    /// One verb, natively; no kubectl needed.
    #[serde(default)]
    pub kubernetes: Option<Kubernetes>,
    #[serde(default)]
    pub helm: Option<Helm>,
    /// A metric gate over time.
    #[serde(default)]
    pub analysis: Option<Analysis>,
    #[serde(default)]
    pub checklist: Option<Checklist>,
    /// Instructions a person carries out.
    #[serde(default)]
    pub manual: Option<String>,
    /// A second person's word.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// The operator picks one named option.
    #[serde(default)]
    pub decision: Option<Decision>,
    /// Values asked for in mid-run.
    #[serde(default)]
    pub input: Option<IndexMap<String, InputField>>,
    /// A fixed soak with a visible countdown.
    #[serde(default)]
    pub wait: Option<Tpl<Dur>>,
    #[serde(default)]
    pub branch: Option<Branch>,
    #[serde(default)]
    pub port_forward: Option<PortForward>,
    /// Its failure never stops a run.
    #[serde(default)]
    pub notify: Option<Notify>,
    /// Another runbook; its steps appear nested, in the same trail.
    #[serde(default)]
    pub runbook: Option<Nested>,
    /// Closes the run.
    #[serde(default)]
    pub end: Option<End>,
}

/// The keys of which a step has exactly one.
pub const ACTIONS: [&str; 16] = [
    "run",
    "http",
    "kubernetes",
    "helm",
    "analysis",
    "checklist",
    "manual",
    "approval",
    "decision",
    "input",
    "wait",
    "branch",
    "portForward",
    "notify",
    "runbook",
    "end",
];

impl StepDoc {
    /// The step, if it has exactly one action.
    pub fn into_step(self) -> Option<Step> {
        let actions = [
            self.run.map(Action::Run),
            self.http.map(Action::Http),
            self.kubernetes.map(Action::Kubernetes),
            self.helm.map(Action::Helm),
            self.analysis.map(Action::Analysis),
            self.checklist.map(Action::Checklist),
            self.manual.map(Action::Manual),
            self.approval.map(Action::Approval),
            self.decision.map(Action::Decision),
            self.input.map(Action::Input),
            self.wait.map(Action::Wait),
            self.branch.map(Action::Branch),
            self.port_forward.map(Action::PortForward),
            self.notify.map(Action::Notify),
            self.runbook.map(Action::Runbook),
            self.end.map(Action::End),
        ];
        let mut actions = actions.into_iter().flatten();
        let action = actions.next()?;
        actions.next().is_none().then_some(Step { common: self.common, action: numbered(action) })
    }
}

/// Checklist items without an id of their own get `item-N`, counted from 1.
fn numbered(mut action: Action) -> Action {
    if let Action::Checklist(list) = &mut action {
        for (index, item) in list.items.iter_mut().enumerate() {
            if item.id.is_empty() {
                item.id = format!("item-{}", index + 1);
            }
        }
    }
    action
}
