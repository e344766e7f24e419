//! Log lines of several containers in one pane: kept up to a cap, counted beyond it, filtered and searched. Follows nothing.

mod json;
mod view;

pub use json::{Level, Pretty, level, pretty};
pub use view::{LogView, Stream, StreamState};

use jiff::Timestamp;

/// Which container's stream, counted up over the life of a pane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// A line, already safe to show and no longer than 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub stream: StreamId,
    pub at: Option<Timestamp>,
    pub text: Box<str>,
    pub kind: LineKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineKind {
    #[default]
    Said,
    /// Ours, not the container's: a restart, an end, a gap.
    Marker,
}

/// What the streams report.
#[derive(Clone, Debug, PartialEq)]
pub enum LogNews {
    /// Another choice of pods: everything shown is forgotten. `title`: `deploy/ml-api`, `pod/x`.
    Begin {
        title: String,
        previous: bool,
    },
    Opened {
        stream: StreamId,
        pod: Box<str>,
        container: Box<str>,
    },
    Lines(Vec<LogLine>),
    State {
        stream: StreamId,
        state: StreamState,
    },
    /// Lines that came faster than the screen could take them.
    Dropped {
        count: u64,
    },
    /// How many containers there are to follow; more than are followed, perhaps.
    Wanted {
        streams: usize,
    },
    /// None of it can be read: why.
    Trouble(Option<super::freshness::Trouble>),
}
