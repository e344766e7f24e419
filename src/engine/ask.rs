//! What the run wants of a person now. Both frontends answer these: the console with dialogs,
//! headless with answers and policies. An ask is derived from the state, never stored.

use serde::{Deserialize, Serialize};

use super::fact::Intent;
use crate::runbook::value::StepId;

#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// The run is open and nothing has begun.
    Start,
    /// The calendar is closed; a typed reason opens it.
    Calendar {
        reason: String,
    },
    /// A write or worse waits for a person. `typed`: the word that must be typed.
    Confirm {
        intent: Box<Intent>,
        typed: Option<String>,
    },
    /// The act needs something selected in the pods pane first.
    Select {
        step: StepId,
        reason: String,
    },
    Checklist {
        step: StepId,
    },
    Manual {
        step: StepId,
    },
    Approval {
        step: StepId,
    },
    Decision {
        step: StepId,
    },
    Input {
        step: StepId,
    },
    /// RETRY / SKIP / ROLLBACK / ABORT.
    Failure {
        step: StepId,
        reason: String,
        choices: FailureChoices,
    },
    /// Nobody knows whether it happened: succeeded, failed, or again.
    Unknown {
        step: StepId,
        message: String,
    },
    /// A guard tripped and offers the way back.
    Guard {
        guard: usize,
        detail: String,
    },
}

impl Ask {
    /// The step the ask belongs to, if it is one's.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Start | Self::Calendar { .. } | Self::Guard { .. } => None,
            Self::Confirm { intent, .. } => Some(&intent.step),
            Self::Select { step, .. }
            | Self::Checklist { step }
            | Self::Manual { step }
            | Self::Approval { step }
            | Self::Decision { step }
            | Self::Input { step }
            | Self::Failure { step, .. }
            | Self::Unknown { step, .. } => Some(step),
        }
    }
}

/// What a failed step leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureChoices {
    /// False for `required` steps.
    pub skip: bool,
    /// False inside the lane, and where there is none.
    pub rollback: bool,
    /// False where only a person's look can tell (an unknown outcome).
    pub retry: bool,
}
