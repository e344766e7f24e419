//! Numbers in their unit, as short as a row allows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// A ratio, shown times a hundred.
    Percent,
    Seconds,
    Bytes,
    PerSecond,
    #[default]
    Count,
}

impl Unit {
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{} %", short(value * 100.0)),
            Self::Seconds if value.abs() < 1e-3 && value != 0.0 => format!("{} µs", short(value * 1e6)),
            Self::Seconds if value.abs() < 1.0 && value != 0.0 => format!("{} ms", short(value * 1e3)),
            Self::Seconds => format!("{} s", short(value)),
            Self::Bytes => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"]),
            Self::PerSecond => format!("{}/s", scaled(value, 1000.0, &["", "k", "M", "G", "T"])),
            Self::Count => scaled(value, 1000.0, &["", "k", "M", "G", "T"]),
        }
    }
}

/// Three digits that count, no zeros behind the point.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v == 0.0 || v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.01 => 2,
        v => (2.0 - v.log10().floor()).min(12.0) as usize,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    while value.abs() >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    match units[unit] {
        name if name.len() > 1 || base > 1000.0 => format!("{} {name}", short(value)),
        name => format!("{}{name}", short(value)),
    }
}
