//! A row of history with its limit drawn: the lower half of the glyphs lies within it, the upper half past it,
//! so that the limit is seen without colour.

use jiff::SignedDuration;
use ratatui::{
    style::{Modifier, Style},
    text::Span,
};

use super::{Metrics, limit_of, loudness};
use crate::{
    observe::metrics::{MetricRow, Side},
    tui::theme::Tone,
};

const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII: [&str; 8] = [".", ":", "-", "=", "+", "*", "%", "#"];

/// One glyph a column: a gap is a blank. Where a step ran the glyph is underlined, a gap is a bar.
pub fn spans<'a>(metrics: &Metrics<'_>, row: &MetricRow, span: SignedDuration, columns: usize) -> Vec<Span<'a>> {
    let (from, to) = (metrics.now - span, metrics.now);
    let limit = limit_of(row);
    let worse = |a: f64, b: f64| match limit.map(|limit| limit.good) {
        Some(Side::Above) => a.min(b),
        _ => a.max(b),
    };
    let values = row.ring.columns(from, to, columns, worse);
    let lines = row.info.limits.iter().map(|limit| limit.value);
    let scale = Scale::of(values.iter().flatten().copied().chain(lines), limit.map(|limit| limit.value));
    let glyphs = if metrics.theme.ascii { ASCII } else { BLOCKS };
    let whole = span.as_secs_f64();
    let marked: Vec<usize> = metrics
        .view
        .marks
        .iter()
        .filter(|(at, _)| *at >= from && *at <= to)
        .map(|(at, _)| (at.duration_since(from).as_secs_f64() / whole * columns as f64) as usize)
        .collect();
    let mut out: Vec<(String, Style)> = Vec::new();
    for (column, value) in values.into_iter().enumerate() {
        let is_marked = marked.contains(&column);
        let (glyph, tone) = match value {
            Some(value) => (glyphs[scale.level(value)], loudness(row, value)),
            None if is_marked => ("|", Tone::Dim),
            None => (" ", Tone::Plain),
        };
        let style = metrics.theme.tone(tone);
        let style = if is_marked { style.add_modifier(Modifier::UNDERLINED) } else { style };
        match out.last_mut() {
            Some((text, last)) if *last == style => text.push_str(glyph),
            _ => out.push((glyph.to_owned(), style)),
        }
    }
    out.into_iter().map(|(text, style)| Span::styled(text, style)).collect()
}

/// Eight levels; with a limit the lower four lie within it.
pub(super) struct Scale {
    low: f64,
    limit: Option<f64>,
    high: f64,
}

impl Scale {
    pub(super) fn of(values: impl Iterator<Item = f64>, limit: Option<f64>) -> Self {
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        // numbers that cannot be negative are seen from zero
        Self { low: low.min(0.0), limit, high }
    }

    pub(super) fn level(&self, value: f64) -> usize {
        let part = |value: f64, from: f64, to: f64, steps: f64| {
            if to > from { ((value - from) / (to - from) * steps).clamp(0.0, steps - 1.0) as usize } else { 0 }
        };
        match self.limit {
            Some(limit) if value >= limit => 4 + part(value, limit, self.high, 4.0),
            Some(limit) => part(value, self.low, limit, 4.0),
            None => part(value, self.low, self.high, 8.0),
        }
    }
}
