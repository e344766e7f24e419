//! The list of alerts: what fires, where, since when, and which runbooks answer it. Borrows, draws, opens nothing.

use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

use crate::{
    observe::{
        alerts::{Alert, AlertsView},
        human,
    },
    tui::{
        text::{fit, pad, width},
        theme::{Theme, Tone},
    },
};

/// What the list is drawn from.
#[derive(Clone, Copy)]
pub struct Alerts<'a> {
    pub view: &'a AlertsView,
    pub theme: &'a Theme,
    pub now: Timestamp,
    pub focused: bool,
    pub selected: usize,
    /// Names of the runbooks that answer an alert.
    pub answers: &'a dyn Fn(&Alert) -> Vec<String>,
}

/// The list with its border.
pub fn draw(frame: &mut Frame<'_>, area: Rect, alerts: &Alerts<'_>) {
    let room = usize::from(area.width.saturating_sub(2));
    let height = usize::from(area.height.saturating_sub(2));
    let mut lines = Vec::new();
    if let Some(trouble) = &alerts.view.trouble {
        lines.push(Line::styled(fit(&format!(" {trouble}"), room), alerts.theme.tone(Tone::Bad)));
    }
    if alerts.view.alerts.is_empty() {
        let said = match (alerts.view.heard, &alerts.view.trouble) {
            (Some(_), _) => " nothing fires",
            (None, Some(_)) => " not known",
            (None, None) => " loading alerts ...",
        };
        lines.push(Line::styled(said, alerts.theme.tone(Tone::Dim)));
    }
    let left = height.saturating_sub(lines.len());
    let top = alerts.selected.saturating_sub((left / 2).max(1) - 1);
    for (index, alert) in alerts.view.alerts.iter().enumerate().skip(top) {
        lines.extend(entry(alerts, alert, room, alerts.focused && index == alerts.selected));
    }
    lines.truncate(height);
    let (word, tone) = alerts.view.freshness(alerts.now);
    let right = Span::styled(format!(" {word} "), alerts.theme.tone(tone.into()));
    let block = alerts.theme.block(" Alerts ".to_owned(), String::new(), alerts.focused);
    let block = block.title_top(Line::from(right).right_aligned());
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// Two lines: what and where; in words, and what to open.
fn entry<'a>(alerts: &Alerts<'_>, alert: &Alert, room: usize, selected: bool) -> [Line<'a>; 2] {
    let (word, tone) = alert.state.word();
    let since = human::since(alerts.now, alert.since.map(|at| at.min(alerts.now)));
    let word = format!(" {}", pad(word, 10));
    let rest = format!("{} {}  {}", pad(&since, 6), alert.name, alert.where_word());
    let rest = pad(&rest, room.saturating_sub(width(&word)));
    let rest = if selected { Span::styled(rest, alerts.theme.selected()) } else { Span::raw(rest) };
    let first = Line::from(vec![Span::styled(word, alerts.theme.tone(tone.into())), rest]);
    let runbooks = (alerts.answers)(alert);
    let answer = match runbooks.as_slice() {
        [] => "no runbook answers it".to_owned(),
        names => format!("Enter: {}", names.join(", ")),
    };
    let said = if alert.summary.is_empty() { answer } else { format!("{}   {answer}", alert.summary) };
    [first, Line::styled(fit(&format!("            {said}"), room), alerts.theme.tone(Tone::Dim))]
}
