//! The first row and the last two: where we are, what was recorded last, which keys there are. And, on a small
//! screen, the tabs and the readings in brief.

use ratatui::{
    text::{Line, Span, Text},
    widgets::Paragraph,
};

use super::{Scene, live, metrics};
use crate::{
    engine::{fact::RunStatus, state::Lane},
    tui::{
        keymap::TABLE,
        state::Pane,
        text::{fit, fit_middle, width},
        theme::{Tone, run_word},
    },
    visible,
};

/// Who, where and in which mode on the left; what is alive, how the run stands and the time on the right, always.
pub fn header<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let columns = usize::from(columns);
    let (status, tone) = status(scene);
    let clock = scene.ui.now.strftime("  %H:%M:%SZ ").to_string();
    let mut right = health(scene);
    right.extend([Span::styled(status, scene.theme.tone(tone)), Span::raw(clock)]);
    let taken: usize = right.iter().map(|span| width(&span.content)).sum();
    let mut spans = left(scene, columns.saturating_sub(taken + 1));
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    spans.push(Span::raw(" ".repeat(columns.saturating_sub(used + taken))));
    spans.extend(right);
    Paragraph::new(Line::from(spans))
}

/// The target never goes; what comes after it is cut where there is no room.
fn left<'a>(scene: &Scene<'_>, room: usize) -> Vec<Span<'a>> {
    let opened = scene.run.opened();
    let target = match (opened.target.context.as_str(), opened.target.namespace.as_str()) {
        ("", "") => "no cluster".to_owned(),
        ("", namespace) => namespace.to_owned(),
        (context, namespace) => format!("{context}/{namespace}"),
    };
    let mode = match (scene.run.is_read_only(), scene.run.lane()) {
        _ if scene.ui.watching => ("WATCH", Tone::Plain),
        _ if scene.run.is_closed() => ("OVER", Tone::Dim),
        (true, _) => ("READ-ONLY", Tone::Warn),
        (false, Lane::Rollback) => ("ROLLING BACK", Tone::Bad),
        (false, Lane::Forward) if scene.run.is_armed() => ("WRITE, z armed", Tone::Warn),
        (false, Lane::Forward) => ("WRITE", Tone::Plain),
    };
    let mark = if opened.target.protected { " PROD " } else { " " };
    let target = fit_middle(&visible::line(&target), room.saturating_sub(mark.len() + 1 + mode.0.len() + 2));
    let first = if opened.target.protected {
        Span::styled(format!("{mark}{target} "), scene.theme.band())
    } else {
        Span::raw(format!("{mark}{target} "))
    };
    let mut spans = vec![first, Span::raw(" "), Span::styled(mode.0, scene.theme.tone(mode.1))];
    let mut further = vec![];
    if scene.ui.frozen.is_some() {
        further.push(("  FROZEN".to_owned(), Tone::Warn));
    }
    if let Some(why) = scene.run.break_glass() {
        further.push((format!("  GLASS BROKEN: {}", visible::line(why)), Tone::Bad));
    }
    further.push((format!("  {}", visible::line(&opened.operator.name)), Tone::Plain));
    for (words, tone) in further {
        let used: usize = spans.iter().map(|span| width(&span.content)).sum();
        let words = fit(&words, room.saturating_sub(used));
        if width(&words) > 3 {
            spans.push(Span::styled(words, scene.theme.tone(tone)));
        }
    }
    spans
}

/// `api ok 1s | prom ok 9s | ALERT …`: what the panes rest on.
fn health<'a>(scene: &Scene<'_>) -> Vec<Span<'a>> {
    let seen = scene.ui.shown();
    let now = scene.ui.shown_at();
    let mut words: Vec<(String, Tone)> = Vec::new();
    if scene.ui.has_cluster {
        words.push(live::header(&scene.live()));
    }
    words.extend(seen.metrics.word(now).map(|(word, of)| (word, of.into())));
    words.extend(seen.alerts.word(now).map(|(word, of)| (word, of.into())));
    let mut spans = Vec::new();
    for (word, tone) in words {
        spans.push(Span::styled(fit(&word, 34), scene.theme.tone(tone)));
        spans.push(Span::raw("  "));
    }
    spans
}

fn status(scene: &Scene<'_>) -> (&'static str, Tone) {
    match scene.run.status() {
        _ if scene.ui.watching => ("", Tone::Plain),
        RunStatus::Open if !scene.run.is_started() => ("not begun", Tone::Dim),
        status => run_word(status),
    }
}

pub fn footer<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let columns = usize::from(columns);
    let keys = if let Some(edit) = &scene.ui.typing {
        Line::from(fit(&format!(" / {}_   Enter keeps it, Esc clears it", edit.text), columns))
    } else if let Some(status) = &scene.ui.status {
        Line::styled(fit(&format!(" {}", visible::line(status)), columns), scene.theme.tone(Tone::Warn))
    } else {
        Line::from(fit(&format!(" {}", bar(scene)), columns))
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

/// The keys that mean something where the focus is.
fn bar(scene: &Scene<'_>) -> String {
    let here = TABLE.iter().filter(|entry| entry.at.holds(scene.ui.focus, scene.ui.has_cluster));
    let keys = here.filter_map(|entry| {
        let key = entry.keys.split(',').next().unwrap_or_default();
        Some(format!("{key} {}", entry.bar?))
    });
    keys.collect::<Vec<_>>().join("  ")
}

/// `[3 Pods !2]  4 Events !2  5 Metrics`: what else there is on a small screen.
pub fn tabs<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let live = scene.live();
    let open = scene.ui.tab();
    let mut spans = vec![Span::raw(" ")];
    for pane in scene.ui.tabs() {
        let name = match (pane, pane.live()) {
            (_, Some(of)) => live::tab(&live, of),
            (Pane::Metrics, _) => metrics::tab(&scene.metrics()),
            (Pane::Step, _) => "Step".to_owned(),
            _ => "Output".to_owned(),
        };
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

/// The newest warning and the readings, one line each.
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
    let readings = Line::from(format!(" {}", metrics::strip(&scene.metrics(), room.saturating_sub(1))));
    Paragraph::new(Text::from(vec![warning.unwrap_or_default(), readings]))
}
