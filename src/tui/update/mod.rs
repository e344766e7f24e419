//! From a key to what follows: pure over (Ui, Run). Nothing is drawn and nothing is done here.

mod answers;
mod copy;
mod dialogs;
pub mod palette;
mod panes;
mod pods;
#[cfg(test)]
mod tests;
mod trail;
mod why_not;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub use answers::{FailureOption, UNKNOWN_OPTIONS, failure_options};
pub use panes::looked_at;
pub use trail::listed;
pub use why_not::why_not;

use super::{
    dialog::{Dialog, Evidence, Kind, Line, TrailLook},
    edit::Edit,
    keymap::{self, Cmd},
    state::{Act, Choice, Preview, Ui},
};
use crate::{
    engine::{
        Ask, Command, Run,
        fact::Tick,
        state::{Lane, Phase},
    },
    runbook::{
        model::{Action, InputField, Pick, Risk},
        value::StepId,
    },
};

/// A key, wherever it belongs.
pub fn key(ui: &mut Ui, run: &Run, key: KeyEvent) -> Vec<Act> {
    ui.status = None;
    if ui.reach.too_small {
        return unseen(key);
    }
    if ui.typing.is_some() {
        panes::filter_key(ui, key);
        return Vec::new();
    }
    let acts = match ui.dialog.take() {
        Some(dialog) => dialogs::key(ui, run, dialog, key),
        None => keymap::command(key).map_or_else(Vec::new, |cmd| command(ui, run, cmd)),
    };
    if ui.dialog.is_none() {
        ui.dialog = ui.under.take(); // what an urgent one came over
    }
    acts
}

/// Nothing is answered that cannot be read: below the least size a key only leaves.
fn unseen(key: KeyEvent) -> Vec<Act> {
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Char('c'), true) => vec![Act::Quit],
        (KeyCode::Char('z'), true) => vec![Act::Suspend],
        _ => Vec::new(),
    }
}

/// The live choices of a field came; the suggestion stands in it where nothing was typed yet.
pub fn offered(ui: &mut Ui, step: StepId, field: String, offered: Result<Vec<Choice>, String>) {
    let suggested = offered.iter().flatten().find(|choice| choice.suggested).map(|choice| choice.value.clone());
    let dialog = ui.dialog.as_mut().map(|dialog| &mut dialog.kind);
    if let (Some(Kind::Input { step: at, fields, .. }), Some(value)) = (dialog, suggested)
        && *at == step
        && let Some((_, edit)) = fields.iter_mut().find(|(name, edit)| *name == field && edit.text.is_empty())
    {
        *edit = Edit::of(value);
    }
    ui.choices.insert((step, field), offered);
}

/// A paste never confirms: it only fills a line.
pub fn paste(ui: &mut Ui, text: &str) {
    if ui.reach.too_small {
        return;
    }
    let text = text.trim_end_matches(['\r', '\n']); // the end of a copied line is none of it
    if let Some(edit) = &mut ui.typing {
        edit.insert(text);
        panes::apply_filter(ui);
    } else if let Some(edit) = ui.dialog.as_mut().and_then(|dialog| dialog.kind.edit()) {
        edit.insert(text);
    }
}

/// Offers and failures raise themselves, once each; a guard's comes over whatever is shown.
pub fn raise(ui: &mut Ui, run: &Run) {
    let selection = ui.selection();
    let asks = run.asks(selection.as_ref());
    let is_over = |dialog: &Dialog| over(&dialog.kind, &asks, run);
    if ui.dialog.as_ref().is_some_and(is_over) {
        ui.dialog = None; // answered here or elsewhere
    }
    if ui.under.as_ref().is_some_and(is_over) {
        ui.under = None;
    }
    if ui.dialog.is_none() {
        ui.dialog = ui.under.take();
    }
    let urgent = asks.iter().find(|ask| {
        matches!(ask, Ask::Guard { .. } | Ask::Failure { .. } | Ask::Unknown { .. } | Ask::Calendar { .. })
    });
    let Some(ask) = urgent else { return };
    let name = format!(
        "{ask:?} {:?}",
        ask.step().and_then(|step| run.state(step)).map(|state| (state.attempts, state.visits))
    );
    // Whoever has pulled already is not asked whether to: the key that confirms must not go to another dialog.
    let pulling = ui.dialog.as_ref().is_some_and(|dialog| matches!(dialog.kind, Kind::Ripcord { .. }));
    let over = (matches!(ask, Ask::Guard { .. }) && !pulling) || ui.dialog.is_none();
    if over && !ui.raised.contains(&name) {
        ui.raised.push(name);
        ui.under = ui.dialog.take().or(ui.under.take());
        open(ui, run, ask);
        if let Some(dialog) = &mut ui.dialog {
            dialog.raised = true;
        }
    }
}

