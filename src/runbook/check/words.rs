//! An expression as a row of words: enough to see which names stand beside which literals.
//! It evaluates nothing and knows no grammar; the expression engine does.

/// A word of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    Name(&'a str),
    /// What stands between quotes.
    Text(&'a str),
    Number(&'a str),
    Sign(&'a str),
}

/// A word and where it stands, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    pub word: Word<'a>,
    pub from: usize,
    pub to: usize,
}

const SIGNS: [&str; 6] = ["==", "!=", "<=", ">=", "//", "**"];

/// Names that are not values.
const KEYWORDS: [&str; 9] = ["in", "and", "or", "not", "if", "else", "is", "true", "false"];

pub(super) fn words(source: &str) -> Vec<At<'_>> {
    let (mut out, mut from) = (Vec::new(), 0);
    while let Some(c) = source[from..].chars().next() {
        let rest = &source[from..];
        let run = |fits: fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
        let (word, length) = match c {
            c if c.is_whitespace() => {
                from += c.len_utf8();
                continue;
            }
            '\'' | '"' => {
                let inner = quoted(&rest[1..], c);
                (Word::Text(&rest[1..1 + inner]), (inner + 2).min(rest.len()))
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = run(|c| c.is_alphanumeric() || c == '_');
                (Word::Name(&rest[..length]), length)
            }
            c if c.is_ascii_digit() => {
                let length = run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
                (Word::Number(&rest[..length]), length)
            }
            c => {
                let length = SIGNS.iter().find(|sign| rest.starts_with(**sign)).map_or(c.len_utf8(), |sign| sign.len());
                (Word::Sign(&rest[..length]), length)
            }
        };
        out.push(At { word, from, to: from + length });
        from += length;
    }
    out
}

/// How long a text is that ends at an unescaped quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at,
            _ => {}
        }
    }
    rest.len()
}

/// A dotted name, and the words it is made of.
#[derive(Clone, Debug)]
pub(super) struct Path<'a> {
    pub parts: Vec<&'a str>,
    /// Index of its first word, and of the first behind it.
    pub words: std::ops::Range<usize>,
}

/// Every dotted name of an expression, in order.
pub(super) fn paths<'a>(words: &[At<'a>]) -> Vec<Path<'a>> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < words.len() {
        let from = at;
        at += 1;
        let Word::Name(root) = words[from].word else { continue };
        let part = from > 0 && matches!(words[from - 1].word, Word::Sign("." | "|"));
        if part || KEYWORDS.contains(&root) {
            continue;
        }
        let mut parts = vec![root];
        while let (Some(Word::Sign(".")), Some(Word::Name(name))) = (word(words, at), word(words, at + 1)) {
            parts.push(name);
            at += 2;
        }
        out.push(Path { parts, words: from..at });
    }
    out
}

pub(super) fn word<'a>(words: &[At<'a>], at: usize) -> Option<Word<'a>> {
    words.get(at).map(|at| at.word)
}

/// Filters and tests by name: `x | int`, `x is defined`.
pub(super) fn filters_and_tests<'a>(words: &[At<'a>]) -> Vec<(&'static str, &'a str)> {
    let mut out = Vec::new();
    for at in 0..words.len() {
        match (words[at].word, word(words, at + 1), word(words, at + 2)) {
            (Word::Sign("|"), Some(Word::Name(name)), _) => out.push(("filter", name)),
            (Word::Name("is"), Some(Word::Name("not")), Some(Word::Name(name))) => out.push(("test", name)),
            (Word::Name("is"), Some(Word::Name(name)), _) if name != "not" => out.push(("test", name)),
            _ => {}
        }
    }
    out
}

/// Stands for a dash inside one name, while names are looked at.
const DASH: &str = "__dash__";

/// `steps.grey-zone.x`, `steps["grey-zone"].x` and `params["a-b"]` with each name as one word; and a step id
/// that nobody declares. The longest declared id after `steps.` is meant.
pub(super) fn as_names(source: &str, ids: &[&str]) -> (String, Option<String>) {
    let words = words(source);
    let (mut out, mut done, mut unknown) = (String::with_capacity(source.len() + 16), 0, None);
    for (index, at) in words.iter().enumerate() {
        if at.from < done {
            continue;
        }
        let member = index > 0 && matches!(words[index - 1].word, Word::Sign("."));
        let after = words.get(index + 1).filter(|next| next.from == at.to);
        let (Word::Name(name), Some(after)) = (at.word, after) else { continue };
        let bracketed = bracket(&words, index + 1);
        if let Some((key, end)) = bracketed.filter(|_| !KEYWORDS.contains(&name)) {
            if name == "steps" && !member && !ids.contains(&key) {
                unknown.get_or_insert_with(|| key.to_owned());
            }
            out.push_str(&source[done..at.to]);
            out.push('.');
            out.push_str(&key.replace('-', DASH));
            done = end;
        } else if name == "steps" && !member && after.word == Word::Sign(".") {
            let rest = &source[after.to..];
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).unwrap_or(rest.len());
            let written = &rest[..length];
            let ends = |id: &str| written.len() == id.len() || written[id.len()..].starts_with('-');
            match ids.iter().filter(|id| written.starts_with(**id) && ends(id)).max_by_key(|id| id.len()) {
                Some(id) => {
                    out.push_str(&source[done..after.to]);
                    out.push_str(&id.replace('-', DASH));
                    done = after.to + id.len();
                }
                None => {
                    unknown.get_or_insert_with(|| written.to_owned());
                }
            }
        }
    }
    out.push_str(&source[done..]);
    (out, unknown)
}

/// `["key"]`, where the key could be a name.
fn bracket<'a>(words: &[At<'a>], at: usize) -> Option<(&'a str, usize)> {
    let close = words.get(at + 2)?;
    match (words.get(at)?.word, words.get(at + 1)?.word, close.word) {
        (Word::Sign("["), Word::Text(key), Word::Sign("]")) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            (key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(plain)).then_some((key, close.to))
        }
        _ => None,
    }
}

/// The name as its author wrote it.
pub(super) fn as_written(name: &str) -> String {
    name.replace(DASH, "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_with_dashes_is_one_name_but_not_inside_a_text() {
        let ids = ["grey", "grey-zone"];
        let (plain, unknown) = as_names("steps.grey-zone.choice == 'steps.nope' and steps['grey'].status", &ids);
        assert_eq!(plain, "steps.grey__dash__zone.choice == 'steps.nope' and steps.grey.status");
        assert_eq!(unknown, None);
        assert_eq!(as_names("steps.nope.status", &ids).1.as_deref(), Some("nope"));
        assert_eq!(as_names("x in ['a']", &ids).0, "x in ['a']");
        assert_eq!(as_names("steps.grey.outputs['a-b']", &ids).0, "steps.grey.outputs.a__dash__b");
    }

    #[test]
    fn filters_and_tests_are_found_outside_texts() {
        let words = words("a | int > 3 and b is not defined or '| nope' == c");
        assert_eq!(filters_and_tests(&words), [("filter", "int"), ("test", "defined")]);
    }
}
