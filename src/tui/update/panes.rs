//! Keys outside of dialogs that move the eye: focus, scroll, filters, what is opened. None of them acts on anything.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::pods;
use crate::{
    engine::Run,
    runbook::value::StepId,
    tui::{
        edit::Edit,
        keymap::Cmd,
        look::Look,
        state::{Act, Pane, Ui},
    },
};

/// More than any list has.
const FAR: isize = 1_000_000;

/// The step looked at: the one selected, else the one the run is at.
pub fn looked_at(ui: &Ui, run: &Run) -> Option<StepId> {
    ui.selected
        .clone()
        .or_else(|| run.current().cloned())
        .or_else(|| run.book().steps.first().map(|step| step.id().clone()))
}

pub fn command(ui: &mut Ui, run: &Run, cmd: Cmd) -> Vec<Act> {
    if in_chart(ui, cmd) {
        return Vec::new();
    }
    match cmd {
        Cmd::FocusNext => turn(ui, 1),
        Cmd::FocusPrevious => turn(ui, -1),
        Cmd::TabRight => turn_tab(ui, 1),
        Cmd::TabLeft => turn_tab(ui, -1),
        Cmd::Focus(index) => jump(ui, index),
        Cmd::Down => scroll(ui, run, 1),
        Cmd::Up => scroll(ui, run, -1),
        Cmd::PageDown => scroll(ui, run, 10),
        Cmd::PageUp => scroll(ui, run, -10),
        Cmd::Top => scroll(ui, run, -FAR),
        Cmd::Bottom => scroll(ui, run, FAR),
        Cmd::Back => back(ui),
        Cmd::FullScreen => ui.full = !ui.full,
        Cmd::Larger => ui.larger = (ui.larger + 1).min(6),
        Cmd::Smaller => ui.larger = ui.larger.saturating_sub(1),
        Cmd::Freeze => freeze(ui),
        Cmd::Filter => begin_filter(ui),
        Cmd::SearchNext | Cmd::SearchPrevious => search(ui, cmd == Cmd::SearchNext),
        Cmd::Wide => wide(ui),
        Cmd::Times => ui.live.log_times = !ui.live.log_times,
        Cmd::BadOnly => {
            if let Some(pane) = ui.focus.live() {
                ui.live.toggle_bad_only(pane);
            }
        }
        Cmd::EventsAbout => {
            ui.live.toggle_about(&ui.seen.cluster);
        }
        Cmd::Alerts => ui.open_over(Pane::Alerts),
        Cmd::Reconnect => {
            ui.status = Some("reconnecting".into());
            return vec![Act::Look(Look::Reconnect)];
        }
        Cmd::Reveal => return pods::reveal(ui),
        other => return pods::command(ui, run, other),
    }
    Vec::new()
}

/// Enter where a pane has something of its own to open.
pub fn open(ui: &mut Ui, run: &Run) -> Option<Vec<Act>> {
    match ui.focus {
        Pane::Pods => Some(pods::command(ui, run, Cmd::Describe)),
        Pane::Metrics => {
            ui.charts.open();
            ui.full = true;
            Some(Vec::new())
        }
        Pane::Alerts => {
            let alert = ui.shown().alerts.alerts.get(ui.alert)?;
            Some(vec![Act::Answers(Box::new(alert.clone()))])
        }
        Pane::Page => Some(Vec::new()),
        _ => None,
    }
}

fn in_chart(ui: &mut Ui, cmd: Cmd) -> bool {
    if ui.focus != Pane::Metrics || !ui.charts.open {
        return false;
    }
    let now = ui.shown_at();
    match cmd {
        Cmd::Left => ui.charts.point(-1, now),
        Cmd::Logs => ui.charts.point(1, now),
        Cmd::Larger => ui.charts.zoom(true),
        Cmd::Smaller => ui.charts.zoom(false),
        Cmd::TabLeft => ui.charts.pan(false, now),
        Cmd::TabRight => ui.charts.pan(true, now),
        _ => return false,
    }
    true
}

fn turn(ui: &mut Ui, by: isize) {
    let panes = ui.panes();
    let at = panes.iter().position(|pane| *pane == ui.focus).unwrap_or(0);
    let to = (at as isize + by).rem_euclid(panes.len() as isize) as usize;
    ui.focus_on(panes[to]);
}

fn turn_tab(ui: &mut Ui, by: isize) {
    let tabs = ui.tabs();
    let at = tabs.iter().position(|pane| *pane == ui.tab()).unwrap_or(0);
    let to = (at as isize + by).rem_euclid(tabs.len() as isize) as usize;
    ui.focus_on(tabs[to]);
}

fn jump(ui: &mut Ui, index: usize) {
    match Pane::NUMBERED.get(index) {
        Some(pane) if ui.panes().contains(pane) => ui.focus_on(*pane),
        Some(Pane::Metrics) => ui.status = Some("no metrics: the runbook names no prometheus".into()),
        Some(_) => ui.status = Some("this run looks at no cluster; panes 1, 2 and 7 are there".into()),
        None => ui.status = Some("there are panes 1 to 7".into()),
    }
}

