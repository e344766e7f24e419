//! The last lines a step printed, for the screen. The whole output is in its file; nothing here is recorded.

use std::collections::VecDeque;

/// One line of one attempt, safe to draw: escape sequences are gone, what is left of control characters is visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    pub step: String,
    pub attempt: u32,
    pub text: String,
    /// Bytes of output between the line shown before and this one that never reached the screen.
    pub missed: u64,
}

/// Lines longer than this are cut on the screen; the file has them whole.
pub const LINE_LIMIT: usize = 4096;

/// A ring of lines: the newest stay, the oldest go.
#[derive(Clone, Debug)]
pub struct OutputTail {
    lines: VecDeque<String>,
    capacity: usize,
    /// Lines that fell out of the ring.
    scrolled: u64,
    /// Bytes that were dropped before they reached the ring.
    missed: u64,
}

impl OutputTail {
    pub fn new(capacity: usize) -> Self {
        Self { lines: VecDeque::new(), capacity: capacity.max(1), scrolled: 0, missed: 0 }
    }

    pub fn push(&mut self, line: &OutputLine) {
        if line.missed > 0 {
            self.missed += line.missed;
            self.keep(format!("… {} bytes not shown; the output file has them …", line.missed));
        }
        self.keep(line.text.clone());
    }

    fn keep(&mut self, text: String) {
        if self.lines.len() == self.capacity {
            self.lines.pop_front();
            self.scrolled += 1;
        }
        self.lines.push_back(text);
    }

    /// Oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.lines.iter().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Lines that fell out at the top.
    pub fn scrolled(&self) -> u64 {
        self.scrolled
    }

    /// Bytes the screen never saw.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

/// Cuts a stream of bytes into lines fit for the screen. Knows nothing of files or channels.
#[derive(Debug, Default)]
pub struct LineCutter {
    partial: Vec<u8>,
    /// The rest of an overlong line is passed over until its end.
    skipping: bool,
}

impl LineCutter {
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(String)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ended = piece.ends_with(b"\n");
            let body = if ended { &piece[..piece.len() - 1] } else { piece };
            if !self.skipping {
                let room = LINE_LIMIT.saturating_sub(self.partial.len());
                self.partial.extend_from_slice(&body[..body.len().min(room)]);
                if body.len() > room {
                    self.partial.extend_from_slice("…".as_bytes());
                    each(self.take());
                    self.skipping = true;
                }
            }
            if ended && !std::mem::take(&mut self.skipping) {
                each(self.take());
            }
        }
    }

    /// What stands after the last newline.
    pub fn finish(&mut self, mut each: impl FnMut(String)) {
        if !self.partial.is_empty() {
            each(self.take());
        }
        self.skipping = false;
    }

    /// Bytes were passed over: what was begun has no end any more.
    pub fn gap(&mut self) {
        self.partial.clear();
        self.skipping = true;
    }

    fn take(&mut self) -> String {
        let line = plain(&String::from_utf8_lossy(&self.partial));
        self.partial.clear();
        line
    }
}

/// A line as a terminal would have left it: colours and cursor moves are dropped, a carriage return starts the
/// line anew (progress bars), tabs become spaces, everything else that is not text is made visible.
pub fn plain(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let shown = line.rsplit('\r').find(|part| !part.is_empty()).unwrap_or_default();
    let mut out = String::with_capacity(shown.len());
    let mut chars = shown.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\t' => out.push_str(&" ".repeat(8 - out.chars().count() % 8)),
            _ => out.push(c),
        }
    }
    crate::visible::line(&out).into_owned()
}

fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        // OSC, DCS, APC, PM, SOS: text up to BEL or ST.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        // Charset choices and the like carry one more character.
        Some('(' | ')' | '*' | '+' | '#' | '%' | ' ') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(c) = chars.next_if(|c| ('\u{20}'..='\u{7e}').contains(c)) {
        if ('\u{40}'..='\u{7e}').contains(&c) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_progress_bars_leave_plain_text() {
        for (raw, shown) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("10%\r20%\r100%", "100%"),
            ("crlf\r", "crlf"),
            ("a\tb", "a       b"),
            ("\u{1b}[2J\u{1b}[Hgone", "gone"),
            ("\u{1b}(Bplain", "plain"),
            ("half \u{1b}[", "half "),
        ] {
            assert_eq!(plain(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn what_is_left_of_control_characters_is_visible() {
        for raw in ["bell\u{7}", "rtl\u{202e}", "c1\u{85}", "nul\0"] {
            let shown = plain(raw);
            assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{shown:?}");
            assert!(shown.len() > raw.len(), "{shown:?}");
        }
    }

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let (mut cutter, mut lines) = (LineCutter::default(), Vec::new());
        for chunk in chunks {
            cutter.push(chunk, |line| lines.push(line));
        }
        cutter.finish(|line| lines.push(line));
        lines
    }

    #[test]
    fn lines_are_whole_however_they_arrive() {
        assert_eq!(cut(&[b"a", b"b\nc", b"", b"d\n", b"\n", b"e"]), ["ab", "cd", "", "e"]);
        assert_eq!(cut(&["gr\u{fc}n".as_bytes().split_at(3).0, "gr\u{fc}n".as_bytes().split_at(3).1]), ["grün"]);
        assert_eq!(cut(&[b"bad \xff byte\n"]), ["bad \u{fffd} byte"]);
    }

    #[test]
    fn an_endless_line_is_cut_once_and_the_next_one_is_whole() {
        let long = vec![b'x'; 3 * LINE_LIMIT];
        let lines = cut(&[&long, &long, b"\nnext\n"]);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with('…') && lines[0].len() < LINE_LIMIT + 8);
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn the_ring_keeps_the_newest_and_counts_the_rest() {
        let mut tail = OutputTail::new(3);
        for n in 0..5 {
            tail.push(&OutputLine { step: "s".into(), attempt: 1, text: n.to_string(), missed: 0 });
        }
        assert_eq!(tail.lines().collect::<Vec<_>>(), ["2", "3", "4"]);
        assert_eq!(tail.scrolled(), 2);
        tail.push(&OutputLine { step: "s".into(), attempt: 1, text: "late".into(), missed: 77 });
        assert_eq!(tail.missed(), 77);
        assert!(tail.lines().any(|line| line.contains("77 bytes")));
    }
}
