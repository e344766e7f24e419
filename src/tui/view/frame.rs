//! The last rows: what must not be overlooked, what was recorded last, which keys there are. And, on a small screen, the
//! tabs and the readings in brief.

use ratatui::{
    style::Modifier,
    text::{Line, Span, Text},
    widgets::Paragraph,
};

use super::{Scene, live, metrics};
use crate::{
    engine::Ask,
    tui::{
        dialog::Kind,
        keymap::{Cmd, TABLE},
        state::Pane,
        text::{fit, spread, width, wrap},
        theme::Tone,
        update::{can_be_pulled, why_not},
    },
    visible,
};

/// What must not be overlooked, whatever fills the screen: asked, and put aside or not seen yet. With its key.
pub fn urgent(scene: &Scene<'_>) -> Option<(String, &'static str)> {
    scene.run.asks(None).iter().find_map(|ask| match ask {
        Ask::Guard { detail, .. } => Some((format!("GUARD offers the way back: {detail}"), "r answers  z leads back")),
        Ask::Failure { step, reason, .. } => Some((format!("FAILED: {step} ({reason})"), "r what now")),
        Ask::Unknown { step, .. } => {
            Some((format!("UNKNOWN: {step}, verify before retry"), "r says what became of it"))
        }
        Ask::Calendar { reason } => Some((format!("CLOSED: {reason}"), "r breaks the glass")),
        _ => None,
    })
}

pub fn urgent_line<'a>(scene: &Scene<'_>, (what, keys): &(String, &str), columns: u16) -> Line<'a> {
    let text = spread(&format!(" {}", visible::line(what)), &format!("  {keys} "), usize::from(columns));
    Line::styled(text, scene.theme.tone(Tone::Bad).add_modifier(Modifier::REVERSED))
}

pub fn footer<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let columns = usize::from(columns);
    if let (None, Some(status)) = (&scene.ui.typing, &scene.ui.status)
        && width(status) >= columns
    {
        // An answer is read to its end: it takes the row above for as long as it stands.
        let lines = wrap(&visible::line(status), columns.saturating_sub(2)).into_iter().take(2);
        let lines = lines.map(|line| Line::styled(format!(" {line}"), scene.theme.tone(Tone::Warn)));
        return Paragraph::new(Text::from(lines.collect::<Vec<_>>()));
    }
    let keys = if let Some(edit) = &scene.ui.typing {
        Line::from(fit(&format!(" / {}_   Enter keeps it, Esc clears it", edit.text), columns))
    } else if let Some(status) = &scene.ui.status {
        Line::styled(fit(&format!(" {}", visible::line(status)), columns), scene.theme.tone(Tone::Warn))
    } else {
        Line::from(fit(&format!(" {}", bar(scene, columns)), columns))
    };
    Paragraph::new(Text::from(vec![last_act(scene, columns), keys]))
}

fn last_act<'a>(scene: &Scene<'_>, columns: usize) -> Line<'a> {
    match (&scene.ui.halted, &scene.ui.last_act) {
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
    }
}

/// The keys in the order of their worth: where there is no room the last ones are not shown.
const WORTH: [Cmd; 17] = [
    Cmd::Run,
    Cmd::Ripcord,
    Cmd::Help,
    Cmd::Quit,
    Cmd::Mark,
    Cmd::FocusNext,
    Cmd::Skip,
    Cmd::Palette,
    Cmd::Reveal,
    Cmd::Filter,
    Cmd::FullScreen,
    Cmd::Note,
    Cmd::Trail,
    Cmd::Logs,
    Cmd::Describe,
    Cmd::Yaml,
    Cmd::Freeze,
];

