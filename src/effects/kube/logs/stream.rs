//! The log of one container, followed to its end: cut streams are taken up again where they were cut.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::{
    mpsc::{Sender, error::TrySendError},
    watch,
};

use super::lines::{LineCutter, Place, Resume, Verdict, parse};
use crate::{
    effects::kube::watch::{Failure, Restart, Source, encode},
    observe::{
        Observation,
        freshness::TroubleKind,
        logs::{LineKind, LogLine, LogNews, StreamId, StreamState},
    },
};

const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// A quiet container says nothing for a day; the connection is asked by the heartbeat, not by silence.
const SILENT_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// A stream that ended while its container runs is taken up again after this.
const AGAIN: Duration = Duration::from_secs(1);
/// Reports that may wait for the screen before lines are dropped.
const WAITING: usize = 256;
/// How often a stream is tried again before it is given up.
const TRIES: u32 = 60;

/// What to read of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    pub follow: bool,
    pub previous: bool,
    /// Lines from the end, at the start.
    pub tail: Option<u32>,
    /// Not older than this, in seconds.
    pub since: Option<u64>,
}

impl Default for LogQuery {
    fn default() -> Self {
        Self { follow: true, previous: false, tail: Some(200), since: None }
    }
}

pub(super) struct ContainerLog {
    pub id: StreamId,
    pub source: Source,
    pub namespace: String,
    pub pod: Box<str>,
    pub container: Box<str>,
    pub query: LogQuery,
    pub news: Sender<Observation>,
    pub place: Place,
    pub lost: u64,
    /// A dropped sender: the container has ended, what comes is the rest.
    pub ended: watch::Receiver<bool>,
    /// Whatever is open is given up: a connection that died in silence says nothing by itself.
    pub restarts: watch::Receiver<Restart>,
}

enum Ended {
    InOrder,
    Cut(Failure),
    NobodyListens,
}

impl ContainerLog {
    pub async fn run(mut self) {
        let mut tries = 0;
        let mut cut_at: Option<Timestamp> = None;
        loop {
            let before = self.place;
            let ended = self.read(&mut cut_at).await;
            if self.place != before {
                tries = 0;
            }
            let failure = match ended {
                Ended::NobodyListens => return,
                // a followed stream of a container that still runs was cut in silence
                Ended::InOrder if self.query.follow && !*self.ended.borrow() => None,
                Ended::InOrder => break,
                Ended::Cut(failure) => Some(failure),
            };
            tries += 1;
            let hopeless = match failure.as_ref().map(|failure| failure.kind) {
                Some(TroubleKind::Forbidden) => true,
                Some(TroubleKind::Away | TroubleKind::Login | TroubleKind::Throttled) => false,
                Some(TroubleKind::Refused) | None => tries > TRIES,
            };
            if hopeless || (failure.is_some() && *self.ended.borrow()) {
                let why = failure.map_or_else(|| "the stream keeps ending".to_owned(), |failure| failure.why);
                self.mark(&format!("-- {why} --")).await;
                break;
            }
            cut_at.get_or_insert_with(now);
            self.state(StreamState::Lost).await;
            tokio::select! {
                () = tokio::time::sleep(AGAIN * tries.min(5)) => {}
                changed = self.ended.changed() => if changed.is_err() { break },
                () = given_up(&mut self.restarts) => {}
            }
        }
        self.state(StreamState::Ended).await;
    }

