//! What the live panes remember that the cluster does not: selection, scroll, filters, what is opened. Draws nothing.

use std::collections::BTreeMap;

use crate::{
    observe::{cluster::ClusterView, events::EventFilter, filter::Filter, logs::LogView, pods::PodFilter},
    tui::look::Named,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LivePane {
    Pods,
    Events,
    Logs,
    /// Describe, YAML: text that was fetched on demand.
    Page,
}

/// A text with a title, scrolled and searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    pub lines: Vec<String>,
    pub top: usize,
    pub search: Option<String>,
    pub of: Option<Named>,
    /// Values of a Secret are hidden in it.
    pub masked: bool,
}

#[derive(Clone, Debug, Default)]
pub struct LiveState {
    /// By name, so that it stays on its pod while rows move.
    pub selected: Option<Box<str>>,
    pub pods: PodFilter,
    pub events: EventFilter,
    pub logs: Filter,
    /// `-o wide`.
    pub wide: bool,
    pub events_top: usize,
    /// The line number the logs end before; `None` follows.
    pub logs_end: Option<u64>,
    pub log_times: bool,
    pub log_wrap: bool,
    pub log_search: Option<String>,
    pub page: Option<Page>,
    /// What was typed after `/`, by pane, as typed.
    pub typed: BTreeMap<LivePane, String>,
}

impl LiveState {
    /// The name under the cursor: the chosen one while it is shown, else the first.
    pub fn pod<'a>(&'a self, cluster: &'a ClusterView) -> Option<&'a str> {
        let chosen =
            self.selected.as_deref().filter(|name| cluster.pods.get(name).is_some_and(|e| self.pods.shows(&e.row)));
        chosen.or_else(|| cluster.pods.shown(&self.pods).next().map(|entry| &*entry.row.name))
    }

    /// j, k and their kin, in rows.
    pub fn step(&mut self, pane: LivePane, by: isize, cluster: &ClusterView, logs: &LogView) {
        match pane {
            LivePane::Pods => self.step_pod(by, cluster),
            LivePane::Events => {
                let most = cluster.events.shown(&self.events).count().saturating_sub(1);
                self.events_top = self.events_top.saturating_add_signed(by).min(most);
            }
            LivePane::Logs => self.step_log(by, logs),
            LivePane::Page => {
                if let Some(page) = &mut self.page {
                    page.top = page.top.saturating_add_signed(by).min(page.lines.len().saturating_sub(1));
                }
            }
        }
    }

    fn step_pod(&mut self, by: isize, cluster: &ClusterView) {
        let names: Vec<&str> = cluster.pods.shown(&self.pods).map(|entry| &*entry.row.name).collect();
        let at = self.pod(cluster).and_then(|name| names.iter().position(|other| *other == name)).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(names.len().saturating_sub(1));
        self.selected = names.get(to).map(|name| (*name).into());
    }

    /// Up stops FOLLOW; down past the newest line takes it up again.
    fn step_log(&mut self, by: isize, logs: &LogView) {
        let end = self.logs_end.unwrap_or_else(|| logs.end());
        let to = if by < 0 {
            end.saturating_sub(by.unsigned_abs() as u64)
        } else {
            end.saturating_add(by.unsigned_abs() as u64)
        };
        self.logs_end = (to < logs.end()).then_some(to.max(1));
    }

    /// `/`: each key is applied as it is typed.
    pub fn type_filter(&mut self, pane: LivePane, text: &str) {
        self.typed.insert(pane, text.to_owned());
        let filter = Filter::parse(text);
        match pane {
            LivePane::Pods => self.pods.text = filter,
            LivePane::Events => self.events.text = filter,
            LivePane::Logs => self.logs = filter,
            LivePane::Page => {
                if let Some(page) = &mut self.page {
                    page.search = (!text.is_empty()).then(|| text.to_owned());
                    page.seek(true, true);
                }
            }
        }
    }

    /// `n`, `N` in the logs and in a page.
    pub fn search(&mut self, pane: LivePane, forward: bool, logs: &LogView) {
        match (pane, &self.log_search, &mut self.page) {
            (LivePane::Logs, Some(needle), _) => {
                let from = self.logs_end.unwrap_or_else(|| logs.end()).saturating_sub(1);
                if let Some(found) = logs.find(needle, from, forward) {
                    self.logs_end = Some(found + 1);
                }
            }
            (LivePane::Page, _, Some(page)) => page.seek(forward, false),
            _ => {}
        }
    }

    /// `W`: warnings only, unhealthy only.
    pub fn toggle_bad_only(&mut self, pane: LivePane) {
        match pane {
            LivePane::Pods => self.pods.unhealthy_only = !self.pods.unhealthy_only,
            LivePane::Events => self.events.warnings_only = !self.events.warnings_only,
            LivePane::Logs | LivePane::Page => {}
        }
    }

    /// Events about the pod under the cursor, and back to all.
    pub fn toggle_about(&mut self, cluster: &ClusterView) {
        self.events.about = match self.events.about {
            Some(_) => None,
            None => self.pod(cluster).map(Into::into),
        };
        self.events_top = 0;
    }
}

impl Page {
    /// To the next line with the search text; `here` counts the top line too.
    fn seek(&mut self, forward: bool, here: bool) {
        let Some(needle) = &self.search else { return };
        let needle = needle.to_lowercase();
        let hit = |line: &&String| line.to_lowercase().contains(&needle);
        let found = if forward {
            let from = self.top + usize::from(!here);
            self.lines.iter().skip(from).position(|line| hit(&line)).map(|at| from + at)
        } else {
            self.lines[..self.top.min(self.lines.len())].iter().rposition(|line| hit(&line))
        };
        self.top = found.unwrap_or(self.top);
    }
}
