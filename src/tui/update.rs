//! From a key to what follows: pure over (Ui, Run). Nothing is drawn and nothing is done here.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::{SignedDuration, Timestamp};

use super::{
    dialog::{Dialog, Kind, Line},
    edit::Edit,
    keymap::{self, Cmd},
    state::{Act, Pane, Ui},
};
use crate::{
    engine::{
        Ask, Command, Run,
        message::{EvidenceGiven, Resolution},
        state::{Lane, Phase},
    },
    runbook::{
        model::{Action, Decision, ReasonRule, Risk},
        value::StepId,
    },
};

/// A key, wherever it belongs.
pub fn key(ui: &mut Ui, run: &Run, key: KeyEvent) -> Vec<Act> {
    ui.status = None;
    if ui.filtering {
        filter_key(ui, key);
        return Vec::new();
    }
    if let Some(dialog) = ui.dialog.take() {
        return dialog_key(ui, run, dialog, key);
    }
    match keymap::command(key) {
        Some(cmd) => command(ui, run, cmd),
        None => Vec::new(),
    }
}

/// A paste never confirms: it only fills a line.
pub fn paste(ui: &mut Ui, text: &str) {
    if ui.filtering
        && let Some(filter) = &mut ui.filter
    {
        filter.insert(text);
    } else if let Some(edit) = ui.dialog.as_mut().and_then(|dialog| dialog.kind.edit()) {
        edit.insert(text);
    }
}

/// Offers and failures raise themselves, once each.
pub fn raise(ui: &mut Ui, run: &Run) {
    let asks = run.asks(None);
    let answered = |step: &StepId| !asks.iter().any(|ask| ask.step() == Some(step));
    if ui.dialog.as_ref().and_then(|dialog| dialog.kind.step()).is_some_and(answered) {
        ui.dialog = None; // answered here or elsewhere
    }
    let urgent = asks.iter().find(|ask| {
        matches!(ask, Ask::Guard { .. } | Ask::Failure { .. } | Ask::Unknown { .. } | Ask::Calendar { .. })
    });
    let Some(ask) = urgent else {
        if let Some(Dialog { kind: Kind::Guard { .. } | Kind::Failure { .. } | Kind::Unknown { .. }, .. }) = &ui.dialog
        {
            ui.dialog = None; // answered elsewhere
        }
        return;
    };
    let name = format!(
        "{ask:?} {:?}",
        ask.step().and_then(|step| run.state(step)).map(|state| (state.attempts, state.visits))
    );
    let over = matches!(ask, Ask::Guard { .. }) || ui.dialog.is_none();
    if over && !ui.raised.contains(&name) {
        ui.raised.push(name);
        open(ui, run, ask);
    }
}

fn filter_key(ui: &mut Ui, key: KeyEvent) {
    let filter = ui.filter.get_or_insert_default();
    match key.code {
        KeyCode::Enter => ui.filtering = false,
        KeyCode::Esc => {
            ui.filtering = false;
            ui.filter = None;
        }
        KeyCode::Backspace => filter.backspace(),
        KeyCode::Left => filter.left(),
        KeyCode::Right => filter.right(),
        KeyCode::Char(c) if !key.modifiers.contains(KeyModifiers::CONTROL) => filter.insert(c.encode_utf8(&mut [0; 4])),
        _ => {}
    }
}

fn show(ui: &mut Ui, kind: Kind) {
    ui.dialog = Some(Dialog { kind, opened: ui.now });
}

