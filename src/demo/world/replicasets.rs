//! What the ReplicaSet controller does: as many pods as were asked for, and their count. The pods live elsewhere.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    events::{Said, record},
    objects::{is_going, is_ready, merge_status, number, owned_by, owner, text},
    store::{Key, Store, Touched, stamp},
};
use crate::effects::kube::act::kinds::usual;

const BY: &str = "replicaset-controller";

pub fn sync(store: &mut Store, touched: &Touched, now: Timestamp) {
    let wakes = |(key, _): &(&Key, &Value)| touched.holds(&key.namespace);
    let all: Vec<Key> = store.list("replicasets", "").filter(wakes).map(|(key, _)| key.clone()).collect();
    for key in all {
        one(store, &key, now);
    }
}

/// Pods of a set that are not on their way out, the most dispensable first.
fn pods(store: &Store, set: &Value) -> Vec<(Key, bool, String)> {
    let (uid, namespace) = (text(set, "/metadata/uid"), text(set, "/metadata/namespace"));
    let living = store.list("pods", namespace).filter(|(_, pod)| owned_by(pod, uid) && !is_going(pod));
    let row =
        |(key, pod): (&Key, &Value)| (key.clone(), is_ready(pod), text(pod, "/metadata/creationTimestamp").to_owned());
    let mut all: Vec<_> = living.map(row).collect();
    all.sort_by(|(a, ready_a, made_a), (b, ready_b, made_b)| {
        ready_a.cmp(ready_b).then_with(|| made_b.cmp(made_a)).then_with(|| a.cmp(b))
    });
    all
}

fn one(store: &mut Store, key: &Key, now: Timestamp) {
    let Some(set) = store.get(key).cloned() else { return };
    let wanted = usize::try_from(number(&set, "/spec/replicas")).unwrap_or(0);
    let there = pods(store, &set);
    for _ in there.len()..wanted {
        create(store, &set, now);
    }
    for (pod, ..) in there.iter().take(there.len().saturating_sub(wanted)) {
        let message = format!("Deleted pod: {}", pod.name);
        going(store, pod, now);
        record(store, &set, &Said::normal(BY, "SuccessfulDelete", message), now);
    }
    let there = pods(store, &set);
    let ready = there.iter().filter(|(_, ready, _)| *ready).count();
    let counts = json!({
        "replicas": there.len(), "fullyLabeledReplicas": there.len(), "readyReplicas": ready, "availableReplicas": ready,
        "observedGeneration": set["metadata"]["generation"],
    });
    store.change(key, |set| merge_status(set, &counts));
}

fn create(store: &mut Store, set: &Value, now: Timestamp) {
    let Some(kind) = usual("Pod") else { return };
    let namespace = text(set, "/metadata/namespace").to_owned();
    let mut pod = set.pointer("/spec/template").cloned().unwrap_or_default();
    pod["metadata"]["generateName"] = json!(format!("{}-", text(set, "/metadata/name")));
    pod["metadata"]["ownerReferences"] = owner(set);
    pod["spec"]["restartPolicy"] = json!("Always");
    pod["status"] = json!({"phase": "Pending"});
    if let Ok(made) = store.create(&kind, &namespace, pod, now) {
        let message = format!("Created pod: {}", text(&made, "/metadata/name"));
        record(store, set, &Said::normal(BY, "SuccessfulCreate", message), now);
    }
}

/// Asks a pod to end; it is gone when its kubelet says so.
pub fn going(store: &mut Store, pod: &Key, now: Timestamp) {
    store.change(pod, |pod| {
        if !is_going(pod) {
            pod["metadata"]["deletionTimestamp"] = json!(stamp(now));
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        }
    });
}
