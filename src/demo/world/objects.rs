//! Small looks into objects and their making. Decides nothing.

use serde_json::{Value, json};

pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// Is it made by this one?
pub fn owned_by(object: &Value, uid: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| text(owner, "/uid") == uid)
}

/// `metadata.ownerReferences` of what this one makes.
pub fn owner(of: &Value) -> Value {
    json!([{
        "apiVersion": of["apiVersion"], "kind": of["kind"], "name": of["metadata"]["name"], "uid": of["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    }])
}

pub fn is_going(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

pub fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|one| text(one, "/status") == "True")
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = object.pointer("/status/conditions").and_then(Value::as_array)?;
    all.iter().find(|one| text(one, "/type") == kind)
}

/// The image of the first container of a pod.
pub fn image(pod: &Value) -> &str {
    text(pod, "/spec/containers/0/image")
}

/// `{"replicas": 3}` and the like put into `status` of an object, the rest of it kept.
pub fn merge_status(object: &mut Value, status: &Value) {
    let Some(new) = status.as_object() else { return };
    if !object["status"].is_object() {
        object["status"] = json!({});
    }
    if let Some(kept) = object.get_mut("status").and_then(Value::as_object_mut) {
        for (key, value) in new {
            kept.insert(key.clone(), value.clone());
        }
    }
}
