//! Just the fields of an Event that are shown, old (`count`) and new (`series`) alike.

use jiff::Timestamp;
use serde::Deserialize;

use crate::observe::pods::{Meta, or_default};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlimEvent {
    #[serde(default)]
    pub metadata: Meta,
    #[serde(default)]
    pub involved_object: Involved,
    #[serde(default, deserialize_with = "or_default")]
    pub reason: String,
    #[serde(default, deserialize_with = "or_default")]
    pub message: String,
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub type_: String,
    #[serde(default, deserialize_with = "or_default")]
    pub count: i64,
    #[serde(default)]
    pub first_timestamp: Option<Timestamp>,
    #[serde(default)]
    pub last_timestamp: Option<Timestamp>,
    #[serde(default)]
    pub event_time: Option<Timestamp>,
    #[serde(default)]
    pub series: Option<Series>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Involved {
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub uid: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    #[serde(default)]
    pub count: i64,
    #[serde(default)]
    pub last_observed_time: Option<Timestamp>,
}

/// When, how often, and what it is sorted by: three rules of kubectl's, applied once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub count: u64,
    /// Printed as `last (xN over first)`; otherwise as `first`.
    pub repeated: bool,
    pub sort: Option<Timestamp>,
}

impl SlimEvent {
    pub fn times(&self) -> Times {
        let first = self.event_time.or(self.first_timestamp);
        let at_least = |count: i64| u64::try_from(count).unwrap_or(0);
        match &self.series {
            Some(series) => Times {
                first,
                last: series.last_observed_time,
                count: at_least(series.count),
                repeated: true,
                sort: series.last_observed_time,
            },
            None => Times {
                first,
                last: self.last_timestamp,
                count: at_least(self.count),
                repeated: self.count > 1,
                sort: self.last_timestamp.or(self.event_time),
            },
        }
    }
}
