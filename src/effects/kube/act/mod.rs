//! The native verbs of `kubernetes:`. Each is one function; this file says which, and what came of it.
//! Nothing here confirms, retries or decides what a failure leads to.

mod apply;
mod created;
mod delete;
mod evidence;
mod exec;
mod get;
mod history;
mod jsonpath;
pub mod kinds;
mod kustomize;
mod logs;
mod manifest;
mod outcome;
mod patch;
mod probe;
mod restart;
mod rollout;
mod scale;
mod sick;
mod snapshot;
mod table;
mod undo;
mod values;
mod wait;
pub mod wire;

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use evidence::{cleaned, evidence, images};
pub use history::{ReplicaSetRevision, deployment_revisions};
pub use manifest::{parse as parse_manifests, yaml as to_yaml};
pub use outcome::ActOutcome;
pub use probe::{look, reattach};
pub use rollout::progress_line as rollout_progress;
pub use table::aligned;
pub use wire::{Fault, Marks, Wire};

use crate::{
    effects::helm::StandIn,
    engine::message::Ticket,
    runbook::model::{Kubernetes, Risk},
};
use outcome::{Stop, Told};

/// Where an act happens, under which record, and where its lines go.
pub struct ActContext<'a> {
    pub wire: Wire,
    /// Of the target; a verb may name its own.
    pub namespace: String,
    pub marks: Marks,
    pub ticket: Ticket,
    /// Relative paths start here.
    pub workdir: PathBuf,
    /// Lines for the screen and the output file. Not yet made visible: the sink's work.
    pub out: &'a (dyn Fn(&str) + Send + Sync),
    /// The moment that is stamped on what is written (restart, snapshot names).
    pub now: Timestamp,
    /// Who answers for Helm here; none: the operator's own.
    pub helm: Option<&'static StandIn>,
}

impl<'a> ActContext<'a> {
    #[expect(clippy::too_many_arguments, reason = "a plain gathering of what the dispatcher holds")]
    pub fn new(
        client: &kube::Client,
        namespace: impl Into<String>,
        marks: Marks,
        ticket: Ticket,
        workdir: impl Into<PathBuf>,
        out: &'a (dyn Fn(&str) + Send + Sync),
        cancel: CancellationToken,
        deadline: Instant,
        now: Timestamp,
    ) -> Self {
        let wire = Wire::new(client, &marks, cancel, deadline);
        Self { wire, namespace: namespace.into(), marks, ticket, workdir: workdir.into(), out, now, helm: None }
    }

    /// The same act over another wire: with its own deadline, or deaf to a cancel.
    fn over(&self, wire: Wire) -> ActContext<'a> {
        let Self { namespace, marks, ticket, workdir, out, now, helm, .. } = self;
        let (namespace, marks) = (namespace.clone(), marks.clone());
        let (ticket, workdir) = (ticket.clone(), workdir.clone());
        ActContext { wire, namespace, marks, ticket, workdir, out: *out, now: *now, helm: *helm }
    }

    fn say(&self, line: &str) {
        (self.out)(line);
    }

    fn namespace<'b>(&'b self, own: Option<&'b String>) -> &'b str {
        own.map_or(self.namespace.as_str(), String::as_str)
    }

    async fn get(&self, path: &str) -> Result<Value, Fault> {
        self.wire.get(path, self.out).await
    }

    /// What `kubernetes.io/change-cause` says of this act: names the attempt, so that a later look can tell it.
    pub fn cause(&self) -> String {
        format!("{} head {}", self.cause_prefix(), self.marks.short_head())
    }

    pub(in crate::effects) fn cause_prefix(&self) -> String {
        format!("ripcord {} {}.{}", self.marks.run, self.ticket.step, self.ticket.attempt)
    }
}

/// Does one verb, to its end. A write whose answer is lost is looked at, never sent again.
pub async fn perform(cx: &ActContext<'_>, verb: &Kubernetes) -> ActOutcome {
    let began = Instant::now();
    match act(cx, verb).await {
        Ok(told) => ActOutcome::Succeeded(told.done(began)),
        Err(Stop::Failed(failure)) => ActOutcome::Failed(failure.since(began)),
        Err(Stop::Lost { why, before }) => {
            (cx.out)(&format!("unknown: {why}; looking at what came of it"));
            probe::settle(cx, verb, &why, before.as_ref(), began).await
        }
    }
}

/// Tries a verb at the server without doing it: what would be said, and every object as it is and would be.
pub async fn dry_run(
    cx: &ActContext<'_>,
    verb: &Kubernetes,
    out: &(dyn Fn(&str) + Send + Sync),
) -> (Result<String, String>, Vec<wire::Change>) {
    let changes = std::sync::Arc::default();
    let ActContext { namespace, marks, ticket, workdir, now, helm, .. } = cx;
    let (namespace, marks) = (namespace.clone(), marks.clone());
    let (ticket, workdir) = (ticket.clone(), workdir.clone());
    let wire = cx.wire.dry(&changes);
    let dry = ActContext { wire, namespace, marks, ticket, workdir, out, now: *now, helm: *helm };
    let said = match act(&dry, verb).await {
        Ok(told) => Ok(told.summary),
        Err(Stop::Failed(refused)) => Err(refused.message),
        Err(Stop::Lost { why, .. }) => Err(why),
    };
    let changes = changes.lock().map(|changes| changes.clone()).unwrap_or_default();
    (said, changes)
}

async fn act(cx: &ActContext<'_>, verb: &Kubernetes) -> Result<Told, Stop> {
    match verb {
        Kubernetes::Get(objects) => get::get(cx, objects).await,
        Kubernetes::Describe(objects) => get::describe(cx, objects).await,
        Kubernetes::Events(of) => logs::events(cx, of).await,
        Kubernetes::Logs(of) => logs::logs(cx, of).await,
        Kubernetes::Wait(wait) => wait::wait(cx, wait).await,
        Kubernetes::Apply(apply) => apply::apply(cx, apply).await,
        Kubernetes::RolloutStatus(of) => rollout::status(cx, of).await,
        Kubernetes::RolloutUndo(undo) => undo::undo(cx, undo).await,
        Kubernetes::RolloutRestart(of) => restart::restart(cx, of).await,
        Kubernetes::RolloutHistory(of) => history::history(cx, of).await,
        Kubernetes::SetImage(set) => patch::set_image(cx, set).await,
        Kubernetes::Scale(scale) => scale::scale(cx, scale).await,
        Kubernetes::Delete(delete) => delete::delete(cx, delete).await,
        Kubernetes::CreateNamespace(create) => created::namespace(cx, create).await,
        Kubernetes::Snapshot(snapshot) => snapshot::snapshot(cx, snapshot).await,
        Kubernetes::Exec(exec) => exec::exec(cx, exec).await,
        Kubernetes::Patch(patch) => patch::patch(cx, patch).await,
    }
}

/// True where nothing is changed, so that it may be done again after a crash.
fn only_reads(verb: &Kubernetes) -> bool {
    verb.risk() == Risk::Read
}
