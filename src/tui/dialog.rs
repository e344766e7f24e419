//! Dialogs: at most one, an enum. Each knows its fields; what it asks is in the run.

use jiff::Timestamp;

use super::edit::Edit;
use crate::runbook::value::StepId;

#[derive(Clone, Debug, PartialEq)]
pub struct Dialog {
    pub kind: Kind,
    /// Keys typed before it was there must not answer it.
    pub opened: Timestamp,
}

/// What a typed line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Note,
    Abort,
    Skip(StepId),
    Refuse { step: StepId, who: String },
    Override { step: StepId, item: String },
    Dismiss(usize),
    BreakGlass(String),
    Palette,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The preview; `yes` has the focus only after a person moved it.
    Confirm {
        step: StepId,
        word: Option<String>,
        typed: Edit,
        yes: bool,
    },
    Line {
        line: Line,
        text: Edit,
    },
    Checklist {
        step: StepId,
        row: usize,
    },
    Manual {
        step: StepId,
        text: Edit,
        file: bool,
    },
    Approval {
        step: StepId,
        who: Edit,
        note: Edit,
        field: usize,
    },
    Decision {
        step: StepId,
        row: usize,
        reason: Edit,
        asking: bool,
    },
    Input {
        step: StepId,
        fields: Vec<(String, Edit)>,
        row: usize,
    },
    Failure {
        step: StepId,
        row: usize,
    },
    Unknown {
        step: StepId,
        row: usize,
    },
    Guard {
        guard: usize,
        row: usize,
    },
    Ripcord {
        yes: bool,
    },
    Quit {
        yes: bool,
    },
    Help,
    Trail {
        up: usize,
    },
}

impl Kind {
    /// The step whose ask this dialog answers.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Confirm { step, .. }
            | Self::Checklist { step, .. }
            | Self::Manual { step, .. }
            | Self::Approval { step, .. }
            | Self::Decision { step, .. }
            | Self::Input { step, .. }
            | Self::Failure { step, .. }
            | Self::Unknown { step, .. } => Some(step),
            _ => None,
        }
    }

    /// The typed line that has the keys now, if any.
    pub fn edit(&mut self) -> Option<&mut Edit> {
        match self {
            Self::Confirm { word: Some(_), typed, .. } => Some(typed),
            Self::Line { text, .. } | Self::Manual { text, .. } => Some(text),
            Self::Approval { who, note, field, .. } => Some(if *field == 0 { who } else { note }),
            Self::Decision { reason, asking: true, .. } => Some(reason),
            Self::Input { fields, row, .. } => fields.get_mut(*row).map(|(_, edit)| edit),
            _ => None,
        }
    }
}