fn command(ui: &mut Ui, run: &Run, cmd: Cmd) -> Vec<Act> {
    match cmd {
        Cmd::FocusNext | Cmd::FocusPrevious | Cmd::TabRight | Cmd::TabLeft => {
            let at = Pane::ALL.iter().position(|pane| *pane == ui.focus).unwrap_or(0);
            let step = if matches!(cmd, Cmd::FocusNext | Cmd::TabRight) { 1 } else { Pane::ALL.len() - 1 };
            ui.focus = Pane::ALL[(at + step) % Pane::ALL.len()];
        }
        Cmd::Focus(index) => match Pane::ALL.get(index) {
            Some(pane) => ui.focus = *pane,
            None => ui.status = Some(format!("pane {} is not there in this run", index + 1)),
        },
        Cmd::Down => scroll(ui, run, 1),
        Cmd::Up => scroll(ui, run, -1),
        Cmd::PageDown => scroll(ui, run, 10),
        Cmd::PageUp => scroll(ui, run, -10),
        Cmd::Top => scroll(ui, run, -100_000),
        Cmd::Bottom => scroll(ui, run, 100_000),
        Cmd::Back => (ui.selected, ui.full, ui.filter) = (None, false, None),
        Cmd::FullScreen => ui.full = !ui.full,
        Cmd::Freeze => ui.frozen = !ui.frozen,
        Cmd::Filter => {
            ui.filtering = true;
            ui.filter.get_or_insert_default();
            ui.focus = Pane::Output;
        }
        Cmd::Help => show(ui, Kind::Help),
        Cmd::Trail => show(ui, Kind::Trail { up: 0 }),
        Cmd::Palette => show(ui, Kind::Line { line: Line::Palette, text: Edit::default() }),
        Cmd::Note => show(ui, Kind::Line { line: Line::Note, text: Edit::default() }),
        Cmd::Quit => return quit(ui, run),
        Cmd::Suspend => return vec![Act::Suspend],
        Cmd::Copy => return copy(ui, run),
        Cmd::Ripcord => ripcord(ui, run),
        Cmd::Run | Cmd::Open => return answer(ui, run, cmd == Cmd::Run),
        Cmd::Mark => mark(ui, run),
        Cmd::Skip => skip(ui, run),
    }
    Vec::new()
}

/// The step looked at: the one selected, else the one the run is at.
pub fn looked_at(ui: &Ui, run: &Run) -> Option<StepId> {
    ui.selected
        .clone()
        .or_else(|| run.current().cloned())
        .or_else(|| run.book().steps.first().map(|step| step.id().clone()))
}

fn scroll(ui: &mut Ui, run: &Run, by: isize) {
    match ui.focus {
        Pane::Runbook => {
            let rows = run.rows();
            let at = looked_at(ui, run).and_then(|id| rows.iter().position(|row| row.id == id)).unwrap_or(0);
            let to = at.saturating_add_signed(by).min(rows.len().saturating_sub(1));
            ui.selected = rows.get(to).map(|row| row.id.clone()).filter(|id| run.current() != Some(id));
            ui.step_down = 0;
        }
        Pane::Step => ui.step_down = ui.step_down.saturating_add_signed(by).min(500),
        Pane::Output => ui.output_up = ui.output_up.saturating_add_signed(-by).min(ui.output.lines().len()),
    }
}

fn quit(ui: &mut Ui, run: &Run) -> Vec<Act> {
    if run.is_closed() || !run.is_started() {
        return vec![Act::Quit];
    }
    show(ui, Kind::Quit { yes: false });
    Vec::new()
}

fn copy(ui: &mut Ui, run: &Run) -> Vec<Act> {
    let command = looked_at(ui, run).and_then(|id| {
        let done = run.state(&id).and_then(|state| state.intent.as_ref()).map(|intent| intent.command.clone());
        done.or_else(|| run.intent_for(&id, None).ok().map(|intent| intent.command))
    });
    match command {
        Some(command) => {
            ui.status = Some(format!("copied: {}", command.lines().next().unwrap_or_default()));
            vec![Act::Copy(command)]
        }
        None => {
            ui.status = Some("nothing to copy here yet".into());
            Vec::new()
        }
    }
}

fn ripcord(ui: &mut Ui, run: &Run) {
    if run.is_closed() {
        ui.status = Some("this run is over; `ripcord rollback RUN` opens its way back".into());
    } else if run.lane() == Lane::Rollback {
        ui.status = Some("the way back is under way already".into());
    } else if run.writes_begun() && !run.has_lane() {
        ui.status = Some("this runbook has no way back (no rollback:, no baseline); :abort stops it".into());
    } else {
        show(ui, Kind::Ripcord { yes: false });
    }
}

/// `r` and Enter: whatever the run asks.
fn answer(ui: &mut Ui, run: &Run, by_r: bool) -> Vec<Act> {
    let asks = run.asks(None);
    match asks.first() {
        Some(Ask::Start) => return vec![Act::Command(Command::Start)],
        Some(ask) => open(ui, run, ask),
        None => {
            ui.status = Some(match (run.is_closed(), run.phase(), run.current()) {
                (true, ..) => "the run is over; q leaves".into(),
                (_, Phase::Busy(_) | Phase::Verifying { .. }, Some(step)) => {
                    format!("{step} is at work; z stops it and leads back")
                }
                (_, Phase::RetryAt(_), Some(step)) => format!("{step} will be tried again by itself; s skips it"),
                (_, Phase::Cancelling { .. }, Some(step)) => format!("{step} was told to stop; waiting for its end"),
                _ if by_r => "nothing waits to be run".into(),
                _ => "nothing is asked".into(),
            });
        }
    }
    Vec::new()
}

