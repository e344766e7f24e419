//! What came of an act, in the words of reports. Makes no requests.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::wire::Fault;
use crate::engine::message::{Done, Failure, Report};

/// The end of one act.
#[derive(Clone, Debug, PartialEq)]
pub enum ActOutcome {
    Succeeded(Done),
    Failed(Failure),
    Unknown(String),
}

impl ActOutcome {
    /// The same, as the engine hears it.
    pub fn report(self) -> Report {
        match self {
            Self::Succeeded(done) => Report::Succeeded(done),
            Self::Failed(failure) => Report::Failed(failure),
            Self::Unknown(message) => Report::Unknown { message },
        }
    }

    /// Where output and duration are filled in.
    pub fn done_mut(&mut self) -> Option<&mut Done> {
        match self {
            Self::Succeeded(done) => Some(done),
            Self::Failed(failure) => Some(&mut failure.done),
            Self::Unknown(_) => None,
        }
    }
}

/// A success as a verb tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub summary: String,
    pub outputs: BTreeMap<String, Value>,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Told {
    pub(super) fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    pub(super) fn output(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.outputs.insert(name.to_owned(), value.into());
        self
    }

    /// A write: what was, what is, and the object the server answered with.
    pub(super) fn wrote(summary: impl Into<String>, before: Option<Value>, after: &Value) -> Self {
        let version = after.pointer("/metadata/resourceVersion").cloned().unwrap_or(Value::Null);
        let after = super::evidence(after);
        Self { before, after: Some(after), ..Self::new(summary) }.output("resourceVersion", version)
    }

    pub(super) fn done(self, began: Instant) -> Done {
        let Self { summary, mut outputs, before, after } = self;
        for (name, value) in [("before", &before), ("after", &after)] {
            if let Some(value) = value {
                outputs.insert(name.to_owned(), value.clone());
            }
        }
        Done { outputs, before, after, summary, duration_ms: millis(began), ..Done::default() }
    }
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A failure as a verb tells it.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub reason: &'static str,
    pub message: String,
    pub told: Told,
}

impl Refused {
    pub(super) fn since(self, began: Instant) -> Failure {
        let Self { reason, message, mut told } = self;
        if told.summary.is_empty() {
            told.summary.clone_from(&message);
        }
        Failure { reason: reason.to_owned(), message, done: told.done(began) }
    }
}

/// Why a verb did not come to its good end.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Failed(Box<Refused>),
    /// The write left; nobody knows. `before` is what was there.
    Lost {
        why: String,
        before: Option<Value>,
    },
}

impl Stop {
    pub(super) fn failed(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Failed(Box::new(Refused { reason, message: message.into(), told: Told::default() }))
    }

    /// The same, with what is known at this point.
    pub(super) fn with(self, told: Told) -> Self {
        match self {
            Self::Failed(refused) => Self::Failed(Box::new(Refused { told, ..*refused })),
            lost => lost,
        }
    }

    /// A fault about this object.
    pub(super) fn about(object: &str, fault: Fault) -> Self {
        match Self::from(fault) {
            Self::Failed(mut refused) => {
                refused.message = format!("{object}: {}", refused.message);
                Self::Failed(refused)
            }
            lost => lost,
        }
    }

    /// The fault of a write: what was lost is unknown, and `before` goes with it.
    pub(super) fn of_write(fault: Fault, before: Option<Value>) -> Self {
        match fault {
            Fault::Lost(why) => Self::Lost { why, before },
            fault => Self::from(fault),
        }
    }
}

impl From<Fault> for Stop {
    /// The fault of a read.
    fn from(fault: Fault) -> Self {
        let reason = match &fault {
            Fault::Refused(status) => match status.code {
                401 | 403 => "forbidden",
                404 | 410 => "notFound",
                409 => "conflict",
                _ => "refused",
            },
            Fault::Unsent(_) | Fault::Lost(_) => "unreachable",
            Fault::Cancelled => "cancelled",
            Fault::Deadline => "timeout",
            Fault::Odd(_) => "unsupported",
        };
        let causes = match &fault {
            Fault::Refused(status) => json!(status.details),
            _ => Value::Null,
        };
        let stop = Self::failed(reason, fault.to_string());
        if causes.is_null() { stop } else { stop.with(Told::default().output("details", causes)) }
    }
}