fn back(ui: &mut Ui) {
    if ui.focus == Pane::Metrics && ui.charts.close() {
        ui.full = ui.charts.open;
        return;
    }
    if ui.focus.is_over() {
        let before = ui.before.take().unwrap_or_default();
        ui.focus_on(before);
        return;
    }
    match ui.focus {
        Pane::Output if !ui.output_filter.is_empty() => return ui.output_filter.clear(),
        focus => {
            if let Some(pane) = focus.live()
                && ui.live.typed.get(&pane).is_some_and(|text| !text.is_empty())
            {
                return ui.live.type_filter(pane, "");
            }
        }
    }
    if ui.full {
        ui.full = false;
    } else {
        (ui.selected, ui.live.selected) = (None, None);
    }
}

fn freeze(ui: &mut Ui) {
    ui.frozen = match ui.frozen.take() {
        Some(_) => None,
        None => Some(Box::new((ui.now, ui.seen.clone()))),
    };
}

fn wide(ui: &mut Ui) {
    match ui.focus {
        Pane::Logs => ui.live.log_wrap = !ui.live.log_wrap,
        _ => ui.live.wide = !ui.live.wide,
    }
}

fn search(ui: &mut Ui, forward: bool) {
    if let Some(pane) = ui.focus.live() {
        let logs = &ui.frozen.as_ref().map_or(&ui.seen, |frozen| &frozen.1).logs;
        ui.live.search(pane, forward, logs);
    }
}

fn begin_filter(ui: &mut Ui) {
    let text = match ui.focus {
        Pane::Pods | Pane::Events | Pane::Logs | Pane::Page => {
            ui.focus.live().and_then(|pane| ui.live.typed.get(&pane).cloned()).unwrap_or_default()
        }
        _ => {
            ui.focus_on(Pane::Output);
            ui.output_filter.clone()
        }
    };
    ui.typing = Some(Edit::of(text));
}

pub fn filter_key(ui: &mut Ui, key: KeyEvent) {
    let Some(edit) = &mut ui.typing else { return };
    match key.code {
        KeyCode::Enter => {
            ui.typing = None;
            return;
        }
        KeyCode::Esc => edit.clear(),
        KeyCode::Backspace => edit.backspace(),
        KeyCode::Left => edit.left(),
        KeyCode::Right => edit.right(),
        KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => edit.clear(),
        KeyCode::Char(c) if !key.modifiers.contains(KeyModifiers::CONTROL) => edit.insert(c.encode_utf8(&mut [0; 4])),
        _ => return,
    }
    apply_filter(ui);
    if key.code == KeyCode::Esc {
        ui.typing = None;
    }
}

/// Each key is applied as it is typed.
pub fn apply_filter(ui: &mut Ui) {
    let Some(text) = ui.typing.as_ref().map(|edit| edit.text.clone()) else { return };
    match ui.focus.live() {
        Some(pane) => {
            ui.live.type_filter(pane, &text);
            if ui.focus == Pane::Logs {
                ui.live.log_search = Some(text.trim_start_matches('!').to_owned()).filter(|text| !text.is_empty());
            }
        }
        None => ui.output_filter = text,
    }
}

fn scroll(ui: &mut Ui, run: &Run, by: isize) {
    match ui.focus {
        Pane::Runbook => {
            let rows = run.rows();
            let at = looked_at(ui, run).and_then(|id| rows.iter().position(|row| row.id == id)).unwrap_or(0);
            let to = at.saturating_add_signed(by).min(rows.len().saturating_sub(1));
            ui.selected = rows.get(to).map(|row| row.id.clone()).filter(|id| run.current() != Some(id));
            ui.step_down = 0;
        }
        Pane::Step => ui.step_down = ui.step_down.min(ui.reach.step).saturating_add_signed(by).min(ui.reach.step),
        Pane::Output => scroll_output(ui, by),
        Pane::Metrics => {
            let view = &ui.frozen.as_ref().map_or(&ui.seen, |frozen| &frozen.1).metrics;
            ui.charts.step(by, view);
        }
        Pane::Alerts => {
            let most = ui.shown().alerts.alerts.len().saturating_sub(1);
            ui.alert = ui.alert.saturating_add_signed(by).min(most);
        }
        Pane::Pods | Pane::Events | Pane::Logs | Pane::Page => {
            let seen = ui.frozen.as_ref().map_or(&ui.seen, |frozen| &frozen.1);
            if let Some(pane) = ui.focus.live() {
                ui.live.step(pane, by, &seen.cluster, &seen.logs);
            }
        }
    }
}

/// The window is held by the number of its last line, so it stays while lines come; at the end it follows again.
fn scroll_output(ui: &mut Ui, by: isize) {
    let tail = &ui.shown().output;
    let (first, last) = (tail.scrolled(), tail.scrolled() + tail.lines().len() as u64);
    let end = ui.output_end.unwrap_or(last).clamp(first, last);
    let least = (first + ui.reach.output as u64).min(last);
    let to = end.saturating_add_signed(by as i64).max(least);
    ui.output_end = (to < last).then_some(to);
}
