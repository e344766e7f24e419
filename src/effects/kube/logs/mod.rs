//! The logs pane's streams: which containers, from their pods' watch; new ones join, ended ones say how they ended.

mod lines;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

pub use self::stream::LogQuery;
use self::stream::{ContainerLog, now};
use super::{
    connect::Cluster,
    watch::{Pods, Restart, Source, WatchHub, follow},
};
use crate::observe::{
    Observation,
    cluster::{Change, ClusterNews},
    freshness::FeedState,
    logs::{LineKind, LogLine, LogNews, StreamId},
    pods::{ContainerRow, PodRow},
};

/// Containers followed at once.
const STREAMS: usize = 20;

/// Whose logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSpec {
    pub namespace: String,
    pub of: LogOf,
    /// One container of each pod, or all.
    pub container: Option<String>,
    pub query: LogQuery,
    /// For the pane's title: `deploy/ml-api`, `pod/x`.
    pub title: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOf {
    Pod(String),
    Selector(String),
}

/// The running streams; they end when this is dropped.
pub struct LogHub {
    restarts: watch::Sender<Restart>,
    tasks: JoinSet<()>,
}

impl LogHub {
    /// Starts at once and returns at once. Lines are dropped and counted when `news` is full; markers are not.
    pub fn start(cluster: &Cluster, spec: LogSpec, news: mpsc::Sender<Observation>) -> Self {
        let restarts = watch::Sender::new(Restart::default());
        let mut tasks = JoinSet::new();
        let (pods, changes) = mpsc::channel(64);
        let (selector, field) = match &spec.of {
            LogOf::Selector(selector) => (Some(selector.clone()), None),
            LogOf::Pod(name) => (None, Some(format!("metadata.name={name}"))),
        };
        let kind = Pods { namespace: spec.namespace.clone(), selector, field };
        tasks.spawn(follow(cluster, kind, pods, restarts.subscribe()));
        let source = Source {
            client: cluster.client.clone(),
            server: cluster.server.clone(),
            what: format!("read logs in ns {}", spec.namespace),
        };
        tasks.spawn(Streams::new(spec, source, news, restarts.subscribe()).run(changes));
        Self { restarts, tasks }
    }

    /// What the watches' heartbeat finds is heeded here too.
    pub fn heed(&mut self, watches: &WatchHub) {
        let (mut heard, restarts) = (watches.restarts(), self.restarts.clone());
        self.tasks.spawn(async move {
            while heard.changed().await.is_ok() {
                restarts.send_modify(|restart| restart.count += 1);
            }
        });
    }

    /// Ctrl-r: the pods are looked at anew, every stream is taken up again where it was.
    pub fn restart(&self) {
        self.restarts.send_modify(|restart| restart.count += 1);
    }
}

/// One container as it is followed now.
struct Followed {
    stream: StreamId,
    id: Box<str>,
    ended: watch::Sender<bool>,
}

struct Streams {
    spec: LogSpec,
    source: Source,
    news: mpsc::Sender<Observation>,
    followed: HashMap<(Box<str>, Box<str>), Followed>,
    /// Containers beyond the limit, in the order in which they came.
    waiting: VecDeque<(Box<str>, ContainerRow)>,
    next: u32,
    tasks: JoinSet<()>,
    restarts: watch::Receiver<Restart>,
}

impl Streams {
    fn new(spec: LogSpec, source: Source, news: mpsc::Sender<Observation>, restarts: watch::Receiver<Restart>) -> Self {
        let (followed, waiting) = (HashMap::new(), VecDeque::new());
        Self { spec, source, news, followed, waiting, next: 0, tasks: JoinSet::new(), restarts }
    }

