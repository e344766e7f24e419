//! `rolloutStatus`: kubectl's own progress lines, and on failure the sickest pod. Changes nothing.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    ActContext, Fault, Stop, Told,
    evidence::{evidence, number, text},
    history::selector,
    kinds::Resource,
    patch::find,
    sick,
};
use crate::{
    runbook::{model::Rollout, value::Tpl},
    visible,
};

const EVERY: Duration = Duration::from_millis(300);
/// How often the pods are asked what ails them.
const SICK_EVERY: Duration = Duration::from_secs(3);

/// Only these three have a rollout.
pub(super) fn must_roll(resource: &Resource) -> Result<(), Stop> {
    if resource.group == "apps" && ["Deployment", "StatefulSet", "DaemonSet"].contains(&resource.kind.as_str()) {
        return Ok(());
    }
    let message = format!("a {} has no rollout; name a Deployment, StatefulSet or DaemonSet", resource.kind);
    Err(Stop::failed("unsupported", message))
}

/// One look at a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting(String),
    Done(String),
    /// It will not come to a good end by itself.
    Failed(String),
}

pub(super) async fn status(cx: &ActContext<'_>, of: &Rollout) -> Result<Told, Stop> {
    let own = of.timeout.as_ref().and_then(Tpl::value);
    let until = own.map_or(cx.wire.deadline(), |own| cx.wire.deadline().min(Instant::now() + own.get()));
    let found = find(cx, &of.kind, &of.name, of.namespace.as_ref()).await?;
    must_roll(&found.resource)?;
    let namespace = cx.namespace(of.namespace.as_ref());
    let mut object = found.object.clone();
    let (mut last, mut ailing, mut asked) = (String::new(), String::new(), Instant::now());
    loop {
        let line = match progress(&object) {
            Progress::Done(line) => {
                cx.say(&line);
                return Ok(told(line, &object));
            }
            Progress::Failed(why) => return Err(failed(cx, namespace, "progressDeadlineExceeded", why, &object).await),
            Progress::Waiting(line) => line,
        };
        if line != last {
            cx.say(&line);
            last = line;
        }
        if asked.elapsed() >= SICK_EVERY {
            asked = Instant::now();
            let now = match not_created(&object) {
                Some((_, message)) => message,
                None => {
                    let sick = sick::among(cx, namespace, &selector(&object)).await;
                    let sick = sick.filter(|sick| sick.reason.contains("Err") || sick.reason.contains("BackOff"));
                    sick.map_or_else(String::new, |sick| sick.sentence())
                }
            };
            if now != ailing && !now.is_empty() {
                cx.say(&now);
            }
            ailing = now;
        }
        match cx.wire.within(until.saturating_duration_since(Instant::now())).pause(EVERY).await {
            Ok(()) => {}
            Err(Fault::Deadline) => {
                let why = format!("timed out waiting for the rollout of {}: {last}", found.name);
                return Err(failed(cx, namespace, "timeout", why, &object).await);
            }
            Err(fault) => return Err(fault.into()),
        }
        object = cx.get(&found.path).await.map_err(|fault| Stop::about(&found.name, fault))?;
    }
}

fn told(summary: String, object: &Value) -> Told {
    let seen = evidence(object);
    let told = Told::new(summary).output("reason", "");
    let told = told.output("resourceVersion", text(object, "/metadata/resourceVersion"));
    ["revision", "images", "replicas"].into_iter().fold(told, |told, key| match seen.get(key) {
        Some(value) => told.output(key, value.clone()),
        None => told,
    })
}