fn open(ui: &mut Ui, run: &Run, ask: &Ask) {
    let kind = match ask {
        Ask::Start => return,
        Ask::Calendar { reason } => Kind::Line { line: Line::BreakGlass(reason.clone()), text: Edit::default() },
        Ask::Confirm { intent, typed } => {
            Kind::Confirm { step: intent.step.clone(), word: typed.clone(), typed: Edit::default(), yes: false }
        }
        Ask::Select { reason, .. } => {
            ui.status = Some(format!("select a pod first: {reason}"));
            return;
        }
        Ask::Checklist { step } => Kind::Checklist { step: step.clone(), row: 0 },
        Ask::Manual { step } => {
            let evidence = run.step(step).and_then(|step| step.common.evidence.clone());
            Kind::Manual {
                step: step.clone(),
                text: Edit::default(),
                file: evidence.is_some_and(|evidence| evidence.file),
            }
        }
        Ask::Approval { step } => {
            Kind::Approval { step: step.clone(), who: Edit::default(), note: Edit::default(), field: 0 }
        }
        Ask::Decision { step } => Kind::Decision { step: step.clone(), row: 0, reason: Edit::default(), asking: false },
        Ask::Input { step } => Kind::Input { step: step.clone(), fields: fields(run, step), row: 0 },
        Ask::Failure { step, .. } => Kind::Failure { step: step.clone(), row: 0 },
        Ask::Unknown { step, .. } => Kind::Unknown { step: step.clone(), row: 0 },
        Ask::Guard { guard, .. } => Kind::Guard { guard: *guard, row: 0 },
    };
    show(ui, kind);
}

fn fields(run: &Run, step: &StepId) -> Vec<(String, Edit)> {
    let Some(Action::Input(fields)) =
        run.state(step).and_then(|state| state.intent.as_deref()).map(|intent| &intent.action)
    else {
        return Vec::new();
    };
    let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields
        .iter()
        .map(|(name, field)| (name.clone(), Edit::of(field.default.as_ref().map(plain).unwrap_or_default())))
        .collect()
}

fn mark(ui: &mut Ui, run: &Run) {
    let asks = run.asks(None);
    match asks.iter().find(|ask| matches!(ask, Ask::Checklist { .. } | Ask::Manual { .. })) {
        Some(ask) => open(ui, run, ask),
        None => ui.status = Some("nothing waits to be marked".into()),
    }
}

fn skip(ui: &mut Ui, run: &Run) {
    let Some(id) = run.current().cloned() else {
        ui.status = Some("the run has not begun: press r to start".into());
        return;
    };
    if run.step(&id).is_some_and(|step| step.common.required) {
        ui.status = Some(format!("{id} is required: it cannot be skipped"));
        return;
    }
    show(ui, Kind::Line { line: Line::Skip(id), text: Edit::default() });
}

/// Keys that a dialog may not hear yet: a destructive one ignores 300 ms.
fn too_soon(run: &Run, dialog: &Dialog, now: Timestamp) -> bool {
    let destructive = match &dialog.kind {
        Kind::Confirm { step, .. } => run.step(step).is_some_and(|step| step.risk() == Risk::Destructive),
        Kind::Guard { .. } | Kind::Failure { .. } | Kind::Unknown { .. } | Kind::Ripcord { .. } => true,
        _ => false,
    };
    destructive && now.duration_since(dialog.opened) < SignedDuration::from_millis(300)
}

