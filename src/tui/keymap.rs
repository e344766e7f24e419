//! Keys to commands: one table, which `?` prints too. No single key changes the cluster.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::{Pane, Ui};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cmd {
    FocusNext,
    FocusPrevious,
    Focus(usize),
    Down,
    Up,
    Top,
    Bottom,
    PageDown,
    PageUp,
    /// Opens what the pane has under its cursor, else what the run asks.
    Open,
    Back,
    Run,
    Skip,
    Mark,
    Note,
    Ripcord,
    Filter,
    SearchNext,
    SearchPrevious,
    Palette,
    Help,
    Trail,
    FullScreen,
    Larger,
    Smaller,
    Freeze,
    Copy,
    TabLeft,
    TabRight,
    /// The chart's cursor.
    Left,
    Logs,
    PreviousLogs,
    Describe,
    Yaml,
    Shell,
    Reveal,
    /// The runbook for trouble, with the pod under the cursor.
    Troubleshoot,
    Wide,
    BadOnly,
    EventsAbout,
    Times,
    Alerts,
    Reconnect,
    Quit,
    Suspend,
}

/// Where a key means something; the key bar and the help say only those of the pane in focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Everywhere,
    /// Where there are steps: not while one only looks on.
    Steps,
    /// Any pane that shows the cluster.
    Cluster,
    In(&'static [Pane]),
}

impl Where {
    pub fn holds(self, ui: &Ui) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Steps => !ui.watching,
            Self::Cluster => ui.has_cluster,
            Self::In(panes) => panes.contains(&ui.focus),
        }
    }
}

/// One row of the table: keys, words for the help, and the short words of the key bar, if it is on it.
pub struct Entry {
    pub keys: &'static str,
    pub cmd: Cmd,
    pub words: &'static str,
    pub bar: Option<&'static str>,
    pub at: Where,
}

const fn all(keys: &'static str, cmd: Cmd, words: &'static str, bar: Option<&'static str>) -> Entry {
    Entry { keys, cmd, words, bar, at: Where::Everywhere }
}

const fn step(keys: &'static str, cmd: Cmd, words: &'static str, bar: Option<&'static str>) -> Entry {
    Entry { keys, cmd, words, bar, at: Where::Steps }
}

const fn live(keys: &'static str, cmd: Cmd, words: &'static str, bar: Option<&'static str>) -> Entry {
    Entry { keys, cmd, words, bar, at: Where::Cluster }
}

const fn only(
    at: &'static [Pane],
    keys: &'static str,
    cmd: Cmd,
    words: &'static str,
    bar: Option<&'static str>,
) -> Entry {
    Entry { keys, cmd, words, bar, at: Where::In(at) }
}

const FILTERED: &[Pane] = &[Pane::Pods, Pane::Events, Pane::Logs, Pane::Output, Pane::Page];

pub const TABLE: &[Entry] = &[
    step("r", Cmd::Run, "run the step: a preview, then one key", Some("run")),
    step("s", Cmd::Skip, "skip with a reason", Some("skip")),
    step("m", Cmd::Mark, "mark: tick items, or say it is done", Some("mark")),
    step("z", Cmd::Ripcord, "the ripcord: the way back, from any state", Some("rollback")),
    all("a", Cmd::Note, "add a note to the trail", Some("note")),
    all(":", Cmd::Palette, "commands: ns describe yaml logs since forward note abort q", Some("cmd")),
    all("?", Cmd::Help, "keys", Some("help")),
    only(FILTERED, "/", Cmd::Filter, "filter; !text inverts, -l k=v takes labels", Some("filter")),
    all("Tab", Cmd::FocusNext, "next pane; Shift-Tab the one before", Some("pane")),
    all("1-7", Cmd::Focus(0), "go to a pane", None),
    all("f", Cmd::FullScreen, "the focused pane alone, and back", Some("full")),
    all("F", Cmd::Freeze, "freeze what is live, and back", None),
    live("l", Cmd::Logs, "logs of the pod under the cursor", Some("logs")),
    live("d", Cmd::Describe, "describe the pod under the cursor", Some("desc")),
    live("y", Cmd::Yaml, "its YAML, secrets masked", Some("yaml")),
    live("p", Cmd::PreviousLogs, "logs of its previous container", None),
    live("x", Cmd::Shell, "a shell in it: asks first; the session is recorded", None),
    live("T", Cmd::Troubleshoot, "the troubleshooting runbook, with that pod chosen", None),
    live("e", Cmd::EventsAbout, "events of that pod only, and back", None),
    all("q, Ctrl-c", Cmd::Quit, "leave; the run stays open and can be resumed", Some("quit")),
    only(&[Pane::Pods], "w", Cmd::Wide, "wide: IP and node", None),
    only(&[Pane::Pods], "W", Cmd::BadOnly, "unhealthy pods only", None),
    only(&[Pane::Events], "W", Cmd::BadOnly, "warnings only", None),
    only(&[Pane::Logs], "w", Cmd::Wide, "wrap long lines", None),
    only(&[Pane::Logs], "t", Cmd::Times, "times, and without", None),
    only(&[Pane::Logs, Pane::Page], "n, N", Cmd::SearchNext, "next, previous place of what / found", None),
    only(&[Pane::Page], "R", Cmd::Reveal, "show what is masked; that is recorded", Some("reveal")),
    only(&[Pane::Metrics], "Enter", Cmd::Open, "the chart of the row", None),
    only(&[Pane::Metrics], "h, l", Cmd::Left, "in a chart: the cursor", None),
    only(&[Pane::Metrics], "+, _", Cmd::Larger, "in a chart: closer, wider", None),
    only(&[Pane::Metrics], "[, ]", Cmd::TabLeft, "in a chart: earlier, later", None),
    all("Enter", Cmd::Open, "answer what is asked; in Pods: describe", None),
    all("Esc", Cmd::Back, "back: page, chart, filter, selection", None),
    all("j k g G", Cmd::Down, "down, up, top, end (follows); arrows too", None),
    all("Ctrl-d, Ctrl-u", Cmd::PageDown, "scroll a page; PgDn, PgUp", None),
    all("+, _", Cmd::Larger, "the focused pane larger, smaller", None),
    all("[, ]", Cmd::TabLeft, "previous, next tab (small screens)", None),
    all("c", Cmd::Copy, "copy: the command, the pod's name, the event, the line, the page", None),
    all("A", Cmd::Alerts, "what fires, and which runbook answers", None),
    all("@", Cmd::Trail, "the trail", None),
    all("Ctrl-r", Cmd::Reconnect, "reconnect now", None),
    all("Ctrl-z", Cmd::Suspend, "to the shell; fg comes back", None),
];

