//! The paper of a dialog: a body that scrolls, with the focused row always on it, and a foot that is never cut.
//! Knows nothing of what is asked.

use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

use crate::{
    tui::{
        edit::Edit,
        text::{fit, lines_more, width, wrap},
        theme::{Theme, Tone},
    },
    visible,
};

pub struct Sheet<'t> {
    pub theme: &'t Theme,
    pub columns: usize,
    body: Vec<Line<'static>>,
    /// Buttons, the line that is typed, which key does what: always on the screen.
    foot: Vec<Line<'static>>,
    /// The body's line that must be seen.
    focus: Option<usize>,
}

impl<'t> Sheet<'t> {
    pub fn new(theme: &'t Theme, width: u16) -> Self {
        let columns = usize::from(width).saturating_sub(4);
        Self { theme, columns, body: Vec::new(), foot: Vec::new(), focus: None }
    }

    pub fn text(&mut self, tone: Tone, text: &str) {
        let style = self.theme.tone(tone);
        for line in wrap(&visible::text(text), self.columns) {
            self.body.push(Line::styled(format!(" {line}"), style));
        }
    }

    pub fn gap(&mut self) {
        self.body.push(Line::default());
    }

    /// A row of a list; the chosen one stays on the screen.
    pub fn row(&mut self, chosen: bool, text: &str) {
        if chosen {
            self.focus = Some(self.body.len());
        }
        let line = self.marked(chosen, text);
        self.body.push(line);
    }

    fn marked(&self, chosen: bool, text: &str) -> Line<'static> {
        let mark = if chosen { ">" } else { " " };
        let style = if chosen { self.theme.selected() } else { Style::new() };
        Line::styled(format!(" {mark} {}", fit(&visible::line(text), self.columns.saturating_sub(3))), style)
    }

    /// A field of a form.
    pub fn field(&mut self, label: &str, edit: &Edit, focused: bool) {
        if focused {
            self.focus = Some(self.body.len());
        }
        let line = self.typed(label, edit, focused);
        self.body.push(line);
    }

    /// The line that is being typed, where nothing can hide it.
    pub fn foot_field(&mut self, label: &str, edit: &Edit, focused: bool) {
        let line = self.typed(label, edit, focused);
        self.foot.push(line);
    }

    /// The end of what is typed is what one looks at.
    fn typed(&self, label: &str, edit: &Edit, focused: bool) -> Line<'static> {
        let mark = if focused { ">" } else { " " };
        let label = visible::line(label).into_owned();
        let room = self.columns.saturating_sub(width(&label) + 5);
        let text = visible::line(&edit.text).into_owned();
        let skipped = width(&text).saturating_sub(room);
        let text: String = if skipped > 0 {
            let mut tail: Vec<char> = Vec::new();
            for c in text.chars().rev() {
                if tail.len() + 2 >= room {
                    break;
                }
                tail.push(c);
            }
            format!("..{}", tail.into_iter().rev().collect::<String>())
        } else {
            text
        };
        let cursor = if focused { "_" } else { "" };
        let style = if focused { self.theme.selected() } else { Style::new() };
        Line::styled(format!(" {mark} {label} {text}{cursor}"), style)
    }

    pub fn foot(&mut self, tone: Tone, text: &str) {
        let style = self.theme.tone(tone);
        for line in wrap(text, self.columns) {
            self.foot.push(Line::styled(format!(" {line}"), style));
        }
    }

    pub fn foot_gap(&mut self) {
        self.foot.push(Line::default());
    }

    pub fn buttons(&mut self, no: &str, go: &str, yes: bool) {
        let style = |on: bool| if on { self.theme.selected() } else { Style::new() };
        let used = width(no) + width(go) + 14;
        let hint =
            ["    y / n, or Tab and Enter", "    y / n"].into_iter().find(|hint| used + hint.len() <= self.columns);
        self.foot.push(Line::default());
        self.foot.push(Line::from(vec![
            Span::raw("   "),
            Span::styled(format!("[ {no} ]"), style(!yes)),
            Span::raw("   "),
            Span::styled(format!("[ {go} ]"), style(yes)),
            Span::raw(hint.unwrap_or_default()),
        ]));
    }

    /// Draws it in the middle of `area`; answers how far its body can be scrolled.
    pub fn draw(self, frame: &mut Frame<'_>, area: Rect, title: &str, down: usize) -> usize {
        let wide = u16::try_from(self.columns + 4).unwrap_or(area.width).min(area.width);
        let all = u16::try_from(self.body.len() + self.foot.len() + 2).unwrap_or(u16::MAX);
        let place = Rect {
            x: area.x + (area.width - wide) / 2,
            y: area.y + (area.height - all.min(area.height)) / 2,
            width: wide,
            height: all.min(area.height),
        };
        let room = usize::from(place.height).saturating_sub(2 + self.foot.len());
        let most = self.body.len().saturating_sub(room);
        let down = match self.focus {
            Some(row) => down.min(row).max(row.saturating_sub(room.saturating_sub(2))),
            None => down,
        }
        .min(most);
        let more = match (down, most - down) {
            (0, 0) => String::new(),
            (_, 0) => " the end; PgUp ".to_owned(),
            (_, below) => format!(" {}, PgDn ", lines_more(below)),
        };
        let lines: Vec<Line<'_>> = self.body.into_iter().skip(down).take(room).chain(self.foot).collect();
        frame.render_widget(Clear, place);
        let block = self.theme.block(format!(" {} ", visible::line(title)), String::new(), true);
        let block = block.title_top(Line::styled(more, self.theme.tone(Tone::Warn)).right_aligned());
        frame.render_widget(Paragraph::new(lines).block(block), place);
        most
    }
}
