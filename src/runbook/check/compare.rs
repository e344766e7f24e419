//! Comparisons that can never hold: a status with a word it never is, a script's text with a number,
//! a choice nobody offers.

use std::collections::HashMap;

use super::{
    super::{
        expr::Part,
        model::{Action, ParamType, Runbook},
        problem::{Problems, nearest},
        tree::Place,
    },
    At,
};

const STATUS: [&str; 4] = ["pending", "waiting", "running", "done"];
/// Of every step; a gate may end in the last two as well.
const OUTCOME: [&str; 7] = ["succeeded", "failed", "skipped", "unknown", "aborted", "inconclusive", "error"];

/// Tests that compare, as `x is eq(y)`.
const TESTS: [&str; 10] = ["eq", "equalto", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge", "sameas"];
/// Filters that leave a text a text.
const KEEP_TEXT: [&str; 10] =
    ["trim", "lower", "upper", "title", "capitalize", "replace", "string", "default", "d", "safe"];

pub(super) fn check(
    parts: &Part,
    place: Place,
    book: &Runbook,
    steps: &HashMap<&str, &At<'_>>,
    problems: &mut Problems<'_>,
) {
    for (left, right) in pairs(parts) {
        for (name, other) in [(left, right), (right, left)] {
            words(name, other, steps, place, problems);
            if is_number(other, book) {
                text_as_number(name, steps, place, problems);
            }
        }
    }
    for part in parts.all() {
        if let Part::Reckoned(parts) = part {
            parts.iter().for_each(|part| text_as_number(part, steps, place, problems));
        }
    }
}

/// In a metric's condition every name is a number.
pub(super) fn numbers(parts: &Part, place: Place, problems: &mut Problems<'_>) {
    for (left, right) in pairs(parts) {
        for pair in [(left, right), (right, left)] {
            if let (Part::Name { path, .. }, Part::Text(text)) = pair {
                problems
                    .error(place, format!("`{}` is a number, and never «{text}»", path.join(".")))
                    .hint("compare it with a number, without quotes");
            }
        }
    }
}

/// What is compared with what; of a list each item.
fn pairs(parts: &Part) -> Vec<(&Part, &Part)> {
    let mut pairs = Vec::new();
    for part in parts.all() {
        let (left, right) = match part {
            Part::Compared(left, right) | Part::In(left, right) => (left.as_ref(), right.as_ref()),
            Part::Test { name, of, args } if TESTS.contains(&name.as_str()) || name == "in" => match args.as_slice() {
                [arg] => (of.as_ref(), arg),
                _ => continue,
            },
            _ => continue,
        };
        match right {
            Part::List(items) => pairs.extend(items.iter().map(|item| (left, item))),
            right => pairs.push((left, right)),
        }
    }
    pairs
}

fn words(name: &Part, other: &Part, steps: &HashMap<&str, &At<'_>>, place: Place, problems: &mut Problems<'_>) {
    let Part::Name { path, .. } = name else { return };
    let [root, id, field] = path.as_slice() else { return };
    let Some(at) = steps.get(id.as_str()).filter(|_| root == "steps") else { return };
    match (field.as_str(), &at.step.action) {
        ("status", _) => never("status", other, &STATUS, place, problems),
        ("outcome", Action::Analysis(_)) => never("outcome", other, &OUTCOME, place, problems),
        ("outcome", _) => never("outcome", other, &OUTCOME[..5], place, problems),
        ("choice", Action::Decision(decision)) => {
            let known: Vec<_> = decision.options.iter().map(|option| option.id.as_str()).collect();
            never("choice", other, &known, place, problems);
        }
        _ => {}
    }
}

fn never(field: &str, other: &Part, known: &[&str], place: Place, problems: &mut Problems<'_>) {
    let word = match other {
        Part::Text(word) => word.as_str(),
        Part::Number => "a number",
        Part::Other => "true, false or none",
        _ => return,
    };
    if !known.contains(&word) {
        let hint = nearest(word, known.iter().copied())
            .map_or_else(|| format!("it is one of {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        problems.error(place, format!("a step's {field} is never «{word}»")).hint(hint);
    }
}

fn is_number(part: &Part, book: &Runbook) -> bool {
    match part {
        Part::Number | Part::Reckoned(_) => true,
        Part::Name { path, .. } => match path.as_slice() {
            [root, name] if root == "params" => {
                book.params.get(name).is_some_and(|param| matches!(param.kind, ParamType::Int | ParamType::Number))
            }
            _ => false,
        },
        Part::Filter { name, .. } => ["int", "float", "length", "count", "abs", "round"].contains(&name.as_str()),
        _ => false,
    }
}

/// A script's output, perhaps through filters that leave it a text, where a number stands beside it.
fn text_as_number(part: &Part, steps: &HashMap<&str, &At<'_>>, place: Place, problems: &mut Problems<'_>) {
    let mut part = part;
    while let Part::Filter { name, of, .. } = part
        && KEEP_TEXT.contains(&name.as_str())
    {
        part = of;
    }
    let Part::Name { path, .. } = part else { return };
    let [root, id, outputs, name] = path.as_slice() else { return };
    if root == "steps"
        && outputs == "outputs"
        && steps.get(id.as_str()).is_some_and(|at| matches!(at.step.action, Action::Run(_)))
    {
        let message = format!("`{name}` of `{id}` is text: a script's outputs are, and a number never equals it");
        problems.error(place, message).hint(format!("steps.{id}.outputs.{name} | int"));
    }
}