/// The command of a key outside of dialogs.
pub fn command(key: KeyEvent) -> Option<Cmd> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match (key.code, control) {
        (KeyCode::Char(c), true) => return with_control(c),
        (KeyCode::Char(c), false) => return letter(c),
        (KeyCode::PageDown, _) => Cmd::PageDown,
        (KeyCode::PageUp, _) => Cmd::PageUp,
        (KeyCode::Tab, _) => Cmd::FocusNext,
        (KeyCode::BackTab, _) => Cmd::FocusPrevious,
        (KeyCode::Enter, _) => Cmd::Open,
        (KeyCode::Esc, _) => Cmd::Back,
        (KeyCode::Down, _) => Cmd::Down,
        (KeyCode::Up, _) => Cmd::Up,
        (KeyCode::Home, _) => Cmd::Top,
        (KeyCode::End, _) => Cmd::Bottom,
        _ => return None,
    })
}

/// Ctrl-d only ever scrolls.
fn with_control(c: char) -> Option<Cmd> {
    Some(match c {
        'c' => Cmd::Quit,
        'z' => Cmd::Suspend,
        'd' => Cmd::PageDown,
        'u' => Cmd::PageUp,
        'r' => Cmd::Reconnect,
        _ => return None,
    })
}

fn letter(c: char) -> Option<Cmd> {
    Some(match c {
        '1'..='9' => Cmd::Focus(c as usize - '1' as usize),
        'j' => Cmd::Down,
        'k' => Cmd::Up,
        'g' => Cmd::Top,
        'G' => Cmd::Bottom,
        'r' => Cmd::Run,
        's' => Cmd::Skip,
        'm' => Cmd::Mark,
        'a' => Cmd::Note,
        'z' => Cmd::Ripcord,
        '/' => Cmd::Filter,
        'n' => Cmd::SearchNext,
        'N' => Cmd::SearchPrevious,
        ':' => Cmd::Palette,
        '?' => Cmd::Help,
        '@' => Cmd::Trail,
        'f' => Cmd::FullScreen,
        'F' => Cmd::Freeze,
        '+' => Cmd::Larger,
        '_' | '-' => Cmd::Smaller,
        'c' => Cmd::Copy,
        '[' => Cmd::TabLeft,
        ']' => Cmd::TabRight,
        'l' => Cmd::Logs,
        'h' => Cmd::Left,
        'e' => Cmd::EventsAbout,
        'p' => Cmd::PreviousLogs,
        'd' => Cmd::Describe,
        'y' => Cmd::Yaml,
        'x' => Cmd::Shell,
        'R' => Cmd::Reveal,
        'T' => Cmd::Troubleshoot,
        'w' => Cmd::Wide,
        'W' => Cmd::BadOnly,
        't' => Cmd::Times,
        'A' => Cmd::Alerts,
        'q' => Cmd::Quit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_a_key() {
        for entry in TABLE {
            let first = entry.keys.split([',', ' ', '-']).next().unwrap_or_default();
            let code = match first {
                "Tab" => KeyCode::Tab,
                "Enter" => KeyCode::Enter,
                "Esc" => KeyCode::Esc,
                "Ctrl" => continue,
                one => KeyCode::Char(one.chars().next().unwrap()),
            };
            assert!(command(KeyEvent::from(code)).is_some(), "{} does nothing", entry.keys);
        }
    }

    #[test]
    fn no_letter_deletes_edits_or_scales() {
        for c in ('a'..='z').chain('A'..='Z') {
            let told = letter(c);
            assert!(!matches!(told, Some(Cmd::Suspend)), "{c} leaves only with Ctrl");
        }
        assert_eq!(command(KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL)), Some(Cmd::PageDown));
    }
}
