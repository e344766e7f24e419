//! The hands: one task per effect, one `match` that says who does it. Every task answers, also one that panics.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use indexmap::IndexMap;
use jiff::Timestamp;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    helm, http,
    kube::{
        self, act,
        baseline::Revision,
        connect::{Cluster, NoSuchContext},
        forward::{self, Forward, ForwardState},
        private_kubeconfig,
    },
    lock::Leave,
    metrics, notify, probe,
    process::{self, Process},
    prometheus, shell,
    work::{Place, Work, failed},
};
use crate::{
    engine::{
        fact::Baseline,
        message::{Done, Effect, Failure, Look, Measurement, Reading, Report, Ticket},
    },
    observe::{Observation, alerts::AlertsNews},
    redact::Redactor,
    runbook::{
        model::{Action, BaselineSpec, Helm, Kubernetes, PickOf, PortForward, Risk},
        value::StepId,
    },
    runner::job::Rung,
    session::{Performer, Receipt},
};

/// How long a native verb may take where nothing was said.
const NATIVE: Duration = Duration::from_secs(300);
/// How long a preview may make a person wait.
const PREVIEW: Duration = Duration::from_secs(10);
/// In place of a step: asked for by a person who looks.
const FROM_THE_PANES: &str = ":forward";

#[derive(Clone)]
pub struct World {
    place: Arc<Place>,
    tasks: TaskTracker,
    flying: Arc<Mutex<HashMap<Ticket, CancellationToken>>>,
    /// Port-forwards that are open; each closes when it is taken out, all with the program.
    forwards: Arc<Mutex<HashMap<Ticket, Forward>>>,
}

impl World {
    pub fn new(place: Place) -> Self {
        Self { place: Arc::new(place), tasks: TaskTracker::new(), flying: Arc::default(), forwards: Arc::default() }
    }

    /// Starts the metrics pane's readings and the alerts, if the runbook names a Prometheus. They end with the
    /// program. What the panes say is dropped where the screen cannot keep up; it is never recorded.
    pub fn watch_metrics(&self, watched: Vec<prometheus::Watched>) {
        let work = self.work(&Ticket::new("metrics", 0), &Receipt::default(), None);
        self.tasks.spawn(async move {
            let metrics = &work.place.metrics;
            let news = work.place.observations.clone();
            let (server, manager) = match (metrics.server(&work).await, metrics.alertmanager(&work)) {
                (Ok(server), Ok(manager)) => (server, manager),
                (Err(error), _) | (_, Err(error)) => {
                    let why = work.clean(&format!("{error:#}"));
                    let _ = news.send(Observation::Alerts(AlertsNews::Unknown(why))).await;
                    return;
                }
            };
            let alerts = prometheus::watch_alerts(server.clone(), manager, news.clone());
            futures::join!(prometheus::watch(server, watched, news), alerts);
        });
    }

    /// The run's own connection, made at its first use.
    ///
    /// # Errors
    /// No such context, a credential plugin that failed, an unreadable kubeconfig.
    pub async fn cluster(&self) -> anyhow::Result<Cluster> {
        self.work(&Ticket::new("panes", 0), &Receipt::default(), None).cluster().await.cloned()
    }

