//! Metrics as the pane shows them: a ring of points each, the newest reading, the lines it must not cross.
//! Judges nothing: the verdict comes with the reading.

mod limits;
mod ring;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

pub use crate::runbook::model::Unit;
pub use limits::{Limit, Side};
pub use ring::{Point, Ring};

use super::{freshness::Tone, human};

/// One report of the metrics' watcher.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricsNews {
    /// What is watched, of which server, how often (seconds). Everything known is forgotten.
    Declared {
        server: String,
        every: u32,
        metrics: Vec<MetricInfo>,
    },
    /// The past, oldest first; may come in parts.
    History {
        metric: String,
        points: Vec<Point>,
        baseline: Vec<Point>,
    },
    Sample {
        metric: String,
        at: Timestamp,
        seen: Seen,
        verdict: Verdict,
    },
    /// Its clock minus ours, in seconds.
    Skew(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub struct MetricInfo {
    pub name: String,
    pub title: String,
    pub unit: Unit,
    pub limits: Vec<Limit>,
    /// The window of the query's rate, as written: `2m`.
    pub window: Option<String>,
    /// Samples that some gate needs behind the number.
    pub needs: Option<u64>,
    pub has_baseline: bool,
}

/// What one reading saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    Value {
        value: f64,
        baseline: Option<f64>,
        samples: Option<f64>,
    },
    /// Why there is no number, in words for people.
    Nothing(String),
}

/// The screen's word for a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    Ok,
    Fail,
    /// Neither good nor bad.
    Grey,
    #[default]
    Unknown,
    /// No condition: only shown.
    Unjudged,
}

impl Verdict {
    pub fn word(self) -> (&'static str, Tone) {
        match self {
            Self::Ok => ("ok", Tone::Ok),
            Self::Fail => ("FAIL", Tone::Bad),
            Self::Grey => ("grey", Tone::Warn),
            Self::Unknown => ("UNKNOWN", Tone::Bad),
            Self::Unjudged => ("-", Tone::Plain),
        }
    }
}

/// One metric.
#[derive(Clone, Debug)]
pub struct MetricRow {
    pub info: MetricInfo,
    pub ring: Ring,
    /// The same of what it is compared with, where the metric says so.
    pub baseline: Ring,
    pub seen: Option<(Timestamp, Seen)>,
    /// The last number and when, also while nothing is known now.
    pub last_good: Option<(Timestamp, f64)>,
    pub verdict: Verdict,
    /// Since when the verdict has been the same.
    pub since: Option<Timestamp>,
}

impl MetricRow {
    fn new(info: MetricInfo, every: u32) -> Self {
        let (ring, baseline) = (Ring::new(every), Ring::new(every));
        Self { info, ring, baseline, seen: None, last_good: None, verdict: Verdict::Unknown, since: None }
    }

    /// The verdict as it may be shown: a reading older than three rounds says nothing about now.
    pub fn verdict_now(&self, now: Timestamp) -> Verdict {
        let limit = i64::from(self.ring.step()) * 3;
        match &self.seen {
            Some((at, _)) if now.duration_since(*at).as_secs() <= limit => self.verdict,
            _ => Verdict::Unknown,
        }
    }

    /// The current number in its unit, `n/a` where there is none.
    pub fn value_word(&self) -> String {
        match &self.seen {
            Some((_, Seen::Value { value, .. })) => self.info.unit.show(*value),
            _ => "n/a".to_owned(),
        }
    }

    /// Why there is no number now; and the last good one, so that it is not mistaken for the present.
    pub fn trouble(&self, now: Timestamp) -> Option<String> {
        let why = match &self.seen {
            Some((_, Seen::Nothing(why))) => why.clone(),
            Some((at, _)) if self.verdict_now(now) == Verdict::Unknown && self.verdict != Verdict::Unknown => {
                format!("nothing heard for {}", human::since(now, Some(*at)))
            }
            Some(_) => return None,
            None => "not read yet".to_owned(),
        };
        let last = self.last_good.map(|(at, value)| {
            format!("; last good {} {} ago", self.info.unit.show(value), human::since(now, Some(at)))
        });
        Some(format!("{why}{}", last.unwrap_or_default()))
    }

