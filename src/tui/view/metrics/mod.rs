//! The metrics pane: each number with its history, its limit and its verdict as a word. Borrows, draws, changes
//! nothing.

mod chart;
mod plot;
mod spark;
pub mod state;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

pub use state::{Glyphs, MetricsState};

use crate::{
    observe::{
        human,
        metrics::{Limit, MetricRow, MetricsView, Side, Verdict},
    },
    tui::{
        text::{fit, pad, width},
        theme::{Theme, Tone},
    },
};

/// What the pane is drawn from.
#[derive(Clone, Copy)]
pub struct Metrics<'a> {
    pub view: &'a MetricsView,
    pub state: &'a MetricsState,
    pub theme: &'a Theme,
    pub now: Timestamp,
    pub focused: bool,
}

/// What a row shows of the past.
const SPAN: SignedDuration = SignedDuration::from_mins(30);

/// The pane with its border, or the chart where one is open. `number` is the key that jumps to it.
pub fn draw(frame: &mut Frame<'_>, area: Rect, metrics: &Metrics<'_>, number: usize) {
    if let Some(row) = metrics.state.opened(metrics.view) {
        return chart::draw(frame, area, metrics, row, number);
    }
    let room = usize::from(area.width.saturating_sub(2));
    let height = usize::from(area.height.saturating_sub(2));
    let mut lines = rows(metrics, room, height.saturating_sub(1));
    if height > 1 {
        lines.truncate(height - 1);
        lines.resize(height - 1, Line::default());
        let foot = format!(" {}", metrics.view.foot(metrics.now));
        lines.push(Line::styled(fit(&foot, room), metrics.theme.tone(Tone::Dim)));
    }
    let right = match metrics.view.word(metrics.now) {
        Some((word, tone)) => (word, tone.into()),
        None => ("no metrics".to_owned(), Tone::Dim),
    };
    framed(frame, area, metrics, &format!("{number} Metrics"), right, lines);
}

/// For the tabs of a small screen: `Metrics !2` where two are past their limits or unknown.
pub fn tab(metrics: &Metrics<'_>) -> String {
    let bad = |row: &&MetricRow| matches!(row.verdict_now(metrics.now), Verdict::Fail | Verdict::Unknown);
    match metrics.view.rows.iter().filter(bad).count() {
        0 => "Metrics".to_owned(),
        count => format!("Metrics !{count}"),
    }
}

/// One line of words for a small screen: `error rate 0.31 % FAIL   p95 412 ms ok`.
pub fn strip(metrics: &Metrics<'_>, room: usize) -> String {
    let one =
        |row: &MetricRow| format!("{} {} {}", row.info.title, row.value_word(), row.verdict_now(metrics.now).word().0);
    fit(&metrics.view.rows.iter().map(one).collect::<Vec<_>>().join("   "), room)
}

fn framed(
    frame: &mut Frame<'_>,
    area: Rect,
    metrics: &Metrics<'_>,
    title: &str,
    right: (String, Tone),
    lines: Vec<Line<'_>>,
) {
    let right_text = format!(" {} ", right.0);
    let title = fit(&format!(" {title} "), usize::from(area.width).saturating_sub(width(&right_text) + 4));
    let block = metrics.theme.block(title, String::new(), metrics.focused);
    let right = Line::from(Span::styled(right_text, metrics.theme.tone(right.1)));
    frame.render_widget(Paragraph::new(lines).block(block.title_top(right.right_aligned())), area);
}

