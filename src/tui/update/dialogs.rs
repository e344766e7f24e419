//! Keys while a dialog is open: typing, moving, scrolling; which key answers. What the answers say is in `answers`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{answers, leaves, palette, ripcord, trail};
use crate::{
    engine::{Command, Run},
    runbook::model::Risk,
    tui::{
        dialog::{Dialog, Kind, Line},
        state::{Act, Ui},
    },
};

/// A dialog that could do harm, or that nobody called, hears nothing for so long (milliseconds).
const DEAF: u64 = 300;

/// Keys that a dialog may not hear yet.
fn too_soon(run: &Run, dialog: &Dialog, boot_ms: u64) -> bool {
    let destructive = match &dialog.kind {
        Kind::Confirm { step, .. } => run.step(step).is_some_and(|step| step.risk() == Risk::Destructive),
        Kind::Decision { step, .. } => {
            let options = answers::decision_of(run, step).map(|decision| decision.options.as_slice());
            options.unwrap_or_default().iter().any(|option| option.risk == Some(Risk::Destructive))
        }
        Kind::Guard { .. } | Kind::Failure { .. } | Kind::Unknown { .. } | Kind::Ripcord { .. } => true,
        _ => dialog.raised,
    };
    destructive && boot_ms.saturating_sub(dialog.opened) < DEAF
}

pub fn key(ui: &mut Ui, run: &Run, mut dialog: Dialog, key: KeyEvent) -> Vec<Act> {
    if too_soon(run, &dialog, ui.boot_ms) {
        ui.dialog = Some(dialog);
        return Vec::new();
    }
    if let Kind::Trail(look) = dialog.kind {
        return trail::key(ui, look, key);
    }
    if leaves(key) {
        return Vec::new(); // closed: what it asked stays asked
    }
    if scrolled(&mut dialog.down, ui.reach.dialog, key.code) {
        dialog.read = dialog.read.max(dialog.down);
        ui.dialog = Some(dialog);
        return Vec::new();
    }
    let typing = dialog.kind.edit().is_some();
    // The ripcord is there over every dialog that does not take text; over those that do, after Esc.
    if key.code == KeyCode::Char('z') && !typing && !matches!(dialog.kind, Kind::Ripcord { .. }) {
        ui.under = None;
        ripcord(ui, run, "the operator pulled the ripcord");
        if ui.dialog.is_none() {
            ui.dialog = Some(dialog);
        }
        return Vec::new();
    }
    if typed(&mut dialog, key) {
        ui.dialog = Some(dialog);
        return Vec::new();
    }
    choose(ui, run, dialog, key)
}

/// True: the key went into the line that is being typed.
fn typed(dialog: &mut Dialog, key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let Some(edit) = dialog.kind.edit() else { return false };
    match key.code {
        KeyCode::Char(c) if !control => edit.insert(c.encode_utf8(&mut [0; 4])),
        KeyCode::Char('u') => edit.clear(),
        KeyCode::Backspace => edit.backspace(),
        KeyCode::Left => edit.left(),
        KeyCode::Right => edit.right(),
        _ => return false,
    }
    true
}

fn scrolled(down: &mut usize, most: usize, code: KeyCode) -> bool {
    match code {
        KeyCode::PageDown => *down = (*down + 8).min(most),
        KeyCode::PageUp => *down = (*down).min(most).saturating_sub(8),
        _ => return false,
    }
    true
}

pub fn moved(row: &mut usize, count: usize, code: KeyCode) -> bool {
    match code {
        KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => *row = (*row + 1) % count.max(1),
        KeyCode::Up | KeyCode::Char('k') | KeyCode::BackTab => *row = (*row + count.max(1) - 1) % count.max(1),
        _ => return false,
    }
    true
}

fn toggles(code: KeyCode) -> bool {
    matches!(code, KeyCode::Left | KeyCode::Right | KeyCode::Tab | KeyCode::BackTab | KeyCode::Char('h' | 'l'))
}

/// Cancel has the focus; `y` and `n` answer too.
pub fn yes_no(yes: &mut bool, code: KeyCode) -> Option<bool> {
    match code {
        KeyCode::Char('y') => Some(true),
        KeyCode::Char('n') => Some(false),
        KeyCode::Enter => Some(*yes),
        code if toggles(code) => {
            *yes = !*yes;
            None
        }
        _ => None,
    }
}

fn choose(ui: &mut Ui, run: &Run, mut dialog: Dialog, key: KeyEvent) -> Vec<Act> {
    let code = key.code;
    let answered = match &mut dialog.kind {
        Kind::Help => return help(ui, dialog, code),
        Kind::Trail(_) => None, // has its own keys
        Kind::Quit { yes } => yes_no(yes, code).map(|yes| if yes { vec![Act::Quit] } else { Vec::new() }),
        Kind::Shell { pod, containers, at, yes } => answers::shell(pod, containers, at, yes, code),
        Kind::Ripcord { why, yes } => yes_no(yes, code).map(|yes| {
            let command = Command::Rollback { why: why.clone() };
            if yes { vec![Act::Command(command)] } else { Vec::new() }
        }),
        Kind::Confirm { step, word, typed, yes, selected } => {
            let said = answers::confirm(step, word.as_deref(), typed, yes, selected.as_ref(), code);
            let goes = said.as_ref().is_some_and(|acts| matches!(acts[..], [Act::Command(Command::Confirm { .. })]));
            if goes && dialog.read < ui.reach.dialog {
                ui.status = Some("PgDn first: what would run goes on below; nothing runs unread".into());
                None
            } else {
                said
            }
        }
        Kind::Line { line: Line::Palette, text } if code == KeyCode::Tab => {
            palette::complete(ui, text);
            None
        }
        Kind::Line { line, text } => {
            (code == KeyCode::Enter).then(|| answers::line(ui, run, line.clone(), text.text.trim()))
        }
        Kind::Checklist { step, row } => return answers::checklist(ui, run, step.clone(), *row, code),
        Kind::Manual { step, text, wants } => {
            (code == KeyCode::Enter).then(|| answers::manual(step, text.text.trim(), *wants))
        }
        Kind::Approval { step, who, note, field } => answers::approval(ui, step, who, note, field, key),
        Kind::Decision { step, row, answer } => answers::decision(ui, run, step, row, answer, code),
        Kind::Input { step, fields, row } => answers::input(ui, run, step, fields, row, code),
        Kind::Failure { step, row } => answers::failure(ui, run, step, row, code),
        Kind::Unknown { step, row } => answers::unknown(ui, step, row, code),
        Kind::Answer { runbooks, row, .. } => answers::another(runbooks, row, code),
        Kind::Guard { guard, row } => answers::guard(ui, run, *guard, row, code),
    };
    match answered {
        Some(acts) => acts,
        None => {
            let asks = !matches!(dialog.kind, Kind::Quit { .. }) && dialog.kind.edit().is_none();
            if code == KeyCode::Char('q') && asks && ui.status.is_none() {
                ui.status = Some("Esc puts this aside; q then leaves".into());
            }
            ui.dialog = Some(dialog);
            Vec::new()
        }
    }
}

fn help(ui: &mut Ui, mut dialog: Dialog, code: KeyCode) -> Vec<Act> {
    match code {
        KeyCode::Char('?' | 'q') => return Vec::new(),
        KeyCode::Char('j') | KeyCode::Down => dialog.down = (dialog.down + 1).min(ui.reach.dialog),
        KeyCode::Char('k') | KeyCode::Up => dialog.down = dialog.down.min(ui.reach.dialog).saturating_sub(1),
        _ => {}
    }
    ui.dialog = Some(dialog);
    Vec::new()
}
