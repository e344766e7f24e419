//! What a dialog's answer says to the run. Every answer is a command; the engine decides what it is worth.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    ask_line,
    dialogs::{moved, yes_no},
    palette, ripcord, show,
};
use crate::{
    engine::{
        Ask, Command, Run,
        fact::Tick,
        message::{EvidenceGiven, Resolution, Selected},
    },
    runbook::{
        model::{Action, Decision, ReasonRule, Risk},
        value::StepId,
    },
    tui::{
        choices,
        dialog::{Choosing, Evidence, Kind, Line, Opens},
        edit::Edit,
        state::{Act, Choice, Ui},
    },
};

pub fn confirm(
    step: &StepId,
    word: Option<&str>,
    typed: &Edit,
    yes: &mut bool,
    selected: Option<&Selected>,
    code: KeyCode,
) -> Option<Vec<Act>> {
    let said = match word {
        Some(_) => (code == KeyCode::Enter).then_some(true),
        None => yes_no(yes, code),
    }?;
    let step = step.clone();
    let typed = word.map(|_| typed.text.clone());
    Some(vec![Act::Command(if said {
        Command::Confirm { step, typed, selected: selected.cloned() }
    } else {
        Command::Decline { step }
    })])
}

pub fn manual(step: &StepId, given: &str, wants: Evidence) -> Vec<Act> {
    let step = step.clone();
    let evidence = match wants {
        Evidence::File if !given.is_empty() => return vec![Act::EvidenceFile(step, given.to_owned())],
        Evidence::Text if !given.is_empty() => {
            Some(EvidenceGiven { text: Some(given.to_owned()), ..EvidenceGiven::default() })
        }
        _ => None,
    };
    vec![Act::Command(Command::Done { step, evidence })]
}

pub fn approval(
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
        _ if name.is_empty() && (key.code == KeyCode::Enter || refuses) => {
            ui.status = Some(
                "who says so? Their name is recorded as claimed; `ripcord approve` from their own login is stronger"
                    .into(),
            );
            None
        }
        KeyCode::Enter => {
            let note = Some(note.text.trim().to_owned()).filter(|note| !note.is_empty());
            Some(vec![Act::CommandAs(name, Command::Approve { step: step.clone(), note })])
        }
        _ if refuses => {
            let text = Edit::of(note.text.clone()); // what was typed may be the reason already
            show(ui, Kind::Line { line: Line::Refuse { step: step.clone(), who: name }, text });
            Some(Vec::new())
        }
        _ => None,
    }
}

/// Up and Down choose where the field offers live choices, and go from field to field where it does not.
pub fn input(
    ui: &Ui,
    run: &Run,
    step: &StepId,
    fields: &mut [(String, Edit)],
    row: &mut usize,
    code: KeyCode,
) -> Option<Vec<Act>> {
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
        KeyCode::Up | KeyCode::Down => {
            let offered = fields.get(*row).and_then(|(name, _)| choices::of(ui, run, step, name));
            match (offered, fields.get_mut(*row)) {
                (Some(offered), Some((_, edit))) => choose_next(edit, &offered.unwrap_or_default(), code),
                _ => drop(moved(row, fields.len(), code)),
            }
            None
        }
        code => {
            moved(row, fields.len(), code);
            None
        }
    }
}

pub fn shell(pod: &str, containers: &[String], at: &mut usize, yes: &mut bool, code: KeyCode) -> Option<Vec<Act>> {
    let picks = matches!(code, KeyCode::Down | KeyCode::Up | KeyCode::Char('j' | 'k'));
    if picks && moved(at, containers.len(), code) {
        return None;
    }
    let container = containers.get(*at).cloned().unwrap_or_default();
    yes_no(yes, code).map(|yes| if yes { vec![Act::Shell { pod: pod.to_owned(), container }] } else { Vec::new() })
}

/// The choice after or before the one that stands there; the first where none does.
fn choose_next(edit: &mut Edit, offered: &[Choice], code: KeyCode) {
    let mut at = offered.iter().position(|choice| choice.value == edit.text);
    match &mut at {
        Some(at) => drop(moved(at, offered.len(), code)),
        None => at = Some(0),
    }
    if let Some(choice) = at.and_then(|at| offered.get(at)) {
        *edit = Edit::of(choice.value.clone());
    }
}