fn rows<'a>(metrics: &Metrics<'_>, room: usize, height: usize) -> Vec<Line<'a>> {
    let view = metrics.view;
    if view.rows.is_empty() {
        let said = if view.server.is_empty() { " the runbook names no prometheus" } else { " loading metrics ..." };
        return vec![Line::styled(said, metrics.theme.tone(Tone::Dim))];
    }
    let widest = |cell: &dyn Fn(&MetricRow) -> String, least: usize, most: usize| {
        view.rows.iter().map(|row| width(&cell(row))).max().unwrap_or(0).max(least).min(most)
    };
    let columns = Columns {
        title: widest(&|row| row.info.title.clone(), 4, room * 2 / 5),
        value: widest(&|row| row.value_word(), 3, 12),
        limit: widest(&limit_word, 1, 12),
    };
    let mut lines = Vec::new();
    for (index, row) in view.rows.iter().enumerate().skip(metrics.state.top(view, height)) {
        if lines.len() >= height {
            break;
        }
        lines.push(row_line(metrics, row, &columns, room, metrics.focused && index == metrics.state.selected));
        lines.extend(notes(metrics, row, room));
    }
    lines
}

struct Columns {
    title: usize,
    value: usize,
    limit: usize,
}

fn row_line<'a>(metrics: &Metrics<'_>, row: &MetricRow, columns: &Columns, room: usize, selected: bool) -> Line<'a> {
    let verdict = row.verdict_now(metrics.now);
    let (word, tone) = verdict.word();
    let since = match (verdict, row.since) {
        (Verdict::Unjudged, _) | (_, None) => String::new(),
        (_, Some(since)) => human::since(metrics.now, Some(since.min(metrics.now))),
    };
    let head = format!(
        " {} {} {} ",
        pad(&row.info.title, columns.title),
        pad(&row.value_word(), columns.value),
        pad(&limit_word(row), columns.limit)
    );
    let (word, since) = (pad(word, 8), format!("{} ", pad(&since, 6)));
    let used = width(&head) + width(&word) + width(&since);
    let head = if selected { Span::styled(head, metrics.theme.selected()) } else { Span::raw(head) };
    let mut spans = vec![head, Span::styled(word, metrics.theme.tone(tone.into())), Span::raw(since)];
    let left = room.saturating_sub(used);
    if left > 8 {
        spans.extend(spark::spans(metrics, row, SPAN, left - 5));
        spans.push(Span::styled("  30m", metrics.theme.tone(Tone::Dim)));
    }
    Line::from(spans)
}

/// What a row has to say beyond its numbers: why there is none, how many samples, the other side's value.
fn notes<'a>(metrics: &Metrics<'_>, row: &MetricRow, room: usize) -> Option<Line<'a>> {
    let trouble = row.trouble(metrics.now);
    let tone = if trouble.is_some() { Tone::Bad } else { Tone::Dim };
    let mut said: Vec<String> = trouble.into_iter().collect();
    if let Some((_, crate::observe::metrics::Seen::Value { baseline: Some(stable), .. })) = &row.seen {
        said.push(format!("stable {}", row.info.unit.show(*stable)));
    }
    said.extend(row.samples_word());
    (!said.is_empty()).then(|| {
        let said = format!("   {}", said.join("   "));
        Line::styled(fit(&said, room), metrics.theme.tone(tone))
    })
}

/// The line of the success condition, else of the failure's.
fn limit_of(row: &MetricRow) -> Option<&Limit> {
    row.info.limits.iter().find(|limit| !limit.failure).or_else(|| row.info.limits.first())
}

fn limit_word(row: &MetricRow) -> String {
    limit_of(row).map_or_else(|| "-".to_owned(), |limit| limit.word(row.info.unit))
}

/// On the bad side of a line.
fn is_past(limit: &Limit, value: f64) -> bool {
    let (value, line) = (value as f32, limit.value as f32); // as exactly as history is kept
    match limit.good {
        Side::Below => value >= line,
        Side::Above => value <= line,
    }
}

/// How loud a value is: past the failure's line, or only past the line of what is good.
fn loudness(row: &MetricRow, value: f64) -> Tone {
    let past = |failure: bool| row.info.limits.iter().any(|limit| limit.failure == failure && is_past(limit, value));
    let has_failure = row.info.limits.iter().any(|limit| limit.failure);
    match (past(true), past(false)) {
        (true, _) => Tone::Bad,
        (false, true) if has_failure => Tone::Warn,
        (false, true) => Tone::Bad,
        (false, false) => Tone::Good,
    }
}
