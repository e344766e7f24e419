//! The first row and the last two: where we are, what was recorded last, which keys there are.

use ratatui::{
    text::{Line, Span, Text},
    widgets::Paragraph,
};

use super::Scene;
use crate::{
    engine::{fact::RunStatus, state::Lane},
    tui::{
        keymap::TABLE,
        text::{fit, width},
        theme::Tone,
    },
    visible,
};

pub fn header<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let opened = scene.run.opened();
    let target = match (opened.target.context.as_str(), opened.target.namespace.as_str()) {
        ("", "") => "no cluster".to_owned(),
        ("", namespace) => namespace.to_owned(),
        (context, namespace) => format!("{context}/{namespace}"),
    };
    let target = visible::line(&target).into_owned();
    let first = if opened.target.protected {
        Span::styled(format!(" PROD {target} "), scene.theme.band())
    } else {
        Span::raw(format!(" {target} "))
    };
    let mode = match (opened.read_only, scene.run.lane()) {
        (true, _) => ("READ-ONLY", Tone::Warn),
        (false, Lane::Rollback) => ("ROLLING BACK", Tone::Bad),
        (false, Lane::Forward) if scene.run.is_armed() => ("WRITE, z armed", Tone::Warn),
        (false, Lane::Forward) => ("WRITE", Tone::Plain),
    };
    let mut spans = vec![
        first,
        Span::raw(format!(" {}  ", visible::line(&opened.operator.name))),
        Span::styled(mode.0, scene.theme.tone(mode.1)),
    ];
    if let Some(why) = scene.run.break_glass() {
        spans.push(Span::styled(format!("  GLASS BROKEN: {}", visible::line(why)), scene.theme.tone(Tone::Bad)));
    }
    if scene.ui.frozen {
        spans.push(Span::styled("  FROZEN", scene.theme.tone(Tone::Warn)));
    }
    let status = match scene.run.status() {
        RunStatus::Open if !scene.run.is_started() => ("not begun", Tone::Dim),
        RunStatus::Open => ("open", Tone::Busy),
        RunStatus::Succeeded => ("SUCCEEDED", Tone::Good),
        RunStatus::Failed => ("FAILED", Tone::Bad),
        RunStatus::RolledBack => ("ROLLED BACK", Tone::Warn),
        RunStatus::RollbackIncomplete => ("ROLLBACK INCOMPLETE", Tone::Bad),
        RunStatus::Aborted => ("ABORTED", Tone::Warn),
    };
    let clock = scene.ui.now.strftime("%H:%M:%SZ ").to_string();
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let gap = usize::from(columns).saturating_sub(used + status.0.len() + clock.len() + 2);
    spans.push(Span::raw(" ".repeat(gap)));
    spans.push(Span::styled(status.0, scene.theme.tone(status.1)));
    spans.push(Span::raw(format!("  {clock}")));
    Paragraph::new(Line::from(spans))
}

pub fn footer<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let columns = usize::from(columns);
    let last = match (&scene.ui.halted, scene.ui.trail.back()) {
        (Some(why), _) => {
            Line::styled(fit(&format!(" TRAIL: {}", visible::line(why)), columns), scene.theme.tone(Tone::Bad))
        }
        (None, Some(line)) => {
            let saved = " saved to disk ";
            let text = fit(&format!(" @ {}", line.text), columns.saturating_sub(saved.len()));
            let gap = columns.saturating_sub(width(&text) + saved.len());
            Line::from(vec![
                Span::raw(text),
                Span::raw(" ".repeat(gap)),
                Span::styled(saved, scene.theme.tone(Tone::Dim)),
            ])
        }
        (None, None) => Line::default(),
    };
    let keys = if scene.ui.filtering {
        let text = scene.ui.filter.as_ref().map(|filter| filter.text.clone()).unwrap_or_default();
        Line::from(format!(" / {text}_   Enter keeps it, Esc clears it"))
    } else if let Some(status) = &scene.ui.status {
        Line::styled(fit(&format!(" {}", visible::line(status)), columns), scene.theme.tone(Tone::Warn))
    } else {
        let short = |words: &str| {
            words.split([':', ',', ';']).next().unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
        };
        let keys = TABLE.iter().filter(|(.., bar)| *bar).map(|(key, _, words, _)| match *key {
            "q, Ctrl-c" => "q quit".to_owned(),
            "z" => "z rollback".to_owned(),
            "a" => "a note".to_owned(),
            "Tab" => "Tab pane".to_owned(),
            "f" => "f full".to_owned(),
            ":" => ": cmd".to_owned(),
            "?" => "? help".to_owned(),
            key => format!("{key} {}", short(words)),
        });
        Line::from(fit(&format!(" {}", keys.collect::<Vec<_>>().join("  ")), columns))
    };
    Paragraph::new(Text::from(vec![last, keys]))
}