/// The failure with the sickest pod's reason, which is what the next step branches on.
async fn failed(cx: &ActContext<'_>, namespace: &str, reason: &'static str, why: String, object: &Value) -> Stop {
    let ailing = match not_created(object) {
        Some(told) => Some(told),
        None => {
            let looking = cx.over(cx.wire.steadfast(Duration::from_secs(5)));
            let sick = sick::among(&looking, namespace, &selector(object)).await;
            sick.map(|sick| (sick.reason.clone(), sick.sentence()))
        }
    };
    let (word, message) = match ailing {
        Some((reason, sentence)) => (reason, format!("{why}; {sentence}")),
        None => (String::new(), why),
    };
    cx.say(&message);
    let word = if word.is_empty() { reason.to_owned() } else { word };
    Stop::failed(reason, message).with(told(String::new(), object).output("reason", word))
}

/// Pods that could not even be made, a quota or an admission that refuses them: the controller's reason and words.
fn not_created(object: &Value) -> Option<(String, String)> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
    let failing = |one: &&Value| text(one, "/type") == "ReplicaFailure" && text(one, "/status") == "True";
    let found = conditions.iter().find(failing)?;
    let line = |at: &str| visible::line(text(found, at)).into_owned();
    Some((line("/reason"), format!("its pods cannot be made: {}", line("/message"))))
}

/// Whether a rollout is done, in kubectl's sentence; the error says what it waits for.
///
/// # Errors
/// It is not done.
pub fn progress_line(object: &Value) -> Result<String, String> {
    match progress(object) {
        Progress::Done(line) => Ok(line),
        Progress::Waiting(line) | Progress::Failed(line) => Err(line),
    }
}

/// kubectl's sentences, word for word.
pub(super) fn progress(object: &Value) -> Progress {
    match text(object, "/kind") {
        "StatefulSet" => stateful_set(object),
        "DaemonSet" => daemon_set(object),
        _ => deployment(object),
    }
}

fn name(object: &Value) -> String {
    format!("\"{}\"", visible::line(text(object, "/metadata/name")))
}

fn observed(object: &Value) -> bool {
    number(object, "/metadata/generation") <= number(object, "/status/observedGeneration")
}

