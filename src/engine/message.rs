//! What goes in and out of the engine. Plain data: it can be logged, compared and replayed.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fact::{Baseline, Fact};
use crate::runbook::{
    model::{Action, BaselineSpec, PodRule, Probe},
    value::{Dur, StepId},
};

/// One attempt at one step. Guards use `guard:<n>`, the baseline `baseline`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket {
    pub step: StepId,
    pub attempt: u32,
}

impl Ticket {
    pub fn new(step: impl Into<StepId>, attempt: u32) -> Self {
        Self { step: step.into(), attempt }
    }

    pub fn guard(index: usize) -> Self {
        Self { step: StepId(format!("guard:{index}")), attempt: 0 }
    }

    /// The guard this ticket belongs to, if it is one's.
    pub fn guard_index(&self) -> Option<usize> {
        self.step.0.strip_prefix("guard:")?.parse().ok()
    }
}

/// Who gave a command, and how sure we are of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// `user@host`, or what the person or the answers file said.
    pub name: String,
    pub via: Via,
    pub assurance: Assurance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    Console,
    /// An answers file or a policy flag.
    Answers,
    /// Another terminal: `ripcord approve`, `ripcord rollback`.
    Request,
    /// The engine itself: a timeout, a guard, `onFailure`.
    Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Assurance {
    /// The operating system says so.
    System,
    /// Typed by somebody.
    Claimed,
}

impl Actor {
    pub fn engine() -> Self {
        Self { name: "ripcord".into(), via: Via::Engine, assurance: Assurance::System }
    }

    pub fn system(name: impl Into<String>, via: Via) -> Self {
        Self { name: name.into(), via, assurance: Assurance::System }
    }

    pub fn claimed(name: impl Into<String>, via: Via) -> Self {
        Self { name: name.into(), via, assurance: Assurance::Claimed }
    }
}

/// Everything that can reach the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Command {
        by: Actor,
        command: Command,
    },
    Report {
        ticket: Ticket,
        report: Report,
    },
    /// A deadline has come, or may have.
    Clock,
}

/// What a person, a policy or another terminal may ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "command")]
pub enum Command {
    /// The first `r`: from here reads flow and writes ask.
    Start,
    /// After a crash or a quit; confirmations have lapsed.
    Resume {
        host: String,
        pid: u32,
        /// Nothing that writes is started by this process.
        #[serde(default)]
        read_only: bool,
    },
    /// Goes ahead with the attempt that waits; `typed` where a word was asked for.
    Confirm {
        step: StepId,
        typed: Option<String>,
        selected: Option<Selected>,
    },
    /// Declines the confirmation: RETRY / SKIP / ROLLBACK / ABORT.
    Decline {
        step: StepId,
    },
    Tick {
        step: StepId,
        item: String,
    },
    /// Takes a tick back.
    Untick {
        step: StepId,
        item: String,
    },
    /// Passes an item (or a gate's failed reading) in spite of what it shows.
    Override {
        step: StepId,
        item: String,
        why: String,
    },
    /// Looks again at one probed item.
    Recheck {
        step: StepId,
        item: String,
    },
    /// All required items stand, or the manual step is done.
    Done {
        step: StepId,
        evidence: Option<EvidenceGiven>,
    },
    Approve {
        step: StepId,
        note: Option<String>,
    },
    Refuse {
        step: StepId,
        why: String,
    },
    Choose {
        step: StepId,
        option: String,
        reason: Option<String>,
        typed: Option<String>,
    },
    Provide {
        step: StepId,
        values: BTreeMap<String, Value>,
    },
    Retry {
        step: StepId,
    },
    Skip {
        step: StepId,
        why: String,
    },
    /// What an unknown outcome really was.
    Resolve {
        step: StepId,
        outcome: Resolution,
        why: String,
    },
    /// The ripcord.
    Rollback {
        why: String,
    },
    Abort {
        why: String,
    },
    Note {
        text: String,
    },
    /// Puts a guard's offer aside, with a reason; it returns after recovery and a new trip.
    DismissGuard {
        guard: usize,
        why: String,
    },
    /// Opens a closed calendar, or goes on without an approval that allows it.
    BreakGlass {
        why: String,
    },
    /// Leaves the run open: quit, SIGHUP, an unanswered prompt.
    Detach {
        why: String,
    },
    /// Something the operator did beside the steps, for the record.
    Record {
        fact: Box<Fact>,
    },
}

/// What is selected in the pods pane when the step starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selected {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceGiven {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resolution {
    Succeeded,
    Failed,
    /// Do it again; only after a person has looked.
    Retry,
}

