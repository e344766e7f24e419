//! Functions over a stretch of samples, and quantiles of histograms: Prometheus' own rules, extrapolation included.

use std::collections::BTreeMap;

use super::{
    eval::Element,
    series::{Labels, Sample},
};

/// The samples of a range, and the range itself, in milliseconds.
pub struct Window<'a> {
    pub samples: &'a [Sample],
    pub from: i64,
    pub to: i64,
}

pub type Over = fn(&Window<'_>) -> Option<f64>;

pub fn function(name: &str) -> Option<Over> {
    Some(match name {
        "rate" => |window| Some(extrapolated(window, true)? / ((window.to - window.from) as f64 / 1000.0)),
        "increase" => |window| extrapolated(window, true),
        "delta" => |window| extrapolated(window, false),
        "irate" => |window| {
            let [.., (before, old), (last, new)] = window.samples else { return None };
            let grown = if new < old { *new } else { new - old };
            Some(grown / ((last - before) as f64 / 1000.0))
        },
        "changes" => |window| {
            let (first, rest) = window.samples.split_first()?;
            let changed = rest.iter().scan(first.1, |last, (_, value)| Some(*value != std::mem::replace(last, *value)));
            Some(changed.filter(|changed| *changed).count() as f64)
        },
        "resets" => |window| {
            let pairs = window.samples.windows(2);
            (!window.samples.is_empty()).then(|| pairs.filter(|pair| pair[1].1 < pair[0].1).count() as f64)
        },
        "sum_over_time" => |window| some(window, |all| all.iter().sum()),
        "count_over_time" => |window| some(window, |all| all.len() as f64),
        "avg_over_time" => |window| some(window, |all| all.iter().sum::<f64>() / all.len() as f64),
        "min_over_time" => |window| some(window, |all| all.iter().copied().fold(f64::INFINITY, f64::min)),
        "max_over_time" => |window| some(window, |all| all.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        "last_over_time" => |window| window.samples.last().map(|(_, value)| *value),
        "present_over_time" => |window| some(window, |_| 1.0),
        _ => return None,
    })
}

fn some(window: &Window<'_>, of: impl Fn(&[f64]) -> f64) -> Option<f64> {
    let values: Vec<f64> = window.samples.iter().map(|(_, value)| *value).collect();
    (!values.is_empty()).then(|| of(&values))
}

/// The growth over the whole window: a counter that fell was reset; the ends of the window are reached by the mean
/// distance of the samples, half of it where a series begins or ends inside.
fn extrapolated(window: &Window<'_>, counter: bool) -> Option<f64> {
    let (first, last) = (window.samples.first()?, window.samples.last()?);
    if window.samples.len() < 2 {
        return None;
    }
    let mut grown = last.1 - first.1;
    if counter {
        let falls = window.samples.windows(2).filter(|pair| pair[1].1 < pair[0].1);
        grown += falls.map(|pair| pair[0].1).sum::<f64>();
    }
    let sampled = (last.0 - first.0) as f64;
    let mean = sampled / (window.samples.len() - 1) as f64;
    let reach = |gap: f64| if gap >= mean * 1.1 { mean / 2.0 } else { gap };
    let mut before = reach((first.0 - window.from) as f64);
    if counter && grown > 0.0 && first.1 >= 0.0 {
        before = before.min(sampled * (first.1 / grown)); // a counter was never below zero
    }
    let after = reach((window.to - last.0) as f64);
    Some(grown * (sampled + before + after) / sampled)
}

/// `histogram_quantile`: linear inside a bucket; over the last bound it is that bound.
pub fn quantile(part: f64, all: Vec<Element>) -> Vec<Element> {
    let mut groups: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for mut element in all {
        let bound =
            element.labels.remove("le").and_then(|le| if le == "+Inf" { Some(f64::INFINITY) } else { le.parse().ok() });
        element.labels.remove(promql_parser::label::METRIC_NAME);
        if let Some(bound) = bound {
            groups.entry(element.labels).or_default().push((bound, element.value));
        }
    }
    groups
        .into_iter()
        .filter_map(|(labels, buckets)| Some(Element { labels, value: of_buckets(part, buckets)? }))
        .collect()
}

fn of_buckets(part: f64, mut buckets: Vec<(f64, f64)>) -> Option<f64> {
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = buckets.last().filter(|(bound, _)| bound.is_infinite())?.1;
    if total == 0.0 || buckets.len() < 2 {
        return Some(f64::NAN);
    }
    let rank = part * total;
    let at = buckets.iter().position(|(_, count)| *count >= rank)?;
    if at == buckets.len() - 1 {
        return Some(buckets[at - 1].0);
    }
    let (low, below) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    let (high, upto) = buckets[at];
    Some(if upto > below { low + (high - low) * (rank - below) / (upto - below) } else { high })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(name: &str, samples: &[Sample], from: i64, to: i64) -> Option<f64> {
        function(name).unwrap()(&Window { samples, from, to })
    }

    #[test]
    fn a_rate_is_prometheus_own() {
        let samples: Vec<Sample> = (0..13).map(|n| (n * 5_000, n as f64 * 50.0)).collect();
        // sixty seconds, ten a second
        assert_eq!(over("rate", &samples[1..], 0, 60_000), Some(10.0));
        assert_eq!(over("increase", &samples[1..], 0, 60_000), Some(600.0));
        // a counter that began again
        let reset = [(0, 90.0), (10_000, 100.0), (20_000, 5.0), (30_000, 15.0)];
        assert_eq!(over("increase", &reset, 0, 30_000), Some(25.0));
        assert_eq!(over("rate", &[(0, 1.0)], 0, 60_000), None);
    }

    #[test]
    fn a_quantile_lies_inside_its_bucket() {
        let bucket = |le: &str, value: f64| Element { labels: [("le".to_owned(), le.to_owned())].into(), value };
        let all = vec![bucket("0.1", 50.0), bucket("0.2", 90.0), bucket("+Inf", 100.0)];
        let p = |part: f64| quantile(part, all.clone())[0].value;
        assert!((p(0.7) - 0.15).abs() < 1e-9, "{}", p(0.7));
        assert!((p(0.25) - 0.05).abs() < 1e-9);
        assert_eq!(p(0.99), 0.2);
        assert!(quantile(0.9, vec![bucket("0.1", 0.0), bucket("+Inf", 0.0)])[0].value.is_nan());
    }
}
