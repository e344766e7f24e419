//! What the console remembers that the run does not: what was seen, focus, selection, scroll, the dialog.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::{
    dialog::{Dialog, Opens},
    edit::Edit,
    look::{Look, Named},
    view::{
        live::{LivePane, LiveState},
        metrics::MetricsState,
    },
};
use crate::{
    engine::message::Selected,
    observe::{
        Observation,
        alerts::{Alert, AlertsView},
        cluster::ClusterView,
        logs::LogView,
        metrics::MetricsView,
        output::OutputTail,
    },
    runbook::{model::PortForward, value::StepId},
};

/// The panes, in the order of their numbers. `Page` and `Alerts` have none: they are opened over the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pane {
    #[default]
    Runbook,
    Step,
    Pods,
    Events,
    Metrics,
    Logs,
    Output,
    /// Describe, YAML: a text fetched on demand.
    Page,
    Alerts,
}

impl Pane {
    pub const NUMBERED: [Self; 7] =
        [Self::Runbook, Self::Step, Self::Pods, Self::Events, Self::Metrics, Self::Logs, Self::Output];

    /// The key that jumps to it.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    pub fn live(self) -> Option<LivePane> {
        match self {
            Self::Pods => Some(LivePane::Pods),
            Self::Events => Some(LivePane::Events),
            Self::Logs => Some(LivePane::Logs),
            Self::Page => Some(LivePane::Page),
            _ => None,
        }
    }

    /// Opened over the others; Esc closes it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Page | Self::Alerts)
    }
}

/// Everything that is seen and not recorded.
#[derive(Clone, Debug)]
pub struct Seen {
    pub cluster: ClusterView,
    pub logs: LogView,
    pub metrics: MetricsView,
    pub alerts: AlertsView,
    pub output: OutputTail,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            cluster: ClusterView::default(),
            logs: LogView::default(),
            metrics: MetricsView::default(),
            alerts: AlertsView::default(),
            output: OutputTail::new(5_000),
        }
    }
}

impl Seen {
    /// Takes one observation in.
    pub fn take(&mut self, now: Timestamp, seen: Observation) {
        match seen {
            Observation::Output(line) => self.output.push(&line),
            Observation::Cluster(news) => self.cluster.apply(now, news),
            Observation::Logs(news) => self.logs.apply(news),
            Observation::Metrics(news) => self.metrics.apply(news),
            Observation::Alerts(news) => self.alerts.apply(now, news),
        }
    }
}

/// How far each scrolled text reaches, as the last frame had it: no key scrolls past an end, and none answers what
/// had no room on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub step: usize,
    pub dialog: usize,
    /// Rows of the output pane.
    pub output: usize,
    /// There was room for one message only.
    pub too_small: bool,
}

/// A line of the trail as it was printed when it became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailLine {
    pub sequence: u64,
    pub text: String,
    /// It only says what a gate or a guard read.
    pub reads: bool,
}

/// What the server says a step would change, asked when its preview was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub step: StepId,
    /// `None`: still being asked.
    pub lines: Option<Vec<String>>,
}

/// What is looked at while the ripcord is in hand: who changed the target since, what the way back would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WayBack {
    pub lines: Vec<String>,
    /// Nothing more comes.
    pub whole: bool,
}

/// One live choice of an input (`pick`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub words: String,
    pub suggested: bool,
}

