//! Comparisons that can never hold: a status with a word it never is, a script's text with a number,
//! a choice nobody offers.

use super::{
    super::{
        model::{Action, ParamType, Runbook},
        problem::{Problems, nearest},
        tree::Place,
    },
    At,
    words::{self, Path, Word, as_written, word},
};

const STATUS: [&str; 4] = ["pending", "waiting", "running", "done"];
const OUTCOME: [&str; 7] = ["succeeded", "failed", "skipped", "unknown", "aborted", "inconclusive", "error"];

/// What a name is compared with.
#[derive(Debug, PartialEq, Eq)]
enum With<'a> {
    Text(&'a str),
    Number,
}

/// `source` is an expression whose names are single words (see [`words::as_names`]).
pub(super) fn check(source: &str, place: Place, book: &Runbook, steps: &[At<'_>], problems: &mut Problems<'_>) {
    let words = words::words(source);
    let paths = words::paths(&words);
    for path in paths.iter().filter(|path| path.parts[0] == "steps" && path.parts.len() > 2) {
        let id = as_written(path.parts[1]);
        let Some(at) = steps.iter().find(|at| at.step.id().as_str() == id) else { continue };
        let (others, filtered) = compared(&words, &paths, path, book);
        for other in others {
            match (path.parts[2], path.parts.get(3)) {
                ("status", None) => never("status", &other, &STATUS, place, problems),
                ("outcome", None) => never("outcome", &other, &OUTCOME, place, problems),
                ("choice", None) => {
                    if let Action::Decision(decision) = &at.step.action {
                        let known: Vec<_> = decision.options.iter().map(|option| option.id.as_str()).collect();
                        never("choice", &other, &known, place, problems);
                    }
                }
                ("outputs", Some(name))
                    if other == With::Number && !filtered && matches!(at.step.action, Action::Run(_)) =>
                {
                    let name = as_written(name);
                    let message =
                        format!("`{name}` of `{id}` is text: a script's outputs are, and a number never equals it");
                    problems.error(place, message).hint(format!("steps.{id}.outputs.{name} | int"));
                }
                _ => {}
            }
        }
    }
}

fn never(field: &str, other: &With<'_>, known: &[&str], place: Place, problems: &mut Problems<'_>) {
    let word = match other {
        With::Text(word) => *word,
        With::Number => "a number",
    };
    if !known.contains(&word) {
        let hint = nearest(word, known.iter().copied())
            .map_or_else(|| known.join(", "), |near| format!("did you mean `{near}`?"));
        problems.error(place, format!("a step's {field} is never «{word}»")).hint(hint);
    }
}

/// The literals on the other side of a name's comparisons, and whether a filter stands between.
fn compared<'a>(words: &[words::At<'a>], paths: &[Path<'a>], path: &Path<'a>, book: &Runbook) -> (Vec<With<'a>>, bool) {
    let (mut at, mut filtered) = (path.words.end, false);
    while let (Some(Word::Sign("|")), Some(Word::Name(_))) = (word(words, at), word(words, at + 1)) {
        (at, filtered) = (behind_arguments(words, at + 2), true);
    }
    let mut others = Vec::new();
    match (word(words, at), word(words, at + 1)) {
        (Some(Word::Sign(sign)), _) if is_comparison(sign) => others.extend(operand(words, at + 1, paths, book)),
        (Some(Word::Name("in")), _) => others.extend(listed(words, at + 1)),
        (Some(Word::Name("not")), Some(Word::Name("in"))) => others.extend(listed(words, at + 2)),
        _ => {}
    }
    if path.words.start >= 2 && matches!(words[path.words.start - 1].word, Word::Sign(sign) if is_comparison(sign)) {
        others.extend(operand(words, path.words.start - 2, paths, book));
    }
    (others, filtered)
}

fn is_comparison(sign: &str) -> bool {
    ["==", "!=", "<", ">", "<=", ">="].contains(&sign)
}

fn operand<'a>(words: &[words::At<'a>], at: usize, paths: &[Path<'a>], book: &Runbook) -> Option<With<'a>> {
    match (word(words, at)?, word(words, at + 1)) {
        (Word::Text(text), _) => Some(With::Text(text)),
        (Word::Number(_), _) | (Word::Sign("-"), Some(Word::Number(_))) => Some(With::Number),
        (Word::Name(_), _) => {
            let path = paths.iter().find(|path| path.words.contains(&at))?;
            let [root, name] = path.parts.as_slice() else { return None };
            let param = book.params.get(&as_written(name)).filter(|_| *root == "params")?;
            matches!(param.kind, ParamType::Int | ParamType::Number).then_some(With::Number)
        }
        _ => None,
    }
}

/// The texts of `['a', 'b']`.
fn listed<'a>(words: &[words::At<'a>], at: usize) -> Vec<With<'a>> {
    if !matches!(word(words, at), Some(Word::Sign("[" | "("))) {
        return Vec::new();
    }
    let inner = words[at + 1..].iter().take_while(|at| !matches!(at.word, Word::Sign("]" | ")")));
    inner.filter_map(|at| if let Word::Text(text) = at.word { Some(With::Text(text)) } else { None }).collect()
}

/// Behind `(…)`, if there is one.
fn behind_arguments(words: &[words::At<'_>], at: usize) -> usize {
    if word(words, at) != Some(Word::Sign("(")) {
        return at;
    }
    let mut depth = 0;
    for (index, at) in words.iter().enumerate().skip(at) {
        match at.word {
            Word::Sign("(") => depth += 1,
            Word::Sign(")") if depth == 1 => return index + 1,
            Word::Sign(")") => depth -= 1,
            _ => {}
        }
    }
    words.len()
}
