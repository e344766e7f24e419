//! Where each pane is: three layouts by size, fewer panes where a run has no cluster or no metrics. Draws nothing.

use ratatui::layout::{Constraint, Layout, Rect};

use super::Scene;
use crate::tui::state::{Pane, Ui};

/// What is drawn at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Pane(Pane),
    /// The row of tabs on a small screen.
    Tabs,
    /// The readings and the newest warning in two lines, on a small screen.
    Brief,
}

/// First row, panes, the row of what is urgent, last two rows.
pub fn rows(area: Rect, urgent: bool) -> (Rect, Rect, Rect, Rect) {
    let [head, body, banner, tail] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(u16::from(urgent)),
        Constraint::Length(2),
    ])
    .areas(area);
    (head, body, banner, tail)
}

pub fn panes(scene: &Scene<'_>, body: Rect) -> Vec<(Shown, Rect)> {
    let ui = scene.ui;
    if ui.full || ui.focus.is_over() {
        return vec![(Shown::Pane(ui.focus), body)];
    }
    match (body.width >= 110 && body.height >= 27, ui.watching) {
        (_, true) => watching(scene, body),
        (true, false) => wide(scene, body),
        (false, false) => narrow(scene, body),
    }
}

/// No steps: pods and events above logs, or one of them with the others as tabs.
fn watching(scene: &Scene<'_>, area: Rect) -> Vec<(Shown, Rect)> {
    let ui = scene.ui;
    if area.width < 100 || area.height < 24 {
        let [tabs, pane] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
        return vec![(Shown::Tabs, tabs), (Shown::Pane(ui.tab()), pane)];
    }
    let panes = ui.panes();
    let no_logs_yet = ui.shown().logs.title.is_empty() && ui.focus != Pane::Logs;
    let sizes = panes.iter().map(|pane| match pane {
        Pane::Logs if no_logs_yet => Constraint::Length(3),
        pane => Constraint::Fill(weight(ui, *pane)),
    });
    let places = Layout::vertical(sizes).split(area);
    panes.into_iter().map(Shown::Pane).zip(places.iter().copied()).collect()
}

/// Steps on the left, what they act on on the right, logs and output below.
fn wide(scene: &Scene<'_>, area: Rect) -> Vec<(Shown, Rect)> {
    let ui = scene.ui;
    let live = ui.has_cluster || ui.has_metrics;
    let lower_rows = if ui.focus == ui.lower() { 8 + 4 * ui.larger } else { 8 };
    let (upper, lower) = if live {
        let [upper, lower] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(lower_rows.min(area.height / 2))]).areas(area);
        (upper, Some(lower))
    } else {
        (area, None)
    };
    let [left, right] =
        Layout::horizontal([Constraint::Length((area.width * 2 / 5).min(56)), Constraint::Fill(1)]).areas(upper);
    let rows = u16::try_from(scene.run.rows().len())
        .unwrap_or(u16::MAX)
        .saturating_add(3 + u16::from(scene.run.baseline().is_some()));
    let [top, bottom] =
        Layout::vertical([Constraint::Length(rows.clamp(7, left.height / 2)), Constraint::Fill(1)]).areas(left);
    let mut out = vec![(Shown::Pane(Pane::Runbook), top), (Shown::Pane(Pane::Step), bottom)];
    let column: Vec<Pane> = if live {
        ui.panes().into_iter().filter(|pane| matches!(pane, Pane::Pods | Pane::Events | Pane::Metrics)).collect()
    } else {
        vec![Pane::Output]
    };
    let weights = column.iter().map(|pane| Constraint::Fill(weight(ui, *pane)));
    let places = Layout::vertical(weights).split(right);
    out.extend(column.into_iter().map(Shown::Pane).zip(places.iter().copied()));
    out.extend(lower.map(|place| (Shown::Pane(ui.lower()), place)));
    out
}

fn weight(ui: &Ui, pane: Pane) -> u16 {
    let own = match pane {
        Pane::Pods => 4,
        Pane::Events => 3,
        _ => 3,
    };
    if ui.focus == pane { own + own * ui.larger / 2 } else { own }
}

/// Steps above, one pane below, with the others as tabs.
fn narrow(scene: &Scene<'_>, area: Rect) -> Vec<(Shown, Rect)> {
    let ui = scene.ui;
    let brief = if area.height >= 18 { super::frame::brief_rows(scene) } else { 0 };
    let rows = u16::try_from(scene.run.rows().len())
        .unwrap_or(u16::MAX)
        .saturating_add(3 + u16::from(scene.run.baseline().is_some()) + u16::from(ui.tab() != Pane::Step));
    let larger = if ui.focus == Pane::Runbook { 0 } else { 2 * ui.larger };
    let most = (area.height * 9 / 20).saturating_sub(larger).max(5);
    let [top, tabs, bottom, last] = Layout::vertical([
        Constraint::Length(rows.clamp(5, most)),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(brief),
    ])
    .areas(area);
    let mut out = vec![(Shown::Pane(Pane::Runbook), top), (Shown::Tabs, tabs), (Shown::Pane(ui.tab()), bottom)];
    if brief > 0 {
        out.push((Shown::Brief, last));
    }
    out
}
