//! One metric, full screen: axes, both limits, the other side's line, a cursor with value and time.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

use super::{Metrics, framed, limit_word, loudness, plot::Plot};
use crate::{
    observe::metrics::MetricRow,
    tui::{
        text::{fit, pad, spread, width},
        theme::Tone,
    },
};

/// Ranks of what is drawn, the later ones over the earlier.
const LIMIT: u8 = 1;
const BASELINE: u8 = 2;
const CURSOR: u8 = 3;
const GOOD: u8 = 4;
const GREY: u8 = 5;
const BAD: u8 = 6;
const ASCII: [char; 7] = [' ', '-', 'o', '|', '*', '+', '#'];

pub fn draw(frame: &mut Frame<'_>, area: Rect, metrics: &Metrics<'_>, row: &MetricRow, number: usize) {
    let room = usize::from(area.width.saturating_sub(2));
    let height = usize::from(area.height.saturating_sub(2));
    let (from, to) = metrics.state.window(metrics.now);
    let (word, of) = row.verdict_now(metrics.now).word();
    let mut lines = vec![Line::from(fit(&headline(metrics, row), room))];
    if let Some(trouble) = row.trouble(metrics.now) {
        lines.push(Line::styled(fit(&format!(" {trouble}"), room), metrics.theme.tone(Tone::Bad)));
    }
    let rows = height.saturating_sub(lines.len() + 3);
    if rows >= 3 && room > 24 {
        lines.extend(body(metrics, row, (from, to), room, rows));
    }
    let keys = " + - zoom   h l cursor   [ ] earlier later   Esc back";
    lines.push(Line::styled(fit(keys, room), metrics.theme.tone(Tone::Dim)));
    let title = format!("{number} Metrics: {}", row.info.title);
    framed(frame, area, metrics, &title, (word.to_owned(), of.into()), lines);
}

/// Where the cursor is, or what is now.
fn headline(metrics: &Metrics<'_>, row: &MetricRow) -> String {
    let unit = row.info.unit;
    let limits: Vec<_> = row
        .info
        .limits
        .iter()
        .map(|limit| {
            let word = limit.word(unit);
            if limit.failure { format!("fails unless {word}") } else { word }
        })
        .collect();
    let limits = if limits.is_empty() { limit_word(row) } else { limits.join(", ") };
    let now = match metrics.state.cursor {
        Some(at) => match row.ring.points(at - SignedDuration::from_secs(i64::from(row.ring.step())), at).last() {
            Some(point) => format!("{}  {}", clock(point.at), unit.show(point.value)),
            None => format!("{}  no data", clock(at)),
        },
        None => format!("now {}", row.value_word()),
    };
    let samples = row.samples_word().map(|word| format!("   {word}")).unwrap_or_default();
    let window = row.info.window.as_ref().map(|window| format!("   over {window}")).unwrap_or_default();
    format!(" {now}   {limits}{samples}{window}")
}

fn body<'a>(
    metrics: &Metrics<'_>,
    row: &MetricRow,
    (from, to): (Timestamp, Timestamp),
    room: usize,
    rows: usize,
) -> Vec<Line<'a>> {
    let scale = Scale::of(row, from, to);
    let labels: Vec<String> = (0..rows).map(|line| scale.label(row, line, rows)).collect();
    let gutter = labels.iter().map(|label| width(label)).max().unwrap_or(0).min(room / 4) + 1;
    let columns = room.saturating_sub(gutter + 2);
    let glyphs = if metrics.theme.ascii { super::Glyphs::Ascii } else { metrics.state.glyphs };
    let mut plot = Plot::new(glyphs, columns, rows);
    paint(&mut plot, metrics, row, &scale, (from, to));
    let edge = if metrics.theme.ascii { "|" } else { "│" };
    let mut lines: Vec<Line<'a>> = Vec::with_capacity(rows + 2);
    for (line, label) in labels.iter().enumerate() {
        let mut spans = vec![Span::raw(format!("{:>gutter$}{edge}", fit(label, gutter)))];
        let mut run: Option<(String, u8)> = None;
        for column in 0..columns {
            let (glyph, rank) = plot.cell(column, line, &ASCII);
            match &mut run {
                Some((text, last)) if *last == rank => text.push(glyph),
                _ => spans.extend(run.replace((glyph.to_string(), rank)).map(|run| span(metrics, run))),
            }
        }
        spans.extend(run.map(|run| span(metrics, run)));
        lines.push(Line::from(spans));
    }
    lines.push(Line::styled(axis(metrics, (from, to), gutter, columns), metrics.theme.tone(Tone::Dim)));
    let times = spread(&format!("{}{}", " ".repeat(gutter + 1), clock(from)), &format!("{} ", clock(to)), room);
    lines.push(Line::styled(times, metrics.theme.tone(Tone::Dim)));
    lines
}

