//! Nothing from outside reaches a terminal or the trail raw: escapes are shown, never sent.
//!
//! One rule: characters of the categories control, format, surrogate, private-use and unassigned
//! (bidi, zero-width and tag characters are among them) are written as `\u{…}`.

use std::borrow::Cow;

use unicode_general_category::{GeneralCategory, get_general_category};

fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        get_general_category(c),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

/// One line, with everything hidden made visible (tab and newline too).
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// Several lines: tab and newline stay, everything else hidden is made visible.
pub fn text(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

/// Bytes from a process or a server, as visible text.
pub fn bytes_lossy(bytes: &[u8]) -> String {
    text(&String::from_utf8_lossy(bytes)).into_owned()
}

/// What may be executed (params, inputs, outputs): nothing hidden. Unassigned ones are only shown, not refused.
pub fn is_safe_value(text: &str) -> bool {
    text.chars().all(|c| {
        if c.is_ascii() {
            return !c.is_ascii_control();
        }
        !matches!(
            get_general_category(c),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::Surrogate
                | GeneralCategory::PrivateUse
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
    })
}

/// True where a text holds an escape as [`line()`] and [`text()`] write them.
pub fn holds_escape(text: &str) -> bool {
    let hidden = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).is_some_and(is_hidden);
    text.split("\\u{").skip(1).any(|rest| rest.split_once('}').is_some_and(|(digits, _)| hidden(digits)))
}

fn escape(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let plain = text.bytes().all(|b| (0x20..0x7f).contains(&b) || (b.is_ascii() && stays(char::from(b))));
    if plain {
        return Cow::Borrowed(text);
    }
    let hides = |c: char| is_hidden(c) && !stays(c);
    if !text.chars().any(hides) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hides(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_of_ours_is_known_again_and_other_braces_are_not() {
        assert!(holds_escape(&line("a\u{202e}b")) && holds_escape(&line("x\x1b")));
        assert!(!holds_escape("\\u{41} \\u{zz} \\u{ u{1b} {a}"));
    }

    #[test]
    fn what_would_move_a_cursor_or_hide_a_name_is_shown() {
        assert_eq!(line("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(line("a\u{202e}b\u{200b}c\u{e0041}\u{9b}"), "a\\u{202e}b\\u{200b}c\\u{e0041}\\u{9b}");
        assert_eq!(line("a\tb\n"), "a\\u{9}b\\u{a}");
        assert_eq!(text("a\tb\n"), "a\tb\n");
    }

    #[test]
    fn honest_text_is_borrowed_as_it_is() {
        for honest in ["plain", "größer als 0,1 %", "日本語", "e\u{301}"] {
            assert!(matches!(line(honest), Cow::Borrowed(_)), "{honest}");
            assert!(is_safe_value(honest));
        }
    }

    #[test]
    fn what_is_executed_must_hide_nothing() {
        for bad in ["a\nb", "a\u{0}", "a\u{200b}", "\u{e000}", "\x1b"] {
            assert!(!is_safe_value(bad), "{bad:?}");
        }
    }
}
