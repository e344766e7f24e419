//! The step list: number, state as a word, title, what is special about it.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{Scene, guards, next};
use crate::{
    engine::{
        fact::StepResult,
        state::{Lane, Phase, Row, StepStatus},
    },
    runbook::model::Risk,
    tui::{
        state::Pane,
        text::{clock, fit, pad, spread, width},
        theme::{Tone, word},
        update::looked_at,
    },
    visible,
};

/// `step_is_hidden`: pane 2 is not on the screen, so its `next` line stands here.
pub fn draw(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>, step_is_hidden: bool) {
    let rows = scene.run.rows();
    let book = scene.run.book();
    let over = rows
        .iter()
        .filter(|row| row.lane == Lane::Forward && row.state.is_some_and(|state| state.outcome.is_some()))
        .count();
    let forward = rows.iter().filter(|row| row.lane == Lane::Forward).count();
    let version = book.metadata.version.clone().unwrap_or_default();
    let title = format!(" 1 Runbook  {} {version} ", book.metadata.name);
    let block = scene.theme.block(
        visible::line(&title).into_owned(),
        format!(" {over}/{forward} "),
        scene.ui.focus == Pane::Runbook,
    );
    let inner = block.inner(area);
    let columns = usize::from(inner.width);
    let looked = looked_at(scene.ui, scene.run);
    let at = rows.iter().position(|row| Some(&row.id) == looked.as_ref()).unwrap_or(0);
    let is_low = inner.height <= 3; // the steps themselves come first; z shows where the way back leads
    let back = back_to(scene).filter(|_| !is_low);
    let asks = !scene.run.asks(scene.ui.selection().as_ref()).is_empty();
    let next = next::words(scene).filter(|_| step_is_hidden);
    let guards = guards::line(scene, columns);
    let foot = [back.is_some(), next.is_some(), guards.is_some()].iter().filter(|there| **there).count() + 1;
    let height = usize::from(inner.height).saturating_sub(foot).max(1);
    let from = at.saturating_sub(height / 2).min(rows.len().saturating_sub(height));
    let mut number = 0;
    let mut lines = Vec::new();
    for row in &rows {
        let label = match row.lane {
            Lane::Rollback => "R".to_owned(),
            Lane::Forward if row.depth > 0 => ".".to_owned(),
            Lane::Forward => {
                number += 1;
                number.to_string()
            }
        };
        lines.push(line(scene, row, &label, Some(&row.id) == looked.as_ref() && scene.ui.selected.is_some(), columns));
    }
    let mut shown: Vec<Line<'_>> = lines.into_iter().skip(from).take(height).collect();
    while shown.len() < height {
        shown.push(Line::default());
    }
    shown.push(Line::styled(fit(&summary(&rows, scene.run.lane(), asks), columns), scene.theme.tone(Tone::Dim)));
    shown.extend(guards);
    shown.extend(back.map(|back| Line::styled(fit(&visible::line(&back), columns), scene.theme.tone(Tone::Plain))));
    shown.extend(
        next.map(|next| {
            Line::styled(fit(&format!(" {}", visible::line(&next)), columns), scene.theme.tone(Tone::Busy))
        }),
    );
    frame.render_widget(Paragraph::new(shown).block(block), area);
}

fn line<'a>(scene: &Scene<'_>, row: &Row<'_>, label: &str, selected: bool, columns: usize) -> Line<'a> {
    let asks = row.current && !scene.run.asks(scene.ui.selection().as_ref()).is_empty();
    let (state_word, tone) = if row.current { current_word(scene, row, asks) } else { word(row.state, asks) };
    let title = scene.run.text_for(&row.id, row.step.title());
    let indent = "  ".repeat(row.depth);
    let pointer = if row.current { ">" } else { " " };
    let right = right_side(scene, row);
    let head = format!(" {pointer} {label:>2} ");
    let word_text = pad(state_word, 8);
    let room = columns.saturating_sub(width(&head) + width(&word_text));
    let right = if right.is_empty() { right } else { format!(" {right}") };
    let body = spread(&format!("{indent}{}", visible::line(&title)), &right, room);
    let style = if selected { scene.theme.selected() } else { ratatui::style::Style::new() };
    Line::from(vec![Span::raw(head), Span::styled(word_text, scene.theme.tone(tone)), Span::raw(body)]).style(style)
}