fn span<'a>(metrics: &Metrics<'_>, (text, rank): (String, u8)) -> Span<'a> {
    let tone = match rank {
        BAD => Tone::Bad,
        GOOD => Tone::Good,
        LIMIT | GREY => Tone::Warn,
        BASELINE => Tone::Busy,
        _ => Tone::Dim,
    };
    Span::styled(text, metrics.theme.tone(tone))
}

/// The line under the dots: a mark where a step ran, and as much of its name as fits before the next.
fn axis(metrics: &Metrics<'_>, (from, to): (Timestamp, Timestamp), gutter: usize, columns: usize) -> String {
    let (corner, dash, tick) = if metrics.theme.ascii { ('+', '-', '^') } else { ('└', '─', '┴') };
    let mut line: Vec<char> = vec![dash; columns];
    let whole = to.duration_since(from).as_secs_f64();
    let marks = metrics.view.marks.iter().filter(|(at, _)| *at >= from && *at <= to);
    let column = |at: &Timestamp| (at.duration_since(from).as_secs_f64() / whole * columns as f64) as usize;
    let mut marks = marks.map(|(at, name)| (column(at), name.as_str())).collect::<Vec<_>>();
    marks.sort_by_key(|(column, _)| *column);
    for (index, (column, name)) in marks.iter().enumerate() {
        let next = marks.get(index + 1).map_or(columns, |(next, _)| *next);
        let room = next.saturating_sub(column + 1).min(12);
        let name = if room < 4 { String::new() } else { fit(name, room) };
        let cells = line.iter_mut().skip(*column);
        cells.zip(std::iter::once(tick).chain(name.chars())).for_each(|(cell, c)| *cell = c);
    }
    format!("{}{corner}{}", pad("", gutter), line.into_iter().collect::<String>())
}

fn paint(plot: &mut Plot, metrics: &Metrics<'_>, row: &MetricRow, scale: &Scale, (from, to): (Timestamp, Timestamp)) {
    let (width, height) = (plot.width(), plot.height());
    for limit in &row.info.limits {
        if let Some(y) = scale.y(limit.value, height) {
            (0..width).step_by(2).for_each(|x| plot.dot(x, y, LIMIT));
        }
    }
    if let Some(at) = metrics.state.cursor.filter(|at| *at >= from && *at <= to) {
        let whole = to.duration_since(from).as_secs_f64();
        let x = (at.duration_since(from).as_secs_f64() / whole * width as f64) as usize;
        (0..height).for_each(|y| plot.dot(x.min(width.saturating_sub(1)), y, CURSOR));
    }
    for (ring, is_baseline) in [(&row.baseline, true), (&row.ring, false)] {
        let mut last: Option<usize> = None;
        for (x, value) in ring.columns(from, to, width, f64::max).into_iter().enumerate() {
            let Some(value) = value else {
                last = None; // a gap is drawn as one
                continue;
            };
            let Some(y) = scale.y(value, height) else { continue };
            let rank = match loudness(row, value) {
                _ if is_baseline => BASELINE,
                Tone::Good => GOOD,
                Tone::Warn => GREY,
                _ => BAD,
            };
            plot.rise(x, last.unwrap_or(y), y, rank);
            last = Some(y);
        }
    }
}

/// From the lowest to the highest of values and limits, a little room above.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(row: &MetricRow, from: Timestamp, to: Timestamp) -> Self {
        let values =
            [&row.ring, &row.baseline].into_iter().flat_map(|ring| ring.points(from, to)).map(|point| point.value);
        let limits = row.info.limits.iter().map(|limit| limit.value);
        let (low, high) =
            values.chain(limits).fold((0.0_f64, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let high = if high > low { low + (high - low) * 1.08 } else { low + 1.0 };
        Self { low, high }
    }

    fn y(&self, value: f64, height: usize) -> Option<usize> {
        let part = (value - self.low) / (self.high - self.low);
        (0.0..=1.0).contains(&part).then(|| ((part * height as f64) as usize).min(height.saturating_sub(1)))
    }

    /// The limits beside their lines, the ends of the scale, nothing else.
    fn label(&self, row: &MetricRow, line: usize, rows: usize) -> String {
        let at = |value: f64| self.y(value, rows).map(|y| rows - 1 - y);
        if let Some(limit) = row.info.limits.iter().find(|limit| at(limit.value) == Some(line)) {
            return row.info.unit.show(limit.value);
        }
        match line {
            0 => row.info.unit.show(self.high),
            _ if line + 1 == rows => row.info.unit.show(self.low),
            _ => String::new(),
        }
    }
}

fn clock(at: Timestamp) -> String {
    let there = at.to_zoned(TimeZone::UTC);
    format!("{:02}:{:02}:{:02}Z", there.hour(), there.minute(), there.second())
}
