//! What the console looks at beside the run: the cluster's watches, log streams, metrics, and texts fetched on
//! demand. Everything happens in tasks and comes back as `Word`s or observations; nothing here blocks the loop.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::mpsc;

use super::redacted::redact;
use crate::{
    app::clock,
    audit,
    effects::{
        World, evidence,
        kube::{
            baseline::Revision,
            connect::Cluster,
            describe::{self, ObjectRef},
            logs::{LogHub, LogOf, LogQuery, LogSpec},
            watch::{PaneSpec, WatchHub, WorkloadChoice},
        },
        prometheus::Watched,
    },
    engine::{Fact, Run, fact::RunStatus, state::Lane},
    observe::{
        Observation,
        cluster::ClusterNews,
        freshness::{Trouble, TroubleKind},
        human,
    },
    pace,
    redact::Redactor,
    runbook::{
        model::{Action, BaselineSpec, PaneFilter, PortForward, Risk, Runbook},
        value::StepId,
    },
    tui::{
        choices,
        look::{LogsOf, Look, Named},
        state::{Choice, Pane, Ui},
        view::live::Page,
    },
    visible,
};

/// What a task of the console brings back.
pub enum Word {
    Seen(Seen),
    Evidence {
        step: StepId,
        file: String,
        hash: Result<String, String>,
    },
    Preview {
        step: StepId,
        lines: Vec<String>,
    },
    /// For the ripcord's dialog; `whole`: nothing more comes.
    WayBack {
        lines: Vec<String>,
        whole: bool,
    },
    Choices {
        step: StepId,
        field: String,
        offered: Result<Vec<Choice>, String>,
    },
}

/// What a look found.
pub enum Seen {
    Cluster(Box<Cluster>),
    Page(Page),
    /// What came of it, in a line.
    Said(String),
}

