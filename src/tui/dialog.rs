//! Dialogs: at most one has the keys, an enum. Each knows its fields; what it asks is in the run.

use super::edit::Edit;
use crate::{engine::message::Selected, runbook::value::StepId};

#[derive(Clone, Debug, PartialEq)]
pub struct Dialog {
    pub kind: Kind,
    /// Milliseconds since boot: keys typed before it was there must not answer it.
    pub opened: u64,
    /// It came by itself, over whatever was being typed.
    pub raised: bool,
    /// Lines of its text that are scrolled away.
    pub down: usize,
    /// The most that `down` ever was: what is further below nobody has read.
    pub read: usize,
}

/// What a typed line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Note,
    Abort,
    Skip(StepId),
    Refuse { step: StepId, who: String },
    Override { step: StepId, item: String },
    Resolve { step: StepId, outcome: crate::engine::message::Resolution },
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
        selected: Option<Selected>,
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
        wants: Evidence,
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
        answer: Option<Choosing>,
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
    /// The way back, whoever asked for it: `why` goes into the trail.
    Ripcord {
        why: String,
        yes: bool,
    },
    Quit {
        yes: bool,
    },
    /// A shell, in which of the running containers.
    Shell {
        pod: String,
        containers: Vec<String>,
        at: usize,
        yes: bool,
    },
    /// Which runbook answers an alert; the first row stays here.
    Answer {
        alert: String,
        runbooks: Vec<Opens>,
        row: usize,
    },
    Help,
    Trail(TrailLook),
}

/// How the trail is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrailLook {
    /// Rows between the cursor and the newest.
    pub up: usize,
    /// What gates and guards read is listed too.
    pub readings: bool,
    pub filter: Edit,
    pub typing: bool,
}

/// A runbook to leave this run for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opens {
    pub name: String,
    /// What `run` is given to open it.
    pub runbook: String,
    /// As `-p` takes them.
    pub params: Vec<String>,
}

/// What a manual step wants to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    Nothing,
    Text,
    /// A file's name; its SHA-256 is recorded.
    File,
}

/// An option was taken; a reason or a typed word is still wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choosing {
    pub reason: Edit,
    /// What must be typed, and what was.
    pub word: Option<(String, Edit)>,
    /// The word has the keys, not the reason.
    pub at_word: bool,
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
            | Self::Unknown { step, .. }
            | Self::Line { line: Line::Override { step, .. } | Line::Resolve { step, .. }, .. } => Some(step),
            _ => None,
        }
    }

    /// One that comes by itself.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Guard { .. } | Self::Failure { .. } | Self::Unknown { .. })
    }

    /// A key pressed a moment too early could do harm here: what was typed before it opened is thrown away.
    pub fn acts(&self) -> bool {
        !matches!(self, Self::Line { .. } | Self::Help | Self::Trail(_) | Self::Quit { .. })
    }

    /// The typed line that has the keys now, if any.
    pub fn edit(&mut self) -> Option<&mut Edit> {
        match self {
            Self::Confirm { word: Some(_), typed, .. } => Some(typed),
            Self::Manual { wants: Evidence::Nothing, .. } => None,
            Self::Line { text, .. } | Self::Manual { text, .. } => Some(text),
            Self::Approval { who, note, field, .. } => Some(if *field == 0 { who } else { note }),
            Self::Decision { answer: Some(Choosing { word: Some((_, typed)), at_word: true, .. }), .. } => Some(typed),
            Self::Decision { answer: Some(answer), .. } => Some(&mut answer.reason),
            Self::Trail(look) if look.typing => Some(&mut look.filter),
            Self::Input { fields, row, .. } => fields.get_mut(*row).map(|(_, edit)| edit),
            _ => None,
        }
    }
}