pub fn failure(ui: &mut Ui, run: &Run, step: &StepId, row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    let options = failure_options(run, step);
    if moved(row, options.len(), code) {
        return None;
    }
    let hot = options.iter().position(|(key, _, _)| code == KeyCode::Char(*key));
    let chosen = hot.or_else(|| (code == KeyCode::Enter).then_some(*row))?;
    let (_, _, what) = options.get(chosen)?;
    Some(match what {
        FailureOption::Retry => vec![Act::Command(Command::Retry { step: step.clone() })],
        FailureOption::Rollback => {
            ripcord(ui, run, &format!("{step} failed"));
            Vec::new()
        }
        FailureOption::Skip => {
            ask_line(ui, Line::Skip(step.clone()));
            Vec::new()
        }
        FailureOption::Abort => {
            show(ui, Kind::Line { line: Line::Abort, text: Edit::default() });
            Vec::new()
        }
    })
}

/// What may be said of an outcome nobody knows. The first row says nothing yet: it has the focus.
pub const UNKNOWN_OPTIONS: [(Option<Resolution>, &str); 4] = [
    (None, "not yet: look at what it did first"),
    (Some(Resolution::Succeeded), "it happened: SUCCEEDED, and why you are sure"),
    (Some(Resolution::Failed), "it did not happen, or badly: FAILED, and why"),
    (Some(Resolution::Retry), "do it AGAIN, and why that is safe"),
];

pub fn unknown(ui: &mut Ui, step: &StepId, row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    if moved(row, UNKNOWN_OPTIONS.len(), code) || code != KeyCode::Enter {
        return None;
    }
    if let Some((Some(outcome), _)) = UNKNOWN_OPTIONS.get(*row) {
        ask_line(ui, Line::Resolve { step: step.clone(), outcome: *outcome });
    }
    Some(Vec::new())
}

/// The first row stays; each other leaves for a runbook.
pub fn another(runbooks: &[Opens], row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    if moved(row, runbooks.len() + 1, code) || code != KeyCode::Enter {
        return None;
    }
    let chosen = row.checked_sub(1).and_then(|row| runbooks.get(row));
    Some(chosen.map(|opens| Act::Open(opens.clone())).into_iter().collect())
}

pub fn guard(ui: &mut Ui, run: &Run, guard: usize, row: &mut usize, code: KeyCode) -> Option<Vec<Act>> {
    if moved(row, 2, code) || code != KeyCode::Enter {
        return None;
    }
    if *row == 1 {
        let why = run.guards().get(guard).and_then(|state| state.tripped.clone()).unwrap_or_default();
        ripcord(ui, run, &why);
    } else {
        ask_line(ui, Line::Dismiss(guard));
    }
    Some(Vec::new())
}

pub fn line(ui: &mut Ui, run: &Run, line: Line, text: &str) -> Vec<Act> {
    if line == Line::Palette {
        return palette::run(ui, run, text);
    }
    if text.is_empty() {
        ui.status = Some("this needs words; nothing was done".into());
        show(ui, Kind::Line { line, text: Edit::default() });
        return Vec::new();
    }
    let why = text.to_owned();
    vec![match line {
        Line::Note => Act::Command(Command::Note { text: why }),
        Line::Abort => Act::Command(Command::Abort { why }),
        Line::Skip(step) => Act::Command(Command::Skip { step, why }),
        Line::Refuse { step, who } => Act::CommandAs(who, Command::Refuse { step, why }),
        Line::Override { step, item } => Act::Command(Command::Override { step, item, why }),
        Line::Resolve { step, outcome } => Act::Command(Command::Resolve { step, outcome, why }),
        Line::Dismiss(guard) => Act::Command(Command::DismissGuard { guard, why }),
        Line::BreakGlass(_) => Act::Command(Command::BreakGlass { why }),
        Line::Palette => return Vec::new(),
    }]
}