fn dialog_key(ui: &mut Ui, run: &Run, mut dialog: Dialog, key: KeyEvent) -> Vec<Act> {
    if too_soon(run, &dialog, ui.now) {
        ui.dialog = Some(dialog);
        return Vec::new();
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if key.code == KeyCode::Esc || (control && key.code == KeyCode::Char('c')) {
        return Vec::new(); // closed: what it asked stays asked
    }
    let typing = dialog.kind.edit().is_some();
    // The ripcord is there over every dialog that does not take text.
    if key.code == KeyCode::Char('z') && !typing && !matches!(dialog.kind, Kind::Ripcord { .. }) {
        ripcord(ui, run);
        return Vec::new();
    }
    if let Some(edit) = dialog.kind.edit() {
        match key.code {
            KeyCode::Char(c) if !control => edit.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => edit.backspace(),
            KeyCode::Left => edit.left(),
            KeyCode::Right => edit.right(),
            KeyCode::Char('u') => edit.clear(),
            _ => return choose(ui, run, dialog, key),
        }
        ui.dialog = Some(dialog);
        return Vec::new();
    }
    choose(ui, run, dialog, key)
}

fn moved(row: &mut usize, count: usize, code: KeyCode) -> bool {
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

fn choose(ui: &mut Ui, run: &Run, mut dialog: Dialog, key: KeyEvent) -> Vec<Act> {
    let code = key.code;
    let step = match &mut dialog.kind {
        Kind::Help => matches!(code, KeyCode::Char('?' | 'q')).then(Vec::new),
        Kind::Trail { up } => scroll_trail(up, code),
        Kind::Quit { yes } => yes_no(yes, code).map(|yes| if yes { vec![Act::Quit] } else { Vec::new() }),
        Kind::Ripcord { yes } => yes_no(yes, code).map(|yes| {
            let why = "the operator pulled the ripcord".to_owned();
            if yes { vec![Act::Command(Command::Rollback { why })] } else { Vec::new() }
        }),
        Kind::Confirm { step, word, typed, yes } => confirm_key(step, word.as_deref(), typed, yes, code),
        Kind::Line { line, text } => (code == KeyCode::Enter).then(|| line_done(ui, line, text.text.trim())),
        Kind::Checklist { step, row } => return checklist(ui, run, step.clone(), *row, code),
        Kind::Manual { step, text, file } => {
            (code == KeyCode::Enter).then(|| manual_done(step, text.text.trim(), *file))
        }
        Kind::Approval { step, who, note, field } => approval_key(ui, step, who, note, field, key),
        Kind::Decision { step, row, reason, asking } => decision(ui, run, step, row, reason, asking, code),
        Kind::Input { step, fields, row } => input_key(step, fields, row, code),
        Kind::Failure { step, row } => failure_key(ui, run, step, row, code),
        Kind::Unknown { step, row } => unknown_key(step, row, code),
        Kind::Guard { guard, row } => guard_key(ui, run, *guard, row, code),
    };
    match step {
        Some(acts) => acts,
        None => {
            ui.dialog = Some(dialog);
            Vec::new()
        }
    }
}

fn scroll_trail(up: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    match code {
        KeyCode::Char('k') | KeyCode::Up => *up += 1,
        KeyCode::Char('j') | KeyCode::Down => *up = up.saturating_sub(1),
        KeyCode::PageUp => *up += 10,
        KeyCode::PageDown => *up = up.saturating_sub(10),
        KeyCode::Char('q' | '@') => return Some(Vec::new()),
        _ => {}
    }
    None
}

fn confirm_key(step: &StepId, word: Option<&str>, typed: &Edit, yes: &mut bool, code: KeyCode) -> Option<Vec<Act>> {
    let said = match word {
        Some(_) => (code == KeyCode::Enter).then_some(true),
        None => yes_no(yes, code),
    }?;
    let step = step.clone();
    let typed = word.map(|_| typed.text.clone());
    Some(vec![Act::Command(if said {
        Command::Confirm { step, typed, selected: None }
    } else {
        Command::Decline { step }
    })])
}

fn manual_done(step: &StepId, given: &str, file: bool) -> Vec<Act> {
    let step = step.clone();
    if given.is_empty() {
        return vec![Act::Command(Command::Done { step, evidence: None })];
    }
    if file {
        return vec![Act::EvidenceFile(step, given.to_owned())];
    }
    let evidence = EvidenceGiven { text: Some(given.to_owned()), ..EvidenceGiven::default() };
    vec![Act::Command(Command::Done { step, evidence: Some(evidence) })]
}

fn approval_key(
    ui: &mut Ui,
    step: &StepId,
    who: &Edit,
    note: &Edit,
    field: &mut usize,
    key: KeyEvent,
) -> Option<Vec<Act>> {
    let name = who.text.trim().to_owned();
    let refuses = key.code == KeyCode::Char('r') && key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Down | KeyCode::Up => {
            *field = 1 - *field;
            None
        }
        KeyCode::Enter if name.is_empty() => {
            ui.status = Some(
                "who approves? Their name is recorded as claimed; `ripcord approve` from their own login is stronger"
                    .into(),
            );
            None
        }
        KeyCode::Enter => {
            let note = Some(note.text.trim().to_owned()).filter(|note| !note.is_empty());
            Some(vec![Act::CommandAs(name, Command::Approve { step: step.clone(), note })])
        }
        _ if refuses => {
            show(ui, Kind::Line { line: Line::Refuse { step: step.clone(), who: name }, text: Edit::default() });
            Some(Vec::new())
        }
        _ => None,
    }
}

fn input_key(step: &StepId, fields: &[(String, Edit)], row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    match code {
        KeyCode::Enter if *row + 1 < fields.len() => {
            *row += 1;
            None
        }
        KeyCode::Enter => {
            let given = fields.iter().filter(|(_, edit)| !edit.text.is_empty());
            let values =
                given.map(|(name, edit)| (name.clone(), serde_json::Value::String(edit.text.clone()))).collect();
            Some(vec![Act::Command(Command::Provide { step: step.clone(), values })])
        }
        code => {
            moved(row, fields.len(), code);
            None
        }
    }
}

fn failure_key(ui: &mut Ui, run: &Run, step: &StepId, row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    let options = failure_options(run, step);
    if moved(row, options.len(), code) {
        return None;
    }
    let hot = options.iter().position(|(key, _, _)| code == KeyCode::Char(*key));
    let chosen = hot.or_else(|| (code == KeyCode::Enter).then_some(*row))?;
    options.get(chosen).map(|(_, _, what)| failure(ui, step, *what))
}

fn unknown_key(step: &StepId, row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    if moved(row, 3, code) || code != KeyCode::Enter {
        return None;
    }
    let outcome = [Resolution::Succeeded, Resolution::Failed, Resolution::Retry][*row % 3];
    let why = "the operator looked".to_owned();
    Some(vec![Act::Command(Command::Resolve { step: step.clone(), outcome, why })])
}

fn guard_key(ui: &mut Ui, run: &Run, guard: usize, row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    if moved(row, 2, code) || code != KeyCode::Enter {
        return None;
    }
    if *row == 1 {
        let why = run.guards().get(guard).and_then(|state| state.tripped.clone()).unwrap_or_default();
        return Some(vec![Act::Command(Command::Rollback { why })]);
    }
    show(ui, Kind::Line { line: Line::Dismiss(guard), text: Edit::default() });
    Some(Vec::new())
}

/// Cancel has the focus; `y` and `n` answer too.
fn yes_no(yes: &mut bool, code: KeyCode) -> Option<bool> {
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

fn line_done(ui: &mut Ui, line: &Line, text: &str) -> Vec<Act> {
    let text = text.to_owned();
    match line {
        Line::Palette => return palette(ui, &text),
        _ if text.is_empty() => {
            ui.status = Some("this needs words; nothing was done".into());
            return Vec::new();
        }
        _ => {}
    }
    match line.clone() {
        Line::Note => vec![Act::Command(Command::Note { text })],
        Line::Abort => vec![Act::Command(Command::Abort { why: text })],
        Line::Skip(step) => vec![Act::Command(Command::Skip { step, why: text })],
        Line::Refuse { step, who } => vec![Act::CommandAs(who, Command::Refuse { step, why: text })],
        Line::Override { step, item } => vec![Act::Command(Command::Override { step, item, why: text })],
        Line::Dismiss(guard) => vec![Act::Command(Command::DismissGuard { guard, why: text })],
        Line::BreakGlass(_) => vec![Act::Command(Command::BreakGlass { why: text })],
        Line::Palette => Vec::new(),
    }
}

fn palette(ui: &mut Ui, text: &str) -> Vec<Act> {
    match text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim())) {
        ("q" | "quit", _) => vec![Act::Quit],
        ("note", "") => {
            show(ui, Kind::Line { line: Line::Note, text: Edit::default() });
            Vec::new()
        }
        ("note", text) => vec![Act::Command(Command::Note { text: text.to_owned() })],
        ("abort", "") => {
            show(ui, Kind::Line { line: Line::Abort, text: Edit::default() });
            Vec::new()
        }
        ("abort", why) => vec![Act::Command(Command::Abort { why: why.to_owned() })],
        ("trail", _) => {
            show(ui, Kind::Trail { up: 0 });
            Vec::new()
        }
        ("help", _) => {
            show(ui, Kind::Help);
            Vec::new()
        }
        (other, _) => {
            ui.status = Some(format!("«{other}» is no command; there are note, trail, abort, help, q"));
            Vec::new()
        }
    }
}

