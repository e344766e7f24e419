//! The cluster as the panes see it: what the watches report, folded into tables. Asks nobody anything.

use jiff::Timestamp;

use super::{
    events::{ClusterEvent, EventLog},
    freshness::{ApiHealth, Feed, FeedState, Trouble},
    pods::{PodRow, PodTable},
    workloads::{WorkloadRow, WorkloadTable},
};

/// The panes that a watch feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pane {
    Pods,
    Events,
    Workloads,
}

/// One report of the watches.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterNews {
    /// What is watched: a new target, a new selector. Everything known is forgotten.
    Target {
        namespace: String,
        pods: Option<String>,
    },
    Feed {
        pane: Pane,
        state: FeedState,
    },
    Pods(Change<PodRow>),
    Events(Change<ClusterEvent>),
    Workloads {
        kind: &'static str,
        change: Change<WorkloadRow>,
    },
    /// The server answered. `skew`: its clock minus ours, in seconds.
    Beat {
        skew: Option<i64>,
    },
    /// It did not.
    Missed(Trouble),
    /// There is no connection yet; nothing was ever seen.
    Unreachable(Trouble),
}

/// What happened to the objects of one watch, in kube's order: a list in pages, then single changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    Begin,
    Listed(Vec<T>),
    End,
    /// `true`: the server says it is new.
    Put(Vec<(T, bool)>),
    Gone(Vec<Box<str>>),
    /// Nothing changed, and the watch lives.
    Nothing,
}

/// Everything the live panes of a cluster draw from.
#[derive(Clone, Debug, Default)]
pub struct ClusterView {
    pub namespace: String,
    /// The pods' label selector, as the runbook or `-l` gave it.
    pub selector: Option<String>,
    pub pods: PodTable,
    pub events: EventLog,
    pub workloads: WorkloadTable,
    pub api: ApiHealth,
    pods_feed: Feed,
    events_feed: Feed,
    workloads_feed: Feed,
    workloads_aside: Vec<WorkloadRow>,
}

impl ClusterView {
    /// `now`: when the report came. Returns whether something that is drawn changed.
    pub fn apply(&mut self, now: Timestamp, news: ClusterNews) {
        match news {
            ClusterNews::Target { namespace, pods } => *self = Self { namespace, selector: pods, ..Self::default() },
            ClusterNews::Feed { pane, state } => self.feed_mut(pane).state = state,
            ClusterNews::Pods(change) => self.apply_pods(now, change),
            ClusterNews::Events(change) => self.apply_events(now, change),
            ClusterNews::Workloads { kind, change } => self.apply_workloads(now, kind, change),
            ClusterNews::Beat { skew } => {
                self.api = ApiHealth { ok_at: Some(now), trouble: None, skew: skew.unwrap_or(self.api.skew) };
                for pane in [Pane::Pods, Pane::Events, Pane::Workloads] {
                    let feed = self.feed_mut(pane);
                    if feed.state == FeedState::Watching {
                        feed.proven = Some(now);
                    }
                }
            }
            ClusterNews::Missed(trouble) => self.api.trouble = Some(trouble),
            ClusterNews::Unreachable(trouble) => {
                for pane in [Pane::Pods, Pane::Events, Pane::Workloads] {
                    self.feed_mut(pane).state = FeedState::Failed(trouble.clone());
                }
                self.api.trouble = Some(trouble);
            }
        }
    }

    pub fn feed(&self, pane: Pane) -> &Feed {
        match pane {
            Pane::Pods => &self.pods_feed,
            Pane::Events => &self.events_feed,
            Pane::Workloads => &self.workloads_feed,
        }
    }

    /// Once a second: struck rows go.
    pub fn tick(&mut self, now: Timestamp) {
        self.pods.tick(now);
    }

    /// Now, in the clock the cluster's timestamps are in.
    pub fn cluster_now(&self, now: Timestamp) -> Timestamp {
        self.api.cluster_now(now)
    }

    fn feed_mut(&mut self, pane: Pane) -> &mut Feed {
        match pane {
            Pane::Pods => &mut self.pods_feed,
            Pane::Events => &mut self.events_feed,
            Pane::Workloads => &mut self.workloads_feed,
        }
    }

    fn apply_pods(&mut self, now: Timestamp, change: Change<PodRow>) {
        self.pods_feed.heard(now, &change);
        match change {
            Change::Begin => self.pods.begin(),
            Change::Listed(rows) => self.pods.listed(rows),
            Change::End => self.pods.end(now),
            Change::Put(rows) => rows.into_iter().for_each(|(row, added)| self.pods.put(row, added)),
            Change::Gone(names) => names.iter().for_each(|name| self.pods.delete(name, now)),
            Change::Nothing => {}
        }
    }

