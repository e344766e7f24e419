//! What the console looks at beside the run: the cluster's watches, log streams, metrics, and texts fetched on
//! demand. Everything happens in tasks and comes back as `Word`s or observations; nothing here blocks the loop.

use std::{path::PathBuf, time::Duration};

use tokio::sync::mpsc;

use crate::{
    app::clock,
    effects::{
        World, evidence,
        kube::{
            connect::Cluster,
            describe::{self, ObjectRef},
            logs::{LogHub, LogOf, LogQuery, LogSpec},
            watch::{PaneSpec, WatchHub, WorkloadChoice},
        },
        prometheus::Watched,
    },
    engine::Run,
    observe::{
        Observation,
        cluster::ClusterNews,
        freshness::{Trouble, TroubleKind},
    },
    pace,
    runbook::{
        model::{Action, PaneFilter, Runbook},
        value::StepId,
    },
    tui::{
        state::{LogsOf, Look, Pane, Ui},
        view::live::Page,
    },
    visible,
};

/// What a task of the console brings back.
pub enum Word {
    Seen(Seen),
    Evidence { step: StepId, file: String, hash: Result<String, String> },
    Preview { step: StepId, lines: Vec<String> },
}

/// What a look found, or why it found nothing.
pub enum Seen {
    Cluster(Box<Cluster>),
    Page(Page),
    Failed(String),
}

/// Until the cluster is there it is tried again this often.
const RETRY: Duration = Duration::from_secs(5);

pub struct Eyes {
    world: World,
    words: mpsc::Sender<Word>,
    news: mpsc::Sender<Observation>,
    cluster: Option<Cluster>,
    watches: Option<WatchHub>,
    logs: Option<LogHub>,
    spec: PaneSpec,
    follow: Option<PaneFilter>,
    retry: std::sync::Arc<tokio::sync::Notify>,
}

impl Eyes {
    /// Starts to look at what the runbook names; answers at once.
    pub fn open(world: World, run: &Run, news: mpsc::Sender<Observation>) -> (Self, mpsc::Receiver<Word>) {
        let (words, heard) = mpsc::channel(64);
        let book = run.book();
        let namespace = run.opened().target.namespace.clone();
        let pods = book.panes.pods.clone().unwrap_or_default();
        let workloads = match book.panes.workloads.as_slice() {
            [] => WorkloadChoice::All,
            named => WorkloadChoice::Named(named.to_vec()),
        };
        let spec = PaneSpec { namespace: pods.namespace.unwrap_or(namespace), pods: pods.selector, workloads };
        let follow = book.panes.logs.clone();
        let eyes = Self {
            world,
            words,
            news,
            cluster: None,
            watches: None,
            logs: None,
            spec,
            follow,
            retry: Default::default(),
        };
        if has_cluster(run) {
            eyes.connect();
        }
        if has_metrics(run) {
            let watched = run.pane_metrics().into_iter().filter_map(|(metric, what)| {
                let needs = run.needed_samples(&what.metric);
                Watched::new(metric, what, needs)
            });
            eyes.world.watch_metrics(watched.collect());
        }
        (eyes, heard)
    }

    pub fn look(&mut self, look: Look) {
        match look {
            Look::Describe(pod) => self.page(pod, false),
            Look::Yaml(pod) => self.page(pod, true),
            Look::Logs { of, previous } => self.logs(&of, previous),
            Look::Namespace(name) => self.namespace(name),
            Look::Reconnect => self.reconnect(),
        }
    }

    pub fn hear(&mut self, ui: &mut Ui, seen: Seen) {
        match seen {
            Seen::Cluster(cluster) => self.take(*cluster),
            Seen::Page(page) => {
                ui.live.page = Some(page);
                ui.open_over(Pane::Page);
            }
            Seen::Failed(why) => ui.status = Some(why),
        }
    }

