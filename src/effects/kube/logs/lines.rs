//! Bytes of a log stream into lines that are safe, short and timed; and the place where a cut stream goes on.

use jiff::Timestamp;

use crate::visible;

/// What is kept of one line, in bytes.
const LINE: usize = 4096;

/// Cuts pieces at newlines; of a longer line only the first 4 KiB are ever held.
#[derive(Debug, Default)]
pub struct LineCutter {
    held: Vec<u8>,
    over: usize,
}

impl LineCutter {
    pub fn feed(&mut self, piece: &[u8], mut each: impl FnMut(&[u8], usize)) {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            self.hold(&rest[..end]);
            each(&self.held, self.over);
            self.held.clear();
            self.over = 0;
            rest = &rest[end + 1..];
        }
        self.hold(rest);
    }

    /// What was not ended by a newline.
    pub fn rest(&mut self, mut each: impl FnMut(&[u8], usize)) {
        if !self.held.is_empty() {
            each(&self.held, self.over);
            self.held.clear();
            self.over = 0;
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        // the time stands before the text and does not count
        let room = (LINE + 40).saturating_sub(self.held.len()).min(bytes.len());
        self.held.extend_from_slice(&bytes[..room]);
        self.over += bytes.len() - room;
    }
}

/// `2026-01-01T00:00:00.123456789Z text`
pub fn parse(line: &[u8], over: usize) -> (Option<Timestamp>, Box<str>) {
    let split = line.iter().position(|b| *b == b' ');
    let at = split.and_then(|end| std::str::from_utf8(&line[..end]).ok()?.parse::<Timestamp>().ok());
    let text = match (at, split) {
        (Some(_), Some(end)) => &line[end + 1..],
        _ => line,
    };
    let text = String::from_utf8_lossy(text);
    let mut safe = visible::line(text.trim_end_matches('\r').trim_end()).replace("\\u{9}", "    ");
    if over > 0 {
        safe.push_str(&format!(" … {over} more bytes"));
    }
    (at, safe.into())
}

/// Where a stream was cut: the last time seen and how many lines had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub last: Option<Timestamp>,
    same: u32,
}

impl Place {
    pub fn note(&mut self, at: Option<Timestamp>) {
        match at {
            Some(at) if self.last == Some(at) => self.same += 1,
            Some(at) => *self = Self { last: Some(at), same: 1 },
            None => {}
        }
    }

    /// A filter for what the server sends again after `sinceTime`: nothing twice, nothing left out.
    pub fn resume(self) -> Resume {
        Resume { place: self, again: 0, decided: self.last.is_none() }
    }
}

/// Skips what was shown before the cut.
#[derive(Clone, Copy, Debug)]
pub struct Resume {
    place: Place,
    again: u32,
    decided: bool,
}

/// What is to be done with a line after a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Skip,
    Show,
}

impl Resume {
    /// The last lines shown came again, so none is missing between them and what comes. `None`: not known yet.
    pub fn is_whole(&self) -> Option<bool> {
        match (self.decided, self.again) {
            (true, again) => Some(again > 0),
            (false, again) => (again >= self.place.same).then_some(true),
        }
    }

    pub fn judge(&mut self, at: Option<Timestamp>) -> Verdict {
        let (Some(last), false) = (self.place.last, self.decided) else { return Verdict::Show };
        match at {
            Some(at) if at < last => Verdict::Skip,
            Some(at) if at == last && self.again < self.place.same => {
                self.again += 1;
                Verdict::Skip
            }
            Some(_) => {
                self.decided = true;
                Verdict::Show
            }
            None => Verdict::Show,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_gives_its_time_and_safe_text() {
        let (at, text) = parse(b"2026-01-01T00:00:00.5Z a\tb\x1b[31mred\xff\r", 0);
        assert_eq!((at, &*text), ("2026-01-01T00:00:00.5Z".parse().ok(), "a    b\\u{1b}[31mred\u{fffd}"));
        assert_eq!(parse(b"no time here", 0), (None, "no time here".into()));
        assert_eq!(&*parse(b"2026-01-01T00:00:00Z ", 0).1, "");
    }

    #[test]
    fn a_megabyte_line_is_cut_and_says_so() {
        let mut cutter = LineCutter::default();
        let mut seen = Vec::new();
        for _ in 0..256 {
            cutter.feed(&[b'x'; 4096], |_, _| panic!("no newline yet"));
        }
        cutter.feed(b"\nnext\n", |line, over| seen.push((line.len(), over)));
        assert_eq!(seen, [(LINE + 40, 1_048_576 - LINE - 40), (4, 0)]);
        assert!(cutter.held.capacity() < 64 * 1024);
    }

    proptest! {
        /// A stream cut anywhere and taken up by whole seconds shows each line once, in order.
        #[test]
        fn a_cut_loses_and_repeats_nothing(millis in prop::collection::vec(0u16..900, 1..60), cut in 0usize..60) {
            let mut clock = 0i64;
            let lines: Vec<(Timestamp, usize)> = millis.iter().enumerate().map(|(i, step)| {
                clock += i64::from(step / 300 * 300);
                (Timestamp::from_millisecond(clock).unwrap(), i)
            }).collect();
            let cut = cut.min(lines.len());
            let mut place = Place::default();
            let mut shown: Vec<usize> = Vec::new();
            for (at, i) in &lines[..cut] {
                place.note(Some(*at));
                shown.push(*i);
            }
            let since = place.last.map(|last| last.as_second());
            let mut resume = place.resume();
            for (at, i) in lines.iter().filter(|(at, _)| since.is_none_or(|since| at.as_second() >= since)) {
                match resume.judge(Some(*at)) {
                    Verdict::Skip => {}
                    Verdict::Show => shown.push(*i),
                }
            }
            prop_assert!(resume.is_whole() != Some(false) || cut == 0, "no line was lost");
            prop_assert_eq!(shown, (0..lines.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_gap_is_noticed() {
        let at = |s| Timestamp::from_second(s).ok();
        let mut place = Place::default();
        place.note(at(5));
        let mut resume = place.resume();
        assert_eq!(resume.is_whole(), None);
        assert_eq!(resume.judge(at(9)), Verdict::Show);
        assert_eq!(resume.is_whole(), Some(false), "newer lines come, and the last one shown did not come again");
    }
}
