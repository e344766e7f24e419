//! What the deployment controller does: a ReplicaSet for each template, a rolling update between them, revisions,
//! and the status that `rollout status` reads. Makes no pods.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    events::{Said, record},
    names::hash_of,
    objects::{condition, merge_status, number, owned_by, owner, text},
    store::{Key, Store, Touched, stamp},
};
use crate::effects::kube::act::kinds::usual;

const BY: &str = "deployment-controller";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const CAUSE: &str = "kubernetes.io/change-cause";

/// Settles every Deployment one step further: where something changed, or where its time may run out.
pub fn sync(store: &mut Store, touched: &Touched, now: Timestamp) {
    let wakes = |(key, one): &(&Key, &Value)| touched.holds(&key.namespace) || !is_done(one);
    let all: Vec<Key> = store.list("deployments", "").filter(wakes).map(|(key, _)| key.clone()).collect();
    for key in all {
        one(store, &key, now);
    }
}

/// No rollout is under way.
pub fn are_done(store: &Store) -> bool {
    store.list("deployments", "").all(|(_, deployment)| is_done(deployment))
}

fn is_done(deployment: &Value) -> bool {
    condition(deployment, "Progressing").is_some_and(|one| text(one, "/reason") == "NewReplicaSetAvailable")
}

fn one(store: &mut Store, key: &Key, now: Timestamp) {
    let Some(deployment) = store.get(key).cloned() else { return };
    if deployment.pointer("/spec/paused") != Some(&json!(true)) {
        let Some(current) = current(store, &deployment, now) else { return };
        roll(store, &deployment, &current, now);
    }
    status(store, key, now);
}

fn sets(store: &Store, deployment: &Value) -> Vec<(Key, Value)> {
    let (uid, namespace) = (text(deployment, "/metadata/uid"), text(deployment, "/metadata/namespace"));
    let owned = store.list("replicasets", namespace).filter(|(_, set)| owned_by(set, uid));
    owned.map(|(key, set)| (key.clone(), set.clone())).collect()
}