    async fn run(mut self, mut changes: mpsc::Receiver<Observation>) {
        self.say(LogNews::Begin { title: self.spec.title.clone(), previous: self.spec.query.previous }).await;
        while let Some(observation) = changes.recv().await {
            let Observation::Cluster(news) = observation else { continue };
            match news {
                ClusterNews::Pods(Change::Listed(rows)) => self.rows(rows).await,
                ClusterNews::Pods(Change::Put(rows)) => self.rows(rows.into_iter().map(|(row, _)| row).collect()).await,
                ClusterNews::Pods(Change::Gone(names)) => self.gone(&names).await,
                ClusterNews::Feed { state: FeedState::Failed(trouble), .. } => {
                    self.say(LogNews::Trouble(Some(trouble))).await
                }
                ClusterNews::Feed { state: FeedState::Watching, .. } => self.say(LogNews::Trouble(None)).await,
                _ => {}
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    async fn rows(&mut self, rows: Vec<PodRow>) {
        for row in rows {
            for container in &row.containers {
                if self.spec.container.as_ref().is_none_or(|wanted| **wanted == *container.name) {
                    self.container(&row, container).await;
                }
            }
        }
        self.say(LogNews::Wanted { streams: self.followed.len() + self.waiting.len() }).await;
    }

    async fn container(&mut self, row: &PodRow, container: &ContainerRow) {
        let key = (row.name.clone(), container.name.clone());
        if let Some(known) = self.followed.get(&key) {
            if !container.running && known.id == container.id && !known.ended.send_replace(true) {
                let said = how_it_ended(row, container);
                self.mark(known.stream, &said).await;
            }
            if known.id == container.id || container.id.is_empty() || !container.running {
                return;
            }
            let _ = known.ended.send_replace(true);
            self.mark(known.stream, "-- container restarted; p = previous logs --").await;
        }
        let is_readable = if self.spec.query.previous { container.has_previous } else { !container.id.is_empty() };
        if !is_readable {
            return;
        }
        if self.followed.len() >= STREAMS && !self.followed.contains_key(&key) {
            if !self.waiting.iter().any(|(pod, waits)| *pod == row.name && waits.name == container.name) {
                self.waiting.push_back((row.name.clone(), container.clone()));
            }
            return;
        }
        self.open(key, container).await;
    }

    async fn open(&mut self, (pod, name): (Box<str>, Box<str>), container: &ContainerRow) {
        self.next += 1;
        let stream = StreamId(self.next);
        let (ended, told) = watch::channel(!container.running);
        self.say(LogNews::Opened { stream, pod: pod.clone(), container: name.clone() }).await;
        let log = ContainerLog {
            id: stream,
            source: self.source.clone(),
            namespace: self.spec.namespace.clone(),
            pod: pod.clone(),
            container: name.clone(),
            query: LogQuery { follow: self.spec.query.follow && !self.spec.query.previous, ..self.spec.query.clone() },
            news: self.news.clone(),
            place: lines::Place::default(),
            lost: 0,
            ended: told,
            restarts: self.restarts.clone(),
        };
        self.tasks.spawn(log.run());
        self.followed.insert((pod, name), Followed { stream, id: container.id.clone(), ended });
    }

    async fn gone(&mut self, names: &[Box<str>]) {
        self.waiting.retain(|(pod, _)| !names.contains(pod));
        let keys: Vec<_> = self.followed.keys().filter(|(pod, _)| names.contains(pod)).cloned().collect();
        for key in keys {
            if let Some(known) = self.followed.remove(&key) {
                let _ = known.ended.send_replace(true);
                self.mark(known.stream, "-- ended (pod deleted) --").await;
            }
        }
        while self.followed.len() < STREAMS {
            let Some((pod, container)) = self.waiting.pop_front() else { break };
            self.open((pod, container.name.clone()), &container).await;
        }
        self.say(LogNews::Wanted { streams: self.followed.len() + self.waiting.len() }).await;
    }

    async fn mark(&self, stream: StreamId, text: &str) {
        let line = LogLine { stream, at: Some(now()), text: text.into(), kind: LineKind::Marker };
        self.say(LogNews::Lines(vec![line])).await;
    }

    async fn say(&self, news: LogNews) {
        let _ = self.news.send(Observation::Logs(news)).await;
    }
}

/// `-- container exited 1 at 14:02:34, waiting to restart; p = previous logs --`
fn how_it_ended(row: &PodRow, container: &ContainerRow) -> String {
    let of = row.sick.as_ref().and_then(|sick| sick.containers.iter().find(|of| of.name == *container.name));
    let ended = of.and_then(|of| of.ended.as_ref().or(of.last.as_ref()));
    let restarts = of.is_some_and(|of| of.waiting.is_some());
    let Some(ended) = ended else { return "-- container ended --".to_owned() };
    let at = ended
        .at
        .map(|at| format!(" at {}", at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M:%S")))
        .unwrap_or_default();
    let how = match (ended.reason.as_str(), ended.signal) {
        ("OOMKilled", _) => "was killed for memory".to_owned(),
        (_, 0) => format!("exited {}", ended.exit_code),
        (_, signal) => format!("was killed by signal {signal}"),
    };
    let after = if restarts { ", waiting to restart; p = previous logs" } else { "" };
    format!("-- container {how}{at}{after} --")
}
