//! The live panes: what the watches saw, each with its freshness in its title. Borrows, draws, changes nothing.

mod events;
mod lines;
mod logs;
mod page;
mod pods;
pub mod state;

use jiff::Timestamp;
use ratatui::{Frame, layout::Rect};

pub use state::{LivePane, LiveState, Page};

use crate::{
    observe::{cluster::ClusterView, logs::LogView},
    tui::theme::Theme,
};

/// What a live pane is drawn from.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    pub cluster: &'a ClusterView,
    pub logs: &'a LogView,
    pub state: &'a LiveState,
    pub theme: &'a Theme,
    /// Our clock; the cluster's is worked out from it.
    pub now: Timestamp,
    pub focused: Option<LivePane>,
}

/// One pane with its border. `number` is the key that jumps to it.
pub fn draw(frame: &mut Frame<'_>, area: Rect, live: &Live<'_>, pane: LivePane, number: usize) {
    match pane {
        LivePane::Pods => pods::draw(frame, area, live, number),
        LivePane::Events => events::draw(frame, area, live, number),
        LivePane::Logs => logs::draw(frame, area, live, number),
        LivePane::Page => page::draw(frame, area, live),
    }
}

/// The marks of the tabs where there is room for one pane only: `Pods !2`, `Events !2`.
pub fn tab(live: &Live<'_>, pane: LivePane) -> String {
    let bang = |count: usize| if count == 0 { String::new() } else { format!(" !{count}") };
    match pane {
        LivePane::Pods => format!("Pods{}", bang(live.cluster.pods.unhealthy())),
        LivePane::Events => format!("Events{}", bang(live.cluster.events.warnings())),
        LivePane::Logs => "Logs".to_owned(),
        LivePane::Page => live.state.page.as_ref().map_or_else(|| "Page".to_owned(), |page| page.title.clone()),
    }
}

#[cfg(test)]
mod tests;