/// Which text of an object.
#[derive(Clone, Copy)]
enum Show {
    Description,
    Yaml,
    /// With the values of a Secret.
    Revealed,
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
    /// What the runbook asked for: what `:ns` of its own namespace comes back to.
    own: Option<PaneSpec>,
    follow: Option<PaneFilter>,
    /// What the logs pane shows, and from when on.
    shown: Option<(LogsOf, bool)>,
    since: Option<u64>,
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
            own: None,
            follow,
            shown: None,
            since: None,
            retry: Default::default(),
        };
        if has_cluster(run) {
            eyes.connect();
        }
        if book.prometheus.is_some() {
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
            Look::Describe(of) => self.page(of, Show::Description),
            Look::Yaml(of) => self.page(of, Show::Yaml),
            Look::Revealed(of) => self.page(of, Show::Revealed),
            Look::Logs { of, previous } => self.logs(of, previous),
            Look::Since(seconds) => {
                self.since = seconds;
                if let Some((of, previous)) = self.shown.take() {
                    self.logs(of, previous);
                }
            }
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
            Seen::Said(words) => ui.status = Some(words),
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
        self.heed_the_kubeconfig(cluster.clone());
        self.own = Some(self.spec.clone());
        self.cluster = Some(cluster);
        self.watch();
        if let Some(selector) = self.follow.as_ref().and_then(|follow| follow.selector.clone()) {
            self.logs(LogsOf::Selector(selector), false);
        }
    }

    /// A run stays pinned; that the file says something else now is only said.
    fn heed_the_kubeconfig(&self, cluster: Cluster) {
        if cluster.kubeconfig.is_none() {
            return; // a service account, or the demo's own
        }
        let (world, words) = (self.world.clone(), self.words.clone());
        tokio::spawn(async move {
            loop {
                let said = world.kubeconfig_changed(&cluster).await;
                if words.send(Word::Seen(Seen::Said(said))).await.is_err() {
                    return;
                }
            }
        });
    }

    fn watch(&mut self) {
        if let Some(cluster) = &self.cluster {
            self.watches = None; // the old ones end before the new ones begin
            let watches = WatchHub::start(cluster, self.spec.clone(), self.news.clone());
            if let Some(logs) = &mut self.logs {
                logs.heed(&watches);
            }
            self.watches = Some(watches);
        }
    }

    /// The panes look elsewhere; the run's target stays.
    fn namespace(&mut self, name: String) {
        let own = self.own.clone().filter(|own| own.namespace == name);
        self.spec = own.unwrap_or(PaneSpec { namespace: name, pods: None, workloads: WorkloadChoice::All });
        self.watch();
    }

    fn reconnect(&self) {
        self.retry.notify_waiters();
        if let Some(watches) = &self.watches {
            watches.restart(); // and with them the logs
        }
    }

    fn logs(&mut self, whose: LogsOf, previous: bool) {
        let Some(cluster) = &self.cluster else { return };
        let container = self.follow.as_ref().and_then(|follow| follow.container.clone());
        let (of, container, title) = match &whose {
            LogsOf::Pod(name) => (LogOf::Pod(name.clone()), None, format!("pod/{name}")),
            LogsOf::Selector(selector) => (LogOf::Selector(selector.clone()), container, format!("-l {selector}")),
        };
        let title = self.since.map_or(title.clone(), |seconds| format!("{title}  since {seconds}s"));
        let usual = LogQuery::default();
        let tail = if self.since.is_some() { None } else { usual.tail };
        let query = LogQuery { follow: !previous, previous, since: self.since, tail };
        let spec = LogSpec { namespace: self.spec.namespace.clone(), of, container, query, title };
        self.shown = Some((whose, previous));
        self.logs = None;
        let mut logs = LogHub::start(cluster, spec, self.news.clone());
        if let Some(watches) = &self.watches {
            logs.heed(watches);
        }
        self.logs = Some(logs);
    }

    /// `d` and `y`: the text comes as a page.
    fn page(&self, named: Named, show: Show) {
        let Some(cluster) = self.cluster.clone() else { return };
        let (world, words, namespace) = (self.world.clone(), self.words.clone(), self.spec.namespace.clone());
        tokio::spawn(async move {
            let of = ObjectRef { kind: named.kind.clone(), name: named.name.clone(), namespace: Some(namespace) };
            let (what, lines) = match show {
                Show::Description => ("Describe", describe::describe(&cluster, &of).await),
                Show::Yaml => ("YAML", describe::yaml(&cluster, &of, false).await),
                Show::Revealed => ("YAML revealed", describe::yaml(&cluster, &of, true).await),
            };
            let seen = match lines {
                Ok(lines) => {
                    let clean = |line: &String| world.redactor().redact(&visible::line(line)).into_owned();
                    let lines: Vec<String> = lines.iter().map(clean).collect();
                    let masked = lines.iter().any(|line| line.contains(describe::MASK));
                    Seen::Page(Page {
                        title: format!("{what} {named}"),
                        lines,
                        of: Some(named),
                        masked,
                        ..Page::default()
                    })
                }
                Err(error) => Seen::Said(format!("{what} of {named}: {error:#}")),
            };
            let _ = words.send(Word::Seen(seen)).await;
        });
    }

    /// `:forward`: what came of it is said; while it is open the header has it.
    pub fn forward(&self, model: PortForward) {
        let (world, words, namespace) = (self.world.clone(), self.words.clone(), self.spec.namespace.clone());
        tokio::spawn(async move {
            let said = match world.forward(&model, &namespace).await {
                Ok(said) => said,
                Err(error) => format!("no port-forward: {error:#}"),
            };
            let _ = words.send(Word::Seen(Seen::Said(said))).await;
        });
    }

    pub fn close_forwards(&self) {
        self.world.close_forwards();
    }

    /// Once a second: what only time changes.
    pub fn second(&self, ui: &mut Ui) {
        ui.forwards = self.world.forwards();
        ui.seen.cluster.tick(clock::now().wall);
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

    /// What an operator with the ripcord in hand wants to know: who else changed the target since, how long the way
    /// back took last time, and what it would change. Each is said as soon as it is known.
    pub fn way_back(&self, run: &Run, state_dir: &Path) {
        let (world, words) = (self.world.clone(), self.words.clone());
        let (baseline, book) = (run.baseline().cloned(), run.book().metadata.name.clone());
        let state_dir = state_dir.to_owned();
        let lane = run.rows().into_iter().filter(|row| row.lane == Lane::Rollback);
        let acts: Vec<_> = lane.filter_map(|row| run.intent_for(&row.id, None).ok()).collect();
        tokio::spawn(async move {
            let say = async |lines: Vec<String>, whole| drop(words.send(Word::WayBack { lines, whole }).await);
            if let Some(baseline) = &baseline {
                let others = world.changed_since(baseline).await;
                say(others.iter().map(|line| format!("! {line}")).collect(), false).await;
            }
            let last = tokio::task::spawn_blocking(move || last_time(&state_dir, &book)).await.ok().flatten();
            say(last.into_iter().collect(), false).await;
            for act in acts.iter().filter(|act| act.risk > Risk::Read) {
                let lines = world.preview(&act.step, &act.action).await;
                say(lines.iter().map(|line| format!("  {line}")).collect(), false).await;
            }
            say(Vec::new(), true).await;
        });
    }

    /// The live choices of an input's fields.
    pub fn choices(&self, run: &Run, step: &StepId, fields: impl Iterator<Item = String>) {
        for name in fields {
            let Some(of) = choices::field(run, step, &name).and_then(|field| field.of.clone()) else { continue };
            let (world, words, step) = (self.world.clone(), self.words.clone(), step.clone());
            tokio::spawn(async move {
                let offered = match world.revisions(&of).await {
                    Ok(all) => Ok(all.iter().map(choice).collect()),
                    Err(error) => Err(visible::line(&format!("the history cannot be read: {error:#}")).into_owned()),
                };
                let _ = words.send(Word::Choices { step, field: name, offered }).await;
            });
        }
    }

    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    pub fn pod_namespace(&self) -> &str {
        &self.spec.namespace
    }
}

