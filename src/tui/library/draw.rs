//! The library on the screen: a list, and what is known of the entry under the cursor.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{Entry, Library, Of, Open};
use crate::{
    tui::{
        text::{fit, lines_more, pad, width, wrap},
        theme::{Theme, Tone},
    },
    visible,
};

pub fn draw(frame: &mut Frame<'_>, library: &Library, theme: &Theme) {
    let area = frame.area();
    if area.width < 60 || area.height < 15 {
        frame.render_widget(Paragraph::new(format!("terminal {}x{}, need 60x15", area.width, area.height)), area);
        return;
    }
    let [head, list, about, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(8), Constraint::Length(1)])
            .areas(area);
    draw_head(frame, head, library, theme);
    let shown = library.shown();
    let at = library.at.min(shown.len().saturating_sub(1));
    draw_list(frame, list, library, theme, &shown, at);
    draw_about(frame, about, theme, shown.get(at).copied());
    let keys = if let Some(said) = &library.said {
        format!(" {}", visible::line(said))
    } else if library.typing {
        format!(" / {}_   Enter opens, Esc clears", library.filter.text)
    } else {
        " Enter opens  j k move  / search  q leave     ripcord --help: everything else".to_owned()
    };
    frame.render_widget(Paragraph::new(fit(&keys, usize::from(foot.width))), foot);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, library: &Library, theme: &Theme) {
    let room = usize::from(area.width);
    let (word, tone) = library.alerts.clone().unwrap_or((String::new(), Tone::Plain));
    let word = fit(&word, room.saturating_sub(12));
    let left = pad(" ripcord   what do you want to do?", room.saturating_sub(width(&word) + 1));
    let line = Line::from(vec![Span::raw(left), Span::styled(word, theme.tone(tone))]);
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_list(frame: &mut Frame<'_>, area: Rect, library: &Library, theme: &Theme, shown: &[&Entry], at: usize) {
    let room = usize::from(area.width.saturating_sub(2));
    let rows = usize::from(area.height.saturating_sub(2));
    let top = at.saturating_sub(rows / 2).min(shown.len().saturating_sub(rows));
    let name = shown.iter().map(|entry| width(&entry.name)).max().unwrap_or(0).clamp(12, room / 3);
    let mut lines: Vec<Line<'_>> = shown
        .iter()
        .enumerate()
        .skip(top)
        .take(rows)
        .map(|(index, entry)| {
            let mark = if index == at { ">" } else { " " };
            let left = room.saturating_sub(name + 5 + 26);
            let text = format!(
                " {mark} {} {} {}",
                pad(&visible::line(&entry.name), name),
                pad(&visible::line(&entry.title), left),
                fit(&visible::line(if entry.warning.is_empty() { &entry.state } else { &entry.warning }), 26),
            );
            let tone = match &entry.open {
                Open::Resume(_) => Tone::Warn,
                _ if entry.of == Of::Alert => Tone::Warn,
                _ if !entry.warning.is_empty() => Tone::Bad,
                _ => Tone::Plain,
            };
            let style = if index == at { theme.selected() } else { theme.tone(tone) };
            Line::styled(pad(&text, room), style)
        })
        .collect();
    if lines.is_empty() {
        let said = if library.entries.is_empty() {
            format!(
                " no runbook in {}; `ripcord new NAME` writes one, `ripcord demo` shows how it feels",
                library.searched
            )
        } else {
            " nothing matches; Esc clears".to_owned()
        };
        lines.extend(wrap(&said, room).into_iter().map(Line::from));
    }
    let right = format!(" {} of {} ", shown.len(), library.entries.len());
    frame.render_widget(Paragraph::new(lines).block(theme.block(" Library ".into(), right, true)), area);
}

fn draw_about(frame: &mut Frame<'_>, area: Rect, theme: &Theme, entry: Option<&Entry>) {
    let block = theme.block(
        entry.map_or_else(String::new, |entry| format!(" {} ", visible::line(&entry.title))),
        String::new(),
        false,
    );
    let room = usize::from(area.width.saturating_sub(4));
    let mut lines = Vec::new();
    if let Some(entry) = entry {
        let facts = [
            ("owner", &entry.owners),
            ("reviewed", &entry.reviewed),
            ("tags", &entry.tags),
            ("answers", &entry.alerts),
            (if entry.of == Of::Runbook { "last" } else { "state" }, &entry.state),
        ];
        let facts: Vec<String> =
            facts.iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| format!("{key} {text}")).collect();
        lines.push(Line::styled(fit(&format!(" {}", visible::line(&facts.join("   "))), room), theme.tone(Tone::Dim)));
        if !entry.warning.is_empty() {
            lines.push(Line::styled(fit(&format!(" {}", visible::line(&entry.warning)), room), theme.tone(Tone::Bad)));
        }
        lines.extend(wrap(&visible::text(&entry.about), room).into_iter().map(|line| Line::from(format!(" {line}"))));
    }
    let rows = usize::from(area.height.saturating_sub(2));
    let below = lines.len().saturating_sub(rows);
    let more = if below > 0 { format!(" {} ", lines_more(below)) } else { String::new() };
    lines.truncate(rows);
    let block = block.title_bottom(Line::from(more).right_aligned());
    frame.render_widget(Paragraph::new(lines).block(block), area);
}
