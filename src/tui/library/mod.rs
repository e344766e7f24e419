//! The library: what can be opened, unfinished runs and what fires first. State and keys; reads and starts nothing.

mod draw;
#[cfg(test)]
mod tests;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
pub use draw::draw;

use super::{edit::Edit, theme::Tone};

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
    pub of: Of,
}

/// What a row stands for, in the order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    Run,
    /// It fires, or is about to: it comes and goes while one looks.
    Alert,
    #[default]
    Runbook,
}

/// What Enter does with a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Open {
    #[default]
    Nothing,
    Resume(String),
    Run {
        runbook: String,
        /// As `-p` takes them.
        params: Vec<String>,
    },
    Demo,
}

#[derive(Debug, Default)]
pub struct Library {
    pub entries: Vec<Entry>,
    pub at: usize,
    filter: Edit,
    typing: bool,
    /// A key was pressed.
    touched: bool,
    /// Where runbooks were looked for: shown when there are none.
    pub searched: String,
    /// Why the last key led nowhere.
    said: Option<String>,
    /// What is known of alerts, in a few words.
    pub alerts: Option<(String, Tone)>,
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

    /// What fires now, in place of what did: after the unfinished runs. The cursor stays on its entry.
    pub fn fires(&mut self, alerts: Vec<Entry>, word: Option<(String, Tone)>) {
        // Nobody chose what stands under a cursor that was never moved.
        let chosen = self.shown().get(self.at).filter(|_| self.touched).map(|entry| (*entry).clone());
        self.entries.retain(|entry| entry.of != Of::Alert);
        let runs = self.entries.iter().take_while(|entry| entry.of == Of::Run).count();
        // Who could not be asked is said in the first row; why stands below what one can do.
        let (unknown, fires): (Vec<_>, Vec<_>) = alerts.into_iter().partition(|entry| entry.state == "UNKNOWN");
        self.entries.splice(runs..runs, fires);
        self.entries.extend(unknown);
        self.alerts = word;
        let is_chosen = |entry: &&Entry| {
            chosen.as_ref().is_some_and(|chosen| (&entry.open, &entry.name) == (&chosen.open, &chosen.name))
        };
        let most = self.shown().len().saturating_sub(1);
        self.at = self.shown().iter().position(is_chosen).unwrap_or(self.at.min(most));
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
        (self.touched, self.said) = (true, None);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
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
