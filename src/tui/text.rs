//! Text cut to a width by what a person sees, never in the middle of a character.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

pub fn width(text: &str) -> usize {
    text.width()
}

/// At most `columns` wide, cut at the end.
pub fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        if used + grapheme.width() > columns.saturating_sub(2) {
            break;
        }
        out.push_str(grapheme);
        used += grapheme.width();
    }
    if columns >= 2 {
        out.push_str("..");
    }
    out
}

/// At most `columns` wide, cut in the middle: the end of a name tells pods apart.
pub fn fit_middle(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let keep = columns.saturating_sub(2);
    let tail = keep / 2;
    let graphemes: Vec<&str> = text.graphemes(true).collect();
    let mut end = Vec::new();
    let mut used = 0;
    for grapheme in graphemes.iter().rev() {
        if used + grapheme.width() > tail {
            break;
        }
        used += grapheme.width();
        end.push(*grapheme);
    }
    let head = fit(text, keep - used + 2);
    let head = head.strip_suffix("..").unwrap_or(&head).to_owned();
    format!("{head}..{}", end.into_iter().rev().collect::<String>())
}

/// Exactly `columns` wide.
pub fn pad(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    let gap = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(gap))
}

/// Left and right on one line of `columns`; the left gives way.
pub fn spread(left: &str, right: &str, columns: usize) -> String {
    let right = fit(right, columns);
    let room = columns.saturating_sub(right.width());
    format!("{}{right}", pad(left, room))
}

/// Wraps at spaces; a word wider than the line is cut where it must be.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        // A script's indentation means something.
        let body = paragraph.trim_start_matches(' ');
        let indent = " ".repeat((paragraph.len() - body.len()).min(columns / 2));
        let mut line = indent.clone();
        for word in body.split(' ') {
            let gap = usize::from(!line.trim().is_empty());
            if line.width() + gap + word.width() > columns && !line.trim().is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if word.width() > columns {
                for grapheme in word.graphemes(true) {
                    if line.width() + grapheme.width() > columns {
                        lines.push(std::mem::take(&mut line));
                    }
                    line.push_str(grapheme);
                }
                continue;
            }
            if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// `1 more line`, `2 more lines`.
pub fn lines_more(count: usize) -> String {
    format!("{count} more line{}", if count == 1 { "" } else { "s" })
}

/// What is left of a time, as a clock has it: `6:36`, `1:59:50`.
pub fn clock(left: jiff::SignedDuration) -> String {
    let secs = left.as_secs().max(0);
    let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_cut_whole() {
        assert_eq!(fit("日本語の名前", 7), "日本..");
        assert_eq!(width(&fit_middle("ml-api-canary-66c4d9-hw8zt", 16)), 16);
        assert!(fit_middle("ml-api-canary-66c4d9-hw8zt", 16).ends_with("hw8zt"));
        assert_eq!(pad("ab", 4), "ab  ");
        assert_eq!(spread("left", "r", 6), "left r");
    }

    #[test]
    fn counts_and_times_read_as_a_person_says_them() {
        assert_eq!((lines_more(1), lines_more(2)), ("1 more line".into(), "2 more lines".into()));
        let left = |secs| clock(jiff::SignedDuration::from_secs(secs));
        assert_eq!((left(396), left(7_190), left(-3)), ("6:36".into(), "1:59:50".into(), "0:00".into()));
    }

    #[test]
    fn wrapping_keeps_words_and_cuts_only_what_is_too_long() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("if x\n  then y", 20), ["if x", "  then y"]);
    }
}
