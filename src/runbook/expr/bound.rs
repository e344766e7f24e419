//! How much an expression or a query may be, before a parser sees it: parsers go one call deeper for each
//! sign, and a text of a few thousand of them would end the program. No grammar here.

/// Longest text, in bytes.
const LENGTH: usize = 16 << 10;

/// Words that join or turn what stands beside them, in either language.
const JOINING: [&str; 8] = ["and", "or", "not", "in", "is", "if", "else", "unless"];

/// Why a text is too much to be parsed, if it is.
pub fn too_much(text: &str, most: usize) -> Option<String> {
    if text.len() > LENGTH {
        return Some(format!("it is longer than {} KiB", LENGTH >> 10));
    }
    (joints(text) > most).then(|| format!("it has more than {most} operators, brackets and filters"))
}

/// Signs and joining words outside quotes.
fn joints(text: &str) -> usize {
    let (mut count, mut quote, mut escaped, mut word) = (0, None, false, 0..0);
    for (at, c) in text.char_indices() {
        if let Some(open) = quote {
            (quote, escaped) = (if c == open && !escaped { None } else { quote }, c == '\\' && !escaped);
            continue;
        }
        if c.is_alphanumeric() || c == '_' {
            word = if word.end == at { word.start } else { at }..at + c.len_utf8();
            continue;
        }
        count += usize::from(JOINING.contains(&&text[std::mem::take(&mut word)]));
        match c {
            '\'' | '"' | '`' => quote = Some(c),
            ',' => {}
            c => count += usize::from(!c.is_whitespace()),
        }
    }
    count + usize::from(JOINING.contains(&&text[word]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_joining_words_count_and_what_is_quoted_does_not() {
        for (text, count) in [
            ("a.b == 'x - \\' - y' and not c", 5),
            ("x in ['a', 'b', 'c']", 3),
            ("android or 1", 1),
            ("a or", 1),
            ("", 0),
        ] {
            assert_eq!(joints(text), count, "{text}");
        }
        assert!(too_much(&"run.id".repeat(10), 10).is_none());
        assert!(too_much(&format!("run{}", ".id".repeat(11)), 10).is_some());
        assert!(too_much(&" ".repeat(LENGTH + 1), 10).is_some());
    }
}
