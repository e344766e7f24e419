//! Watches: pods, events, workloads of one namespace, each restarted for ever, each with its own trouble.
//!
//! Rows only; no object is kept, nothing is drawn, nothing is recorded.

mod heartbeat;
mod kinds;
mod reader;
mod session;
mod split;
mod trouble;

use std::time::Duration;

use jiff::Timestamp;
use tokio::{
    sync::{mpsc::Sender, oneshot, watch},
    task::JoinSet,
};

pub use heartbeat::Restart;
use kinds::{Events, Watched};
pub(super) use kinds::{Pods, encode};
pub(super) use reader::Source;
pub(super) use session::list_rows;
use session::{End, Session};
pub use trouble::Failure;

use super::connect::Cluster;
use crate::observe::{
    Observation,
    cluster::ClusterNews,
    freshness::{FeedState, TroubleKind},
};

/// What the panes want to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaneSpec {
    pub namespace: String,
    /// Label selector of the pods pane.
    pub pods: Option<String>,
    pub workloads: WorkloadChoice,
}

/// The lines above the pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WorkloadChoice {
    None,
    /// `Deployment/ml-api`, `StatefulSet/db`, or a bare Deployment name.
    Named(Vec<String>),
    /// Every Deployment of the namespace.
    #[default]
    All,
}

/// The running watches; they end when this is dropped.
pub struct WatchHub {
    restarts: watch::Sender<Restart>,
    tasks: JoinSet<()>,
}

impl WatchHub {
    /// Starts everything at once and returns at once. `news` is bounded: a full channel makes the watch wait.
    pub fn start(cluster: &Cluster, spec: PaneSpec, news: Sender<Observation>) -> Self {
        let mut hub = Self { restarts: watch::Sender::new(Restart::default()), tasks: JoinSet::new() };
        let target = ClusterNews::Target { namespace: spec.namespace.clone(), pods: spec.pods.clone() };
        let _ = news.try_send(Observation::Cluster(target));
        let source = |what: &str| Source {
            client: cluster.client.clone(),
            server: cluster.server.clone(),
            what: what.to_owned(),
        };
        hub.tasks.spawn(heartbeat::run(source("read /readyz"), news.clone(), hub.restarts.clone()));
        let (first, pods_came) = oneshot::channel();
        let pods = Pods { namespace: spec.namespace.clone(), selector: spec.pods, field: None };
        hub.keep(Session { first: Some(first), ..session(pods, source, &news) });
        let events = session(Events { namespace: spec.namespace.clone() }, source, &news);
        hub.tasks.spawn(keep_after(pods_came, events, hub.restarts.subscribe()));
        for (kind, names) in spec.workloads.by_kind() {
            let workloads = kinds::Workloads { namespace: spec.namespace.clone(), kind, names };
            hub.keep(session(workloads, source, &news));
        }
        hub
    }

    /// Ctrl-r: every connection dropped, every wait cut short.
    pub fn restart(&self) {
        heartbeat::restart(&self.restarts, None);
    }

    /// Told when everything is begun anew.
    pub fn restarts(&self) -> watch::Receiver<Restart> {
        self.restarts.subscribe()
    }

    fn keep<K: Watched>(&mut self, session: Session<K>) {
        self.tasks.spawn(keep(session, self.restarts.subscribe()));
    }
}

fn session<K: Watched>(kind: K, source: impl Fn(&str) -> Source, news: &Sender<Observation>) -> Session<K> {
    let source = source(&format!("list {}", kind.what()));
    Session { kind, source, news: news.clone(), version: None, loaded: false, progressed: false, first: None }
}

/// Thousands of pods have tens of thousands of events: asked for at once, their lists slow each other down, and the
/// pods are looked at first. A restart ends the wait.
async fn keep_after<K: Watched>(
    pods_came: oneshot::Receiver<()>,
    session: Session<K>,
    mut restarts: watch::Receiver<Restart>,
) {
    let told = restarts.clone();
    tokio::select! {
        _ = pods_came => {}
        _ = restarts.changed() => {}
    }
    keep(session, told).await;
}

impl WorkloadChoice {
    fn by_kind(self) -> Vec<(&'static str, Option<Vec<String>>)> {
        let names = match self {
            Self::None => return Vec::new(),
            Self::All => return vec![("Deployment", None)],
            Self::Named(names) => names,
        };
        let mut found = Vec::new();
        for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
            let of_kind = |name: &String| match name.split_once('/') {
                Some((of, name)) => of.eq_ignore_ascii_case(kind).then(|| name.to_owned()),
                None => (kind == "Deployment").then(|| name.clone()),
            };
            let names: Vec<String> = names.iter().filter_map(of_kind).collect();
            if !names.is_empty() {
                found.push((kind, Some(names)));
            }
        }
        found
    }
}

/// The pods of the logs pane: one watch more, with its own receiver.
pub(super) fn follow(
    cluster: &Cluster,
    kind: Pods,
    news: Sender<Observation>,
    restarts: watch::Receiver<Restart>,
) -> impl Future<Output = ()> + use<> {
    let source =
        |what: &str| Source { client: cluster.client.clone(), server: cluster.server.clone(), what: what.to_owned() };
    keep(session(kind, source, &news), restarts)
}

/// Runs one watch for ever: through server ends, restarts, refusals and outages.
async fn keep<K: Watched>(mut session: Session<K>, mut restarts: watch::Receiver<Restart>) {
    let mut backoff = Backoff::default();
    loop {
        let end = tokio::select! {
            end = session.run() => end,
            changed = restarts.changed() => {
                if changed.is_err() || announce(&session, &mut restarts).await.is_err() {
                    return;
                }
                backoff = Backoff::default();
                continue;
            }
        };
        if session.progressed {
            backoff = Backoff::default();
        }
        let wait = match end {
            End::Closed => return,
            End::Renew if session.progressed => continue,
            End::Renew => backoff.next(),
            End::Failed(failure) if failure.is_gone => {
                session.version = None;
                if session.progressed { Duration::ZERO } else { backoff.next() }
            }
            End::Failed(failure) => {
                let wait = pause(&failure, &mut backoff);
                let trouble = failure.trouble(now().checked_add(wait).ok());
                if session.feed(FeedState::Failed(trouble)).await.is_err() {
                    return;
                }
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(crate::pace::real(wait)) => {}
            changed = restarts.changed() => {
                if changed.is_err() { return }
                backoff = Backoff::default();
            }
        }
    }
}

/// Until the watch is back the pane says what the heartbeat met.
async fn announce<K: Watched>(
    session: &Session<K>,
    restarts: &mut watch::Receiver<Restart>,
) -> Result<(), session::Closed> {
    let why = restarts.borrow_and_update().why.clone();
    match why {
        Some(failure) => session.feed(FeedState::Failed(failure.trouble(None))).await,
        None => Ok(()),
    }
}

/// Waits double from a second to half a minute; a refusal by role is asked again after a minute.
#[derive(Default)]
struct Backoff {
    tries: u32,
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let wait = Duration::from_secs(1 << self.tries.min(5)).min(Duration::from_secs(30));
        self.tries += 1;
        wait
    }
}

fn pause(failure: &Failure, backoff: &mut Backoff) -> Duration {
    match (failure.kind, failure.wait) {
        (_, Some(asked)) => asked.clamp(Duration::from_secs(1), Duration::from_secs(120)),
        (TroubleKind::Forbidden, None) => Duration::from_secs(60),
        (TroubleKind::Login, None) => Duration::from_secs(15),
        _ => backoff.next(),
    }
}

fn now() -> Timestamp {
    crate::pace::now()
}

#[cfg(test)]
mod tests;