/// What a dialog asks is not asked any more.
fn over(kind: &Kind, asks: &[Ask], run: &Run) -> bool {
    match kind {
        Kind::Guard { guard, .. } => !asks.iter().any(|ask| matches!(ask, Ask::Guard { guard: at, .. } if at == guard)),
        Kind::Line { line: Line::Dismiss(guard), .. } => {
            !asks.iter().any(|ask| matches!(ask, Ask::Guard { guard: at, .. } if at == guard))
        }
        Kind::Line { line: Line::BreakGlass(_), .. } => !asks.iter().any(|ask| matches!(ask, Ask::Calendar { .. })),
        // What a closed trail would refuse is not asked for; nothing is typed in vain.
        Kind::Line { line, .. } if run.is_closed() => *line != Line::Palette,
        Kind::Ripcord { .. } => run.is_closed() || run.lane() == Lane::Rollback,
        kind => kind.step().is_some_and(|step| !asks.iter().any(|ask| ask.step() == Some(step))),
    }
}

fn show(ui: &mut Ui, kind: Kind) {
    ui.dialog = Some(Dialog { kind, opened: ui.boot_ms, raised: false, down: 0, read: 0 });
}

fn ask_line(ui: &mut Ui, line: Line) {
    show(ui, Kind::Line { line, text: Edit::default() });
}

fn command(ui: &mut Ui, run: &Run, cmd: Cmd) -> Vec<Act> {
    if let Some(why) = why_not(ui, run, cmd) {
        ui.status = Some(why);
        return Vec::new();
    }
    match cmd {
        Cmd::Help => show(ui, Kind::Help),
        Cmd::Trail => show(ui, Kind::Trail(TrailLook::default())),
        Cmd::Palette => ask_line(ui, Line::Palette),
        Cmd::Note => ask_line(ui, Line::Note),
        Cmd::Quit => return quit(ui, run),
        Cmd::Suspend => return vec![Act::Suspend],
        Cmd::Copy => return copy::copy(ui, run),
        Cmd::Ripcord => ripcord(ui, run, "the operator pulled the ripcord"),
        Cmd::Run => return answer(ui, run),
        Cmd::Open => return panes::open(ui, run).unwrap_or_else(|| answer(ui, run)),
        Cmd::Mark => mark(ui, run),
        Cmd::Skip => skip(ui, run),
        other => return panes::command(ui, run, other),
    }
    Vec::new()
}

/// Leaving asks first, unless there is nothing to leave.
fn quit(ui: &mut Ui, run: &Run) -> Vec<Act> {
    if run.is_closed() || !run.is_started() {
        return vec![Act::Quit];
    }
    show(ui, Kind::Quit { yes: false });
    Vec::new()
}

/// The one way to the way back: its preview. Nothing else in the console begins it.
fn ripcord(ui: &mut Ui, run: &Run, why: &str) {
    match why_not(ui, run, Cmd::Ripcord) {
        Some(why_not) => ui.status = Some(why_not),
        None => {
            // The trail says which guard it was about, also where a person was quicker than its offer.
            let tripped = run.guards().iter().filter(|guard| !guard.dismissed).find_map(|guard| guard.tripped.as_ref());
            let why = match tripped.filter(|detail| !why.contains(detail.as_str())) {
                Some(detail) => format!("{why}; a guard said: {detail}"),
                None => why.to_owned(),
            };
            show(ui, Kind::Ripcord { why, yes: false });
        }
    }
}

/// `r` and Enter: whatever the run asks.
fn answer(ui: &mut Ui, run: &Run) -> Vec<Act> {
    let selection = ui.selection();
    let asks = run.asks(selection.as_ref());
    match asks.first() {
        Some(Ask::Start) => return vec![Act::Command(Command::Start)],
        Some(ask) => return open(ui, run, ask),
        None => {
            ui.status = Some(match (run.phase(), run.current()) {
                (Phase::Busy(_) | Phase::Verifying { .. }, Some(step)) if can_be_pulled(ui, run) => {
                    format!("{step} is at work; z stops it and leads back")
                }
                (Phase::Busy(_) | Phase::Verifying { .. }, Some(step)) if run.writes_begun() => {
                    format!("{step} is at work; :abort stops it")
                }
                (Phase::Busy(_) | Phase::Verifying { .. }, Some(step)) => {
                    format!("{step} is at work; z stops it and ends the run: nothing was written yet")
                }
                (Phase::RetryAt(_), Some(step)) => format!("{step} will be tried again by itself; s skips it"),
                (Phase::Cancelling { .. }, Some(step)) => format!("{step} was told to stop; waiting for its end"),
                (Phase::Capturing, _) => "the target's state is being recorded, for the way back".into(),
                (Phase::Comparing(_), _) => "the target is being held against its baseline".into(),
                _ if run.is_closed() => "the run is over; q leaves".into(),
                _ => "nothing waits to be run".into(),
            });
        }
    }
    Vec::new()
}

