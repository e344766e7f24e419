//! `/readyz` every five seconds: what «live» rests on. A missed beat or a jump of the clock restarts every watch,
//! because an API that answers does not prove that an old watch lives.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{
    sync::{mpsc::Sender, watch},
    time::Instant,
};

use super::{reader::Source, trouble::Failure};
use crate::{
    observe::{Observation, cluster::ClusterNews, freshness::TroubleKind},
    pace,
};

const EVERY: Duration = Duration::from_secs(5);
/// After a missed beat.
const SOON: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(2);
/// Wall clock and steady clock may drift apart by this in one beat; a suspended laptop goes far beyond.
const JUMP_MS: i64 = 3_000;

/// Told to every watch: drop the connection and begin again.
#[derive(Clone, Debug, Default)]
pub struct Restart {
    pub count: u64,
    /// Shown in the panes until their watch is back.
    pub why: Option<Failure>,
}

pub fn restart(all: &watch::Sender<Restart>, why: Option<Failure>) {
    all.send_modify(|restart| *restart = Restart { count: restart.count + 1, why });
}

/// Runs until nobody listens any more.
pub async fn run(source: Source, news: Sender<Observation>, restarts: watch::Sender<Restart>) {
    let mut well = true;
    let mut last = Clocks::read();
    let mut asked = restarts.subscribe();
    loop {
        let beat = beat(&source).await;
        let now = Clocks::read();
        let said = match &beat {
            Ok(date) => ClusterNews::Beat { skew: date.map(|date| skew(date, now.wall)) },
            Err(failure) => ClusterNews::Missed(failure.trouble(now.wall.checked_add(SOON).ok())),
        };
        if news.send(Observation::Cluster(said)).await.is_err() {
            return;
        }
        let jumped = now.jumped_since(&last);
        last = now;
        let was_well = std::mem::replace(&mut well, beat.is_ok());
        match beat {
            Err(failure) if was_well => restart(&restarts, Some(failure)),
            Ok(_) if !was_well || jumped => restart(&restarts, None),
            _ => {}
        }
        asked.mark_unchanged();
        tokio::select! {
            () = tokio::time::sleep(pace::real(if well { EVERY } else { SOON })) => {}
            // Ctrl-r: look at once
            changed = asked.changed() => if changed.is_err() { return },
        }
    }
}

/// Any answer but a refused login and a broken server shows that the API is there.
async fn beat(source: &Source) -> Result<Option<Timestamp>, Failure> {
    match source.get("/readyz", LIMIT).await {
        Ok(answer) => Ok(answer.date),
        Err(failure) if matches!(failure.kind, TroubleKind::Forbidden | TroubleKind::Throttled) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Their clock minus ours, to the nearest second; the header cuts its own fraction off.
fn skew(theirs: Timestamp, ours: Timestamp) -> i64 {
    let millis = theirs.as_millisecond() + 500 - ours.as_millisecond();
    (millis + 500).div_euclid(1000)
}

struct Clocks {
    wall: Timestamp,
    steady: Instant,
}

impl Clocks {
    fn read() -> Self {
        Self { wall: pace::now(), steady: Instant::now() }
    }

    fn jumped_since(&self, before: &Self) -> bool {
        let wall = self.wall.as_millisecond() - before.wall.as_millisecond();
        let steady =
            i64::try_from(pace::lived(self.steady.duration_since(before.steady)).as_millis()).unwrap_or(i64::MAX);
        (wall - steady).abs() > JUMP_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_compared_in_whole_seconds() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(skew(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00.4Z")), 0);
        assert_eq!(skew(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00.9Z")), 0);
        assert_eq!(skew(at("2026-01-01T00:00:07Z"), at("2026-01-01T00:00:00.5Z")), 7);
        assert_eq!(skew(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:01:30.5Z")), -90);
    }

    #[test]
    fn a_suspended_machine_is_noticed_and_a_slow_tick_is_not() {
        let start = Clocks::read();
        let after = |wall: i64, steady: u64| Clocks {
            wall: start.wall + jiff::SignedDuration::from_secs(wall),
            steady: start.steady + Duration::from_secs(steady),
        };
        assert!(!after(60, 60).jumped_since(&start));
        assert!(after(3600, 5).jumped_since(&start));
        assert!(after(-20, 5).jumped_since(&start));
    }
}