pub fn checklist(ui: &mut Ui, run: &Run, step: StepId, mut row: usize, code: KeyCode) -> Vec<Act> {
    let Some(Action::Checklist(list)) =
        run.state(&step).and_then(|state| state.intent.as_deref()).map(|intent| &intent.action)
    else {
        return Vec::new();
    };
    let count = list.items.len();
    let item = list.items.get(row.min(count.saturating_sub(1)));
    let mut acts = Vec::new();
    match (code, item) {
        (code, _) if moved(&mut row, count, code) => {}
        (KeyCode::Char(' ' | 'x') | KeyCode::Enter, Some(item)) => {
            let ticked = run.state(&step).and_then(|state| state.ticks.get(&item.id)).map(|item| item.tick);
            let (step, item_id) = (step.clone(), item.id.clone());
            acts.push(Act::Command(match (&item.probe, ticked) {
                (Some(_), _) => Command::Recheck { step, item: item_id },
                (None, Some(Tick::Operator)) => Command::Untick { step, item: item_id },
                (None, _) => Command::Tick { step, item: item_id },
            }));
            row = (row + 1).min(count - 1);
        }
        (KeyCode::Char('o'), Some(item)) => {
            ask_line(ui, Line::Override { step, item: item.id.clone() });
            return acts;
        }
        (KeyCode::Char('d' | 'm'), _) => return vec![Act::Command(Command::Done { step, evidence: None })],
        _ => {}
    }
    show(ui, Kind::Checklist { step, row });
    acts
}

pub fn decision_of<'a>(run: &'a Run, step: &StepId) -> Option<&'a Decision> {
    match run.state(step)?.intent.as_deref().map(|intent| &intent.action) {
        Some(Action::Decision(decision)) => Some(decision),
        _ => None,
    }
}

/// First the option; then, where it wants them, a reason and the word that must be typed, each on its own line.
/// A dangerous option is never taken by one Enter.
pub fn decision(
    ui: &mut Ui,
    run: &Run,
    step: &StepId,
    row: &mut usize,
    answer: &mut Option<Choosing>,
    code: KeyCode,
) -> Option<Vec<Act>> {
    let Some(decision) = decision_of(run, step) else { return Some(Vec::new()) };
    let option = decision.options.get(*row)?;
    let Some(given) = answer else {
        if moved(row, decision.options.len(), code) || code != KeyCode::Enter {
            return None;
        }
        let word = run.choice_word(option).map(|word| (word, Edit::default()));
        let dangerous = option.risk == Some(Risk::Destructive);
        if option.reason == ReasonRule::Required || word.is_some() || dangerous {
            let at_word = option.reason != ReasonRule::Required && word.is_some();
            *answer = Some(Choosing { reason: Edit::default(), word, at_word });
            return None;
        }
        let command = Command::Choose { step: step.clone(), option: option.id.clone(), reason: None, typed: None };
        return Some(vec![Act::Command(command)]);
    };
    match code {
        KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down if given.word.is_some() => {
            given.at_word = !given.at_word;
            return None;
        }
        KeyCode::Enter => {}
        _ => return None,
    }
    let reason = given.reason.text.trim().to_owned();
    if option.reason == ReasonRule::Required && reason.is_empty() {
        given.at_word = false;
        ui.status = Some("this option wants a reason, in words".into());
        return None;
    }
    let missing = given.word.as_ref().is_some_and(|(word, typed)| typed.text.trim() != word);
    if missing {
        given.at_word = true;
        ui.status = Some("the word is not the one asked for; nothing was chosen".into());
        return None;
    }
    let typed = given.word.as_ref().map(|(_, typed)| typed.text.trim().to_owned());
    let reason = Some(reason).filter(|reason| !reason.is_empty());
    Some(vec![Act::Command(Command::Choose { step: step.clone(), option: option.id.clone(), reason, typed })])
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
        (true, 'A', "ABORT: stop here, with a reason", FailureOption::Abort),
    ];
    all.into_iter().filter(|(open, ..)| *open).map(|(_, key, words, option)| (key, words, option)).collect()
}
