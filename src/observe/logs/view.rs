//! The lines of the pane and where one is in them. Lines have numbers that stay, so a scrolled window does not move.

use std::collections::{BTreeMap, VecDeque};

use super::{LineKind, LogLine, LogNews, StreamId};
use crate::observe::{filter::Filter, freshness::Trouble};

/// Lines kept.
const CAP: usize = 5_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub pod: Box<str>,
    pub container: Box<str>,
    pub state: StreamState,
    /// `hw8zt api`: the end of the pod's name and the container's.
    pub label: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamState {
    Live,
    /// Cut, and being taken up again.
    Lost,
    Ended,
}

#[derive(Clone, Debug, Default)]
pub struct LogView {
    pub title: String,
    pub previous: bool,
    streams: BTreeMap<StreamId, Stream>,
    lines: VecDeque<LogLine>,
    /// The number of `lines[0]`.
    first: u64,
    dropped: u64,
    wanted: usize,
    trouble: Option<Trouble>,
}

impl LogView {
    pub fn apply(&mut self, news: LogNews) {
        match news {
            LogNews::Begin { title, previous } => *self = Self { title, previous, ..Self::default() },
            LogNews::Opened { stream, pod, container } => {
                let short = pod.rsplit('-').next().filter(|end| end.len() >= 4).unwrap_or(&pod);
                let label = format!("{short} {container}").into();
                self.streams.insert(stream, Stream { pod, container, state: StreamState::Live, label });
            }
            LogNews::Lines(lines) => {
                self.lines.extend(lines);
                let over = self.lines.len().saturating_sub(CAP);
                self.lines.drain(..over);
                self.first += over as u64;
            }
            LogNews::State { stream, state } => {
                if let Some(known) = self.streams.get_mut(&stream) {
                    known.state = state;
                }
            }
            LogNews::Dropped { count } => self.dropped += count,
            LogNews::Wanted { streams } => self.wanted = streams,
            LogNews::Trouble(trouble) => self.trouble = trouble,
        }
    }

    pub fn stream(&self, id: StreamId) -> Option<&Stream> {
        self.streams.get(&id)
    }

    /// Streams that live, and containers there are.
    pub fn open(&self) -> (usize, usize) {
        let live = self.streams.values().filter(|stream| stream.state == StreamState::Live).count();
        (live, self.wanted.max(live))
    }

    /// All lines that came, also those no longer kept.
    pub fn received(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The number after the last line: where FOLLOW is.
    pub fn end(&self) -> u64 {
        self.received()
    }

    /// Up to `height` shown lines that end before number `end`, oldest first, each with its number.
    pub fn window<'a>(&'a self, filter: &Filter, end: u64, height: usize) -> Vec<(u64, &'a LogLine)> {
        let mut shown: Vec<_> = self.before(end).filter(|(_, line)| self.shows(filter, line)).take(height).collect();
        shown.reverse();
        shown
    }

    /// The next line with `needle` after (or before) line number `from`.
    pub fn find(&self, needle: &str, from: u64, forward: bool) -> Option<u64> {
        let filter = Filter::Text { needle: needle.to_owned(), inverted: false };
        let hit = |line: &LogLine| filter.shows(|needle| needle.is_in(&line.text), |_| None);
        if forward {
            let skip = usize::try_from((from + 1).saturating_sub(self.first)).unwrap_or(usize::MAX);
            (self.first..).zip(&self.lines).skip(skip).find(|(_, line)| hit(line)).map(|(number, _)| number)
        } else {
            self.before(from).find(|(_, line)| hit(line)).map(|(number, _)| number)
        }
    }

    fn before(&self, end: u64) -> impl Iterator<Item = (u64, &LogLine)> {
        let count = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.lines.len());
        (self.first..self.first + count as u64).rev().zip(self.lines.range(..count).rev())
    }

    fn shows(&self, filter: &Filter, line: &LogLine) -> bool {
        let label = self.streams.get(&line.stream).map_or("", |stream| &*stream.label);
        line.kind == LineKind::Marker && !matches!(filter, Filter::Text { inverted: false, .. })
            || filter.shows(|needle| needle.is_in(&line.text) || needle.is_in(label), |_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LogLine {
        LogLine { stream: StreamId(1), at: None, text: text.into(), kind: LineKind::Said }
    }

    fn view(lines: impl IntoIterator<Item = String>) -> LogView {
        let mut view = LogView::default();
        view.apply(LogNews::Opened { stream: StreamId(1), pod: "ml-api-66c4d9-hw8zt".into(), container: "api".into() });
        view.apply(LogNews::Lines(lines.into_iter().map(|text| line(&text)).collect()));
        view
    }

    fn texts(view: &LogView, filter: &str, end: u64, height: usize) -> Vec<String> {
        view.window(&Filter::parse(filter), end, height)
            .into_iter()
            .map(|(n, line)| format!("{n}:{}", line.text))
            .collect()
    }

    #[test]
    fn the_cap_keeps_the_newest_and_numbers_stay() {
        let mut view = view((0..CAP + 10).map(|i| format!("l{i}")));
        assert_eq!((view.received(), view.dropped()), (5_010, 0));
        assert_eq!(texts(&view, "", view.end(), 2), ["5008:l5008", "5009:l5009"]);
        assert_eq!(texts(&view, "", 12, 5), ["10:l10", "11:l11"]);
        view.apply(LogNews::Lines(vec![line("more")]));
        assert_eq!(texts(&view, "", 12, 5), ["11:l11"]);
        view.apply(LogNews::Dropped { count: 7 });
        assert_eq!(view.dropped(), 7);
    }

    #[test]
    fn a_filter_takes_lines_out_and_markers_stay_unless_text_is_asked_for() {
        let mut view = view(["GET /a".into(), "error x".into(), "GET /b".into()]);
        view.apply(LogNews::Lines(vec![LogLine { kind: LineKind::Marker, ..line("-- container exited 1 --") }]));
        assert_eq!(texts(&view, "!get", view.end(), 9), ["1:error x", "3:-- container exited 1 --"]);
        assert_eq!(texts(&view, "error", view.end(), 9), ["1:error x"]);
        assert_eq!(texts(&view, "hw8zt", view.end(), 9).len(), 4, "the stream's name counts as text");
    }

    #[test]
    fn search_goes_both_ways_and_stops_at_the_ends() {
        let view = view(["a1".into(), "b".into(), "a2".into(), "b".into()]);
        assert_eq!(view.find("a", 0, true), Some(2));
        assert_eq!(view.find("a", 2, true), None);
        assert_eq!(view.find("a", 2, false), Some(0));
        assert_eq!(view.find("a", view.end(), false), Some(2));
        assert_eq!(view.stream(StreamId(1)).map(|s| &*s.label), Some("hw8zt api"));
    }
}
