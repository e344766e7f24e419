//! The cluster's events as `kubectl events` prints them, grouped by (object, reason). Forgets nothing because it expired.

mod log;
mod slim;

pub use log::{EventFilter, EventLog, Group};
pub use slim::{SlimEvent, Times};

use jiff::Timestamp;

use super::human;
use crate::visible;

/// How much of a message is kept, in characters.
const MESSAGE: usize = 1024;

/// One event object. Every text in it is already safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterEvent {
    pub uid: Box<str>,
    pub object_uid: Box<str>,
    pub kind: Box<str>,
    pub name: Box<str>,
    pub reason: Box<str>,
    pub message: Box<str>,
    pub type_: Box<str>,
    pub times: Times,
    /// Breaks ties between equal times.
    pub version: u64,
}

impl ClusterEvent {
    pub fn new(event: &SlimEvent) -> Self {
        let safe = |text: &str| -> Box<str> { visible::line(text).into() };
        let object = &event.involved_object;
        let message = event.message.trim();
        let cut = message.char_indices().nth(MESSAGE).map_or(message.len(), |(at, _)| at);
        Self {
            uid: safe(&event.metadata.uid),
            object_uid: safe(&object.uid),
            kind: safe(&object.kind),
            name: safe(&object.name),
            reason: safe(&event.reason),
            message: safe(&message[..cut]),
            type_: safe(&event.type_),
            times: event.times(),
            version: event.metadata.resource_version.parse().unwrap_or(0),
        }
    }

    pub fn is_warning(&self) -> bool {
        &*self.type_ == "Warning"
    }
}

impl Times {
    /// `12s (x14 over 9m)`. A time to come (clocks differ) is `0s`, none at all `<unknown>`.
    pub fn cell(&self, now: Timestamp) -> String {
        let since = |then: Option<Timestamp>| human::since(now, then.map(|then| then.min(now)));
        match self.repeated {
            true => format!("{} (x{} over {})", since(self.last), self.count, since(self.first)),
            false => since(self.first),
        }
    }
}

#[cfg(test)]
mod tests;
