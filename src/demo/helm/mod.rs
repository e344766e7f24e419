//! What answers for Helm in the demo: a release's Secret, its objects applied, the rollout waited for. No chart is read,
//! no hook runs, nothing is pruned; it says *simulated* wherever it speaks. What reads releases is the same as ever.

pub mod chart;
pub mod record;

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};

use crate::{
    demo::world::objects::text,
    effects::{
        helm::{Release, StandIn, releases},
        kube::act::{
            self, ActContext, ActOutcome, Fault, parse_manifests,
            wire::{Content, Write},
        },
    },
    engine::message::{Done, Failure},
    runbook::{
        model::{Apply, CreateNamespace, Helm, HelmDiff, HelmUpgrade, Kubernetes, Rollout},
        value::{Dur, Tpl},
    },
};

/// What must be known after a cancel too.
const CLOSING: Duration = Duration::from_secs(10);

pub const STAND_IN: StandIn = StandIn {
    label: "simulated: no helm is started and no chart or values file is read; of `set` only image.tag, canary.enabled and canary.weight count",
    render,
    change,
};

fn render<'a>(cx: &'a ActContext<'_>, of: &'a HelmDiff) -> BoxFuture<'a, Result<String, String>> {
    async move {
        let all = standing(cx, of.namespace.as_ref(), &of.release).await.map_err(|fault| fault.to_string())?;
        chart::rendered(all.last().map(|last| last.manifest.as_str()), of)
    }
    .boxed()
}

fn change<'a>(cx: &'a ActContext<'_>, helm: &'a Helm) -> BoxFuture<'a, ActOutcome> {
    async move {
        match changed(cx, helm).await {
            Ok(done) => ActOutcome::Succeeded(done),
            Err(failure) => ActOutcome::Failed(failure),
        }
    }
    .boxed()
}

/// A revision to come, and how it is brought about.
struct Next<'a> {
    verb: &'static str,
    release: Release,
    earlier: Vec<Release>,
    wait: bool,
    timeout: Option<&'a Tpl<Dur>>,
}

async fn standing(cx: &ActContext<'_>, own: Option<&String>, release: &str) -> Result<Vec<Release>, Fault> {
    releases(&cx.wire, own.unwrap_or(&cx.namespace), release, cx.out).await
}

async fn changed(cx: &ActContext<'_>, helm: &Helm) -> Result<Done, Failure> {
    let next = next(cx, helm).await?;
    if let Some((canary, all)) = chart::share(&next.release.manifest) {
        (cx.out)(&format!("simulated: the canary gets {canary} of {all} pods, and as much of the requests"));
    }
    let mut made = next.release.clone();
    let path = format!("/api/v1/namespaces/{}/secrets", made.namespace);
    let secret = record::secret(&made).map_err(|why| failure("refused", why))?;
    cx.wire.write(&Write::post(&path, secret)).await.map_err(|fault| failure("refused", fault.to_string()))?;
    let outcome = brought_about(cx, &next).await;
    made.status = if outcome.is_ok() { "deployed" } else { "failed" }.into();
    close(cx, &path, &made).await?;
    match outcome {
        Ok(()) => {
            for mut old in next.earlier.into_iter().filter(|one| one.status == "deployed") {
                old.status = "superseded".into();
                close(cx, &path, &old).await?;
            }
            let summary = format!("simulated: {} is at revision {}", made.name, made.revision);
            (cx.out)(&summary);
            Ok(Done { summary, ..Done::default() })
        }
        Err(mut failed) => {
            failed.message = format!("simulated: {} FAILED: {}", next.verb, failed.message);
            Err(failed)
        }
    }
}

fn failure(reason: &str, message: impl Into<String>) -> Failure {
    Failure { reason: reason.to_owned(), message: message.into(), done: Done::default() }
}