fn revision(object: &Value) -> i64 {
    object.pointer(&annotation(REVISION)).and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn annotation(name: &str) -> String {
    format!("/metadata/annotations/{}", name.replace('/', "~1"))
}

/// A template without the label that the controller puts on.
fn template(set: &Value) -> Value {
    let mut template = set.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    template
}

/// The ReplicaSet of the template in force: made, or brought back under a new number.
fn current(store: &mut Store, deployment: &Value, now: Timestamp) -> Option<Key> {
    let all = sets(store, deployment);
    let wanted = deployment.pointer("/spec/template")?;
    let newest = all.iter().map(|(_, set)| revision(set)).max().unwrap_or(0);
    let found = all.iter().find(|(_, set)| template(set) == *wanted);
    let (key, number) = match found {
        Some((key, set)) if revision(set) == newest => (key.clone(), newest),
        Some((key, set)) => {
            let (old, earlier) = (revision(set), text(set, &annotation(HISTORY)).to_owned());
            let history = if earlier.is_empty() { old.to_string() } else { format!("{earlier},{old}") };
            store.change(key, |set| {
                set["metadata"]["annotations"][REVISION] = json!((newest + 1).to_string());
                set["metadata"]["annotations"][HISTORY] = json!(history);
            });
            (key.clone(), newest + 1)
        }
        None => (make(store, deployment, wanted, newest + 1, now)?, newest + 1),
    };
    if revision(deployment) != number {
        let of = Key::new("deployments", text(deployment, "/metadata/namespace"), text(deployment, "/metadata/name"));
        store.change(&of, |one| one["metadata"]["annotations"][REVISION] = json!(number.to_string()));
    }
    // The reason of a change stands on its ReplicaSet too.
    if let Some(cause) = deployment.pointer(&annotation(CAUSE)).cloned() {
        store.change(&key, |set| set["metadata"]["annotations"][CAUSE] = cause);
    }
    Some(key)
}

fn make(store: &mut Store, deployment: &Value, wanted: &Value, number: i64, now: Timestamp) -> Option<Key> {
    let hash = hash_of(&wanted.to_string());
    let (name, namespace) = (text(deployment, "/metadata/name"), text(deployment, "/metadata/namespace"));
    let mut template = wanted.clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
    selector["matchLabels"]["pod-template-hash"] = json!(hash);
    let set = json!({
        "metadata": {
            "name": format!("{name}-{hash}"), "labels": template["metadata"]["labels"],
            "annotations": {REVISION: number.to_string()}, "ownerReferences": owner(deployment),
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
        "status": {"replicas": 0},
    });
    let made = store.create(&usual("ReplicaSet")?, namespace, set, now).ok()?;
    Some(Key::new("replicasets", namespace, text(&made, "/metadata/name")))
}

/// A quarter more, a quarter less: the defaults of a rolling update.
fn leeway(wanted: i64) -> (i64, i64) {
    let (surge, away) = ((wanted + 3) / 4, wanted / 4);
    (surge, if surge == 0 && away == 0 { 1 } else { away })
}

fn roll(store: &mut Store, deployment: &Value, current: &Key, now: Timestamp) {
    let wanted = deployment.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let (surge, away) = leeway(wanted);
    let all = sets(store, deployment);
    let replicas = |set: &Value| number(set, "/spec/replicas");
    let available = |set: &Value| number(set, "/status/availableReplicas");
    let total: i64 = all.iter().map(|(_, set)| replicas(set)).sum();
    let Some((_, new)) = all.iter().find(|(key, _)| key == current) else { return };
    let room = wanted + surge - total;
    let target = if replicas(new) > wanted { wanted } else { (replicas(new) + room.max(0)).min(wanted) };
    if target != replicas(new) {
        scale(store, deployment, current, target, now);
        return;
    }
    let up: i64 = all.iter().map(|(_, set)| available(set)).sum();
    let unavailable_new = replicas(new) - available(new);
    let mut spare = total - (wanted - away) - unavailable_new;
    let mut spare_up = up - (wanted - away);
    for (key, old) in all.iter().filter(|(key, set)| key != current && replicas(set) > 0) {
        // Those that are not up are missed by nobody.
        let sick = (replicas(old) - available(old)).clamp(0, spare.max(0));
        let well = (replicas(old) - sick).min(spare_up.max(0)).min((spare - sick).max(0));
        if sick + well > 0 {
            (spare, spare_up) = (spare - sick - well, spare_up - well);
            scale(store, deployment, key, replicas(old) - sick - well, now);
        }
    }
}

fn scale(store: &mut Store, deployment: &Value, set: &Key, to: i64, now: Timestamp) {
    let Some(from) = store.get(set).map(|set| number(set, "/spec/replicas")) else { return };
    store.change(set, |set| set["spec"]["replicas"] = json!(to));
    let way = if to > from { "up" } else { "down" };
    let message = format!("Scaled {way} replica set {} from {from} to {to}", set.name);
    record(store, deployment, &Said::normal(BY, "ScalingReplicaSet", message), now);
}

fn status(store: &mut Store, key: &Key, now: Timestamp) {
    let Some(deployment) = store.get(key).cloned() else { return };
    let all = sets(store, &deployment);
    let sum = |field: &str| -> i64 { all.iter().map(|(_, set)| number(set, &format!("/status/{field}"))).sum() };
    let wanted_template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    let new = all.iter().find(|(_, set)| template(set) == wanted_template);
    let updated = new.map_or(0, |(_, set)| number(set, "/status/replicas"));
    let wanted = deployment.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let (replicas, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let counts = json!({
        "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": available,
        "unavailableReplicas": (wanted.max(replicas) - available).max(0),
        "observedGeneration": deployment["metadata"]["generation"],
    });
    let done = updated == wanted && replicas == wanted && available == wanted;
    let moved =
        counts.as_object().into_iter().flatten().any(|(name, count)| deployment["status"].get(name) != Some(count));
    let set = new.map_or("", |(key, _)| key.name.as_str());
    let conditions = json!([
        up(&deployment, available >= wanted - leeway(wanted).1, now),
        progressing(&deployment, done, moved, set, now),
    ]);
    store.change(key, |one| {
        merge_status(one, &counts);
        one["status"]["conditions"] = conditions;
    });
}

fn up(deployment: &Value, is_up: bool, now: Timestamp) -> Value {
    let (status, reason, message) = if is_up {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    said(deployment, "Available", status, reason, message, false, now)
}

fn progressing(deployment: &Value, done: bool, moved: bool, set: &str, now: Timestamp) -> Value {
    let before = condition(deployment, "Progressing");
    let reason = before.map_or("", |one| text(one, "/reason"));
    if done {
        let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
        return said(deployment, "Progressing", "True", "NewReplicaSetAvailable", &message, moved, now);
    }
    let limit = deployment.pointer("/spec/progressDeadlineSeconds").and_then(Value::as_i64).unwrap_or(600);
    let since = before.and_then(|one| text(one, "/lastUpdateTime").parse::<Timestamp>().ok()).unwrap_or(now);
    let late = now.duration_since(since) > SignedDuration::from_secs(limit);
    // Pods that fall over after a rollout was complete are no rollout that is late.
    let was_done = reason == "NewReplicaSetAvailable" && !moved;
    if (late && !moved && !was_done) || (reason == "ProgressDeadlineExceeded" && !moved) {
        let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
        return said(deployment, "Progressing", "False", "ProgressDeadlineExceeded", &message, false, now);
    }
    match before {
        Some(before) if !moved => before.clone(),
        _ => {
            let message = format!("ReplicaSet \"{set}\" is progressing.");
            said(deployment, "Progressing", "True", "ReplicaSetUpdated", &message, true, now)
        }
    }
}

/// A condition; its times move only where something did.
fn said(of: &Value, kind: &str, status: &str, reason: &str, message: &str, moved: bool, now: Timestamp) -> Value {
    let before = condition(of, kind);
    let at = |field: &str, same: bool| match before {
        Some(before) if same => before[field].clone(),
        _ => json!(stamp(now)),
    };
    let turned = before.is_none_or(|before| text(before, "/status") != status);
    let changed = turned || moved || before.is_none_or(|before| text(before, "/reason") != reason);
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastUpdateTime": at("lastUpdateTime", !changed), "lastTransitionTime": at("lastTransitionTime", !turned),
    })
}