fn current_word(scene: &Scene<'_>, row: &Row<'_>, asks: bool) -> (&'static str, Tone) {
    match scene.run.phase() {
        Phase::Verifying { .. } => ("CHECK", Tone::Busy),
        Phase::Cancelling { .. } => ("STOPS", Tone::Warn),
        Phase::RetryAt(_) => ("again", Tone::Warn),
        Phase::CalendarClosed(_) => ("CLOSED", Tone::Bad),
        _ => word(row.state, asks),
    }
}

/// When it ended, how long still, or that it is dangerous.
fn right_side(scene: &Scene<'_>, row: &Row<'_>) -> String {
    let Some(state) = row.state else { return danger(row) };
    let left = |until: jiff::Timestamp| format!("{} left ", clock(until.duration_since(scene.ui.now)));
    if row.current && !scene.run.is_closed() {
        if let Some(end) = scene.run.wait_end(&row.id) {
            return left(end);
        }
        match scene.run.phase() {
            Phase::RetryAt(at) => return left(*at),
            Phase::Busy(_) if state.approval_until.is_some() => {
                return state.approval_until.map(left).unwrap_or_default();
            }
            _ => {}
        }
        if let (None, Some(Ok(plan)), Some(gate)) = (state.outcome, scene.run.gate_plan(&row.id), &state.gate) {
            return left(plan.last_slot(gate));
        }
        if state.status == StepStatus::Running
            && let Some(since) = state.entered_at
        {
            return format!("{}s ", scene.ui.now.duration_since(since).as_secs().max(0));
        }
    }
    match (state.outcome, state.ended_at) {
        (Some(StepResult::Skipped), _) if state.message.starts_with("when: ") => "when ".into(),
        (Some(_), Some(at)) => at.strftime("%H:%M ").to_string(),
        _ => danger(row),
    }
}

fn danger(row: &Row<'_>) -> String {
    match row.step.risk() {
        Risk::Destructive => "DANGEROUS ".into(),
        Risk::Read | Risk::Write => String::new(),
    }
}

/// Where every step of the lane that is walked stands; the numbers add up to all of them.
fn summary(rows: &[Row<'_>], lane: Lane, asks: bool) -> String {
    let rows: Vec<&Row<'_>> = rows.iter().filter(|row| row.lane == lane).collect();
    let is = |row: &Row<'_>, result: StepResult| row.state.and_then(|state| state.outcome) == Some(result);
    let count = |result| rows.iter().filter(|row| is(row, result)).count();
    let going = rows
        .iter()
        .filter(|row| row.state.is_some_and(|state| state.outcome.is_none()))
        .filter(|row| row.state.is_some_and(|state| matches!(state.status, StepStatus::Running | StepStatus::Waiting)));
    let going = going.count();
    let mut said = vec![
        (count(StepResult::Succeeded), "ok"),
        (count(StepResult::Failed) + count(StepResult::Error), "failed"),
        (count(StepResult::Inconclusive), "grey"),
        (count(StepResult::Unknown), "UNKNOWN"),
        (count(StepResult::Aborted), "stopped"),
        (count(StepResult::Skipped), "skipped"),
        (going, if asks { "waits for you" } else { "running" }),
    ];
    let told: usize = said.iter().map(|(count, _)| count).sum();
    said.retain(|(count, word)| *count > 0 || *word == "ok");
    said.push((rows.len() - told, "left"));
    let words: Vec<String> = said.iter().map(|(count, word)| format!("{count} {word}")).collect();
    format!("     {}{}", if lane == Lane::Rollback { "way back: " } else { "" }, words.join("  "))
}

/// Where the way back leads, in sight all the time.
fn back_to(scene: &Scene<'_>) -> Option<String> {
    let baseline = scene.run.baseline()?;
    let image = baseline.images.first().map_or("", |image| image.rsplit('/').next().unwrap_or(image));
    let age = if baseline.age.is_empty() { String::new() } else { format!(", {} old", baseline.age) };
    Some(format!(" back to: revision {} {image}{age}", baseline.revision))
}
