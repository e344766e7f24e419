//! The library: runbooks to begin with, unfinished runs first. State, keys and drawing; reads and starts nothing.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::Paragraph,
};

use super::{
    edit::Edit,
    text::{fit, lines_more, pad, wrap},
    theme::{Theme, Tone},
};
use crate::visible;

/// One row: something that can be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub open: Open,
    pub name: String,
    pub title: String,
    /// `open at canary`, `SUCCEEDED 3d ago`, `never run`.
    pub state: String,
    pub owners: String,
    pub reviewed: String,
    pub tags: String,
    pub alerts: String,
    /// Why it cannot be run, or is past its review.
    pub warning: String,
    pub about: String,
}

/// What Enter does with a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Open {
    #[default]
    Nothing,
    Resume(String),
    Run(String),
    Demo,
}

#[derive(Debug, Default)]
pub struct Library {
    pub entries: Vec<Entry>,
    pub at: usize,
    filter: Edit,
    typing: bool,
    /// Where runbooks were looked for: shown when there are none.
    pub searched: String,
    /// Why the last key led nowhere.
    said: Option<String>,
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Stay,
    Leave,
    Open(Open),
}

impl Library {
    /// `searched`: where runbooks were looked for.
    pub fn new(entries: Vec<Entry>, searched: String) -> Self {
        Self { entries, searched, ..Self::default() }
    }

    pub fn shown(&self) -> Vec<&Entry> {
        let needle = self.filter.text.to_lowercase();
        let has = |entry: &&Entry| {
            let texts = [&entry.name, &entry.title, &entry.tags, &entry.owners, &entry.alerts, &entry.state];
            needle.split_whitespace().all(|word| texts.iter().any(|text| text.to_lowercase().contains(word)))
        };
        self.entries.iter().filter(has).collect()
    }

    pub fn key(&mut self, key: KeyEvent) -> Next {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        self.said = None;
        match key.code {
            KeyCode::Char('c') if control => return Next::Leave,
            KeyCode::Enter => return self.enter(),
            KeyCode::Down => self.step(1),
            KeyCode::Up => self.step(-1),
            KeyCode::PageDown => self.step(10),
            KeyCode::PageUp => self.step(-10),
            KeyCode::Char('d') if control => self.step(10),
            KeyCode::Char('u') if control && self.typing => self.filter.clear(),
            KeyCode::Char('u') if control => self.step(-10),
            _ if self.typing => self.type_in(key),
            KeyCode::Char('q') => return Next::Leave,
            KeyCode::Char('j') => self.step(1),
            KeyCode::Char('k') => self.step(-1),
            KeyCode::Char('g') => self.step(isize::MIN / 2),
            KeyCode::Char('G') => self.step(isize::MAX / 2),
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc if !self.filter.text.is_empty() => self.filter.clear(),
            KeyCode::Esc => self.said = Some("q leaves".into()),
            _ => self.said = Some("here: Enter opens, j k g G move, / searches, q leaves; a run has more keys".into()),
        }
        Next::Stay
    }

    /// Opens what is under the cursor, or says why it cannot be.
    fn enter(&mut self) -> Next {
        let Some(entry) = self.shown().get(self.at).map(|entry| (*entry).clone()) else { return Next::Stay };
        if entry.open != Open::Nothing {
            return Next::Open(entry.open);
        }
        let why =
            if entry.warning.is_empty() { entry.about.lines().last().unwrap_or_default() } else { &entry.warning };
        self.said = Some(format!("not opened: {why}"));
        Next::Stay
    }

    fn type_in(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Esc => {
                self.filter.clear();
                self.typing = false;
            }
            KeyCode::Backspace if self.filter.text.is_empty() => self.typing = false,
            KeyCode::Backspace => self.filter.backspace(),
            KeyCode::Char(c) => self.filter.insert(c.encode_utf8(&mut [0; 4])),
            _ => {}
        }
        self.at = 0;
    }

    fn step(&mut self, by: isize) {
        let most = self.shown().len().saturating_sub(1);
        self.at = self.at.min(most).saturating_add_signed(by).min(most);
    }
}