    async fn read(&mut self, cut_at: &mut Option<Timestamp>) -> Ended {
        let mut answer = match self.source.get(&self.path(), OPEN_LIMIT).await {
            Ok(answer) => answer,
            Err(failure) => return Ended::Cut(failure),
        };
        let mut resume = self.place.resume();
        if cut_at.is_some() {
            self.state(StreamState::Live).await;
        }
        if let Some(since) = cut_at.take_if(|_| self.place.last.is_none()) {
            self.mark(&self.back_again(since, "")).await;
        }
        let mut cutter = LineCutter::default();
        loop {
            let mut lines = Vec::new();
            let piece = tokio::select! {
                piece = answer.piece(SILENT_LIMIT) => piece,
                () = given_up(&mut self.restarts) => Err(Failure::away(&self.source.server, "given up, begun anew")),
            };
            let end = match piece {
                Ok(Some(piece)) => {
                    cutter.feed(&piece, |line, over| self.take(line, over, &mut resume, cut_at, &mut lines));
                    None
                }
                Ok(None) => {
                    cutter.rest(|line, over| self.take(line, over, &mut resume, cut_at, &mut lines));
                    Some(Ended::InOrder)
                }
                Err(failure) => Some(Ended::Cut(failure)),
            };
            if !self.send(lines) {
                return Ended::NobodyListens;
            }
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// `cut_at`: a cut that is not marked yet; it is, as soon as what comes again tells whether something was lost.
    fn take(
        &mut self,
        line: &[u8],
        over: usize,
        resume: &mut Resume,
        cut_at: &mut Option<Timestamp>,
        lines: &mut Vec<LogLine>,
    ) {
        let (at, text) = parse(line, over);
        let verdict = resume.judge(at);
        if let Some(since) = cut_at.take_if(|_| resume.is_whole().is_some()) {
            let lost = match resume.is_whole() {
                Some(true) => ", 0 lines lost",
                _ => "; lines may be missing here: the node keeps no older ones",
            };
            lines.push(self.line(at, self.back_again(since, lost).into(), LineKind::Marker));
        }
        if verdict == Verdict::Skip {
            return;
        }
        self.place.note(at);
        lines.push(self.line(at, text, LineKind::Said));
    }

    fn line(&self, at: Option<Timestamp>, text: Box<str>, kind: LineKind) -> LogLine {
        LogLine { stream: self.id, at, text, kind }
    }

    /// Lines may be dropped when the screen cannot keep up; they are counted. False when nobody listens.
    fn send(&mut self, lines: Vec<LogLine>) -> bool {
        if self.lost > 0 {
            match self.news.try_send(Observation::Logs(LogNews::Dropped { count: self.lost })) {
                Ok(()) => self.lost = 0,
                Err(TrySendError::Closed(_)) => return false,
                Err(TrySendError::Full(_)) => {}
            }
        }
        if lines.is_empty() {
            return true;
        }
        let count = lines.len() as u64;
        // A screen that is not read must not fill the memory: a piece may hold hundreds of lines.
        if self.news.max_capacity() - self.news.capacity() > WAITING {
            self.lost += count;
            return true;
        }
        match self.news.try_send(Observation::Logs(LogNews::Lines(lines))) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost += count;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }

    async fn mark(&self, text: &str) {
        let line = self.line(Some(now()), crate::visible::line(text).into(), LineKind::Marker);
        let _ = self.news.send(Observation::Logs(LogNews::Lines(vec![line]))).await;
    }

    async fn state(&self, state: StreamState) {
        let _ = self.news.send(Observation::Logs(LogNews::State { stream: self.id, state })).await;
    }

    fn back_again(&self, since: Timestamp, lost: &str) -> String {
        let clock = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
        let from = self.place.last.map_or_else(|| "the start".to_owned(), clock);
        format!("-- stream lost {}, back {}, resumed from {from}{lost} --", clock(since), clock(now()))
    }

    fn path(&self) -> String {
        let query = &self.query;
        let mut path = format!(
            "/api/v1/namespaces/{}/pods/{}/log?container={}&timestamps=true&follow={}&previous={}",
            encode(&self.namespace),
            encode(&self.pod),
            encode(&self.container),
            query.follow,
            query.previous
        );
        match (self.place.last, query.since, query.tail) {
            // whole seconds: the server cuts fractions off, what comes twice is skipped here
            (Some(last), _, _) => {
                let second = Timestamp::from_second(last.as_second()).unwrap_or(last);
                path.push_str(&format!("&sinceTime={}", encode(&second.to_string())));
            }
            (None, Some(since), _) => path.push_str(&format!("&sinceSeconds={since}")),
            (None, None, Some(tail)) => path.push_str(&format!("&tailLines={tail}")),
            (None, None, None) => {}
        }
        path
    }
}

/// Resolves when everything is begun anew.
async fn given_up(restarts: &mut watch::Receiver<Restart>) {
    if restarts.changed().await.is_err() {
        std::future::pending().await // the hub is going, and this task with it
    }
}

/// When a stream was cut and came back is shown by the clock.
pub(super) fn now() -> Timestamp {
    crate::pace::now()
}