/// A revision as a person chooses it.
pub fn choice(revision: &Revision) -> Choice {
    let Revision { images, age, status, by, .. } = revision;
    let lived = revision.live_for.as_ref().map_or_else(String::new, |lived| format!("  live for {lived}"));
    let chart = revision.chart.as_ref().map_or_else(String::new, |chart| format!("  {chart}"));
    let now = if revision.current { "  (now)" } else { "" };
    let why = revision.suggested.as_ref().map_or_else(String::new, |why| format!("  {why}"));
    let words = format!("{status}{now}  {}{chart}  {age} old{lived}  {by}{why}", images.join(","));
    let words = visible::line(&words).into_owned();
    Choice { value: revision.revision.to_string(), words, suggested: revision.suggested.is_some() }
}

/// How long the last way back of this runbook took that came to its good end, among the last runs.
fn last_time(state_dir: &Path, book: &str) -> Option<String> {
    const LOOKED_AT: usize = 200;
    let runs = audit::runs::list(state_dir).into_iter().take(LOOKED_AT);
    let mut back = runs.filter(|run| run.runbook == book && run.status == RunStatus::RolledBack);
    let facts = audit::read_facts(&state_dir.join("runs").join(back.next()?.run)).ok()?;
    let at = |kind: fn(&Fact) -> bool| facts.iter().find(|(_, fact)| kind(fact)).map(|(at, _)| *at);
    let began = at(|fact| matches!(fact, Fact::RollbackBegan { .. }))?;
    let ended = at(|fact| matches!(fact, Fact::RunClosed { .. }))?;
    Some(format!(
        "last time it took {}, on {}",
        human::duration(ended.duration_since(began)),
        began.strftime("%F %H:%MZ")
    ))
}

/// Takes in all that waits, up to a bound: a flood must not keep a key waiting.
pub fn take_in(ui: &mut Ui, secrets: &Redactor, first: Observation, rest: &mut mpsc::Receiver<Observation>) {
    const MOST: usize = 4096;
    let now = clock::now().wall;
    let waiting = std::iter::from_fn(|| rest.try_recv().ok());
    for mut seen in std::iter::once(first).chain(waiting).take(MOST) {
        redact(&mut seen, secrets);
        ui.seen.take(now, seen);
    }
}

/// The run acts on a cluster, or asks for panes of one.
pub fn has_cluster(run: &Run) -> bool {
    let book = run.book();
    let target = &run.opened().target;
    let panes = &book.panes;
    let asked = panes.pods.is_some() || panes.events.is_some() || panes.logs.is_some() || !panes.workloads.is_empty();
    let compared = book.baseline.as_ref().is_some_and(|baseline| !matches!(baseline, BaselineSpec::None(_)));
    asked || compared || !target.context.is_empty() || !target.namespace.is_empty() || natively(book)
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
