//! What the steps print: the newest lines, filtered, scrolled; what was dropped is counted.

use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

use super::Scene;
use crate::tui::{state::Pane, text::fit};

pub fn draw(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let ui = scene.ui;
    let all: Vec<&str> = ui.output.lines().collect();
    let filter = ui.filter.as_ref().map(|filter| filter.text.as_str()).filter(|text| !text.is_empty());
    let keeps = |line: &str| match filter {
        None => true,
        Some(text) => match text.strip_prefix('!') {
            Some(not) => not.is_empty() || !line.contains(not),
            None => line.contains(text),
        },
    };
    let kept: Vec<&str> = all.iter().copied().filter(|line| keeps(line)).collect();
    let follow = if ui.output_up == 0 { "FOLLOW".to_owned() } else { format!("+{} below", ui.output_up) };
    let filtered = filter.map_or_else(String::new, |text| format!("  /{text}: {} of {}", kept.len(), all.len()));
    let missed =
        if ui.output.missed() > 0 { format!(", {} bytes not shown", ui.output.missed()) } else { String::new() };
    let right = format!(" {} lines{missed} ", all.len() as u64 + ui.output.scrolled());
    let block = scene.theme.block(format!(" 3 Output  {follow}{filtered} "), right, ui.focus == Pane::Output);
    let inner = block.inner(area);
    let height = usize::from(inner.height);
    let end = kept.len().saturating_sub(ui.output_up.min(kept.len().saturating_sub(height)));
    let from = end.saturating_sub(height);
    let columns = usize::from(inner.width);
    let mut lines: Vec<Line<'_>> = kept[from..end].iter().map(|line| Line::from(fit(line, columns))).collect();
    if lines.is_empty() {
        let words = match (all.is_empty(), filter) {
            (true, _) => " no step has printed anything yet",
            (false, Some(_)) => " nothing matches the filter; Esc clears it",
            (false, None) => "",
        };
        lines.push(Line::styled(words, scene.theme.tone(crate::tui::theme::Tone::Dim)));
    }
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
