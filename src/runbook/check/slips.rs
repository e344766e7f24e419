//! An expression that does not parse: what its author most likely meant.

use super::super::{expr::ExprError, problem::Problems, tree::Place};

/// What other languages write, what stands for it here. The first that is there is told.
const SLIPS: [(&str, &str); 3] = [("&&", "and"), ("||", "or"), ("<>", "!=")];

pub(super) fn tell(source: &str, error: &ExprError, place: Place, problems: &mut Problems<'_>) {
    let bare = unquoted(source);
    if let Some((sign, word)) = SLIPS.iter().find(|(sign, _)| bare.contains(sign)) {
        problems.error(place, format!("`{sign}` is not an operator here")).hint(format!("write `{word}`"));
        return;
    }
    let hint = if source.contains("${{") {
        "this is an expression already: write it without `${{ }}`".to_owned()
    } else if let Some(word) = loud_word(&bare) {
        word
    } else {
        "operators are `and or not in`, `== != < <= > >=` and `+ - * /`; texts stand in quotes".to_owned()
    };
    problems.error(place, format!("«{}» cannot be evaluated: {}", error.expression, error.why)).hint(hint);
}

/// `AND`, `!x`, `a = b`.
fn loud_word(bare: &str) -> Option<String> {
    let words = || bare.split(|c: char| !c.is_alphanumeric() && c != '_');
    if let Some(loud) = words().find(|word| ["AND", "OR", "NOT", "IN"].contains(word)) {
        return Some(format!("write `{}` in small letters", loud.to_lowercase()));
    }
    let signs: Vec<char> = bare.chars().collect();
    let alone = |at: usize, c: char| {
        let around = [at.checked_sub(1), Some(at + 1)];
        signs[at] == c && !around.into_iter().flatten().any(|at| signs.get(at).is_some_and(|c| "=!<>".contains(*c)))
    };
    if (0..signs.len()).any(|at| alone(at, '=')) {
        return Some("to compare, write `==`".to_owned());
    }
    (0..signs.len()).any(|at| alone(at, '!')).then(|| "to turn it round, write `not`".to_owned())
}

/// The text with what stands in quotes left out.
fn unquoted(source: &str) -> String {
    let (mut out, mut quote, mut escaped) = (String::with_capacity(source.len()), None, false);
    for c in source.chars() {
        match quote {
            Some(open) => {
                quote = (c != open || escaped).then_some(open);
                escaped = c == '\\' && !escaped;
            }
            None if c == '\'' || c == '"' => quote = Some(c),
            None => out.push(c),
        }
    }
    out
}