/// `z` leads back from here.
pub fn can_be_pulled(ui: &Ui, run: &Run) -> bool {
    run.is_armed() && why_not(ui, run, Cmd::Ripcord).is_none()
}

fn open(ui: &mut Ui, run: &Run, ask: &Ask) -> Vec<Act> {
    let mut acts = Vec::new();
    let kind = match ask {
        Ask::Start => return acts,
        Ask::Calendar { reason } => Kind::Line { line: Line::BreakGlass(reason.clone()), text: Edit::default() },
        Ask::Confirm { intent, .. } if run.is_read_only() && intent.risk >= Risk::Write => {
            ui.status = Some(format!("this session is read-only and {} writes; c copies its command", intent.step));
            return acts;
        }
        Ask::Confirm { intent, typed } => {
            if matches!(intent.action, Action::Kubernetes(_) | Action::Helm(_)) {
                ui.preview = Some(Preview { step: intent.step.clone(), lines: None });
                acts.push(Act::Preview(intent.step.clone()));
            }
            let (step, word, selected) = (intent.step.clone(), typed.clone(), ui.selection());
            Kind::Confirm { step, word, typed: Edit::default(), yes: false, selected }
        }
        Ask::Select { reason, .. } => {
            ui.status = Some(format!("put the cursor on a pod (pane 3, j and k), then r: {reason}"));
            return acts;
        }
        Ask::Checklist { step } => Kind::Checklist { step: step.clone(), row: first_open(run, step) },
        Ask::Manual { step } => {
            let wants = match run.step(step).and_then(|step| step.common.evidence.as_ref()) {
                None => Evidence::Nothing,
                Some(evidence) if evidence.file => Evidence::File,
                Some(_) => Evidence::Text,
            };
            Kind::Manual { step: step.clone(), text: Edit::default(), wants }
        }
        Ask::Approval { step } => {
            Kind::Approval { step: step.clone(), who: Edit::default(), note: Edit::default(), field: 0 }
        }
        Ask::Decision { step } => Kind::Decision { step: step.clone(), row: 0, answer: None },
        Ask::Input { step } => Kind::Input { step: step.clone(), fields: fields(ui, run, step), row: 0 },
        Ask::Failure { step, .. } => Kind::Failure { step: step.clone(), row: 0 },
        Ask::Unknown { step, .. } => Kind::Unknown { step: step.clone(), row: 0 },
        Ask::Guard { guard, .. } => Kind::Guard { guard: *guard, row: 0 },
    };
    show(ui, kind);
    acts
}

/// The first item that waits for a person.
fn first_open(run: &Run, step: &StepId) -> usize {
    let Some(state) = run.state(step) else { return 0 };
    let Some(Action::Checklist(list)) = state.intent.as_deref().map(|intent| &intent.action) else { return 0 };
    let done = |id: &String| {
        let tick = state.ticks.get(id).map(|item| item.tick);
        matches!(tick, Some(Tick::Operator | Tick::Auto | Tick::Overridden))
    };
    list.items.iter().position(|item| !done(&item.id)).unwrap_or(0)
}

/// What is asked for, with what is known already: the default, or the pod under the cursor.
fn fields(ui: &Ui, run: &Run, step: &StepId) -> Vec<(String, Edit)> {
    let Some(Action::Input(fields)) =
        run.state(step).and_then(|state| state.intent.as_deref()).map(|intent| &intent.action)
    else {
        return Vec::new();
    };
    let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let under_the_cursor = |field: &InputField| {
        let pod = (field.pick == Some(Pick::Pods)).then(|| ui.live.pod(&ui.shown().cluster))?;
        pod.map(str::to_owned)
    };
    fields
        .iter()
        .map(|(name, field)| {
            let value = field.default.as_ref().map(plain).or_else(|| under_the_cursor(field));
            (name.clone(), Edit::of(value.unwrap_or_default()))
        })
        .collect()
}

fn mark(ui: &mut Ui, run: &Run) {
    let asks = run.asks(None);
    match asks.iter().find(|ask| matches!(ask, Ask::Checklist { .. } | Ask::Manual { .. })) {
        Some(ask) => drop(open(ui, run, ask)),
        None => ui.status = Some("nothing waits to be marked".into()),
    }
}

fn skip(ui: &mut Ui, run: &Run) {
    let Some(id) = run.current().cloned() else {
        ui.status = Some("there is no step to skip".into());
        return;
    };
    if run.step(&id).is_some_and(|step| step.common.required) {
        ui.status = Some(format!("{id} is required: it cannot be skipped"));
        return;
    }
    ask_line(ui, Line::Skip(id));
}

/// Control and a letter, or Esc: leaves a dialog; what it asked stays asked.
fn leaves(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.code == KeyCode::Esc || (control && key.code == KeyCode::Char('c'))
}
