//! A run as the fold of its facts. Read by everybody, changed only by `apply`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    fact::{Baseline, Intent, Opened, RunStatus, SampleVerdict, StepResult, Tick},
    message::{Actor, Done, Reading, Started, Ticket},
};
use crate::runbook::{
    model::{End, EndCategory, Runbook, Step},
    value::StepId,
};

/// Which list of steps control is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    Forward,
    Rollback,
}

/// `steps.<id>.status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepStatus {
    #[default]
    Pending,
    /// For a person or a time.
    Waiting,
    Running,
    Done,
}

impl StepStatus {
    /// The literal used in expressions.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
        }
    }
}

/// Everything known of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    pub status: StepStatus,
    pub outcome: Option<StepResult>,
    /// Attempts over the whole run.
    pub attempts: u32,
    /// Retries by the step's own rule since control last came here; what `retries.limit` counts.
    pub retries_used: u32,
    /// An intent stands since control last came here, so `when` was answered.
    pub begun: bool,
    pub visits: u32,
    pub entered_at: Option<Timestamp>,
    /// How long confirmations inside a nested runbook were waited for; its limit does not count them.
    pub confirming: SignedDuration,
    pub ended_at: Option<Timestamp>,
    /// The last intent: rendered, what was or is being done.
    pub intent: Option<Arc<Intent>>,
    pub started: Option<Started>,
    /// How the last attempt ended.
    pub done: Option<Done>,
    pub reason: Option<String>,
    pub message: String,
    /// Skipped by the runbook's own rule, so that nothing is left undone.
    pub by_rule: bool,
    pub outputs: BTreeMap<String, Value>,
    pub choice: Option<String>,
    pub ticks: BTreeMap<String, ItemState>,
    pub approvals: Vec<(Actor, Option<String>)>,
    pub approval_until: Option<Timestamp>,
    pub gate: Option<GateState>,
    /// When the last check after the act was made, and what it saw.
    pub verified: Option<super::message::Look>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ItemState {
    pub tick: Tick,
    pub detail: String,
    pub by: Option<Actor>,
    pub at: Timestamp,
}

/// A gate's hold and its readings so far.
#[derive(Clone, Debug, PartialEq)]
pub struct GateState {
    pub began: Timestamp,
    /// When the gate itself began; a restarted hold does not move it.
    pub first_began: Timestamp,
    /// Metric key → its measurements in this hold, in slot order.
    pub samples: BTreeMap<String, Vec<Sample>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub slot: Timestamp,
    pub reading: Reading,
    pub verdict: SampleVerdict,
    /// When the answer was recorded; later than the slot where it was filled in from history.
    pub heard: Timestamp,
}

/// A guard, armed from the first write.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuardState {
    pub armed_at: Option<Timestamp>,
    pub last: Option<Sample>,
    pub failures: u32,
    /// It tripped, and says why; `dismissed` once a person put the offer aside.
    pub tripped: Option<String>,
    pub dismissed: bool,
}

/// What the current step is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The run has not begun, or is over.
    Idle,
    /// Control is here and nothing was done yet; machine work goes on at once, what writes asks first.
    Entered,
    /// The calendar is closed; waits for a typed reason.
    CalendarClosed(String),
    /// Confirmed; the baseline is read before the first write's intent.
    Capturing,
    /// An intent stands and no outcome: work in flight, a person at it, a gate or wait going on.
    Busy(Ticket),
    /// The act is done; its check is looking.
    Verifying { ticket: Ticket, act: VerifiedAct },
    /// Not before this time.
    RetryAt(Timestamp),
    /// Failed and asked: RETRY / SKIP / ROLLBACK / ABORT.
    Asked,
    /// Nobody knows; a person decides.
    Unknown,
    /// The lane is through; the target is held against the baseline. How the run closes then, if a step said so.
    Comparing(Option<End>),
    /// What is in flight was told to stop; then the lane, or the end.
    Cancelling { ticket: Ticket, then: AfterCancel },
}

/// What is being verified: an act that reported success, or one nobody knows the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerifiedAct {
    Reported,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AfterCancel {
    Lane,
    Abort,
    /// The time limit of a nested runbook around it was passed.
    TimedOut,
}

/// What a frontend wants to be asked before it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Steps that would begin unasked.
    pub ask_before: BTreeSet<StepId>,
    /// The way back begins only by somebody's word, never by a runbook's `onFailure` or goto.
    pub ask_before_way_back: bool,
}