#[derive(Default)]
pub struct Ui {
    pub focus: Pane,
    /// The live pane of a small screen, and the lower one of a large screen: what had the focus last.
    pub tab: Option<Pane>,
    pub lower: Option<Pane>,
    /// Where Esc goes back to from a page.
    pub before: Option<Pane>,
    /// The run acts on a cluster: there are pods to show.
    pub has_cluster: bool,
    pub has_metrics: bool,
    /// Only looking: there are no steps to show.
    pub watching: bool,
    /// The row looked at; `None` follows the run.
    pub selected: Option<StepId>,
    /// The number of the line the output ends before; `None` follows.
    pub output_end: Option<u64>,
    pub output_filter: String,
    pub step_down: usize,
    pub dialog: Option<Dialog>,
    /// What an urgent dialog came over; it comes back.
    pub under: Option<Dialog>,
    pub preview: Option<Preview>,
    pub way_back: WayBack,
    /// Live choices by step and field: those, or why there are none.
    pub choices: BTreeMap<(StepId, String), Result<Vec<Choice>, String>>,
    /// A filter is being typed for the focused pane.
    pub typing: Option<Edit>,
    pub full: bool,
    /// The focused pane's part of its column, in steps of its own height.
    pub larger: u16,
    pub seen: Seen,
    /// What was seen when the panes were frozen.
    pub frozen: Option<Box<(Timestamp, Seen)>>,
    pub live: LiveState,
    pub charts: MetricsState,
    pub alert: usize,
    pub status: Option<String>,
    /// Open port-forwards, as the header says them, and whether the last connection came through.
    pub forwards: Vec<(String, bool)>,
    pub trail: VecDeque<TrailLine>,
    /// The newest line that is an act or an answer, not a reading.
    pub last_act: Option<TrailLine>,
    /// Asks that were opened by themselves once, so that Esc keeps them closed.
    pub raised: Vec<String>,
    /// Why nothing goes forward: the trail cannot be written.
    pub halted: Option<String>,
    pub now: Timestamp,
    /// Milliseconds since boot: what a key's delay is measured by.
    pub boot_ms: u64,
    pub reach: Reach,
}

impl Ui {
    pub fn new(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    pub fn remember(&mut self, line: TrailLine) {
        if !line.reads {
            self.last_act = Some(line.clone());
        }
        if self.trail.len() >= 2_000 {
            self.trail.pop_front();
        }
        self.trail.push_back(line);
    }

    /// What the panes draw: what was frozen, or what is.
    pub fn shown(&self) -> &Seen {
        self.frozen.as_ref().map_or(&self.seen, |frozen| &frozen.1)
    }

    /// The moment the panes are drawn for.
    pub fn shown_at(&self) -> Timestamp {
        self.frozen.as_ref().map_or(self.now, |frozen| frozen.0)
    }

    /// The panes that this run has, in the order of their numbers.
    pub fn panes(&self) -> Vec<Pane> {
        let there = |pane: &Pane| match pane {
            Pane::Pods | Pane::Events | Pane::Logs => self.has_cluster,
            Pane::Metrics => self.has_metrics,
            Pane::Runbook | Pane::Step | Pane::Output => !self.watching,
            _ => true,
        };
        Pane::NUMBERED.into_iter().filter(there).collect()
    }

    /// The panes a small screen shows below the steps, one at a time.
    pub fn tabs(&self) -> Vec<Pane> {
        self.panes().into_iter().filter(|pane| *pane != Pane::Runbook).collect()
    }

    pub fn tab(&self) -> Pane {
        let first = if self.watching { Pane::Pods } else { Pane::Step };
        self.tab.filter(|tab| self.tabs().contains(tab)).unwrap_or(first)
    }

    /// Logs or output: the one looked at last.
    pub fn lower(&self) -> Pane {
        self.lower.unwrap_or(if self.watching { Pane::Logs } else { Pane::Output })
    }

    pub fn focus_on(&mut self, pane: Pane) {
        self.focus = pane;
        self.larger = 0;
        if pane != Pane::Runbook && !pane.is_over() {
            self.tab = Some(pane);
        }
        if matches!(pane, Pane::Logs | Pane::Output) {
            self.lower = Some(pane);
        }
    }

    /// Opens a pane over the others.
    pub fn open_over(&mut self, pane: Pane) {
        if !self.focus.is_over() {
            self.before = Some(self.focus);
        }
        self.focus = pane;
    }

    /// What a person put the cursor on in the pods pane; a row that only happens to be first is nobody's choice.
    pub fn selection(&self) -> Option<Selected> {
        let name = self.live.selected.as_deref()?;
        let there = self.seen.cluster.pods.get(name).is_some_and(|entry| entry.gone.is_none());
        there.then(|| Selected { pod: Some(name.to_owned()), container: None })
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
    /// What the server says the step would change, for its preview.
    Preview(StepId),
    Look(Look),
    /// A shell in a container of a pod; it was confirmed.
    Shell {
        pod: String,
        container: String,
    },
    /// The values of a Secret; recorded before they are shown.
    Reveal(Named),
    Forward(Box<PortForward>),
    /// Those that were opened from the panes.
    CloseForwards,
    /// The runbook for trouble, with this pod chosen.
    Troubleshoot(String),
    /// Which runbooks answer this alert?
    Answers(Box<Alert>),
    /// Leaves this run as it is, and opens another runbook.
    Open(Opens),
    Suspend,
    Quit,
}
