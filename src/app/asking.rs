//! What a run still needs before it opens, asked for on the terminal: params, and secrets without an echo.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use crossterm::{
    event::{Event, KeyCode, KeyEventKind, KeyModifiers, read},
    terminal::{disable_raw_mode, enable_raw_mode},
};
use serde_json::Value;

use super::Fault;
use crate::{
    cli,
    runbook::{
        model::{Param, Runbook},
        params,
    },
    visible,
};

/// Somebody sits there and the run is theirs to drive.
pub fn is_possible(flags: &cli::Headless) -> bool {
    !flags.headless && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Every required param that nobody gave, one line each, until it fits.
pub fn params(book: &Runbook, given: &mut BTreeMap<String, Value>) -> Result<(), Fault> {
    let missing = |name: &String, param: &Param| param.required && param.default.is_none() && !given.contains_key(name);
    let missing: Vec<(&String, &Param)> = book.params.iter().filter(|(name, param)| missing(name, param)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("{} needs:\n", book.metadata.name));
    for (name, param) in missing {
        loop {
            let value = Value::String(line(&about(name, param))?);
            match params::check(name, param, &value) {
                Ok(_) => {
                    given.insert(name.clone(), value);
                    break;
                }
                Err(problem) => say(&format!("    {problem}\n")),
            }
        }
    }
    Ok(())
}

fn about(name: &str, param: &Param) -> String {
    let kind = format!("{:?}", param.kind).to_lowercase();
    let words: Vec<String> =
        param.one_of.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect();
    let hints = [param.description.clone(), words.join(" | "), param.pattern.clone().unwrap_or_default()];
    let hints: Vec<String> = hints.into_iter().filter(|hint| !hint.is_empty()).collect();
    let hints = if hints.is_empty() { kind } else { format!("{kind}; {}", hints.join("; ")) };
    format!("  {name} ({hints}): ")
}

/// A secret's value; nothing of it is shown. `None`: nothing was given.
pub fn secret(name: &str) -> Option<String> {
    say(&format!("  secret {name} (not shown): "));
    enable_raw_mode().ok()?;
    let typed = typed();
    let _ = disable_raw_mode();
    say("\n");
    typed.filter(|text| !text.is_empty())
}

fn typed() -> Option<String> {
    let mut text = String::new();
    loop {
        match read().ok()? {
            Event::Key(key) if key.kind == KeyEventKind::Release => {}
            Event::Key(key) => match key.code {
                KeyCode::Enter => return Some(text),
                KeyCode::Esc => return None,
                KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return None,
                KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => text.clear(),
                KeyCode::Backspace => drop(text.pop()),
                KeyCode::Char(c) => text.push(c),
                _ => {}
            },
            Event::Paste(pasted) => text.push_str(pasted.trim_end_matches(['\r', '\n'])),
            _ => {}
        }
    }
}

fn line(prompt: &str) -> Result<String, Fault> {
    say(prompt);
    let mut text = String::new();
    let read = io::stdin().lock().read_line(&mut text).unwrap_or(0);
    if read == 0 {
        return Err(Fault::usage("nothing was given; nothing was started"));
    }
    Ok(text.trim().to_owned())
}

#[expect(clippy::print_stdout, reason = "a question, on the terminal it is answered on")]
fn say(text: &str) {
    print!("{}", visible::text(text));
    let _ = io::stdout().flush();
}
