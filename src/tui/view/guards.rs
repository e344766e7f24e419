//! The guards in a line, and in words what is wrong with one: one that cannot read must not look as if it watched.

use jiff::{SignedDuration, Timestamp};
use ratatui::text::{Line, Span};

use super::Scene;
use crate::{
    engine::{analysis::guard, fact::SampleVerdict, message::Reading, path::Watch, state::GuardState},
    observe::human,
    runbook::model::Guard,
    tui::{
        text::{fit, width},
        theme::Tone,
    },
};

/// A reading may take so long where the server is away; later than that nothing was heard.
const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// Every guard with its word; nothing where the runbook has none.
pub fn line<'a>(scene: &Scene<'_>, columns: usize) -> Option<Line<'a>> {
    if scene.run.guards().is_empty() {
        return None;
    }
    let mut spans = vec![Span::styled(" guards  ", scene.theme.tone(Tone::Dim))];
    let mut left = columns.saturating_sub(9);
    let mut all = all(scene);
    all.sort_by_key(|(_, (_, tone), _)| !is_trouble(*tone)); // what is cut is what is well
    for (title, (word, tone), _) in all {
        let text = fit(&format!("{title} {word}  "), left);
        left = left.saturating_sub(width(&text));
        spans.push(Span::styled(text, scene.theme.tone(tone)));
    }
    Some(Line::from(spans))
}

/// Why a guard does not watch now, or what it sees that is not good.
pub fn troubles(scene: &Scene<'_>) -> Vec<String> {
    let bad = all(scene).into_iter().filter(|(_, (_, tone), _)| is_trouble(*tone));
    bad.map(|(_, (word, _), said)| format!("guard {word}: {said}")).collect()
}

fn is_trouble(tone: Tone) -> bool {
    matches!(tone, Tone::Bad | Tone::Warn)
}

type Word = (&'static str, Tone);

fn all(scene: &Scene<'_>) -> Vec<(String, Word, String)> {
    let (run, now) = (scene.run, scene.ui.now);
    let one = |(watch, state): (Watch<'_>, &GuardState)| {
        let metrics = &watch.book.metrics;
        let title = guard::title(watch.guard, metrics);
        match &state.last {
            _ if state.armed_at.is_none() => (title, ("from the first write", Tone::Dim), String::new()),
            _ if !run.is_watching(&watch) => (title, ("off", Tone::Dim), String::new()),
            None => (title, ("not read yet", Tone::Dim), String::new()),
            Some(last) => {
                let age = human::since(now, Some(last.slot.min(now)));
                let said = guard::describe(watch.guard, metrics, &last.reading, last.slot);
                (title, word(watch.guard, state, now), format!("{said}, {age} ago"))
            }
        }
    };
    run.watches().into_iter().zip(run.guards()).map(one).collect()
}

fn word(rule: &Guard, state: &GuardState, now: Timestamp) -> Word {
    let Some(last) = &state.last else { return ("not read yet", Tone::Dim) };
    let late = SignedDuration::try_from(guard::interval(rule) * 3).unwrap_or(GRACE) + GRACE;
    if state.tripped.is_some() && !state.dismissed {
        return ("TRIPPED", Tone::Bad);
    }
    if now.duration_since(last.slot) > late || !matches!(last.reading, Reading::Value { .. }) {
        return ("UNKNOWN", Tone::Bad);
    }
    match last.verdict {
        SampleVerdict::Error => ("UNKNOWN", Tone::Bad),
        SampleVerdict::Failed => ("FAIL", Tone::Bad),
        SampleVerdict::Inconclusive => ("grey", Tone::Warn),
        SampleVerdict::Successful => ("ok", Tone::Good),
    }
}
