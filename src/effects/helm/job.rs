//! An upgrade or rollback as a job for the step-runner, and what the release says once it is over.
//! Starts no process.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::Value;

use super::{Release, argv, pending, releases};
use crate::{
    effects::kube::{
        act::{ActContext, Fault, Wire},
        private_kubeconfig,
    },
    engine::message::{Done, Failure},
    runbook::model::Helm,
};

/// How long the look after helm may take; a cancel does not stop it.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// What to start. Stop it with INT to the group, 30 s, TERM: Helm then leaves no `pending-*` behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelmJob {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
}

/// The job of an upgrade or rollback; `None` for what [`super::perform`] does natively.
///
/// # Errors
/// The private kubeconfig cannot be written into `run_dir`.
pub fn job(
    cx: &ActContext<'_>,
    cluster: &crate::effects::kube::connect::Cluster,
    run_dir: &Path,
    helm: &Helm,
) -> anyhow::Result<Option<HelmJob>> {
    if matches!(helm, Helm::Status(_) | Helm::History(_) | Helm::Diff(_)) {
        return Ok(None);
    }
    let kubeconfig = private_kubeconfig::ensure(cluster, run_dir)?;
    let words = argv(helm, &cluster.context, &cx.namespace, &kubeconfig.to_string_lossy(), &cx.cause());
    // What an operator's shell says about Helm's target must not move it.
    let none = ["HELM_NAMESPACE", "HELM_KUBECONTEXT", "HELM_KUBEAPISERVER", "HELM_KUBETOKEN", "HELM_DRIVER"];
    let mut env: BTreeMap<String, String> = none.into_iter().map(|name| (name.to_owned(), String::new())).collect();
    env.insert("KUBECONFIG".into(), kubeconfig.to_string_lossy().into_owned());
    Ok(words.map(|argv| HelmJob { argv, env }))
}

fn named(helm: &Helm) -> (&str, Option<&String>) {
    match helm {
        Helm::Upgrade(one) => (&one.release, one.namespace.as_ref()),
        Helm::Rollback(one) => (&one.release, one.namespace.as_ref()),
        Helm::Status(one) => (&one.release, one.namespace.as_ref()),
        Helm::History(one) => (&one.release, one.namespace.as_ref()),
        Helm::Diff(one) => (&one.release, one.namespace.as_ref()),
    }
}

/// The release's revisions now, over this wire.
///
/// # Errors
/// They cannot be read.
pub(super) async fn standing(wire: &Wire, cx: &ActContext<'_>, helm: &Helm) -> Result<Vec<Release>, Fault> {
    let (release, own) = named(helm);
    releases(wire, own.map_or(cx.namespace.as_str(), String::as_str), release, cx.out).await
}

/// Puts what the release says now beside what the process said: before, after, revision.
pub async fn finish(cx: &ActContext<'_>, helm: &Helm, before: Option<Value>, done: &mut Done) {
    let after = standing(&cx.wire.steadfast(LAST_LOOK), cx, helm).await.ok().and_then(|all| all.last().cloned());
    fill(done, before, after.as_ref());
}

pub(super) fn fill(done: &mut Done, before: Option<Value>, after: Option<&Release>) {
    done.before = before;
    done.after = after.map(Release::evidence);
    for (key, value) in [("before", &done.before), ("after", &done.after)] {
        if let Some(value) = value {
            done.outputs.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(release) = after {
        done.outputs.insert("revision".into(), release.revision.into());
        done.outputs.insert("status".into(), release.status.clone().into());
        done.outputs.insert("resourceVersion".into(), release.revision.into());
    }
}

/// What stands before an upgrade or rollback; lines worth saying (a pending release) are said.
///
/// # Errors
/// A rollback to a revision that is not there, an upgrade of a pending release, or one that cannot be read.
pub async fn ready(cx: &ActContext<'_>, helm: &Helm) -> Result<Option<Value>, Failure> {
    let failure = |reason: &str, message: String| Failure { reason: reason.to_owned(), message, done: Done::default() };
    let all = match standing(&cx.wire, cx, helm).await {
        Ok(all) => all,
        // Helm itself may be allowed what we are not; it will say.
        Err(fault) if matches!(helm, Helm::Upgrade(_)) => {
            (cx.out)(&format!("the release cannot be read: {fault}"));
            return Ok(None);
        }
        Err(fault) => return Err(failure("unreachable", format!("the release cannot be read: {fault}"))),
    };
    match (pending(&all, cx.now), helm) {
        // Helm would refuse it as «another operation is in progress», and not say whose.
        (Some(line), Helm::Upgrade(_)) => return Err(failure("pending", format!("{line}; nothing was started"))),
        (Some(line), _) => (cx.out)(&line),
        (None, _) => {}
    }
    must_be_there(helm, &all).map_err(|why| failure("notFound", why))?;
    Ok(all.last().map(Release::evidence))
}

fn must_be_there(helm: &Helm, all: &[Release]) -> Result<(), String> {
    let Helm::Rollback(rollback) = helm else { return Ok(()) };
    let to = rollback.revision.value().unwrap_or_default();
    if all.iter().any(|one| one.revision == to) {
        return Ok(());
    }
    let there = all.iter().map(|one| one.revision.to_string()).collect::<Vec<_>>().join(", ");
    if there.is_empty() {
        return Err(format!("there is no release {} in this namespace", rollback.release));
    }
    Err(format!(
        "revision {to} is not in Helm's history any more; there are {there} (--history-max prunes them); \
         restore from the snapshot instead"
    ))
}