    /// A port-forward that was asked for beside the run: open until the program ends or it is closed.
    ///
    /// # Errors
    /// Nothing to forward to, a local port that is taken.
    pub async fn forward(&self, model: &PortForward, namespace: &str) -> anyhow::Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let mut here = self.cluster().await?;
        namespace.clone_into(&mut here.namespace);
        let forward = forward::open(&here, model).await?;
        let words = format!("{} is at http://{}", forward.title, forward.local);
        let ticket = Ticket::new(FROM_THE_PANES, COUNT.fetch_add(1, Ordering::Relaxed));
        self.open_forwards().insert(ticket, forward);
        Ok(words)
    }

    /// Those that were asked for beside the run.
    pub fn close_forwards(&self) {
        self.open_forwards().retain(|ticket, _| ticket.step.as_str() != FROM_THE_PANES);
    }

    /// All that are open, steps' own too, as the header says them; false: the last connection found nothing.
    pub fn forwards(&self) -> Vec<(String, bool)> {
        let open = self.open_forwards();
        let mut said: Vec<_> = open
            .values()
            .map(|forward| match forward.state() {
                ForwardState::Up => (format!("fwd :{} {}", forward.local.port(), forward.title), true),
                ForwardState::Down(why) => (format!("fwd :{} DOWN {why}", forward.local.port()), false),
            })
            .collect();
        said.sort();
        said
    }

    fn open_forwards(&self) -> std::sync::MutexGuard<'_, HashMap<Ticket, Forward>> {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the kubeconfig changes underneath; answers what to say of it.
    pub async fn kubeconfig_changed(&self, cluster: &Cluster) -> String {
        kube::connect::next_change(cluster, &self.place.connect).await
    }

    /// Text for the screen, without the values of secrets.
    pub fn redactor(&self) -> &Redactor {
        &self.place.redactor
    }

    /// The run is closed: what others wait for is given back.
    pub async fn let_go(&self) {
        self.place.lock.release().await;
    }

    /// One reading, for a look beside the run.
    pub async fn read_metric(&self, at: Timestamp, what: &Measurement) -> Reading {
        metrics::measure(&self.work(&Ticket::new("metrics", 0), &Receipt::default(), None), at, what).await
    }

    /// What the server says an act would change, in lines for its confirmation. Nothing is changed by asking.
    pub async fn preview(&self, step: &StepId, action: &Action) -> Vec<String> {
        let mut work = self.work(&Ticket::new("preview", 0), &Receipt::default(), Some(PREVIEW));
        work.ticket.step = step.clone();
        let quiet = |_: &str| {};
        match context(&work, &quiet).await {
            Ok(cx) => {
                let context = work.place.connect.context.clone().unwrap_or_default();
                let lines = kube::preview::preview(&cx, &context, action).await;
                lines.iter().skip(1).map(|line| work.clean(line)).collect()
            }
            Err(Report::Failed(failure)) => vec![failure.message],
            Err(_) => Vec::new(),
        }
    }

    /// Which revisions one could go back to now, newest first.
    ///
    /// # Errors
    /// The cluster or the history cannot be read.
    pub async fn revisions(&self, of: &PickOf) -> anyhow::Result<Vec<Revision>> {
        kube::baseline::revisions(&self.cluster().await?, of, now()).await
    }

    /// What changed the target since its baseline, other than this run; lines for the ripcord's dialog.
    pub async fn changed_since(&self, baseline: &Baseline) -> Vec<String> {
        let looking = async {
            let cluster = self.cluster().await?;
            kube::baseline::since(&cluster, baseline, &self.place.run, now()).await
        };
        match looking.await {
            Ok(lines) => lines.iter().map(|line| crate::visible::line(line).into_owned()).collect(),
            Err(error) => vec![format!(
                "whether something else changed it since cannot be said: {}",
                crate::visible::line(&format!("{error:#}"))
            )],
        }
    }

    fn work(&self, ticket: &Ticket, under: &Receipt, timeout: Option<Duration>) -> Work {
        let mut flying = self.flying.lock().unwrap_or_else(PoisonError::into_inner);
        let cancel = flying.entry(ticket.clone()).or_default().clone();
        // A token that was used belongs to an attempt that is over.
        let cancel = if cancel.is_cancelled() {
            flying.insert(ticket.clone(), CancellationToken::new());
            flying[ticket].clone()
        } else {
            cancel
        };
        Work { ticket: ticket.clone(), under: under.clone(), cancel, timeout, place: self.place.clone() }
    }

    /// Does it in a task of its own; the report always comes.
    fn spawn(&self, work: Work, doing: impl Future<Output = Report> + Send + 'static) {
        self.tasks.spawn(async move {
            let report = AssertUnwindSafe(doing).catch_unwind().await.unwrap_or_else(|_| Report::Unknown {
                message: "the program failed while it did this (a bug); look at what it did before you try again"
                    .into(),
            });
            work.tell(cleaned(&work, report)).await;
        });
    }
}

