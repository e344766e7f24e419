//! How old what a pane shows is, in a word for its title. Measured by the watches; here it is only put into words.

use jiff::Timestamp;

use super::human;

/// Older than this past the last proof, a pane is not live whatever else is known.
pub const STALE_AFTER: i64 = 10;

/// One watch, as its last report said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    pub state: FeedState,
    /// The last moment at which what is shown was known to be true.
    pub proven: Option<Timestamp>,
    /// A whole list has come at least once.
    pub loaded: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FeedState {
    #[default]
    Waiting,
    Listing,
    Watching,
    /// Listing again aside (410, a restart); what is shown stays.
    Resyncing,
    Failed(Trouble),
}

/// Why a watch gets nothing, and when it tries again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub kind: TroubleKind,
    /// One line, safe to show, that ends in what to do where something can be done.
    pub why: String,
    pub retry_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// Refused, timed out, cut.
    Away,
    /// 403: belongs to its pane, the others go on.
    Forbidden,
    /// 401, or a credential plugin that failed.
    Login,
    /// 429.
    Throttled,
    /// Anything else the server said.
    Refused,
}

/// What the colour repeats and never says alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    Ok,
    Plain,
    Warn,
    Bad,
}

impl Feed {
    /// For the pane's title: `live 1s`, `STALE 42s`, `403`, `loading`, `resyncing`.
    pub fn word(&self, now: Timestamp) -> (String, Tone) {
        match &self.state {
            FeedState::Failed(trouble) if trouble.kind == TroubleKind::Forbidden => ("403".to_owned(), Tone::Bad),
            FeedState::Failed(trouble) if trouble.kind == TroubleKind::Throttled => {
                (format!("throttled, next try {}", wait(trouble, now)), Tone::Warn)
            }
            FeedState::Failed(_) if !self.loaded => ("no data".to_owned(), Tone::Bad),
            FeedState::Waiting | FeedState::Listing if !self.loaded => ("loading".to_owned(), Tone::Plain),
            FeedState::Resyncing if !self.is_stale(now) => ("resyncing".to_owned(), Tone::Plain),
            _ if self.is_stale(now) => (format!("STALE {}", self.age(now)), Tone::Bad),
            _ => (format!("live {}", self.age(now)), Tone::Ok),
        }
    }

    /// No act may rest on it without a fresh read.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let old = self.proven.is_none_or(|proven| now.duration_since(proven).as_secs() > STALE_AFTER);
        old || matches!(self.state, FeedState::Failed(_))
    }

    pub fn trouble(&self) -> Option<&Trouble> {
        match &self.state {
            FeedState::Failed(trouble) => Some(trouble),
            _ => None,
        }
    }

    fn age(&self, now: Timestamp) -> String {
        human::since(now, self.proven.map(|proven| proven.min(now)))
    }
}

impl Trouble {
    /// `cannot reach https://…: timeout, retry in 8s`
    pub fn line(&self, now: Timestamp) -> String {
        match self.retry_at {
            Some(at) if at > now => format!("{}, retry in {}", self.why, wait(self, now)),
            _ => self.why.clone(),
        }
    }
}

fn wait(trouble: &Trouble, now: Timestamp) -> String {
    trouble
        .retry_at
        .map_or_else(|| "soon".to_owned(), |at| human::duration(at.duration_since(now).max(jiff::SignedDuration::ZERO)))
}

/// The API server, as the heartbeat sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiHealth {
    pub ok_at: Option<Timestamp>,
    pub trouble: Option<Trouble>,
    /// The cluster's clock minus ours, from the `Date` header, in seconds.
    pub skew: i64,
}

