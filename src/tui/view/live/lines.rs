//! What all live panes share: a title with its freshness, three different texts for three kinds of nothing, columns.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{Live, LivePane};
use crate::{
    observe::freshness::Feed,
    tui::{
        text::{fit, pad, width},
        theme::Tone,
    },
};

/// Border, title on the left, freshness on the right, the lines inside. A stale pane is dim, its rows stay.
pub fn frame(
    frame: &mut Frame<'_>,
    area: Rect,
    live: &Live<'_>,
    pane: LivePane,
    title: &str,
    right: (String, Tone),
    lines: Vec<Line<'_>>,
) {
    let columns = usize::from(area.width);
    let right_text = format!(" {} ", right.0);
    let title = fit(&format!(" {title} "), columns.saturating_sub(width(&right_text) + 4));
    let block = live.theme.block(title, String::new(), live.focused == Some(pane));
    let block = block.title_top(Line::from(Span::styled(right_text, live.theme.tone(right.1))).right_aligned());
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// The freshness word of a watch.
pub fn word(feed: &Feed, live: &Live<'_>) -> (String, Tone) {
    let (word, of) = feed.word(live.now);
    (word, of.into())
}

/// Why there is nothing to see: not yet, not allowed, not there, or filtered out. `None`: there is something.
pub fn nothing(feed: &Feed, live: &Live<'_>, shown: usize, all: u64, what: &str) -> Option<(String, Tone)> {
    if let Some(trouble) = feed.trouble()
        && (shown == 0 || !feed.loaded)
    {
        return Some((trouble.line(live.now), Tone::Bad));
    }
    match (shown, feed.loaded, all) {
        (0, false, _) => Some((format!("loading {what} ..."), Tone::Dim)),
        (0, true, 0) => Some((format!("no {what} in {}", live.cluster.namespace), Tone::Dim)),
        (0, true, all) => Some((format!("0 of {all} match the filter; Esc clears it"), Tone::Warn)),
        _ => None,
    }
}

/// What is wrong with the watch while its rows stay: why they are old, and what to do.
pub fn trouble<'a>(feed: &Feed, live: &Live<'_>, room: usize) -> Option<Line<'a>> {
    let said = feed.trouble()?.line(live.now);
    Some(Line::styled(fit(&format!(" {said}"), room), live.theme.tone(Tone::Bad)))
}

/// Column widths: as wide as the widest cell, the one at `elastic` takes what is left or gives what is missing.
pub fn columns(cells: &[Vec<String>], room: usize, elastic: usize, least: usize) -> Vec<usize> {
    let count = cells.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..count)
        .map(|i| cells.iter().filter_map(|row| row.get(i)).map(|cell| width(cell)).max().unwrap_or(0))
        .collect();
    let gaps = count.saturating_sub(1);
    let others: usize = widths.iter().enumerate().filter(|(i, _)| *i != elastic).map(|(_, w)| w).sum();
    if let Some(width) = widths.get_mut(elastic) {
        *width = room.saturating_sub(others + gaps).max(least);
    }
    widths
}

/// Cells side by side, each cut to its column.
pub fn row(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| pad(cell, *width)).collect();
    padded.join(" ")
}
