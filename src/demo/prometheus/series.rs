//! The samples of the embedded Prometheus: what was scraped and when. Nothing is computed here.

use std::collections::BTreeMap;

use promql_parser::label::{METRIC_NAME, Matchers};

pub type Labels = BTreeMap<String, String>;

/// How far back an instant query looks for a sample, in milliseconds.
pub const LOOKBACK: i64 = 300_000;

/// Milliseconds and a value; NaN marks the end of a series.
pub type Sample = (i64, f64);

#[derive(Debug, Default)]
pub struct Series {
    /// By name, then by the other labels.
    by: BTreeMap<String, BTreeMap<Labels, Vec<Sample>>>,
    /// The time of the first sample.
    begun: Option<i64>,
}

impl Series {
    pub fn begun(&self) -> Option<i64> {
        self.begun
    }

    pub fn put(&mut self, name: &str, labels: &Labels, at: i64, value: f64) {
        self.begun.get_or_insert(at);
        let there = self.by.get_mut(name).and_then(|all| all.get_mut(labels));
        match there {
            Some(samples) => samples.push((at, value)),
            None => {
                self.by.entry(name.to_owned()).or_default().insert(labels.clone(), vec![(at, value)]);
            }
        }
    }

    /// After a scrape: what it did not see again has ended.
    pub fn close_unseen(&mut self, at: i64) {
        for samples in self.by.values_mut().flat_map(BTreeMap::values_mut) {
            if samples.last().is_some_and(|(last, value)| *last < at && !value.is_nan()) {
                samples.push((at, f64::NAN));
            }
        }
    }

    /// Every series that fits, with its name among the labels.
    pub fn find(&self, name: Option<&str>, matchers: &Matchers) -> Vec<(Labels, &[Sample])> {
        let mut found = Vec::new();
        for (metric, all) in self.by.iter().filter(|(metric, _)| name.is_none_or(|name| name == metric.as_str())) {
            for (labels, samples) in all {
                let value = |label: &str| match label {
                    METRIC_NAME => metric.as_str(),
                    other => labels.get(other).map_or("", String::as_str),
                };
                if matchers.matchers.iter().all(|matcher| matcher.is_match(value(&matcher.name))) {
                    let mut labels = labels.clone();
                    labels.insert(METRIC_NAME.to_owned(), metric.clone());
                    found.push((labels, samples.as_slice()));
                }
            }
        }
        found
    }
}

/// The sample in force at a time; none where the series has ended or is too old.
pub fn at(samples: &[Sample], at: i64) -> Option<Sample> {
    let end = samples.partition_point(|(time, _)| *time <= at);
    samples[..end].last().copied().filter(|(time, value)| !value.is_nan() && at - time < LOOKBACK)
}

/// The samples of `(from, to]`, marks of ends left out.
pub fn within(samples: &[Sample], from: i64, to: i64) -> Vec<Sample> {
    let start = samples.partition_point(|(time, _)| *time <= from);
    let end = samples.partition_point(|(time, _)| *time <= to);
    samples[start..end].iter().copied().filter(|(_, value)| !value.is_nan()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_that_is_not_seen_again_ends_at_once() {
        let mut series = Series::default();
        let labels = Labels::from([("a".to_owned(), "b".to_owned())]);
        series.put("m", &labels, 1_000, 1.0);
        series.close_unseen(1_000);
        let find = |series: &Series, when| {
            let found = series.find(Some("m"), &Matchers::empty());
            at(found[0].1, when).map(|(_, value)| value)
        };
        assert_eq!(find(&series, 2_000), Some(1.0));
        series.close_unseen(6_000);
        assert_eq!((find(&series, 5_999), find(&series, 6_000)), (Some(1.0), None));
    }
}