/// The run.
#[derive(Clone, Debug)]
pub struct Run {
    pub(super) opened: Arc<Opened>,
    pub(super) started: bool,
    /// Opened, or taken up last, only to look.
    pub(super) read_only: bool,
    pub(super) status: RunStatus,
    pub(super) lane: Lane,
    pub(super) at: Option<StepId>,
    pub(super) phase: Phase,
    pub(super) steps: BTreeMap<StepId, Arc<StepState>>,
    pub(super) baseline: Option<Baseline>,
    /// The first forward intent of risk write or more stands in the trail.
    pub(super) writes_begun: bool,
    /// The typed reason that opened a closed calendar; a banner for the rest of the run.
    pub(super) break_glass: Option<String>,
    pub(super) guards: Vec<GuardState>,
    pub(super) rollback: Option<(Actor, String, Timestamp)>,
    pub(super) end: Option<(EndCategory, Option<String>)>,
    pub(super) left: Vec<String>,
    pub(super) closed_at: Option<Timestamp>,
    /// The latest time any fact carried.
    pub(super) last_at: Timestamp,
    /// A confirmation's selection, until the intent that uses it stands.
    pub(super) selected: Option<super::message::Selected>,
    /// Of this process alone, as what is in flight: who takes the run over has wishes of their own.
    pub(super) wishes: Wishes,
    /// What has been asked of the world and not answered. Not folded from facts: a process that takes
    /// the run over has asked nothing yet, so it asks again.
    pub(super) in_flight: BTreeSet<(Ticket, String, Timestamp)>,
}

/// One row of the step list, in the order shown: nested steps under their parent, the lane last.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    pub id: StepId,
    pub step: &'a Step,
    pub lane: Lane,
    /// 0 at the top; one more inside each nested runbook.
    pub depth: usize,
    pub state: Option<&'a StepState>,
    pub current: bool,
}

impl Run {
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    pub fn book(&self) -> &Runbook {
        &self.opened.runbook
    }

    pub fn is_started(&self) -> bool {
        self.started
    }

    /// Told by the frontend, before what it is about.
    pub fn wish(&mut self, wishes: Wishes) {
        self.wishes = wishes;
    }

    /// Nothing that writes may be started.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub fn status(&self) -> RunStatus {
        self.status
    }

    pub fn is_closed(&self) -> bool {
        self.status != RunStatus::Open
    }

    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// Where control is: the innermost step.
    pub fn current(&self) -> Option<&StepId> {
        self.at.as_ref()
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    pub fn state(&self, id: &StepId) -> Option<&StepState> {
        self.steps.get(id).map(Arc::as_ref)
    }

    /// The recorded baseline, else the one read in preflight.
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref().or(self.opened.baseline.as_ref())
    }

    /// The ripcord is armed from the first write; before it `z` is an abort and says so.
    pub fn is_armed(&self) -> bool {
        self.writes_begun && self.has_lane()
    }

    pub fn has_lane(&self) -> bool {
        !self.opened.runbook.rollback.is_empty()
    }

    pub fn writes_begun(&self) -> bool {
        self.writes_begun
    }

    pub fn break_glass(&self) -> Option<&str> {
        self.break_glass.as_deref()
    }

    pub fn guards(&self) -> &[GuardState] {
        &self.guards
    }

    /// Who pulled the ripcord, why, when.
    pub fn rollback_began(&self) -> Option<&(Actor, String, Timestamp)> {
        self.rollback.as_ref()
    }

    pub fn end(&self) -> Option<&(EndCategory, Option<String>)> {
        self.end.as_ref()
    }

    /// Steps that did not succeed although the run went on.
    pub fn left(&self) -> &[String] {
        &self.left
    }

    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    pub fn closed_at(&self) -> Option<Timestamp> {
        self.closed_at
    }

    /// The step behind a path, through nested runbooks.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        super::path::find(self.book(), id).map(|found| found.step)
    }

    /// The rows of the step list.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        let book = self.book();
        for (lane, steps) in [(Lane::Forward, &book.steps), (Lane::Rollback, &book.rollback)] {
            self.push_rows(steps, None, lane, 0, &mut rows);
        }
        rows
    }

    fn push_rows<'a>(
        &'a self,
        steps: &'a [Step],
        parent: Option<&StepId>,
        lane: Lane,
        depth: usize,
        out: &mut Vec<Row<'a>>,
    ) {
        for step in steps {
            let id = step.id().under(parent);
            let current = self.at.as_ref() == Some(&id);
            out.push(Row { step, lane, depth, state: self.state(&id), current, id: id.clone() });
            if let crate::runbook::model::Action::Runbook(nested) = &step.action
                && let Some(book) = &nested.book
            {
                self.push_rows(&book.steps, Some(&id), lane, depth + 1, out);
            }
        }
    }
}