fn checklist(ui: &mut Ui, run: &Run, step: StepId, mut row: usize, code: KeyCode) -> Vec<Act> {
    let Some(Action::Checklist(list)) =
        run.state(&step).and_then(|state| state.intent.as_deref()).map(|intent| &intent.action)
    else {
        return Vec::new();
    };
    let count = list.items.len();
    let item = list.items.get(row.min(count.saturating_sub(1)));
    let mut acts = Vec::new();
    match code {
        code if moved(&mut row, count, code) => {}
        KeyCode::Char(' ' | 'x') | KeyCode::Enter => {
            if let Some(item) = item {
                let ticked = run.state(&step).and_then(|state| state.ticks.get(&item.id)).map(|item| item.tick);
                let (step, item_id) = (step.clone(), item.id.clone());
                acts.push(Act::Command(match (&item.probe, ticked) {
                    (Some(_), _) => Command::Recheck { step, item: item_id },
                    (None, Some(crate::engine::fact::Tick::Operator)) => Command::Untick { step, item: item_id },
                    (None, _) => Command::Tick { step, item: item_id },
                }));
                row = (row + 1).min(count - 1);
            }
        }
        KeyCode::Char('o') => {
            if let Some(item) = item {
                let line = Line::Override { step, item: item.id.clone() };
                show(ui, Kind::Line { line, text: Edit::default() });
                return acts;
            }
        }
        KeyCode::Char('d' | 'm') => return vec![Act::Command(Command::Done { step, evidence: None })],
        _ => {}
    }
    show(ui, Kind::Checklist { step, row });
    acts
}