    /// Deleted events only expired; they stay.
    fn apply_events(&mut self, now: Timestamp, change: Change<ClusterEvent>) {
        self.events_feed.heard(now, &change);
        match change {
            Change::Listed(events) => self.events.put(events),
            Change::Put(events) => self.events.put(events.into_iter().map(|(event, _)| event)),
            Change::Begin | Change::End | Change::Gone(_) | Change::Nothing => {}
        }
    }

    fn apply_workloads(&mut self, now: Timestamp, kind: &'static str, change: Change<WorkloadRow>) {
        self.workloads_feed.heard(now, &change);
        match change {
            Change::Begin => self.workloads_aside.retain(|row| *row.kind != *kind),
            Change::Listed(rows) => self.workloads_aside.extend(rows),
            Change::End => {
                let (of_kind, other) =
                    std::mem::take(&mut self.workloads_aside).into_iter().partition(|row| *row.kind == *kind);
                self.workloads_aside = other;
                self.workloads.replace(kind, of_kind);
            }
            Change::Put(rows) => rows.into_iter().for_each(|(row, _)| self.workloads.put(row)),
            Change::Gone(names) => names.iter().for_each(|name| self.workloads.delete(kind, name)),
            Change::Nothing => {}
        }
    }
}

impl Feed {
    fn heard<T>(&mut self, now: Timestamp, change: &Change<T>) {
        match change {
            // what is shown during a re-list is still the old truth
            Change::Begin | Change::Listed(_) => {}
            Change::End => {
                self.loaded = true;
                self.proven = Some(now);
            }
            Change::Put(_) | Change::Gone(_) | Change::Nothing => self.proven = Some(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::freshness::TroubleKind;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pod(name: &str) -> PodRow {
        PodRow::new(&serde_json::from_value(json!({"metadata": {"name": name}})).unwrap())
    }

    fn loaded() -> ClusterView {
        let mut view = ClusterView::default();
        view.apply(at(0), ClusterNews::Feed { pane: Pane::Pods, state: FeedState::Listing });
        view.apply(at(1), ClusterNews::Pods(Change::Begin));
        view.apply(at(1), ClusterNews::Pods(Change::Listed(vec![pod("a")])));
        assert_eq!(view.feed(Pane::Pods).word(at(1)).0, "loading");
        view.apply(at(2), ClusterNews::Pods(Change::End));
        view.apply(at(2), ClusterNews::Feed { pane: Pane::Pods, state: FeedState::Watching });
        view
    }

    #[test]
    fn a_beat_proves_an_open_watch_and_no_other() {
        let mut view = loaded();
        view.apply(at(20), ClusterNews::Beat { skew: None });
        assert_eq!(view.feed(Pane::Pods).word(at(21)).0, "live 1s");
        assert_eq!(view.feed(Pane::Events).word(at(21)).0, "loading");
        let trouble = Trouble { kind: TroubleKind::Away, why: "timeout".into(), retry_at: None };
        view.apply(at(25), ClusterNews::Feed { pane: Pane::Pods, state: FeedState::Failed(trouble.clone()) });
        view.apply(at(25), ClusterNews::Missed(trouble));
        assert_eq!(view.feed(Pane::Pods).word(at(62)).0, "STALE 42s");
        view.apply(at(70), ClusterNews::Beat { skew: Some(3) });
        assert_eq!(view.feed(Pane::Pods).word(at(70)).0, "STALE 50s", "the API answers, the watch is not back yet");
        assert_eq!(view.pods.rows(), 1, "rows stay");
        assert_eq!(view.cluster_now(at(70)), at(73));
    }

    #[test]
    fn a_new_target_forgets_the_old_one() {
        let mut view = loaded();
        view.apply(at(3), ClusterNews::Target { namespace: "b".into(), pods: None });
        assert_eq!((view.pods.rows(), view.feed(Pane::Pods).loaded), (0, false));
    }

    #[test]
    fn workloads_of_two_kinds_are_listed_apart() {
        let row = |kind: &'static str, name: &str| {
            WorkloadRow::new(kind, &serde_json::from_value(json!({"metadata": {"name": name}})).unwrap())
        };
        let mut view = ClusterView::default();
        let mut news = |kind, change| view.apply(at(0), ClusterNews::Workloads { kind, change });
        news("Deployment", Change::Begin);
        news("Deployment", Change::Listed(vec![row("Deployment", "api")]));
        news("StatefulSet", Change::Begin);
        news("Deployment", Change::End);
        news("StatefulSet", Change::Listed(vec![row("StatefulSet", "db")]));
        news("StatefulSet", Change::End);
        news("Deployment", Change::Gone(vec!["api".into()]));
        assert_eq!(view.workloads.iter().map(|row| &*row.name).collect::<Vec<_>>(), ["db"]);
    }
}
