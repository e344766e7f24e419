//! `c`: what the focused pane has under its cursor goes to the terminal's clipboard, and the screen says what it was.

use super::looked_at;
use crate::{
    engine::Run,
    tui::state::{Act, Pane, Ui},
};

pub fn copy(ui: &mut Ui, run: &Run) -> Vec<Act> {
    let Some((what, text)) = under_the_cursor(ui, run) else {
        ui.status = Some("nothing to copy here yet".into());
        return Vec::new();
    };
    let first = text.lines().next().unwrap_or_default();
    let more = text.lines().count().saturating_sub(1);
    let more = if more == 0 { String::new() } else { format!(" and {more} lines more") };
    ui.status = Some(format!("copied {what}: {first}{more}"));
    vec![Act::Copy(text)]
}

fn under_the_cursor(ui: &Ui, run: &Run) -> Option<(&'static str, String)> {
    let seen = ui.shown();
    match ui.focus {
        Pane::Pods => ui.live.pod(&seen.cluster).map(|name| ("the pod's name", name.to_owned())),
        Pane::Events => {
            let group = seen.cluster.events.shown(&ui.live.events).nth(ui.live.events_top)?;
            let event = &group.newest;
            Some(("the event", format!("{} {}/{} {}", event.reason, event.kind, event.name, event.message)))
        }
        Pane::Logs => {
            let end = ui.live.logs_end.unwrap_or_else(|| seen.logs.end());
            let (_, line) = seen.logs.window(&ui.live.logs, end, 1).pop()?;
            Some(("the last line shown", line.text.to_string()))
        }
        Pane::Page => ui.live.page.as_ref().map(|page| ("the page", page.lines.join("\n"))),
        _ => command(ui, run).map(|command| ("the command", command)),
    }
}

/// What the step looked at ran, or would run.
fn command(ui: &Ui, run: &Run) -> Option<String> {
    let id = looked_at(ui, run)?;
    let done = run.state(&id).and_then(|state| state.intent.as_ref()).map(|intent| intent.command.clone());
    done.or_else(|| run.intent_for(&id, ui.selection().as_ref()).ok().map(|intent| intent.command))
}
