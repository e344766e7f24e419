//! A text fetched on demand: describe, YAML. Searched and scrolled, never edited.

use ratatui::{Frame, layout::Rect, style::Modifier, text::Line};

use super::{Live, LivePane, lines::frame as framed};
use crate::tui::{text::fit, theme::Tone};

pub fn draw(frame: &mut Frame<'_>, area: Rect, live: &Live<'_>) {
    let Some(page) = &live.state.page else {
        let lines =
            vec![Line::styled(" d describes the pod under the cursor, y shows its YAML", live.theme.tone(Tone::Dim))];
        return framed(frame, area, live, LivePane::Page, "Page", (String::new(), Tone::Plain), lines);
    };
    let room = usize::from(area.width.saturating_sub(2));
    let height = usize::from(area.height.saturating_sub(2));
    let needle = page.search.as_deref().map(str::to_lowercase);
    let lines = page.lines.iter().skip(page.top).take(height).map(|text| {
        let hit = needle.as_ref().is_some_and(|needle| text.to_lowercase().contains(needle));
        let line = Line::from(fit(text, room));
        if hit { line.style(ratatui::style::Style::new().add_modifier(Modifier::REVERSED)) } else { line }
    });
    let shown = (page.top + height).min(page.lines.len());
    let right = (format!("{shown} of {} lines", page.lines.len()), Tone::Plain);
    framed(frame, area, live, LivePane::Page, &page.title, right, lines.collect());
}
