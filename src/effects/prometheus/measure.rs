//! One metric at one slot: the number, or exactly why there is none.

use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use super::{
    Prometheus,
    answer::{Bad, Stamped},
    selectors::{self, Selector},
};
use crate::{
    engine::message::{Decimal, Reading},
    pace,
};

/// The queries of a metric, rendered.
pub struct Queries<'a> {
    pub query: &'a str,
    pub baseline: Option<&'a str>,
    pub samples: Option<&'a str>,
    pub baseline_samples: Option<&'a str>,
    pub stale_after: Duration,
}

/// Why a query gave no number.
enum No {
    Bad(Bad),
    /// Empty, NaN, ±Inf, stale.
    Data(String),
}

impl From<Bad> for No {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

impl Prometheus {
    /// Reads a metric at a slot of our clock. Goes on trying for a while where the server is away.
    pub async fn measure(&self, queries: &Queries<'_>, slot: Timestamp) -> Reading {
        let end = tokio::time::Instant::now() + pace::real(self.patience());
        let mut pause = pace::real(Duration::from_millis(500));
        loop {
            let reading = match tokio::time::timeout_at(end, self.read(queries, slot)).await {
                Ok(reading) => reading,
                Err(_) => {
                    let why = format!("{}: no answer in {} s", self.name(), self.patience().as_secs());
                    return Reading::Unreachable { why };
                }
            };
            if !matches!(reading, Reading::Unreachable { .. }) || tokio::time::Instant::now() + pause >= end {
                return reading;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// One try.
    pub(super) async fn once(&self, queries: &Queries<'_>, slot: Timestamp) -> Reading {
        self.read(queries, slot).await
    }

    async fn read(&self, queries: &Queries<'_>, slot: Timestamp) -> Reading {
        let shift = self.shift();
        let reading = self.read_at(queries, slot, shift).await;
        match self.was_elsewhere(shift) {
            true => self.read_at(queries, slot, self.shift()).await,
            false => reading,
        }
    }

    async fn read_at(&self, queries: &Queries<'_>, slot: Timestamp, shift: i64) -> Reading {
        let at = slot.checked_add(SignedDuration::from_secs(shift)).unwrap_or(slot);
        let main = self.fresh(queries.query, at, queries.stale_after);
        let baseline = async {
            match queries.baseline {
                Some(query) => self.fresh(query, at, queries.stale_after).await.map(Some).map_err(|no| match no {
                    No::Data(why) => No::Data(format!("of the baseline: {why}")),
                    bad => bad,
                }),
                None => Ok(None),
            }
        };
        let (samples, others) = (self.counted(queries.samples, at), self.counted(queries.baseline_samples, at));
        let (value, baseline, samples, others) = futures::join!(main, baseline, samples, others);
        let (value, baseline) = match (value, baseline) {
            (Ok(value), Ok(baseline)) => (value, baseline),
            (Err(No::Bad(bad)), _) | (_, Err(No::Bad(bad))) => return no(bad),
            (Err(No::Data(why)), _) | (_, Err(No::Data(why))) => {
                return self.no_data(why, at, queries.stale_after).await;
            }
        };
        match (samples, others) {
            (Err(bad), _) | (_, Err(bad)) => no(bad),
            (Ok(samples), Ok(baseline_samples)) => {
                Reading::Value { value: Decimal(value), baseline: baseline.map(Decimal), samples, baseline_samples }
            }
        }
    }

    /// How many samples stand behind a number; `None` where nobody asks, or nobody knows.
    async fn counted(&self, query: Option<&str>, at: Timestamp) -> Result<Option<Decimal>, Bad> {
        let Some(query) = query else { return Ok(None) };
        let count = self.one(query, at).await?;
        Ok(count.filter(|count| count.value.is_finite()).map(|count| Decimal(count.value)))
    }

    /// A number that stands on fresh samples.
    async fn fresh(&self, query: &str, at: Timestamp, stale_after: Duration) -> Result<f64, No> {
        let selectors = selectors::of(query);
        let ages = join_all(selectors.iter().map(|selector| self.age(selector, at)));
        let (number, ages) = futures::join!(self.one(query, at), ages);
        let Some(number) = number? else { return Err(No::Data("the query gives nothing (no series)".into())) };
        if !number.value.is_finite() {
            return Err(No::Data(format!("the query gives {}", number.value)));
        }
        let mut fresh = selectors.is_empty();
        for (selector, age) in selectors.iter().zip(ages) {
            match age? {
                Some(age) if age <= stale_after.as_secs_f64() => fresh = true,
                _ if selector.optional => {}
                Some(age) => return Err(No::Data(format!("{} was last seen {age:.0}s before", selector.text))),
                None => return Err(No::Data(format!("no series for {}", selector.text))),
            }
        }
        // `count(ALERTS) or vector(0)`: the query says itself what nothing means, as long as something is recorded.
        match fresh || self.records(at, stale_after).await? {
            true => Ok(number.value),
            false => Err(No::Data("none of its selectors has a fresh sample, and nothing else was recorded".into())),
        }
    }

    /// Was anything scraped lately?
    async fn records(&self, at: Timestamp, stale_after: Duration) -> Result<bool, Bad> {
        let up = Selector { text: "up".into(), optional: false };
        Ok(self.age(&up, at).await?.is_some_and(|age| age <= stale_after.as_secs_f64()))
    }

    /// Seconds since the newest sample of a selector.
    async fn age(&self, selector: &Selector, at: Timestamp) -> Result<Option<f64>, Bad> {
        let newest = self.one(&format!("max(timestamp({}))", selector.text), at).await?;
        Ok(newest.filter(|newest| newest.value.is_finite()).map(|newest| newest.at - newest.value))
    }

    /// One number at exactly the time asked for.
    async fn one(&self, query: &str, at: Timestamp) -> Result<Option<Stamped>, Bad> {
        let number = self.instant(query, at).await?.number()?;
        let asked = at.as_millisecond() as f64 / 1000.0;
        match number {
            // some servers keep whole seconds
            Some(number) if (number.at - asked).abs() > 1.0 => {
                let off = number.at - asked;
                Err(Bad::Error(format!(
                    "{} answered for another moment, {off:+.0}s from the one asked for",
                    self.name()
                )))
            }
            number => Ok(number),
        }
    }

    /// No data: is it the metric that is silent, or did nothing at all get recorded then?
    async fn no_data(&self, why: String, at: Timestamp, stale_after: Duration) -> Reading {
        let up = Selector { text: "up".into(), optional: false };
        match self.age(&up, at).await {
            Ok(Some(age)) if age <= stale_after.as_secs_f64() => Reading::NoData { why },
            Ok(Some(age)) => {
                Reading::Forgotten { why: format!("{} recorded nothing for {age:.0}s before this slot", self.name()) }
            }
            // It scrapes now and did not then; where it never has `up`, the metric is what is silent.
            Ok(None) => match self
                .instant("max(timestamp(up))", self.theirs(super::now()))
                .await
                .and_then(|answer| answer.number())
            {
                Ok(Some(_)) => Reading::Forgotten { why: format!("{} has no record of this slot", self.name()) },
                Ok(None) => Reading::NoData { why },
                Err(bad) => no(bad),
            },
            Err(bad) => no(bad),
        }
    }
}

fn no(bad: Bad) -> Reading {
    match bad {
        Bad::Away(why) => Reading::Unreachable { why },
        Bad::Error(why) => Reading::Error { why },
    }
}