impl Performer for World {
    fn start(&mut self, effect: Effect, under: &Receipt) {
        match effect {
            Effect::Perform { ticket, action, env, timeout } => {
                let work = self.work(&ticket, under, timeout.map(|dur| dur.get()));
                if let Action::PortForward(model) = &*action {
                    let (model, forwards) = (model.clone(), self.forwards.clone());
                    return self.spawn(work.clone(), async move { forwarded(&work, &model, &forwards).await });
                }
                self.spawn(work.clone(), async move { act(&work, &action, &env).await });
            }
            Effect::Reattach { ticket, action, started, since } => {
                let work = self.work(&ticket, under, None);
                self.spawn(work.clone(), async move { reattach(&work, &action, started.is_none(), since).await });
            }
            Effect::Probe { ticket, item, probe, env } => {
                // A look has its own files: the item's name, never the step's own. It stays in the step's
                // runbook (no `/`), where the step's secrets are.
                let name = item.as_deref().unwrap_or("verify");
                let own = Ticket::new(format!("{}.{name}.look", ticket.step).as_str(), ticket.attempt);
                let mut work = self.work(&ticket, under, None);
                let told = work.clone();
                work.ticket = unused(&work, own);
                self.spawn(told, async move {
                    let look = probe::look(&work, &probe, &env).await;
                    Report::Probed { item, look }
                });
            }
            Effect::Measure { ticket, slot, metrics } => {
                for what in metrics {
                    let work = self.work(&ticket, under, None);
                    self.tasks.spawn(async move {
                        let measured = AssertUnwindSafe(metrics::measure(&work, slot, &what)).catch_unwind().await;
                        let reading = measured.unwrap_or_else(|_| Reading::Error {
                            why: "the program failed while it read this (a bug)".into(),
                        });
                        work.tell(Report::Sample { metric: what.metric, slot, reading }).await;
                    });
                }
            }
            Effect::Capture { ticket, spec } => {
                let work = self.work(&ticket, under, None);
                self.spawn(work.clone(), async move { Report::Captured(captured(&work, &spec).await) });
            }
            Effect::Compare { ticket, baseline } => {
                let work = self.work(&ticket, under, None);
                self.spawn(work.clone(), async move { Report::Compared(compared(&work, &baseline).await) });
            }
            Effect::Cancel { ticket } => {
                let flying = self.flying.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(token) = flying.get(&ticket) {
                    token.cancel();
                }
            }
            Effect::CloseForward { ticket } => {
                self.open_forwards().remove(&ticket);
            }
        }
    }
}

/// A look may be taken again under the same attempt; its files get a number.
fn unused(work: &Work, ticket: Ticket) -> Ticket {
    let taken = |ticket: &Ticket| {
        work.run_dir().join(super::output::FOLDER).join(format!("{}.status", super::output::stem(ticket))).exists()
    };
    let mut free = ticket.clone();
    let mut number = 1;
    while taken(&free) {
        number += 1;
        free = Ticket::new(format!("{}-{number}", ticket.step).as_str(), ticket.attempt);
    }
    free
}

/// The one match: who does what.
pub(super) async fn act(work: &Work, action: &Action, env: &IndexMap<String, String>) -> Report {
    match action {
        Action::Run(run) => match pinned_env(work, env).await {
            Ok(env) => shell::perform(work, run, &env).await,
            Err(error) => failed("target", format!("{error:#}; nothing was started")),
        },
        Action::Helm(helm) => helm_act(work, helm).await,
        Action::Http(request) => http::perform(work, request).await,
        Action::Notify(message) => notify::perform(work, message).await,
        Action::Kubernetes(verb) => kubernetes(work, verb).await,
        other => failed(
            "unsupported",
            format!("`{}` cannot be done by this build yet; skip it, or do it by hand", other.name()),
        ),
    }
}

/// A native verb against the pinned cluster.
pub(super) async fn kubernetes(work: &Work, verb: &Kubernetes) -> Report {
    if verb.risk() > Risk::Read
        && let Err(report) = may_change(work).await
    {
        return report;
    }
    native(work, async |cx| act::perform(cx, verb).await).await
}

