//! The `kubernetes:` and `helm:` verbs, with kubectl's and Helm's own names and defaults.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Risk;
use crate::runbook::value::{Dur, Tpl};

/// One verb. Objects are named by `kind` + `name`, or by `selector`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Kubernetes {
    Get(Objects),
    Describe(Objects),
    Events(EventsOf),
    Logs(LogsOf),
    Wait(WaitFor),
    Apply(Apply),
    RolloutStatus(Rollout),
    RolloutUndo(RolloutUndo),
    RolloutRestart(Rollout),
    RolloutHistory(Rollout),
    SetImage(SetImage),
    Scale(Scale),
    Delete(Delete),
    CreateNamespace(CreateNamespace),
    Snapshot(Snapshot),
    Exec(Exec),
    Patch(Patch),
}

impl Kubernetes {
    /// The key as written in YAML.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::Describe(_) => "describe",
            Self::Events(_) => "events",
            Self::Logs(_) => "logs",
            Self::Wait(_) => "wait",
            Self::Apply(_) => "apply",
            Self::RolloutStatus(_) => "rolloutStatus",
            Self::RolloutUndo(_) => "rolloutUndo",
            Self::RolloutRestart(_) => "rolloutRestart",
            Self::RolloutHistory(_) => "rolloutHistory",
            Self::SetImage(_) => "setImage",
            Self::Scale(_) => "scale",
            Self::Delete(_) => "delete",
            Self::CreateNamespace(_) => "createNamespace",
            Self::Snapshot(_) => "snapshot",
            Self::Exec(_) => "exec",
            Self::Patch(_) => "patch",
        }
    }

    pub fn risk(&self) -> Risk {
        match self {
            Self::Get(_)
            | Self::Describe(_)
            | Self::Events(_)
            | Self::Logs(_)
            | Self::Wait(_)
            | Self::RolloutStatus(_)
            | Self::RolloutHistory(_)
            | Self::Snapshot(_) => Risk::Read,
            Self::Delete(_) | Self::RolloutUndo(_) => Risk::Destructive,
            // What a template comes to is not known when confirmations and `--yes-to` are weighed.
            Self::Scale(Scale { replicas: Tpl::Value(0) | Tpl::Template(_), .. }) => Risk::Destructive,
            _ => Risk::Write,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objects {
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `wide`, `yaml`, `json`, `name`; default the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventsOf {
    /// `pod/x`, as kubectl's `--for`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogsOf {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    #[serde(default)]
    pub previous: Tpl<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<Tpl<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WaitFor {
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// `condition=Ready`, `delete`, `create`, `jsonpath=…`.
    #[serde(rename = "for")]
    pub condition: String,
    /// kubectl's default: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// Server-side apply. Exactly one of `files`, `kustomize`, `manifest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Apply {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// `$NAME` → value, filled into the files' scalars after parsing, never into raw text.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub values: IndexMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_manager: Option<String>,
    #[serde(default)]
    pub force_conflicts: Tpl<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A workload by name: Deployment, StatefulSet or DaemonSet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    pub kind: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolloutUndo {
    pub kind: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_revision: Option<Tpl<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetImage {
    pub kind: String,
    pub name: String,
    pub container: String,
    pub image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    pub kind: String,
    pub name: String,
    /// 0 is destructive, and so is a template: it may come to 0.
    pub replicas: Tpl<i32>,
    /// A precondition: anything else is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<Tpl<i32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delete {
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period: Option<Tpl<u32>>,
    /// Removes the object without waiting for the kubelet; the containers may go on running.
    #[serde(default)]
    pub force: Tpl<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateNamespace {
    pub name: String,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    pub kinds: Vec<String>,
    /// A file, or a directory (ends in `/`) in which a name is made.
    pub to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub age_recipients: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exec {
    pub pod: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    pub kind: String,
    pub name: String,
    #[serde(default, rename = "type")]
    pub patch_type: Tpl<PatchType>,
    pub patch: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// kubectl's default is strategic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PatchType {
    #[default]
    Strategic,
    Merge,
    Json,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Helm {
    Upgrade(HelmUpgrade),
    Rollback(HelmRollback),
    Status(HelmRelease),
    History(HelmHistory),
    Diff(HelmDiff),
}

impl Helm {
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Upgrade(_) => "upgrade",
            Self::Rollback(_) => "rollback",
            Self::Status(_) => "status",
            Self::History(_) => "history",
            Self::Diff(_) => "diff",
        }
    }

    pub fn risk(&self) -> Risk {
        match self {
            Self::Upgrade(_) => Risk::Write,
            Self::Rollback(_) => Risk::Destructive,
            Self::Status(_) | Self::History(_) | Self::Diff(_) => Risk::Read,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelmUpgrade {
    pub release: String,
    pub chart: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Strings go as `--set-string`, numbers and booleans as `--set`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub set: IndexMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default)]
    pub install: Tpl<bool>,
    #[serde(default)]
    pub create_namespace: Tpl<bool>,
    #[serde(default)]
    pub wait: Tpl<bool>,
    #[serde(default)]
    pub atomic: Tpl<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelmRollback {
    pub release: String,
    /// Not optional: without it Helm goes to «current − 1», which may be the same bad image.
    pub revision: Tpl<i64>,
    #[serde(default)]
    pub wait: Tpl<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Tpl<Dur>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelmRelease {
    pub release: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelmHistory {
    pub release: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Tpl<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HelmDiff {
    pub release: String,
    pub chart: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub set: IndexMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}