impl ApiHealth {
    /// For the first row: `api ok 1s`, `api AWAY 42s`, `api login`.
    pub fn word(&self, now: Timestamp) -> (String, Tone) {
        let age = human::since(now, self.ok_at.map(|at| at.min(now)));
        match (&self.trouble, self.ok_at) {
            (Some(trouble), _) if trouble.kind == TroubleKind::Login => ("api LOGIN".to_owned(), Tone::Bad),
            (Some(_), Some(_)) => (format!("api AWAY {age}"), Tone::Bad),
            (Some(_), None) => ("api AWAY".to_owned(), Tone::Bad),
            (None, None) => ("api ...".to_owned(), Tone::Plain),
            (None, Some(at)) if now.duration_since(at).as_secs() > STALE_AFTER => {
                (format!("api AWAY {age}"), Tone::Bad)
            }
            (None, Some(_)) => (format!("api ok {age}"), Tone::Ok),
        }
    }

    /// `clock 12s behind the cluster`, once it is over five seconds.
    pub fn skew_word(&self) -> Option<String> {
        let said = human::duration(jiff::SignedDuration::from_secs(self.skew.abs()));
        match self.skew {
            6.. => Some(format!("clock {said} behind the cluster")),
            ..-5 => Some(format!("clock {said} ahead of the cluster")),
            _ => None,
        }
    }

    /// Now, as the cluster's clock has it. Differences a header cannot measure are left out.
    pub fn cluster_now(&self, now: Timestamp) -> Timestamp {
        let skew = if self.skew.abs() > 2 { self.skew } else { 0 };
        now.checked_add(jiff::SignedDuration::from_secs(skew)).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failed(kind: TroubleKind) -> FeedState {
        FeedState::Failed(Trouble { kind, why: "cannot reach https://x: timeout".into(), retry_at: Some(at(108)) })
    }

    fn word(state: FeedState, proven: Option<i64>, loaded: bool) -> String {
        Feed { state, proven: proven.map(at), loaded }.word(at(100)).0
    }

    #[test]
    fn each_state_has_its_own_word() {
        assert_eq!(word(FeedState::Waiting, None, false), "loading");
        assert_eq!(word(FeedState::Listing, None, false), "loading");
        assert_eq!(word(FeedState::Watching, Some(99), true), "live 1s");
        assert_eq!(word(FeedState::Watching, Some(90), true), "live 10s");
        assert_eq!(word(FeedState::Watching, Some(89), true), "STALE 11s");
        assert_eq!(word(FeedState::Resyncing, Some(99), true), "resyncing");
        assert_eq!(word(FeedState::Resyncing, Some(58), true), "STALE 42s");
        assert_eq!(word(failed(TroubleKind::Away), Some(98), true), "STALE 2s");
        assert_eq!(word(failed(TroubleKind::Away), None, false), "no data");
        assert_eq!(word(failed(TroubleKind::Forbidden), Some(98), true), "403");
        assert_eq!(word(failed(TroubleKind::Throttled), Some(98), true), "throttled, next try 8s");
    }

    #[test]
    fn trouble_says_when_it_tries_again() {
        let FeedState::Failed(trouble) = failed(TroubleKind::Away) else { unreachable!() };
        assert_eq!(trouble.line(at(100)), "cannot reach https://x: timeout, retry in 8s");
        assert_eq!(trouble.line(at(108)), "cannot reach https://x: timeout");
    }

    #[test]
    fn the_clock_of_the_cluster_counts_and_a_difference_is_said() {
        let skewed = |skew| ApiHealth { skew, ..ApiHealth::default() };
        assert_eq!(skewed(5).skew_word(), None);
        assert_eq!(skewed(12).skew_word().as_deref(), Some("clock 12s behind the cluster"));
        assert_eq!(skewed(-90).skew_word().as_deref(), Some("clock 90s ahead of the cluster"));
        assert_eq!((skewed(1).cluster_now(at(10)), skewed(-7).cluster_now(at(10))), (at(10), at(3)));
    }

    #[test]
    fn the_api_is_ok_only_while_it_answers() {
        let mut api = ApiHealth { ok_at: Some(at(99)), ..ApiHealth::default() };
        assert_eq!(api.word(at(100)).0, "api ok 1s");
        assert_eq!(api.word(at(141)).0, "api AWAY 42s");
        api.trouble = Some(Trouble { kind: TroubleKind::Login, why: String::new(), retry_at: None });
        assert_eq!(api.word(at(100)).0, "api LOGIN");
    }
}