fn decision_of<'a>(run: &'a Run, step: &StepId) -> Option<&'a Decision> {
    match run.state(step)?.intent.as_deref().map(|intent| &intent.action) {
        Some(Action::Decision(decision)) => Some(decision),
        _ => None,
    }
}

fn decision(
    ui: &mut Ui,
    run: &Run,
    step: &StepId,
    row: &mut usize,
    reason: &mut Edit,
    asking: &mut bool,
    code: KeyCode,
) -> Option<Vec<Act>> {
    let Some(decision) = decision_of(run, step) else { return Some(Vec::new()) };
    let option = decision.options.get(*row)?;
    let word = run.choice_word(option);
    match (code, *asking) {
        (KeyCode::Enter, false) if option.reason == ReasonRule::Required || word.is_some() => {
            *asking = true;
            None
        }
        (KeyCode::Enter, _) => {
            let given = reason.text.trim().to_owned();
            if option.reason == ReasonRule::Required && given.is_empty() {
                ui.status = Some("this option wants a reason, in words".into());
                return None;
            }
            // On a protected target the typed word is the line itself, unless a reason is asked for too.
            let typed = word.as_ref().and_then(|word| given.contains(word.as_str()).then(|| word.clone()));
            let reason = Some(given).filter(|reason| !reason.is_empty());
            Some(vec![Act::Command(Command::Choose { step: step.clone(), option: option.id.clone(), reason, typed })])
        }
        (code, false) => {
            moved(row, decision.options.len(), code);
            None
        }
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureOption {
    Retry,
    Skip,
    Rollback,
    Abort,
}

/// RETRY / SKIP / ROLLBACK / ABORT, as far as they are open.
pub fn failure_options(run: &Run, step: &StepId) -> Vec<(char, &'static str, FailureOption)> {
    let choices = run.asks(None).into_iter().find_map(|ask| match ask {
        Ask::Failure { step: at, choices, .. } if &at == step => Some(choices),
        _ => None,
    });
    let Some(choices) = choices else { return Vec::new() };
    let all = [
        (choices.retry, 'r', "RETRY: try it again", FailureOption::Retry),
        (choices.skip, 's', "SKIP: go on without it, with a reason", FailureOption::Skip),
        (choices.rollback, 'b', "ROLLBACK: the way back", FailureOption::Rollback),
        (true, 'q', "ABORT: stop here", FailureOption::Abort),
    ];
    all.into_iter().filter(|(open, ..)| *open).map(|(_, key, words, option)| (key, words, option)).collect()
}

fn failure(ui: &mut Ui, step: &StepId, what: FailureOption) -> Vec<Act> {
    match what {
        FailureOption::Retry => vec![Act::Command(Command::Retry { step: step.clone() })],
        FailureOption::Rollback => vec![Act::Command(Command::Rollback { why: format!("{step} failed") })],
        FailureOption::Skip => {
            show(ui, Kind::Line { line: Line::Skip(step.clone()), text: Edit::default() });
            Vec::new()
        }
        FailureOption::Abort => {
            show(ui, Kind::Line { line: Line::Abort, text: Edit::of(format!("{step} failed")) });
            Vec::new()
        }
    }
}
