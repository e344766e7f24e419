//! The logs pane: many streams, each line with its stream's name; markers for restarts, ends and gaps.

use ratatui::{
    Frame,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use super::{Live, LivePane, lines::frame as framed};
use crate::{
    observe::{
        human,
        logs::{Level, LineKind, LogLine, level, pretty},
    },
    tui::{
        text::{fit, fit_middle, pad, width, wrap},
        theme::Tone,
    },
};

/// Colours of the stream names; the names are what tells them apart.
const STREAMS: [Color; 6] = [Color::Cyan, Color::Green, Color::Yellow, Color::Magenta, Color::Blue, Color::LightRed];

pub fn draw(frame: &mut Frame<'_>, area: Rect, live: &Live<'_>, number: usize) {
    let logs = live.logs;
    let room = usize::from(area.width.saturating_sub(2));
    let height = usize::from(area.height.saturating_sub(2));
    let end = live.state.logs_end.unwrap_or_else(|| logs.end()).min(logs.end());
    let window = logs.window(&live.state.logs, end, height);
    let mut lines: Vec<Line<'_>> = window.iter().flat_map(|(_, line)| drawn(live, line, room)).collect();
    lines.drain(..lines.len().saturating_sub(height));
    if lines.is_empty() {
        let (said, tone) = nothing(live);
        lines.push(Line::styled(fit(&format!(" {said}"), room), live.theme.tone(tone)));
    }
    let (open, wanted) = logs.open();
    let which = if logs.previous { "  PREVIOUS".to_owned() } else { String::new() };
    let follow = match live.state.logs_end {
        None => "FOLLOW".to_owned(),
        Some(end) => format!("+{} new, G follows", human::count(logs.end().saturating_sub(end))),
    };
    let filter = live
        .state
        .typed
        .get(&LivePane::Logs)
        .filter(|text| !text.is_empty())
        .map(|text| format!("  /{}", crate::visible::line(text)))
        .unwrap_or_default();
    let title = match logs.title.as_str() {
        "" => format!("{number} Logs"),
        of => format!("{number} Logs  {of}{which}  {open} of {wanted} streams  {follow}{filter}"),
    };
    let lost = if logs.dropped() > 0 { Tone::Warn } else { Tone::Plain };
    let right = format!("{} lines, {} dropped", human::count(logs.received()), human::count(logs.dropped()));
    framed(frame, area, live, LivePane::Logs, &title, (right, lost), lines);
}

fn nothing(live: &Live<'_>) -> (String, Tone) {
    if let Some(trouble) = live.logs.trouble() {
        return (trouble.line(live.now), Tone::Bad);
    }
    match (live.logs.is_empty(), live.logs.title.is_empty()) {
        (true, true) => ("l on a pod shows its logs".to_owned(), Tone::Dim),
        (true, false) => ("no lines yet".to_owned(), Tone::Dim),
        (false, _) => ("no line matches the filter; Esc clears it".to_owned(), Tone::Warn),
    }
}

fn drawn<'a>(live: &Live<'_>, line: &LogLine, room: usize) -> Vec<Line<'a>> {
    let label = live.logs.stream(line.stream).map_or("", |stream| &*stream.label);
    let colour =
        if live.theme.colour { Style::new().fg(STREAMS[line.stream.0 as usize % STREAMS.len()]) } else { Style::new() };
    let mut head = format!("{} ", pad(&fit_middle(label, 16), 16.min(width(label).max(9))));
    if live.state.log_times {
        head.push_str(&line.at.map_or_else(|| "--:--:-- ".to_owned(), |at| at.strftime("%H:%M:%S ").to_string()));
    }
    head.push_str(if live.theme.ascii { "| " } else { "│ " });
    let (text, style) = said(live, line);
    let space = room.saturating_sub(width(&head)).max(10);
    let parts = if live.state.log_wrap { wrap(&text, space) } else { vec![fit(&text, space)] };
    let parts = parts.into_iter().enumerate();
    parts
        .map(|(i, part)| {
            let head = if i == 0 { head.clone() } else { " ".repeat(width(&head)) };
            Line::from(vec![Span::styled(head, colour), Span::styled(part, style)])
        })
        .collect()
}

fn said(live: &Live<'_>, line: &LogLine) -> (String, Style) {
    if line.kind == LineKind::Marker {
        return (line.text.to_string(), live.theme.tone(Tone::Warn));
    }
    let readable = pretty(&line.text);
    let found = match &readable {
        Some(readable) => readable.level,
        None => line.text.split_whitespace().take(3).find_map(level),
    };
    let tone = match found {
        Some(Level::Error) => Tone::Bad,
        Some(Level::Warn) => Tone::Warn,
        Some(Level::Debug) => Tone::Dim,
        Some(Level::Info) | None => Tone::Plain,
    };
    let text = readable.map_or_else(|| line.text.to_string(), |readable| readable.text);
    let needle = live.state.log_search.as_deref().filter(|needle| !needle.is_empty());
    let hit = needle.is_some_and(|needle| text.to_lowercase().contains(&needle.to_lowercase()));
    let style = live.theme.tone(tone);
    (text, if hit { style.add_modifier(Modifier::REVERSED) } else { style })
}