/// What an adapter says of work in flight.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    Started(Started),
    Succeeded(Done),
    Failed(Failure),
    /// Nobody can say: the connection went after the request did, the runner is gone without a status.
    Unknown {
        message: String,
    },
    /// Answers a `Reattach` only: it is known that nothing was begun, so that it may be begun.
    NeverBegan {
        message: String,
    },
    /// Something the record has to say beside the outcome.
    Noted(String),
    /// A look: `verify`, a checklist item (`item`), a guard over pods.
    Probed {
        item: Option<String>,
        look: Look,
    },
    /// One metric of a gate or guard at one slot.
    Sample {
        metric: String,
        slot: Timestamp,
        reading: Reading,
    },
    /// The baseline as it is now, or why it cannot be read.
    Captured(Result<Baseline, String>),
    /// Whether the target is what the baseline says.
    Compared(Look),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Clock ticks since boot, as `/proc/<pid>/stat` has it; with `bootId` it names the process for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
}

/// What came of finished work, good or bad.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    #[serde(default)]
    pub duration_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputRef>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// One line for people: `exit 0`, `200 in 12 ms`, `deployment "ml-api" successfully rolled out`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// The whole output of a step, beside the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRef {
    /// Relative to the run's folder.
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// A short word: `exit`, `signal`, `timeout`, `cancelled`, `notFound`, `expect`, `refused`, `forbidden`,
    /// `conflict`, `outputs`, `unsupported`, `target`, `render`.
    pub reason: String,
    /// What happened and what to do next, for people.
    pub message: String,
    pub done: Done,
}

/// The answer of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// `None`: it could not look.
    pub passed: Option<bool>,
    /// What it saw, for people.
    pub detail: String,
}

/// A measured number, or why there is none. For pods `value` counts restarts, `samples` ready pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reading {
    Value {
        value: Decimal,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        baseline: Option<Decimal>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        samples: Option<Decimal>,
        /// The same of the baseline.
        #[serde(default, rename = "baselineSamples", skip_serializing_if = "Option::is_none")]
        baseline_samples: Option<Decimal>,
    },
    /// Empty vector, NaN, ±Inf, stale.
    NoData { why: String },
    /// Several series, a warning, a query that does not parse.
    Error { why: String },
    /// Nobody could be asked: the server is away. A gate asks for the slot again once it is back.
    Unreachable { why: String },
    /// Somebody was asked and nobody can ever know: the slot lies in a past that nothing remembers.
    Forgotten { why: String },
}

/// A finite number that is text in the trail, so that stored bytes equal canonical bytes.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Decimal(pub f64);

impl Serialize for Decimal {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// What the session hands to the world once the facts are durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Do the step. `action` is rendered; only `${{ secrets.x }}` may still stand in it, and in `env`.
    Perform { ticket: Ticket, action: Box<Action>, env: IndexMap<String, String>, timeout: Option<Dur> },
    /// The console went and came back: attach to what runs, or read how it ended. Answers as `Perform` would.
    /// `since`: when its intent was recorded.
    Reattach { ticket: Ticket, action: Box<Action>, started: Option<Started>, since: Option<Timestamp> },
    /// Look: `verify` (no item), or a checklist item, with the values of its step. Answers with `Probed`.
    Probe { ticket: Ticket, item: Option<String>, probe: Box<Probe>, env: IndexMap<String, String> },
    /// Read these at this slot. Answers with one `Sample` each.
    Measure { ticket: Ticket, slot: Timestamp, metrics: Vec<Measurement> },
    /// Read the baseline. Answers with `Captured`.
    Capture { ticket: Ticket, spec: BaselineSpec },
    /// Hold the target against the baseline, and wait for a rollout that is under way. Answers with `Compared`.
    Compare { ticket: Ticket, baseline: Box<Baseline> },
    /// Stop what is in flight by that kind's own ladder. The work still answers.
    Cancel { ticket: Ticket },
    /// Close the port-forward this step opened.
    CloseForward { ticket: Ticket },
}

/// One thing to read. Queries are rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The key under which the `Sample` comes back.
    pub metric: String,
    pub what: Measured,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    Query {
        query: String,
        baseline_query: Option<String>,
        samples_query: Option<String>,
        baseline_samples_query: Option<String>,
        stale_after: Dur,
    },
    /// `since`: restarts count from here.
    Pods { rule: PodRule, since: Timestamp },
}

/// Facts to make durable, then effects to start. Empty means: nothing to do.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub facts: Vec<Fact>,
    pub effects: Vec<Effect>,
}

/// Why a command is not allowed now. Shown in the status line; changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
