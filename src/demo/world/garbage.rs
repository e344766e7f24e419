//! What belongs to something that is no more goes too, as the garbage collector has it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    objects::text,
    replicasets::going,
    store::{Key, Store},
};

pub fn collect(store: &mut Store, now: Timestamp) {
    let owners: BTreeSet<String> = ["deployments", "replicasets"]
        .into_iter()
        .flat_map(|kind| store.list(kind, "").map(|(_, object)| text(object, "/metadata/uid").to_owned()))
        .collect();
    let orphan = |object: &Value| {
        let all = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        all.is_some_and(|all| !all.is_empty() && all.iter().all(|owner| !owners.contains(text(owner, "/uid"))))
    };
    let orphans = |store: &Store, kind: &str| -> Vec<Key> {
        store.list(kind, "").filter(|(_, object)| orphan(object)).map(|(key, _)| key.clone()).collect()
    };
    for key in orphans(store, "replicasets") {
        let _ = store.delete(&key);
    }
    for key in orphans(store, "pods") {
        going(store, &key, now);
    }
}
