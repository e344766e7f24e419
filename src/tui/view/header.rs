//! The first row: who, where and in which mode on the left; what is alive, how the run stands and the time on the right.
//! Where there is no room the least important part gives way; the target, FROZEN and a guard's word never do.

use ratatui::{
    text::{Line, Span},
    widgets::Paragraph,
};

use super::Scene;
use crate::{
    engine::{Ask, fact::RunStatus, state::Lane},
    tui::{
        text::{fit, fit_middle, width},
        theme::{Tone, run_word},
    },
    visible,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Target,
    Mode,
    Frozen,
    Glass,
    Operator,
    Api,
    Skew,
    Prometheus,
    Alerts,
    Forwards,
    Status,
    Clock,
}

/// Which part gives way next, each time by one of its words.
const GIVES: [What; 14] = [
    What::Operator,
    What::Status,
    What::Clock,
    What::Forwards,
    What::Alerts,
    What::Glass,
    What::Prometheus,
    What::Mode,
    What::Skew,
    What::Clock,
    What::Api,
    What::Mode,
    What::Alerts,
    What::Prometheus,
];

struct Part {
    what: What,
    /// From the longest to the shortest; an empty one means that it may go.
    words: Vec<String>,
    tone: Tone,
}

impl Part {
    fn new(what: What, tone: Tone, words: &[&str]) -> Self {
        Self { what, tone, words: words.iter().map(|word| visible::line(word).into_owned()).collect() }
    }

    fn word(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn columns(&self) -> usize {
        if self.word().is_empty() { 0 } else { width(self.word()) + 2 }
    }
}

pub fn header<'a>(scene: &Scene<'_>, columns: u16) -> Paragraph<'a> {
    let columns = usize::from(columns);
    let (mut left, mut right) = (left(scene), right(scene));
    let used = |left: &[Part], right: &[Part]| left.iter().chain(right).map(Part::columns).sum::<usize>();
    for what in GIVES {
        if used(&left, &right) <= columns {
            break;
        }
        let part = left.iter_mut().chain(&mut right).find(|part| part.what == what && part.words.len() > 1);
        if let Some(part) = part {
            part.words.remove(0);
        }
    }
    let over = used(&left, &right).saturating_sub(columns);
    if let Some(target) = left.first_mut().and_then(|part| part.words.first_mut()).filter(|_| over > 0) {
        *target = fit_middle(target, width(target).saturating_sub(over));
    }
    let gap = columns.saturating_sub(used(&left, &right));
    let mut spans = spans(scene, left);
    spans.push(Span::raw(" ".repeat(gap)));
    spans.extend(self::spans(scene, right));
    Paragraph::new(Line::from(spans))
}

fn spans<'a>(scene: &Scene<'_>, parts: Vec<Part>) -> Vec<Span<'a>> {
    let shown = parts.into_iter().filter(|part| !part.word().is_empty());
    shown
        .map(|part| {
            let style = match part.what {
                What::Target if scene.run.opened().target.protected => scene.theme.band(),
                _ => scene.theme.tone(part.tone),
            };
            Span::styled(format!(" {} ", part.word()), style)
        })
        .collect()
}

