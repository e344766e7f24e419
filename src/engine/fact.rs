//! What happened, as it stands in the trail. The run is the fold of these.
//! Field names are part of the trail's format: they may be added to, never changed.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::{Actor, Done, EvidenceGiven, Look, Reading, Resolution, Selected, Started};
use super::state::{AfterCancel, VerifiedAct};
use crate::runbook::{
    model::{Action, EndCategory, Risk, Runbook},
    value::{Dur, StepId},
};

/// One fact. `kind` is the word in the trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Fact {
    #[serde(rename = "run.opened")]
    RunOpened(Box<Opened>),
    /// The operator pressed `r` for the first time.
    #[serde(rename = "run.started")]
    RunStarted { by: Actor },
    #[serde(rename = "run.resumed")]
    RunResumed {
        by: Actor,
        host: String,
        pid: u32,
        /// Taken up with `--read-only`; holds until the next resume.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        read_only: bool,
    },
    /// Left open, resumable.
    #[serde(rename = "run.detached")]
    RunDetached { by: Actor, why: String },
    #[serde(rename = "run.closed")]
    RunClosed {
        status: RunStatus,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        category: Option<EndCategory>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Steps that did not succeed although the run went on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
    /// Control has come to this step.
    #[serde(rename = "step.entered")]
    StepEntered { step: StepId },
    #[serde(rename = "step.confirmed")]
    StepConfirmed {
        step: StepId,
        by: Actor,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typed: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selected: Option<Selected>,
    },
    /// The operator looked at the confirmation and said no.
    #[serde(rename = "step.declined")]
    StepDeclined { step: StepId, by: Actor },
    /// Durable before anything is sent or started: exactly what will be done.
    #[serde(rename = "step.intent")]
    StepIntent(Box<Intent>),
    #[serde(rename = "step.started")]
    StepStarted {
        step: StepId,
        attempt: u32,
        #[serde(flatten)]
        started: Started,
    },
    /// Stopping what is in flight was asked for; what then.
    #[serde(rename = "step.cancelling")]
    StepCancelling { step: StepId, attempt: u32, by: Actor, then: AfterCancel },
    /// The act is over as far as its adapter can tell; the step's `verify` looks now.
    #[serde(rename = "step.verifying")]
    StepVerifying { step: StepId, attempt: u32, act: VerifiedAct, done: Done },
    /// The read-only check after the act.
    #[serde(rename = "step.verified")]
    StepVerified {
        step: StepId,
        attempt: u32,
        #[serde(flatten)]
        look: Look,
    },
    #[serde(rename = "step.outcome")]
    StepOutcome(Box<StepEnd>),
    /// A person said what an unknown outcome was.
    #[serde(rename = "step.resolved")]
    StepResolved { step: StepId, outcome: Resolution, by: Actor, why: String },
    #[serde(rename = "step.skipped")]
    StepSkipped {
        step: StepId,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// Another attempt is coming: by the step's own `retries` (not before `at`), or because a person said so.
    #[serde(rename = "step.retried")]
    StepRetried {
        step: StepId,
        by: Actor,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// The failure goes to a person: RETRY / SKIP / ROLLBACK / ABORT.
    #[serde(rename = "step.asked")]
    StepAsked { step: StepId, reason: String },
    #[serde(rename = "checklist.ticked")]
    ChecklistTicked {
        step: StepId,
        item: String,
        state: Tick,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    #[serde(rename = "input.given")]
    InputGiven { step: StepId, values: BTreeMap<String, Value>, by: Actor },
    #[serde(rename = "decision.made")]
    DecisionMade {
        step: StepId,
        option: String,
        by: Actor,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    #[serde(rename = "approval.asked")]
    ApprovalAsked {
        step: StepId,
        prompt: String,
        needed: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    #[serde(rename = "approval.given")]
    ApprovalGiven {
        step: StepId,
        by: Actor,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    #[serde(rename = "approval.refused")]
    ApprovalRefused { step: StepId, by: Actor, why: String },
    /// A hold began: at the start of a gate, or again after too long a silence.
    #[serde(rename = "gate.began")]
    GateBegan { step: StepId, attempt: u32, at: Timestamp },
    #[serde(rename = "gate.sample")]
    GateSample { step: StepId, attempt: u32, metric: String, slot: Timestamp, reading: Reading, verdict: SampleVerdict },
    #[serde(rename = "gate.verdict")]
    GateVerdict { step: StepId, attempt: u32, verdict: StepResult, reasons: Vec<String> },
    #[serde(rename = "baseline.captured")]
    BaselineCaptured { baseline: Baseline },
    #[serde(rename = "rollback.began")]
    RollbackBegan { by: Actor, why: String },
    /// The lane is through; the target is held against the baseline before the run may be called rolled back.
    #[serde(rename = "rollback.verifying")]
    RollbackVerifying {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        category: Option<EndCategory>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    #[serde(rename = "rollback.verified")]
    RollbackVerified {
        #[serde(flatten)]
        look: Look,
    },
    #[serde(rename = "guard.sample")]
    GuardSample {
        guard: usize,
        /// What it watches, by name; the number alone tells a reader nothing.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        metric: String,
        slot: Timestamp,
        reading: Reading,
        verdict: SampleVerdict,
    },
    #[serde(rename = "guard.tripped")]
    GuardTripped { guard: usize, detail: String },
    #[serde(rename = "guard.dismissed")]
    GuardDismissed {
        guard: usize,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        metric: String,
        by: Actor,
        why: String,
    },
    /// It went back within its limits after a trip.
    #[serde(rename = "guard.recovered")]
    GuardRecovered {
        guard: usize,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        metric: String,
    },
    #[serde(rename = "breakglass.used")]
    BreakGlassUsed { by: Actor, why: String, what: String },
    /// The calendar is closed and wants a typed reason.
    #[serde(rename = "calendar.closed")]
    CalendarClosed { reason: String },
    #[serde(rename = "note.added")]
    NoteAdded { by: Actor, text: String },
    #[serde(rename = "target.checked")]
    TargetChecked { identity: String, ok: bool, detail: String },
    #[serde(rename = "shell.recorded")]
    ShellRecorded { by: Actor, pod: String, container: String, file: String, sha256: String },
    #[serde(rename = "secret.revealed")]
    SecretRevealed { by: Actor, object: String },
    #[serde(rename = "audit.gap")]
    AuditGap { records: u64, digest: String },
    #[serde(rename = "trail.recovered")]
    TrailRecovered { offset: u64, bytes: u64, file: String },
    #[serde(rename = "anchor.made")]
    AnchorMade { place: String, head: String, sequence: u64 },
}

impl Fact {
    /// The word in the trail.
    pub fn kind(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned(),
            _ => String::new(),
        }
    }
}

/// The first fact of every run: all that is needed to go on without the file it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    /// Version of the trail's format.
    pub format: u32,
    pub run: String,
    pub program: Program,
    pub runbook: Box<Runbook>,
    /// SHA-256 of the bytes that were approved.
    pub runbook_hash: String,
    /// The file it was read from, as given.
    pub runbook_path: String,
    pub params: BTreeMap<String, Value>,
    pub target: TargetIdentity,
    pub operator: Actor,
    pub host: String,
    pub pid: u32,
    /// Relative paths of the run start here.
    pub workdir: String,
    pub started_at: Timestamp,
    /// The run whose way back this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_of: Option<Previous>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// What the forward steps of that run left, for the templates of the lane.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub carried: BTreeMap<StepId, Carried>,
    /// Only looks; nothing that writes may be confirmed.
    #[serde(default)]
    pub read_only: bool,
    /// The calendar was closed when the run was opened, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
}

/// What a template may say of a step that ended in an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<StepResult>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    pub version: String,
    pub hash: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    pub run: String,
    pub head: String,
}

/// Which cluster this run is pinned to. Empty where the runbook needs none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetIdentity {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub context: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// `uid:<kube-system UID>`, or `url+ca:<hash>` where that may not be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub identity: String,
    #[serde(default)]
    pub protected: bool,
}

/// Where the target stood before the first write: what a rollback leads back to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// `helmRelease` or `deployment`.
    pub kind: String,
    pub name: String,
    pub revision: i64,
    #[serde(default)]
    pub images: Vec<String>,
    /// When that revision was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<Timestamp>,
    /// For people: `3d4h`.
    #[serde(default)]
    pub age: String,
    /// Chart and version, replicas, template hash: whatever else identifies it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// Exactly what will be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    pub step: StepId,
    pub attempt: u32,
    pub risk: Risk,
    /// Rendered; secrets stand as `${{ secrets.x }}`.
    pub action: Action,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Dur>,
    /// The act as one would type it.
    pub command: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepEnd {
    pub step: StepId,
    pub attempt: u32,
    pub outcome: StepResult,
    /// A short word for a failure: `exit`, `timeout`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceGiven>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    #[serde(flatten)]
    pub done: Done,
}

impl StepEnd {
    /// Nothing was attempted, so no intent stands: it could not be rendered, was not allowed, or was left.
    pub(super) fn is_unattempted(&self) -> bool {
        match self.outcome {
            StepResult::Failed => self.reason.as_deref().is_some_and(|reason| BEFORE_THE_ACT.contains(&reason)),
            other => other == StepResult::Aborted,
        }
    }
}

/// Reasons of a failure that came before the act; trying again by itself would not help.
pub(super) const BEFORE_THE_ACT: [&str; 3] = ["render", "calendar", "baseline"];

/// `steps.<id>.outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepResult {
    Succeeded,
    Failed,
    Skipped,
    Unknown,
    Aborted,
    Inconclusive,
    Error,
}

impl StepResult {
    /// The literal used in expressions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Aborted => "aborted",
            Self::Inconclusive => "inconclusive",
            Self::Error => "error",
        }
    }
}

/// A run's state as the trail, `runs` and exit codes know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunStatus {
    #[default]
    Open,
    Succeeded,
    Failed,
    RolledBack,
    RollbackIncomplete,
    Aborted,
}

/// How an item came to its tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tick {
    /// A probe saw it.
    Auto,
    /// A probe saw otherwise, or could not look.
    NotMet,
    Operator,
    Overridden,
    /// Taken back.
    Open,
}

/// One reading against its conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SampleVerdict {
    Successful,
    Failed,
    Inconclusive,
    Error,
}