async fn native(work: &Work, doing: impl AsyncFnOnce(&act::ActContext<'_>) -> act::ActOutcome) -> Report {
    let out = Mutex::new(work.output());
    let say = |line: &str| out.lock().unwrap_or_else(PoisonError::into_inner).line(&crate::visible::line(line));
    let begun = tokio::time::Instant::now();
    let mut outcome = match context(work, &say).await {
        Ok(cx) => doing(&cx).await,
        Err(report) => return report,
    };
    let output = out.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
    if let Some(done) = outcome.done_mut() {
        done.output = done.output.take().or(output);
        done.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    outcome.report()
}

/// Holds a port-forward open until the run, or the step it names, is over.
async fn forwarded(work: &Work, model: &PortForward, open: &Mutex<HashMap<Ticket, Forward>>) -> Report {
    let opened = match work.cluster().await {
        Ok(cluster) => {
            let mut here = cluster.clone();
            here.namespace = work.place.connect.namespace.clone().unwrap_or(here.namespace);
            forward::open(&here, model).await
        }
        Err(error) => Err(error),
    };
    match opened {
        Ok(forward) => {
            let (port, url) = (forward.local.port(), format!("http://{}", forward.local));
            let outputs = IndexMap::from([("localPort".into(), port.into()), ("url".into(), url.clone().into())]);
            let summary = format!("{} is at {url}", forward.title);
            open.lock().unwrap_or_else(PoisonError::into_inner).insert(work.ticket.clone(), forward);
            Report::Succeeded(Done { summary, outputs: outputs.into_iter().collect(), ..Done::default() })
        }
        Err(error) => failed("forward", format!("{error:#}")),
    }
}

/// Is it still the cluster this run is pinned to, and is nobody else at it? Asked before everything that changes
/// something.
async fn may_change(work: &Work) -> Result<(), Report> {
    if work.place.target.identity.is_empty() {
        return Ok(()); // never pinned: nothing to hold it against
    }
    let cluster = work
        .cluster()
        .await
        .map_err(|error| failed("target", format!("the cluster cannot be reached: {error:#}; nothing was sent")))?;
    kube::identity::check(cluster, &work.place.target).await.map_err(|why| failed("target", why))?;
    match work.place.lock.leave(cluster, &work.ticket.step).await.map_err(|why| failed("locked", why))? {
        Leave::Granted => Ok(()),
        Leave::GrantedWith(note) => {
            work.tell(Report::Noted(work.clean(&note))).await;
            Ok(())
        }
        Leave::Denied(why) => Err(failed("locked", why)),
    }
}

/// Where a native act happens, under which record.
async fn context<'a>(work: &Work, say: &'a (dyn Fn(&str) + Send + Sync)) -> Result<act::ActContext<'a>, Report> {
    let cluster = work
        .cluster()
        .await
        .map_err(|error| failed("target", format!("the cluster cannot be reached: {error:#}; nothing was sent")))?;
    let deadline = tokio::time::Instant::now() + work.timeout.unwrap_or(NATIVE);
    let marks = act::Marks::new(work.place.run.clone(), &work.under);
    let namespace = work.place.connect.namespace.clone().unwrap_or_else(|| cluster.namespace.clone());
    let (ticket, workdir, cancel) = (work.ticket.clone(), work.place.workdir.clone(), work.cancel.clone());
    let mut cx = act::ActContext::new(&cluster.client, namespace, marks, ticket, workdir, say, cancel, deadline, now());
    cx.helm = cluster.helm;
    Ok(cx)
}

fn now() -> Timestamp {
    crate::pace::now()
}

async fn captured(work: &Work, spec: &BaselineSpec) -> Result<Baseline, String> {
    let cluster = work.cluster().await.map_err(|error| format!("{error:#}"))?;
    kube::baseline::capture(cluster, spec, now()).await.map_err(|error| format!("{error:#}"))
}

async fn compared(work: &Work, baseline: &Baseline) -> Look {
    let looking = async {
        match work.cluster().await {
            Ok(cluster) => kube::restored::restored(cluster, baseline).await,
            Err(error) => Look { passed: None, detail: format!("the cluster cannot be reached: {error:#}") },
        }
    };
    tokio::select! {
        look = looking => look,
        () = work.cancel.cancelled() => Look { passed: None, detail: "it was not waited for".into() },
    }
}

/// Where a cluster was named, scripts get a kubeconfig with that context and no other. One that makes the context
/// finds the operator's own in `RIPCORD_KUBECONFIG`, and has to say so.
async fn pinned_env(work: &Work, env: &IndexMap<String, String>) -> anyhow::Result<IndexMap<String, String>> {
    let (mut env, connect) = (env.clone(), &work.place.connect);
    if connect.context.is_none() && connect.kubeconfig.is_none() {
        return Ok(env);
    }
    let file = match (work.cluster().await, &connect.context) {
        (Ok(cluster), _) => private_kubeconfig::ensure(cluster, work.run_dir())?,
        (Err(error), Some(context)) if work.place.target.identity.is_empty() && error.is::<NoSuchContext>() => {
            private_kubeconfig::nowhere(context, work.run_dir())?
        }
        (Err(error), _) => return Err(error),
    };
    env.insert("KUBECONFIG".into(), file.to_string_lossy().into_owned());
    let own = private_kubeconfig::of_the_operator(connect.kubeconfig.as_deref());
    env.insert("RIPCORD_KUBECONFIG".into(), own.to_string_lossy().into_owned());
    Ok(env)
}