pub fn draw(frame: &mut Frame<'_>, library: &Library, theme: &Theme) {
    let area = frame.area();
    if area.width < 60 || area.height < 15 {
        frame.render_widget(Paragraph::new(format!("terminal {}x{}, need 60x15", area.width, area.height)), area);
        return;
    }
    let [head, list, about, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(8), Constraint::Length(1)])
            .areas(area);
    frame.render_widget(Paragraph::new(" ripcord   what do you want to do?"), head);
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

fn draw_list(frame: &mut Frame<'_>, area: Rect, library: &Library, theme: &Theme, shown: &[&Entry], at: usize) {
    let room = usize::from(area.width.saturating_sub(2));
    let rows = usize::from(area.height.saturating_sub(2));
    let top = at.saturating_sub(rows / 2).min(shown.len().saturating_sub(rows));
    let name = shown.iter().map(|entry| super::text::width(&entry.name)).max().unwrap_or(0).clamp(12, room / 3);
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
            ("last", &entry.state),
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

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;

    fn library() -> Library {
        let run = |name: &str, title: &str, tags: &str| Entry {
            open: Open::Run(name.into()),
            name: name.into(),
            title: title.into(),
            state: "never run".into(),
            owners: "team-ml".into(),
            tags: tags.into(),
            about: "A new image to production, behind a gate.".into(),
            ..Entry::default()
        };
        let open = Entry {
            open: Open::Resume("r1".into()),
            name: "production".into(),
            title: "ml-system production canary".into(),
            state: "open at soak-10".into(),
            ..Entry::default()
        };
        let late = Entry { warning: "2 problems: ripcord check".into(), ..run("broken", "Does not pass", "") };
        let entries = vec![
            open,
            run("production", "ml-system production canary", "canary"),
            run("rollback", "Way back", "emergency"),
            late,
        ];
        Library { entries, searched: "runbooks".into(), ..Library::default() }
    }

    fn screen(library: &Library, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let theme = Theme { colour: false, ascii: true };
        terminal.draw(|frame| draw(frame, library, &theme)).unwrap();
        terminal.backend().to_string()
    }

    fn press(library: &mut Library, keys: &str) -> Next {
        keys.chars()
            .map(|c| library.key(KeyEvent::from(if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) })))
            .last()
            .unwrap()
    }

    #[test]
    fn unfinished_runs_come_first_and_a_broken_runbook_says_so() {
        insta::assert_snapshot!(screen(&library(), 80, 20));
    }

    #[test]
    fn a_search_narrows_and_enter_opens_what_is_under_the_cursor() {
        let mut library = library();
        assert_eq!(press(&mut library, "\n"), Next::Open(Open::Resume("r1".into())));
        assert_eq!(press(&mut library, "/emer\n"), Next::Open(Open::Run("rollback".into())));
        assert_eq!(library.shown().len(), 1);
    }

    #[test]
    fn a_key_that_leads_nowhere_says_why_and_esc_does_not_leave() {
        let mut library = library();
        let elsewhere =
            Entry { about: "r2 by ada.\nIts own terminal drives it.".into(), name: "zz".into(), ..Entry::default() };
        library.entries.push(elsewhere);
        assert_eq!(press(&mut library, "G\n"), Next::Stay);
        assert!(screen(&library, 80, 20).contains("not opened: Its own terminal drives it."));
        assert_eq!(library.key(KeyEvent::from(KeyCode::Esc)), Next::Stay);
        assert!(screen(&library, 80, 20).contains(" q leaves"));
        assert_eq!(press(&mut library, "?"), Next::Stay);
        assert!(screen(&library, 80, 20).contains("Enter opens, j k"));
        press(&mut library, "/ab");
        library.key(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!(library.filter.text, "");
    }

    #[test]
    fn an_empty_library_helps() {
        let empty = Library { searched: "runbooks".into(), ..Library::default() };
        let drawn = screen(&empty, 80, 20);
        assert!(drawn.contains("ripcord new NAME") && drawn.contains("ripcord demo"), "{drawn}");
    }
}
