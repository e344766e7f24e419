//! From (Ui, Run) to a frame. Borrows, draws, changes nothing.

pub mod alerts;
mod dialog;
mod frame;
pub mod live;
pub mod metrics;
mod output;
mod step;
mod steps;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

use super::{
    state::{Pane, Ui},
    theme::Theme,
};
use crate::engine::Run;

/// What every part of the screen is drawn from.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub ui: &'a Ui,
    pub run: &'a Run,
    pub theme: &'a Theme,
}

/// The whole screen, in one of three layouts.
pub fn draw(frame: &mut Frame<'_>, scene: &Scene<'_>) {
    let area = frame.area();
    if area.width < 60 || area.height < 15 {
        return too_small(frame, area);
    }
    let [head, body, tail] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(2)]).areas(area);
    frame.render_widget(frame::header(scene, head.width), head);
    if scene.ui.full {
        pane(frame, body, scene, scene.ui.focus);
    } else if area.width >= 110 && area.height >= 30 {
        wide(frame, body, scene);
    } else {
        narrow(frame, body, scene);
    }
    frame.render_widget(frame::footer(scene, tail.width), tail);
    if let Some(dialog) = &scene.ui.dialog {
        dialog::draw(frame, body, scene, dialog);
    }
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let text =
        format!("terminal {}x{}, need 60x15: steps keep running, the trail keeps writing", area.width, area.height);
    let lines: Vec<Line<'_>> = super::text::wrap(&text, usize::from(area.width)).into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// Steps on the left, what they act on on the right.
fn wide(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let [left, right] = Layout::horizontal([Constraint::Length(50), Constraint::Fill(1)]).areas(area);
    let rows = u16::try_from(scene.run.rows().len()).unwrap_or(u16::MAX).saturating_add(4);
    let [top, bottom] =
        Layout::vertical([Constraint::Length(rows.clamp(8, left.height * 3 / 5)), Constraint::Fill(1)]).areas(left);
    pane(frame, top, scene, Pane::Runbook);
    pane(frame, bottom, scene, Pane::Step);
    pane(frame, right, scene, Pane::Output);
}

/// Steps above, one pane below.
fn narrow(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let [top, bottom] = Layout::vertical([Constraint::Percentage(45), Constraint::Fill(1)]).areas(area);
    pane(frame, top, scene, Pane::Runbook);
    pane(frame, bottom, scene, if scene.ui.focus == Pane::Output { Pane::Output } else { Pane::Step });
}

fn pane(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>, pane: Pane) {
    match pane {
        Pane::Runbook => steps::draw(frame, area, scene),
        Pane::Step => step::draw(frame, area, scene),
        Pane::Output => output::draw(frame, area, scene),
    }
}