/// Looks natively; changes by the operator's own `helm`, owned by the step-runner like a script.
async fn helm_act(work: &Work, verb: &Helm) -> Report {
    if verb.risk() == Risk::Read {
        return native(work, async |cx| match helm::perform(cx, verb).await {
            Some(outcome) => outcome,
            None => act::ActOutcome::Unknown("this look has no answer".into()),
        })
        .await;
    }
    if let Err(report) = may_change(work).await {
        return report;
    }
    if let Some(simulated) = work.cluster().await.ok().and_then(|cluster| cluster.helm) {
        return native(work, async |cx| helm::change(cx, simulated, verb).await).await;
    }
    let said = Mutex::new(Vec::new());
    let listen = |line: &str| said.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    let cx = match context(work, &listen).await {
        Ok(cx) => cx,
        Err(report) => return report,
    };
    let before = match helm::ready(&cx, verb).await {
        Ok(before) => before,
        Err(failure) => return Report::Failed(failure),
    };
    let said_before = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
    for line in said_before {
        work.tell(Report::Noted(work.clean(&line))).await;
    }
    let job = match work.cluster().await.and_then(|cluster| helm::job(&cx, cluster, work.run_dir(), verb)) {
        Ok(Some(job)) => job,
        Ok(None) => return failed("unsupported", "this verb starts nothing"),
        Err(error) => return failed("target", format!("{error:#}; nothing was started")),
    };
    let process = Process {
        argv: job.argv,
        cwd: work.place.workdir.clone(),
        env: job.env.into_iter().collect(),
        ladder: Rung::for_helm(),
        takes_outputs: false,
        remove: Vec::new(),
    };
    finished(&cx, verb, before, process::perform(work, process).await).await
}

async fn finished(cx: &act::ActContext<'_>, verb: &Helm, before: Option<serde_json::Value>, report: Report) -> Report {
    let mut report = report;
    if let Report::Succeeded(done) | Report::Failed(Failure { done, .. }) = &mut report {
        helm::finish(cx, verb, before, done).await;
    }
    report
}

/// The runner knows how its helm ended; where it does not, the release is asked.
async fn helm_reattach(work: &Work, verb: &Helm, tell_start: bool, since: Option<Timestamp>) -> Report {
    let report = process::reattach(work, tell_start).await;
    let quiet = |_: &str| {};
    match (context(work, &quiet).await, report) {
        (Ok(cx), Report::Unknown { message }) => helm::settle(&cx, verb, &message, since, process::may_run(work)).await,
        (Ok(cx), report) => finished(&cx, verb, None, report).await,
        (Err(_), report) => report,
    }
}

/// Another process began this: what became of it?
async fn reattach(work: &Work, action: &Action, tell_start: bool, since: Option<Timestamp>) -> Report {
    match action {
        Action::Run(run) => shell::reattach(work, run, tell_start).await,
        Action::Kubernetes(verb) => native(work, async |cx| act::reattach(cx, verb).await).await,
        Action::Helm(verb) => helm_reattach(work, verb, tell_start, since).await,
        other => Report::Unknown {
            message: format!(
                "the console ended while this {} was under way; look at what it did, then say what came of it",
                other.name()
            ),
        },
    }
}

/// Nothing secret and nothing raw leaves an adapter.
fn cleaned(work: &Work, report: Report) -> Report {
    let clean = |text: &str| work.clean(text);
    match report {
        Report::Failed(Failure { reason, message, mut done }) => {
            done.summary = clean(&done.summary);
            Report::Failed(Failure { reason, message: clean(&message), done })
        }
        Report::Succeeded(mut done) => {
            done.summary = clean(&done.summary);
            Report::Succeeded(done)
        }
        Report::Unknown { message } => Report::Unknown { message: clean(&message) },
        Report::NeverBegan { message } => Report::NeverBegan { message: clean(&message) },
        other => other,
    }
}