fn left(scene: &Scene<'_>) -> Vec<Part> {
    let (run, opened) = (scene.run, scene.run.opened());
    let target = match (opened.target.context.as_str(), opened.target.namespace.as_str()) {
        ("", "") => "no cluster".to_owned(),
        ("", namespace) => namespace.to_owned(),
        (context, namespace) => format!("{context}/{namespace}"),
    };
    let target = if opened.target.protected { format!("PROD {target}") } else { target };
    let (mode, tone): (&[&str], _) = match (opened.read_only, run.lane()) {
        _ if scene.ui.watching => (&["WATCH"], Tone::Plain),
        _ if run.is_closed() => (&["OVER", ""], Tone::Dim),
        (true, _) => (&["READ-ONLY"], Tone::Warn),
        (false, Lane::Rollback) => (&["ROLLING BACK"], Tone::Bad),
        (false, Lane::Forward) if run.is_armed() => (&["WRITE, z armed", "z armed"], Tone::Warn),
        (false, Lane::Forward) => (&["WRITE"], Tone::Plain),
    };
    let mut parts = vec![Part::new(What::Target, Tone::Plain, &[&target]), Part::new(What::Mode, tone, mode)];
    if scene.ui.frozen.is_some() {
        parts.push(Part::new(What::Frozen, Tone::Warn, &["FROZEN"]));
    }
    if let Some(why) = run.break_glass() {
        parts.push(Part::new(What::Glass, Tone::Bad, &[&format!("GLASS BROKEN: {}", fit(why, 40)), "GLASS BROKEN"]));
    }
    parts.push(Part::new(What::Operator, Tone::Plain, &[&opened.operator.name, ""]));
    parts
}

/// Of now, frozen panes or not: what the run rests on.
fn right(scene: &Scene<'_>) -> Vec<Part> {
    let (seen, now) = (&scene.ui.seen, scene.ui.now);
    let mut parts = Vec::new();
    // What is well may go; what is not stays as long as anything does.
    let mut health = |what, (word, tone): (String, Tone)| {
        let goes: &[&str] = if matches!(tone, Tone::Good | Tone::Plain) { &[&word, ""] } else { &[&word] };
        parts.push(Part::new(what, tone, goes));
    };
    if scene.ui.has_cluster {
        let (word, tone) = seen.cluster.api.word(now);
        health(What::Api, (word, tone.into()));
    }
    if let Some((word, tone)) = seen.metrics.word(now) {
        health(What::Prometheus, (word, tone.into()));
    }
    if let Some(skew) = seen.cluster.api.skew_word() {
        parts.push(Part::new(What::Skew, Tone::Warn, &[&skew, "clock off", ""]));
    }
    if let Some((word, tone)) = seen.alerts.word(now) {
        let short = match word.split_once([',', ' ']) {
            Some((count, _)) if count.parse::<u32>().is_ok() => format!("{count} ALERTS"),
            Some(("ALERT", _)) => "1 ALERT".to_owned(),
            _ => word.clone(),
        };
        parts.push(Part::new(What::Alerts, tone.into(), &[&fit(&word, 34), &short, ""]));
    }
    if let Some((word, tone)) = forwards(&scene.ui.forwards) {
        let goes: &[&str] = if tone == Tone::Plain { &[&word, ""] } else { &[&word] };
        parts.push(Part::new(What::Forwards, tone, goes));
    }
    let (word, tone) = status(scene);
    let words: &[&str] = if matches!(word, "open" | "not begun") { &[word, ""] } else { &[word] };
    parts.push(Part::new(What::Status, tone, words));
    let clock = |format: &str| now.strftime(format).to_string();
    parts.push(Part::new(What::Clock, Tone::Plain, &[&clock("%H:%M:%SZ"), &clock("%H:%MZ"), ""]));
    parts
}

/// One that leads nowhere comes first; more than one are counted.
fn forwards(open: &[(String, bool)]) -> Option<(String, Tone)> {
    let (first, up) = open.iter().min_by_key(|(_, up)| *up)?;
    let more = if open.len() > 1 { format!(" +{}", open.len() - 1) } else { String::new() };
    Some((format!("{}{more}", fit(first, 34 - more.len())), if *up { Tone::Plain } else { Tone::Bad }))
}

fn status(scene: &Scene<'_>) -> (&'static str, Tone) {
    match scene.run.status() {
        _ if scene.ui.watching => ("", Tone::Plain),
        RunStatus::Open if !scene.run.is_started() => ("not begun", Tone::Dim),
        RunStatus::Open if scene.run.asks(None).iter().any(|ask| matches!(ask, Ask::Guard { .. })) => {
            ("GUARD", Tone::Bad)
        }
        status => run_word(status),
    }
}