/// The keys that mean something now and where the focus is; while a dialog has them, how one gets out of it.
fn bar(scene: &Scene<'_>, columns: usize) -> String {
    if let Some(dialog) = &scene.ui.dialog {
        let pull = can_be_pulled(scene.ui, scene.run) && !matches!(dialog.kind, Kind::Ripcord { .. });
        return format!("the dialog has the keys   Esc back{}", if pull { ", then z: the ripcord" } else { "" });
    }
    let here =
        TABLE.iter().filter(|entry| entry.at.holds(scene.ui) && why_not(scene.ui, scene.run, entry.cmd).is_none());
    let all: Vec<(Cmd, String)> = here
        .filter_map(|entry| {
            let key = entry.keys.split(',').next().unwrap_or_default();
            Some((entry.cmd, format!("{key} {}  ", entry.bar?)))
        })
        .collect();
    let mut room = columns.saturating_sub(1);
    let mut shown: Vec<Cmd> = Vec::new();
    for worth in WORTH {
        let Some((cmd, words)) = all.iter().find(|(cmd, _)| *cmd == worth) else { continue };
        let Some(left) = room.checked_sub(width(words)) else { break };
        room = left;
        shown.push(*cmd);
    }
    all.into_iter().filter(|(cmd, _)| shown.contains(cmd)).map(|(_, words)| words).collect()
}

/// `[3 Pods !2]  4 Events !2  5 Metrics`: what else there is on a small screen.
pub fn tabs<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let open = scene.ui.tab();
    let mut spans = vec![Span::raw(" ")];
    let named: Vec<(Pane, String)> = scene.ui.tabs().into_iter().map(|pane| (pane, tab_name(scene, pane))).collect();
    let all: usize = named.iter().map(|(_, name)| width(name) + 4).sum();
    for (pane, name) in named {
        // Where not all have room, those that are not open keep their mark and the beginning of their name.
        let name = if all >= usize::from(columns) && pane != open { short(&name) } else { name };
        let text = format!("{} {name}", pane.number());
        let text = if pane == open { format!("[{text}]") } else { format!(" {text} ") };
        let style = if pane == open { scene.theme.selected() } else { ratatui::style::Style::new() };
        spans.push(Span::styled(text, style));
    }
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let hint = "  [ ] tabs  f full";
    if used + hint.len() < usize::from(columns) {
        spans.push(Span::styled(hint, scene.theme.tone(Tone::Dim)));
    }
    Paragraph::new(Line::from(spans))
}

fn tab_name(scene: &Scene<'_>, pane: Pane) -> String {
    match (pane, pane.live()) {
        (_, Some(of)) => live::tab(&scene.live(), of),
        (Pane::Metrics, _) => metrics::tab(&scene.metrics()),
        (Pane::Step, _) => "Step".to_owned(),
        _ => "Output".to_owned(),
    }
}

/// `Metrics !2` as `Met !2`.
fn short(name: &str) -> String {
    let (word, mark) = name.split_once(' ').unwrap_or((name, ""));
    let word: String = word.chars().take(3).collect();
    if mark.is_empty() { word } else { format!("{word} {mark}") }
}

/// As many rows as there is something to say.
pub fn brief_rows(scene: &Scene<'_>) -> u16 {
    let seen = scene.ui.shown();
    u16::from(seen.cluster.events.warnings() > 0) + u16::from(!seen.metrics.rows.is_empty())
}

/// The newest warning and the readings, one line each, where there are any.
pub fn brief<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let room = usize::from(columns);
    let seen = scene.ui.shown();
    let now = seen.cluster.cluster_now(scene.ui.shown_at());
    let warning = seen.cluster.events.iter().find(|group| group.newest.is_warning()).map(|group| {
        let event = &group.newest;
        let text =
            format!(" ! {} {} {}/{} {}", group.times.cell(now), event.reason, event.kind, event.name, event.message);
        Line::styled(fit(&text, room), scene.theme.tone(Tone::Warn))
    });
    let strip = || Line::from(format!(" {}", metrics::strip(&scene.metrics(), room.saturating_sub(1))));
    let readings = (!seen.metrics.rows.is_empty()).then(strip);
    Paragraph::new(Text::from(warning.into_iter().chain(readings).collect::<Vec<_>>()))
}
