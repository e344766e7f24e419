//! Looks. A state is a word first; colour only repeats it, and focus is a border one can see without colour.

use ratatui::{
    style::{Color, Modifier, Style},
    symbols::border,
    widgets::{Block, BorderType, Borders},
};

use crate::{
    engine::{
        fact::{RunStatus, StepResult},
        state::{StepState, StepStatus},
    },
    observe::freshness,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    pub colour: bool,
    pub ascii: bool,
}

/// How loud a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Dim,
    Good,
    Warn,
    Bad,
    Busy,
}

impl From<freshness::Tone> for Tone {
    fn from(of: freshness::Tone) -> Self {
        match of {
            freshness::Tone::Ok => Self::Good,
            freshness::Tone::Plain => Self::Plain,
            freshness::Tone::Warn => Self::Warn,
            freshness::Tone::Bad => Self::Bad,
        }
    }
}

const ASCII: border::Set<'_> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const ASCII_FOCUS: border::Set<'_> = border::Set { horizontal_top: "=", horizontal_bottom: "=", ..ASCII };

impl Theme {
    /// From the flags and the environment.
    pub fn new(no_color: bool, ascii: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        let utf8 = locale.is_none_or(|locale| locale.to_lowercase().contains("utf"));
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        Self { colour: !no_color && !set("NO_COLOR") && !dumb, ascii: ascii || !utf8 }
    }

    pub fn tone(&self, tone: Tone) -> Style {
        let coloured = |colour: Color| if self.colour { Style::new().fg(colour) } else { Style::new() };
        match tone {
            Tone::Plain => Style::new(),
            Tone::Dim => Style::new().add_modifier(Modifier::DIM),
            Tone::Good => coloured(Color::Green),
            Tone::Warn => coloured(Color::Yellow).add_modifier(Modifier::BOLD),
            Tone::Bad => coloured(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Busy => coloured(Color::Cyan).add_modifier(Modifier::BOLD),
        }
    }

    pub fn selected(&self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A protected target is named in reverse video.
    pub fn band(&self) -> Style {
        let style = Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
        if self.colour { style.fg(Color::Red) } else { style }
    }

    pub fn block<'a>(&self, title: String, right: String, focused: bool) -> Block<'a> {
        let block =
            Block::new().borders(Borders::ALL).title(title).title_top(ratatui::text::Line::from(right).right_aligned());
        let block = match (self.ascii, focused) {
            (true, true) => block.border_set(ASCII_FOCUS),
            (true, false) => block.border_set(ASCII),
            (false, true) => block.border_type(BorderType::Double),
            (false, false) => block.border_type(BorderType::Plain),
        };
        if focused { block.border_style(Style::new().add_modifier(Modifier::BOLD)) } else { block }
    }
}

/// The screen's word for a step: a fixed map of status and outcome.
pub fn word(state: Option<&StepState>, asks: bool) -> (&'static str, Tone) {
    let Some(state) = state else { return ("-", Tone::Dim) };
    match (state.status, state.outcome) {
        (_, Some(StepResult::Unknown)) => ("UNKNOWN", Tone::Bad),
        (StepStatus::Done, Some(StepResult::Succeeded)) => ("ok", Tone::Good),
        (StepStatus::Done, Some(StepResult::Failed)) | (StepStatus::Waiting, Some(StepResult::Failed)) => {
            ("FAIL", Tone::Bad)
        }
        (_, Some(StepResult::Skipped)) => ("skip", Tone::Dim),
        (_, Some(StepResult::Aborted)) => ("stopped", Tone::Warn),
        (_, Some(StepResult::Inconclusive)) => ("grey", Tone::Warn),
        (_, Some(StepResult::Error)) => ("ERROR", Tone::Bad),
        (StepStatus::Running, _) => ("RUN", Tone::Busy),
        (StepStatus::Waiting, _) if asks => ("ASKS", Tone::Warn),
        (StepStatus::Waiting, _) => ("wait", Tone::Busy),
        (StepStatus::Pending | StepStatus::Done, _) => ("-", Tone::Dim),
    }
}

/// The screen's word for a run.
pub fn run_word(status: RunStatus) -> (&'static str, Tone) {
    match status {
        RunStatus::Open => ("open", Tone::Busy),
        RunStatus::Succeeded => ("SUCCEEDED", Tone::Good),
        RunStatus::Failed => ("FAILED", Tone::Bad),
        RunStatus::RolledBack => ("ROLLED BACK", Tone::Warn),
        RunStatus::RollbackIncomplete => ("ROLLBACK INCOMPLETE", Tone::Bad),
        RunStatus::Aborted => ("ABORTED", Tone::Warn),
    }
}