fn deployment(object: &Value) -> Progress {
    let name = name(object);
    if !observed(object) {
        return Progress::Waiting("Waiting for deployment spec update to be observed...".into());
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let late = |one: &Value| text(one, "/type") == "Progressing" && text(one, "/reason") == "ProgressDeadlineExceeded";
    if conditions.into_iter().flatten().any(late) {
        return Progress::Failed(format!("deployment {name} exceeded its progress deadline"));
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let of = |key: &str| number(object, &format!("/status/{key}"));
    let (updated, all, available) = (of("updatedReplicas"), of("replicas"), of("availableReplicas"));
    let waiting = format!("Waiting for deployment {name} rollout to finish:");
    if updated < wanted {
        return Progress::Waiting(format!("{waiting} {updated} out of {wanted} new replicas have been updated..."));
    }
    if all > updated {
        return Progress::Waiting(format!("{waiting} {} old replicas are pending termination...", all - updated));
    }
    if available < updated {
        return Progress::Waiting(format!("{waiting} {available} of {updated} updated replicas are available..."));
    }
    Progress::Done(format!("deployment {name} successfully rolled out"))
}

fn only_rolling(object: &Value) -> Option<Progress> {
    let strategy = text(object, "/spec/updateStrategy/type");
    (strategy != "RollingUpdate")
        .then(|| Progress::Failed("rollout status is only available for RollingUpdate strategy type".into()))
}

fn daemon_set(object: &Value) -> Progress {
    if let Some(no) = only_rolling(object) {
        return no;
    }
    if !observed(object) {
        return Progress::Waiting("Waiting for daemon set spec update to be observed...".into());
    }
    let name = name(object);
    let of = |key: &str| number(object, &format!("/status/{key}"));
    let (updated, wanted, available) =
        (of("updatedNumberScheduled"), of("desiredNumberScheduled"), of("numberAvailable"));
    let waiting = format!("Waiting for daemon set {name} rollout to finish:");
    if updated < wanted {
        return Progress::Waiting(format!("{waiting} {updated} out of {wanted} new pods have been updated..."));
    }
    if available < wanted {
        return Progress::Waiting(format!("{waiting} {available} of {wanted} updated pods are available..."));
    }
    Progress::Done(format!("daemon set {name} successfully rolled out"))
}

fn stateful_set(object: &Value) -> Progress {
    if let Some(no) = only_rolling(object) {
        return no;
    }
    if number(object, "/status/observedGeneration") == 0 || !observed(object) {
        return Progress::Waiting("Waiting for statefulset spec update to be observed...".into());
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let of = |key: &str| number(object, &format!("/status/{key}"));
    let (ready, updated) = (of("readyReplicas"), of("updatedReplicas"));
    if ready < wanted {
        return Progress::Waiting(format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    let revision = visible::line(text(object, "/status/updateRevision")).into_owned();
    if let Some(partition) = object.pointer("/spec/updateStrategy/rollingUpdate/partition").and_then(Value::as_i64)
        && partition > 0
    {
        if updated < wanted - partition {
            let wanted = wanted - partition;
            return Progress::Waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated..."
            ));
        }
        return Progress::Done(format!("partitioned roll out complete: {updated} new pods have been updated..."));
    }
    if text(object, "/status/updateRevision") != text(object, "/status/currentRevision") {
        return Progress::Waiting(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {revision}..."
        ));
    }
    Progress::Done(format!(
        "statefulset rolling update complete {} pods at revision {revision}...",
        of("currentReplicas")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(status: Value) -> Value {
        json!({"kind": "Deployment", "metadata": {"name": "api", "generation": 2}, "spec": {"replicas": 3}, "status": status})
    }

    #[test]
    fn a_deployment_speaks_as_kubectl_does() {
        for (status, want) in [
            (json!({"observedGeneration": 1}), "Waiting for deployment spec update to be observed..."),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 1, "replicas": 4}),
                "Waiting for deployment \"api\" rollout to finish: 1 out of 3 new replicas have been updated...",
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 4}),
                "Waiting for deployment \"api\" rollout to finish: 1 old replicas are pending termination...",
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 2}),
                "Waiting for deployment \"api\" rollout to finish: 2 of 3 updated replicas are available...",
            ),
        ] {
            assert_eq!(progress(&deployment(status)), Progress::Waiting(want.into()));
        }
        let done = json!({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3});
        assert_eq!(progress(&deployment(done)), Progress::Done("deployment \"api\" successfully rolled out".into()));
        let late = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]});
        assert_eq!(
            progress(&deployment(late)),
            Progress::Failed("deployment \"api\" exceeded its progress deadline".into())
        );
    }

    #[test]
    fn a_stateful_set_and_a_daemon_set_too() {
        let set = |status: Value| {
            json!({
                "kind": "StatefulSet", "metadata": {"name": "db", "generation": 1},
                "spec": {"replicas": 2, "updateStrategy": {"type": "RollingUpdate"}}, "status": status,
            })
        };
        let waiting = progress(&set(json!({"observedGeneration": 1, "readyReplicas": 1})));
        assert_eq!(waiting, Progress::Waiting("Waiting for 1 pods to be ready...".into()));
        let rolling = progress(&set(json!({
            "observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": 1, "updateRevision": "db-2", "currentRevision": "db-1",
        })));
        let want = "waiting for statefulset rolling update to complete 1 pods at revision db-2...";
        assert_eq!(rolling, Progress::Waiting(want.into()));
        let daemons = json!({
            "kind": "DaemonSet", "metadata": {"name": "d", "generation": 1}, "spec": {"updateStrategy": {"type": "RollingUpdate"}},
            "status": {"observedGeneration": 1, "updatedNumberScheduled": 2, "desiredNumberScheduled": 2, "numberAvailable": 2},
        });
        assert_eq!(progress(&daemons), Progress::Done("daemon set \"d\" successfully rolled out".into()));
    }
}
