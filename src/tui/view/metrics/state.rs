//! What the metrics pane remembers that Prometheus does not: the row, the chart, its window, the cursor.

use jiff::{SignedDuration, Timestamp};

use crate::observe::metrics::{MetricRow, MetricsView};

/// How finely a chart is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    #[default]
    Braille,
    /// Half blocks, for fonts without braille (the Linux console).
    Block,
    Ascii,
}

#[derive(Clone, Debug)]
pub struct MetricsState {
    pub selected: usize,
    /// The chart of the selected row is open.
    pub open: bool,
    pub glyphs: Glyphs,
    pub cursor: Option<Timestamp>,
    /// How much of the past the chart shows.
    pub span: SignedDuration,
    /// The chart's right edge; `None` follows the present.
    pub until: Option<Timestamp>,
}

/// What a chart can show at most: as much as is kept.
const MOST: SignedDuration = SignedDuration::from_hours(24);
const LEAST: SignedDuration = SignedDuration::from_mins(5);

impl Default for MetricsState {
    fn default() -> Self {
        Self {
            selected: 0,
            open: false,
            glyphs: Glyphs::default(),
            cursor: None,
            span: SignedDuration::from_mins(30),
            until: None,
        }
    }
}

impl MetricsState {
    /// j and k: the row; in a chart the metric beside it.
    pub fn step(&mut self, by: isize, view: &MetricsView) {
        self.selected = self.selected.saturating_add_signed(by).min(view.rows.len().saturating_sub(1));
    }

    pub fn open(&mut self) {
        self.open = true;
    }

    /// Esc: first the cursor goes, then the chart. False: there was nothing to close.
    pub fn close(&mut self) -> bool {
        if self.cursor.take().is_some() {
            return true;
        }
        self.until = None;
        std::mem::take(&mut self.open)
    }

    /// `+` and `-`: half as much, twice as much.
    pub fn zoom(&mut self, closer: bool) {
        let span = if closer { self.span / 2 } else { self.span * 2 };
        self.span = span.clamp(LEAST, MOST);
    }

    /// `[` and `]`: half a window earlier or later; at the present it follows again.
    pub fn pan(&mut self, later: bool, now: Timestamp) {
        let by = self.span / 2;
        let until = self.until.unwrap_or(now);
        let until = if later { until + by } else { (until - by).max(now - MOST + self.span) };
        self.until = (until < now).then_some(until);
    }

    /// `h` and `l`: the cursor a fiftieth of the window to a side; it begins at the right edge.
    pub fn point(&mut self, by: i32, now: Timestamp) {
        let (from, to) = self.window(now);
        let cursor = self.cursor.unwrap_or(to) + self.span / 50 * by;
        self.cursor = Some(cursor.clamp(from, to));
    }

    /// What the chart shows.
    pub fn window(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        let to = self.until.unwrap_or(now);
        (to - self.span, to)
    }

    pub(super) fn opened<'a>(&self, view: &'a MetricsView) -> Option<&'a MetricRow> {
        if self.open { view.rows.get(self.selected) } else { None }
    }

    /// The first row drawn, so that the selected one is seen; a row takes at most two lines.
    pub(super) fn top(&self, view: &MetricsView, height: usize) -> usize {
        let fits = (height / 2).max(1);
        if view.rows.len() * 2 <= height { 0 } else { self.selected.saturating_sub(fits - 1) }
    }
}