    /// Tries until it is there; what is wrong meanwhile stands in the panes.
    fn connect(&self) {
        let (world, words, news) = (self.world.clone(), self.words.clone(), self.news.clone());
        let retry = self.retry.clone();
        tokio::spawn(async move {
            loop {
                match world.cluster().await {
                    Ok(cluster) => {
                        let _ = words.send(Word::Seen(Seen::Cluster(Box::new(cluster)))).await;
                        return;
                    }
                    Err(error) => {
                        let retry_at = pace::now().checked_add(RETRY).ok();
                        let why = visible::line(&format!("{error:#}")).into_owned();
                        let trouble = Trouble { kind: TroubleKind::Away, why, retry_at };
                        if news.send(Observation::Cluster(ClusterNews::Unreachable(trouble))).await.is_err() {
                            return;
                        }
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => {}
                    () = retry.notified() => {}
                }
            }
        });
    }

    /// The cluster answered for the first time.
    fn take(&mut self, cluster: Cluster) {
        if self.spec.namespace.is_empty() {
            self.spec.namespace.clone_from(&cluster.namespace);
        }
        self.cluster = Some(cluster);
        self.watch();
        if let Some(selector) = self.follow.as_ref().and_then(|follow| follow.selector.clone()) {
            self.logs(&LogsOf::Selector(selector), false);
        }
    }

    fn watch(&mut self) {
        if let Some(cluster) = &self.cluster {
            self.watches = None; // the old ones end before the new ones begin
            self.watches = Some(WatchHub::start(cluster, self.spec.clone(), self.news.clone()));
        }
    }

    /// The panes look elsewhere; the run's target stays.
    fn namespace(&mut self, name: String) {
        self.spec = PaneSpec { namespace: name, pods: None, workloads: WorkloadChoice::All };
        self.watch();
    }

    fn reconnect(&self) {
        self.retry.notify_waiters();
        if let Some(watches) = &self.watches {
            watches.restart();
        }
        if let Some(logs) = &self.logs {
            logs.restart();
        }
    }

    fn logs(&mut self, of: &LogsOf, previous: bool) {
        let Some(cluster) = &self.cluster else { return };
        let container = self.follow.as_ref().and_then(|follow| follow.container.clone());
        let (of, container, title) = match of {
            LogsOf::Pod(name) => (LogOf::Pod(name.clone()), None, format!("pod/{name}")),
            LogsOf::Selector(selector) => (LogOf::Selector(selector.clone()), container, format!("-l {selector}")),
        };
        let query = LogQuery { follow: !previous, previous, ..LogQuery::default() };
        let spec = LogSpec { namespace: self.spec.namespace.clone(), of, container, query, title };
        self.logs = None;
        self.logs = Some(LogHub::start(cluster, spec, self.news.clone()));
    }

    /// `d` and `y`: the text comes as a page.
    fn page(&self, pod: String, as_yaml: bool) {
        let Some(cluster) = self.cluster.clone() else { return };
        let (words, namespace) = (self.words.clone(), self.spec.namespace.clone());
        tokio::spawn(async move {
            let of = ObjectRef { kind: "Pod".into(), name: pod.clone(), namespace: Some(namespace) };
            let (what, lines) = if as_yaml {
                ("YAML", describe::yaml(&cluster, &of, false).await)
            } else {
                ("Describe", describe::describe(&cluster, &of).await)
            };
            let seen = match lines {
                Ok(lines) => {
                    let lines = lines.iter().map(|line| visible::line(line).into_owned()).collect();
                    Seen::Page(Page { title: format!("{what} pod/{pod}"), lines, ..Page::default() })
                }
                Err(error) => Seen::Failed(format!("{what} of {pod}: {error:#}")),
            };
            let _ = words.send(Word::Seen(seen)).await;
        });
    }

    /// A file's hash is worked out beside the loop: it may be large.
    pub fn evidence(&self, step: StepId, file: String, path: PathBuf) {
        let words = self.words.clone();
        tokio::task::spawn_blocking(move || {
            let hash = evidence::hash_file(&path).map_err(|error| format!("{}: {error}", path.display()));
            let _ = words.blocking_send(Word::Evidence { step, file, hash });
        });
    }

    /// What the server says a step would change; nothing is changed by asking.
    pub fn preview(&self, step: StepId, action: Action) {
        let (world, words) = (self.world.clone(), self.words.clone());
        tokio::spawn(async move {
            let lines = world.preview(&step, &action).await;
            let _ = words.send(Word::Preview { step, lines }).await;
        });
    }

    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    pub fn pod_namespace(&self) -> &str {
        &self.spec.namespace
    }
}

/// Takes in all that waits, up to a bound: a flood must not keep a key waiting.
pub fn take_in(ui: &mut Ui, first: Observation, rest: &mut mpsc::Receiver<Observation>) {
    const MOST: usize = 4096;
    let now = clock::now().wall;
    ui.seen.take(now, first);
    for _ in 1..MOST {
        let Ok(seen) = rest.try_recv() else { return };
        ui.seen.take(now, seen);
    }
}

/// The run acts on a cluster, or asks for panes of one.
pub fn has_cluster(run: &Run) -> bool {
    let book = run.book();
    let target = &run.opened().target;
    let panes = &book.panes;
    let asked = panes.pods.is_some() || panes.events.is_some() || panes.logs.is_some() || !panes.workloads.is_empty();
    asked || book.baseline.is_some() || !target.context.is_empty() || !target.namespace.is_empty() || natively(book)
}

fn natively(book: &Runbook) -> bool {
    book.steps.iter().chain(&book.rollback).any(|step| {
        step.action.is_of_cluster()
            || matches!(&step.action, Action::Runbook(nested) if nested.book.as_deref().is_some_and(natively))
    })
}

pub fn has_metrics(run: &Run) -> bool {
    run.book().prometheus.is_some() && !run.book().metrics.is_empty()
}