    /// `412 / 3000 samples`
    pub fn samples_word(&self) -> Option<String> {
        let need = self.info.needs?;
        match &self.seen {
            Some((_, Seen::Value { samples: Some(samples), .. })) => Some(format!("{samples:.0} / {need} samples")),
            _ => Some(format!("? / {need} samples")),
        }
    }
}

/// Everything the metrics pane draws from.
#[derive(Clone, Debug, Default)]
pub struct MetricsView {
    pub server: String,
    pub every: u32,
    pub rows: Vec<MetricRow>,
    pub skew: i64,
    /// When steps ran, for the time axis: when, and the step's number or id.
    pub marks: Vec<(Timestamp, String)>,
}

impl MetricsView {
    pub fn apply(&mut self, news: MetricsNews) {
        match news {
            MetricsNews::Declared { server, every, metrics } => {
                let rows = metrics.into_iter().map(|info| MetricRow::new(info, every)).collect();
                *self = Self { server, every, rows, marks: std::mem::take(&mut self.marks), skew: 0 };
            }
            MetricsNews::History { metric, points, baseline } => {
                if let Some(row) = self.row_mut(&metric) {
                    points.into_iter().for_each(|point| row.ring.fill(point));
                    baseline.into_iter().for_each(|point| row.baseline.fill(point));
                }
            }
            MetricsNews::Sample { metric, at, seen, verdict } => {
                if let Some(row) = self.row_mut(&metric) {
                    row.hear(at, seen, verdict);
                }
            }
            MetricsNews::Skew(skew) => self.skew = skew,
        }
    }

    fn row_mut(&mut self, name: &str) -> Option<&mut MetricRow> {
        self.rows.iter_mut().find(|row| row.info.name == name)
    }

    /// For the first row: `prom ok 9s`, `prom UNKNOWN 42s`; nothing where there is no Prometheus.
    pub fn word(&self, now: Timestamp) -> Option<(String, Tone)> {
        if self.rows.is_empty() {
            return None;
        }
        let heard = self.rows.iter().filter_map(|row| row.last_good).map(|(at, _)| at).max();
        let Some(heard) = heard else { return Some(("prom ...".to_owned(), Tone::Plain)) };
        let age = human::since(now, Some(heard.min(now)));
        let late = now.duration_since(heard).as_secs() > i64::from(self.every) * 3;
        Some(if late { (format!("prom AWAY {age}"), Tone::Bad) } else { (format!("prom ok {age}"), Tone::Ok) })
    }

    /// For the foot of the pane: server, how often, how old, and what is wrong with the clocks.
    pub fn foot(&self, now: Timestamp) -> String {
        let heard = self.rows.iter().filter_map(|row| row.last_good).map(|(at, _)| at.min(now)).max();
        let good = heard.map_or_else(
            || "nothing heard yet".to_owned(),
            |at| format!("last good {} ago", human::since(now, Some(at))),
        );
        let skew = if self.skew.abs() > 5 {
            let way = if self.skew > 0 { "behind" } else { "ahead of" };
            format!("   our clock is {}s {way} its", self.skew.abs())
        } else {
            String::new()
        };
        format!("{}   every {}s   {good}{skew}", self.server, self.every)
    }
}

impl MetricRow {
    fn hear(&mut self, at: Timestamp, seen: Seen, verdict: Verdict) {
        if self.since.is_none() || self.verdict != verdict {
            self.since = Some(at);
        }
        self.verdict = verdict;
        if let Seen::Value { value, baseline, .. } = &seen {
            self.ring.fill(Point { at, value: *value });
            baseline.iter().for_each(|value| self.baseline.fill(Point { at, value: *value }));
            self.last_good = Some((at, *value));
        }
        self.seen = Some((at, seen));
    }
}
