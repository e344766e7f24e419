//! What the steps print: the newest lines, filtered, scrolled; what was dropped is counted.

use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

use super::Scene;
use crate::tui::{state::Pane, text::fit, theme::Tone};

/// Answers how many rows it shows.
pub fn draw(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) -> usize {
    let ui = scene.ui;
    let tail = &ui.shown().output;
    let (first, count) = (tail.scrolled(), tail.lines().len());
    let last = first + count as u64;
    let end = ui.output_end.unwrap_or(last).clamp(first, last);
    let filter = Some(ui.output_filter.as_str()).filter(|text| !text.is_empty());
    let keeps = |line: &str| match filter {
        None => true,
        Some(text) => match text.strip_prefix('!') {
            Some(not) => not.is_empty() || !line.contains(not),
            None => line.contains(text),
        },
    };
    let follow = if ui.output_end.is_none() { "FOLLOW".to_owned() } else { format!("+{} new, G follows", last - end) };
    let kept = filter.map(|text| (text, tail.lines().filter(|line| keeps(line)).count()));
    let filtered = kept.map_or_else(String::new, |(text, kept)| format!("  /{text}: {kept} of {count}"));
    let missed = if tail.missed() > 0 { format!(", {} bytes not shown", tail.missed()) } else { String::new() };
    let loud = scene.theme.tone(if tail.missed() > 0 { Tone::Warn } else { Tone::Plain });
    let right = Line::styled(format!(" {last} lines{missed} "), loud);
    let title = format!(" {} Output  {follow}{filtered} ", Pane::Output.number());
    let title = fit(&title, usize::from(area.width).saturating_sub(right.width() + 4));
    let block = scene.theme.block(title, String::new(), ui.focus == Pane::Output).title_top(right.right_aligned());
    let inner = block.inner(area);
    let height = usize::from(inner.height);
    let columns = usize::from(inner.width);
    let before = usize::try_from(last - end).unwrap_or(usize::MAX);
    let mut lines: Vec<Line<'_>> = tail
        .lines()
        .rev()
        .skip(before)
        .filter(|line| keeps(line))
        .take(height)
        .map(|line| Line::from(fit(line, columns)))
        .collect();
    lines.reverse();
    if lines.is_empty() {
        let words = match (tail.is_empty(), filter) {
            (true, _) => " no step has printed anything yet",
            (false, Some(_)) => " nothing matches the filter; Esc clears it",
            (false, None) => "",
        };
        lines.push(Line::styled(words, scene.theme.tone(Tone::Dim)));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
    height
}
