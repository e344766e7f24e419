//! Keys of the trail's dialog: a cursor, a filter, copying. It only reads.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::{
    dialog::{Dialog, Kind, TrailLook},
    edit::Edit,
    state::{Act, TrailLine, Ui},
};

/// What the dialog lists, oldest first: readings only when they are asked for, the rest as the filter has it.
pub fn listed<'a>(ui: &'a Ui, look: &TrailLook) -> Vec<&'a TrailLine> {
    let needle = look.filter.text.to_lowercase();
    let is_asked = |line: &&TrailLine| look.readings || !line.reads;
    ui.trail.iter().filter(is_asked).filter(|line| line.text.to_lowercase().contains(&needle)).collect()
}

pub fn key(ui: &mut Ui, mut look: TrailLook, key: KeyEvent) -> Vec<Act> {
    let most = listed(ui, &look).len().saturating_sub(1);
    look.up = look.up.min(most);
    let mut acts = Vec::new();
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match (key.code, control) {
        (KeyCode::Up, _) => look.up += 1,
        (KeyCode::Down, _) => look.up = look.up.saturating_sub(1),
        (KeyCode::PageUp, _) | (KeyCode::Char('u'), true) if !(look.typing && control) => look.up += 10,
        (KeyCode::PageDown, _) | (KeyCode::Char('d'), true) => look.up = look.up.saturating_sub(10),
        (KeyCode::Char('c'), true) => return acts,
        _ if look.typing => type_in(&mut look, key),
        (KeyCode::Esc, _) if !look.filter.text.is_empty() => look.filter = Edit::default(),
        (KeyCode::Esc | KeyCode::Char('q' | '@'), _) => return acts,
        (KeyCode::Char('k'), _) => look.up += 1,
        (KeyCode::Char('j'), _) => look.up = look.up.saturating_sub(1),
        (KeyCode::Char('g') | KeyCode::Home, _) => look.up = most,
        (KeyCode::Char('G') | KeyCode::End, _) => look.up = 0,
        (KeyCode::Char('/'), _) => look.typing = true,
        (KeyCode::Char('R'), _) => (look.readings, look.up) = (!look.readings, 0),
        (KeyCode::Char('c'), _) => acts.extend(copy(ui, &look)),
        _ => ui.status = Some("k j move, / filters, R shows the readings too, c copies the record, Esc back".into()),
    }
    look.up = look.up.min(listed(ui, &look).len().saturating_sub(1));
    ui.dialog = Some(Dialog { kind: Kind::Trail(look), opened: ui.boot_ms, raised: false, down: 0, read: 0 });
    acts
}

fn type_in(look: &mut TrailLook, key: KeyEvent) {
    match key.code {
        KeyCode::Enter => look.typing = false,
        KeyCode::Esc => (look.typing, look.filter) = (false, Edit::default()),
        KeyCode::Backspace => look.filter.backspace(),
        KeyCode::Left => look.filter.left(),
        KeyCode::Right => look.filter.right(),
        KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => look.filter.clear(),
        KeyCode::Char(c) => look.filter.insert(c.encode_utf8(&mut [0; 4])),
        _ => {}
    }
}

fn copy(ui: &mut Ui, look: &TrailLook) -> Option<Act> {
    let lines = listed(ui, look);
    let line = (*lines.get(lines.len().checked_sub(look.up + 1)?)?).clone();
    ui.status = Some(format!("copied: record #{}", line.sequence));
    Some(Act::Copy(line.text))
}