async fn next<'a>(cx: &ActContext<'_>, helm: &'a Helm) -> Result<Next<'a>, Failure> {
    let (name, own) = match helm {
        Helm::Upgrade(upgrade) => (&upgrade.release, upgrade.namespace.as_ref()),
        Helm::Rollback(rollback) => (&rollback.release, rollback.namespace.as_ref()),
        _ => return Err(failure("unsupported", "this verb changes nothing")),
    };
    let unread = |fault: Fault| failure("unreachable", format!("the release cannot be read: {fault}"));
    let earlier = standing(cx, own, name).await.map_err(unread)?;
    let (verb, manifest, description, wait, timeout) = match helm {
        Helm::Upgrade(upgrade) => {
            let note = format!("{} ({})", cx.cause(), record::VERSION);
            (
                "UPGRADE",
                upgraded(cx, upgrade, earlier.last()).await?,
                note,
                upgrade.wait.is_on(),
                upgrade.timeout.as_ref(),
            )
        }
        Helm::Rollback(rollback) => {
            let to = rollback.revision.value().unwrap_or_default();
            let target = earlier.iter().find(|one| one.revision == to);
            let manifest = target.map(|one| one.manifest.clone()).unwrap_or_default();
            ("ROLLBACK", manifest, format!("Rollback to {to}"), rollback.wait.is_on(), rollback.timeout.as_ref())
        }
        _ => return Err(failure("unsupported", "this verb changes nothing")),
    };
    let namespace = own.unwrap_or(&cx.namespace);
    let revision = earlier.last().map_or(0, |last| last.revision) + 1;
    let release = record::release(name, namespace, revision, manifest, cx.now);
    let release = Release { status: format!("pending-{}", verb.to_lowercase()), description, ..release };
    Ok(Next { verb, release, earlier, wait, timeout })
}

/// The manifest of an upgrade, as `helm upgrade` would have it; the namespace is made where that was asked for.
async fn upgraded(cx: &ActContext<'_>, upgrade: &HelmUpgrade, last: Option<&Release>) -> Result<String, Failure> {
    if upgrade.atomic.is_on() {
        return Err(failure("unsupported", "simulated: `atomic` is not simulated"));
    }
    if last.is_none() && !upgrade.install.is_on() {
        return Err(failure("exit", format!("UPGRADE FAILED: \"{}\" has no deployed releases", upgrade.release)));
    }
    if let Some(name) = upgrade.namespace.clone().filter(|_| upgrade.create_namespace.is_on()) {
        done(
            act::perform(cx, &Kubernetes::CreateNamespace(CreateNamespace { name, labels: Default::default() })).await,
        )?;
    }
    let of = HelmDiff { release: upgrade.release.clone(), set: upgrade.set.clone(), ..HelmDiff::default() };
    chart::rendered(last.map(|last| last.manifest.as_str()), &of).map_err(|why| failure("exit", why))
}

#[expect(clippy::result_large_err, reason = "a failure is rare here, and goes on as it is")]
fn done(outcome: ActOutcome) -> Result<(), Failure> {
    match outcome {
        ActOutcome::Succeeded(_) => Ok(()),
        ActOutcome::Failed(failed) => Err(failed),
        ActOutcome::Unknown(why) => Err(failure("unknown", why)),
    }
}

/// Applies its objects; with `wait`, until each Deployment's rollout is done.
async fn brought_about(cx: &ActContext<'_>, next: &Next<'_>) -> Result<(), Failure> {
    let Release { manifest, namespace, .. } = &next.release;
    let apply = Apply {
        manifest: Some(manifest.clone()),
        namespace: Some(namespace.clone()),
        force_conflicts: Tpl::Value(true),
        field_manager: Some("helm".into()),
        ..Apply::default()
    };
    done(act::perform(cx, &Kubernetes::Apply(apply)).await)?;
    let objects = parse_manifests(manifest, "the manifest").map_err(|why| failure("exit", why))?;
    for deployment in objects.iter().filter(|one| next.wait && text(one, "/kind") == "Deployment") {
        let of = Rollout {
            kind: "Deployment".into(),
            name: text(deployment, "/metadata/name").to_owned(),
            timeout: next.timeout.cloned(),
            namespace: Some(namespace.clone()),
        };
        done(act::perform(cx, &Kubernetes::RolloutStatus(of)).await)?;
    }
    Ok(())
}

/// Writes down what became of a revision, whoever stopped it.
async fn close(cx: &ActContext<'_>, path: &str, release: &Release) -> Result<(), Failure> {
    let state: Value = record::state(release).map_err(|why| failure("refused", why))?;
    let write = Write::patch(format!("{path}/{}", record::name_of(release)), Content::Merge, json!(state));
    let written = cx.wire.steadfast(CLOSING).write(&write).await;
    written.map(|_| ()).map_err(|fault| failure("refused", format!("the release's record: {fault}")))
}
