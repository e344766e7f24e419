//! What the console remembers that the run does not: focus, selection, scroll, the dialog.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{dialog::Dialog, edit::Edit};
use crate::{observe::output::OutputTail, runbook::value::StepId};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Runbook,
    Step,
    Output,
}

impl Pane {
    pub const ALL: [Self; 3] = [Self::Runbook, Self::Step, Self::Output];
}

/// A line of the trail as it was printed when it became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailLine {
    pub sequence: u64,
    pub text: String,
}

pub struct Ui {
    pub focus: Pane,
    /// The row looked at; `None` follows the run.
    pub selected: Option<StepId>,
    /// Lines scrolled up from the end of the output; 0 follows.
    pub output_up: usize,
    pub step_down: usize,
    pub dialog: Option<Dialog>,
    pub filter: Option<Edit>,
    pub filtering: bool,
    pub full: bool,
    pub frozen: bool,
    pub status: Option<String>,
    pub output: OutputTail,
    pub trail: VecDeque<TrailLine>,
    /// Asks that were opened by themselves once, so that Esc keeps them closed.
    pub raised: Vec<String>,
    /// Why nothing goes forward: the trail cannot be written.
    pub halted: Option<String>,
    pub now: Timestamp,
}

impl Ui {
    pub fn new(now: Timestamp) -> Self {
        Self {
            focus: Pane::default(),
            selected: None,
            output_up: 0,
            step_down: 0,
            dialog: None,
            filter: None,
            filtering: false,
            full: false,
            frozen: false,
            status: None,
            output: OutputTail::new(5_000),
            trail: VecDeque::new(),
            raised: Vec::new(),
            halted: None,
            now,
        }
    }

    pub fn remember(&mut self, line: TrailLine) {
        if self.trail.len() >= 2_000 {
            self.trail.pop_front();
        }
        self.trail.push_back(line);
    }
}

/// What the console asks of the program.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Command(crate::engine::Command),
    /// Said under another name than the operator's: an approver at this console.
    CommandAs(String, crate::engine::Command),
    /// A file whose hash is the evidence of a manual step.
    EvidenceFile(StepId, String),
    Copy(String),
    Suspend,
    Quit,
}
