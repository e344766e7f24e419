//! One line of text being typed.

use unicode_segmentation::UnicodeSegmentation as _;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    pub text: String,
    /// In graphemes.
    at: usize,
}

impl Edit {
    pub fn of(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.graphemes(true).count(), text }
    }

    fn byte(&self) -> usize {
        self.text.grapheme_indices(true).nth(self.at).map_or(self.text.len(), |(byte, _)| byte)
    }

    /// Text typed or pasted; a line break in it is only a space, and hidden characters do not get in.
    pub fn insert(&mut self, text: &str) {
        for c in text.chars() {
            let c = if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
            if crate::visible::is_safe_value(c.encode_utf8(&mut [0; 4])) && self.text.len() < 4096 {
                let at = self.byte();
                self.text.insert(at, c);
                self.at = self.text[..at + c.len_utf8()].graphemes(true).count();
            }
        }
    }

    pub fn backspace(&mut self) {
        if self.at > 0 {
            self.at -= 1;
            let from = self.byte();
            let length = self.text[from..].graphemes(true).next().map_or(0, str::len);
            self.text.replace_range(from..from + length, "");
        }
    }

    pub fn left(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    pub fn right(&mut self) {
        self.at = (self.at + 1).min(self.text.graphemes(true).count());
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_moves_by_what_a_person_sees() {
        let mut edit = Edit::default();
        edit.insert("ae\u{301}b");
        edit.left();
        edit.backspace();
        assert_eq!(edit.text, "ab");
        edit.insert("x\ny\u{1b}\u{202e}");
        assert_eq!(edit.text, "ax yb");
    }
}
