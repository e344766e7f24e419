//! From (Ui, Run) to a frame. Borrows, draws, changes nothing; answers how far what it drew can be scrolled.

pub mod alerts;
mod dialog;
mod frame;
mod guards;
mod header;
mod layout;
pub mod live;
pub mod metrics;
mod next;
mod output;
mod step;
mod steps;
#[cfg(test)]
mod tests;

use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

use super::{
    state::{Pane, Reach, Ui},
    theme::Theme,
};
use crate::{engine::Run, observe::alerts::Alert};

/// What every part of the screen is drawn from.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub ui: &'a Ui,
    pub run: &'a Run,
    pub theme: &'a Theme,
    /// Names of the runbooks that answer an alert.
    pub answers: &'a dyn Fn(&Alert) -> Vec<String>,
}

impl Scene<'_> {
    pub fn live(&self) -> live::Live<'_> {
        let seen = self.ui.shown();
        live::Live {
            cluster: &seen.cluster,
            logs: &seen.logs,
            state: &self.ui.live,
            theme: self.theme,
            now: self.ui.shown_at(),
            focused: self.ui.focus.live(),
        }
    }

    pub fn metrics(&self) -> metrics::Metrics<'_> {
        metrics::Metrics {
            view: &self.ui.shown().metrics,
            state: &self.ui.charts,
            theme: self.theme,
            now: self.ui.shown_at(),
            focused: self.ui.focus == Pane::Metrics,
        }
    }
}

/// The whole screen, in one of three layouts.
pub fn draw(frame: &mut Frame<'_>, scene: &Scene<'_>) -> Reach {
    let area = frame.area();
    let mut reach = scene.ui.reach;
    reach.too_small = area.width < 60 || area.height < 15;
    if reach.too_small {
        too_small(frame, area);
        return reach;
    }
    let urgent = frame::urgent(scene);
    let (head, body, banner, tail) = layout::rows(area, urgent.is_some());
    frame.render_widget(header::header(scene, head.width), head);
    let panes = layout::panes(scene, body);
    let step_is_hidden = panes.iter().all(|(shown, _)| *shown != layout::Shown::Pane(Pane::Step));
    for (pane, place) in panes {
        draw_pane(frame, place, scene, pane, step_is_hidden, &mut reach);
    }
    if let Some(urgent) = urgent {
        frame.render_widget(frame::urgent_line(scene, &urgent, banner.width), banner);
    }
    frame.render_widget(frame::footer(scene, tail.width), tail);
    if let Some(dialog) = &scene.ui.dialog {
        reach.dialog = dialog::draw(frame, body, scene, dialog);
    }
    reach
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let text = format!(
        "terminal {}x{}, need 60x15: steps keep running, the trail keeps writing.\nNo key answers anything until it is \
         larger. Ctrl-c leaves; the run stays open.",
        area.width, area.height
    );
    let lines: Vec<Line<'_>> = super::text::wrap(&text, usize::from(area.width)).into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_pane(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: &Scene<'_>,
    pane: layout::Shown,
    step_is_hidden: bool,
    reach: &mut Reach,
) {
    match pane {
        layout::Shown::Tabs => frame.render_widget(frame::tabs(scene, area.width), area),
        layout::Shown::Brief => frame.render_widget(frame::brief(scene, area.width), area),
        layout::Shown::Pane(pane) => match pane {
            Pane::Runbook => steps::draw(frame, area, scene, step_is_hidden),
            Pane::Step => reach.step = step::draw(frame, area, scene),
            Pane::Output => reach.output = output::draw(frame, area, scene),
            Pane::Metrics => metrics::draw(frame, area, &scene.metrics(), pane.number()),
            Pane::Alerts => {
                let alerts = alerts::Alerts {
                    view: &scene.ui.shown().alerts,
                    theme: scene.theme,
                    now: scene.ui.shown_at(),
                    focused: true,
                    selected: scene.ui.alert,
                    answers: scene.answers,
                };
                alerts::draw(frame, area, &alerts);
            }
            Pane::Pods | Pane::Events | Pane::Logs | Pane::Page => {
                if let Some(live) = pane.live() {
                    live::draw(frame, area, &scene.live(), live, pane.number());
                }
            }
        },
    }
}
