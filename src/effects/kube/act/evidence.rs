//! What of an object matters before and after an act: revision, images, replicas; a digest for the rest.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Pod templates sit in different places.
pub(super) fn template_path(kind: &str) -> &'static str {
    match kind {
        "CronJob" => "/spec/jobTemplate/spec/template",
        "Pod" => "",
        _ => "/spec/template",
    }
}

pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// Images of a pod template (or pod), init containers last.
pub fn images(template: &Value) -> Vec<String> {
    let of = |key: &str| {
        let list = template.pointer(&format!("/spec/{key}")).and_then(Value::as_array).cloned().unwrap_or_default();
        list.into_iter().filter_map(|one| one.get("image").and_then(Value::as_str).map(str::to_owned))
    };
    let mut all: Vec<String> = of("containers").chain(of("initContainers")).collect();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|image| seen.insert(image.clone()));
    all
}

/// Small and stable: goes into the trail as `before` and `after`.
pub fn evidence(object: &Value) -> Value {
    let kind = text(object, "/kind");
    let mut map = Map::new();
    map.insert("kind".into(), json!(kind));
    map.insert("name".into(), json!(text(object, "/metadata/name")));
    for (key, pointer) in [
        ("uid", "/metadata/uid"),
        ("resourceVersion", "/metadata/resourceVersion"),
        ("generation", "/metadata/generation"),
        ("revision", "/metadata/annotations/deployment.kubernetes.io~1revision"),
        ("replicas", "/spec/replicas"),
        ("readyReplicas", "/status/readyReplicas"),
        ("phase", "/status/phase"),
    ] {
        if let Some(value) = object.pointer(pointer) {
            map.insert(key.into(), value.clone());
        }
    }
    if kind == "Service" {
        map.insert("selector".into(), object.pointer("/spec/selector").cloned().unwrap_or_default());
    }
    let template = object.pointer(template_path(kind)).map(images).unwrap_or_default();
    if template.is_empty() {
        // A short secret could be guessed from its digest.
        if kind != "Secret" {
            map.insert("sha256".into(), json!(digest(object)));
        }
    } else {
        map.insert("images".into(), json!(template));
    }
    // A revision is a number to everyone but the annotation.
    if let Some(revision) = map.get("revision").and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok()) {
        map.insert("revision".into(), json!(revision));
    }
    Value::Object(map)
}

/// SHA-256 of what the author of an object says in it, without what the server adds.
pub fn digest(object: &Value) -> String {
    let bytes = serde_json::to_vec(&cleaned(object.clone())).unwrap_or_default();
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The object as one would apply it: no status, nothing of the server's own.
pub fn cleaned(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in ["managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink"] {
            meta.remove(key);
        }
        for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences"] {
            meta.remove(key);
        }
        if let Some(notes) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.remove("kubectl.kubernetes.io/last-applied-configuration");
            notes.remove("deployment.kubernetes.io/revision");
            if notes.is_empty() {
                meta.remove("annotations");
            }
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_says_revision_images_and_replicas() {
        let object = json!({
            "kind": "Deployment",
            "metadata": {"name": "api", "generation": 3, "resourceVersion": "9", "annotations": {"deployment.kubernetes.io/revision": "7"}},
            "spec": {"replicas": 4, "template": {"spec": {"containers": [{"image": "a:1"}, {"image": "a:1"}], "initContainers": [{"image": "b:2"}]}}},
        });
        let said = evidence(&object);
        assert_eq!(said["revision"], 7);
        assert_eq!(said["images"], json!(["a:1", "b:2"]));
        assert_eq!(said["replicas"], 4);
    }

    #[test]
    fn a_digest_hears_the_author_and_not_the_server() {
        let one = json!({"kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "1", "uid": "x"}, "data": {"a": "1"}});
        let mut same = one.clone();
        same["metadata"]["resourceVersion"] = json!("2");
        let mut other = one.clone();
        other["data"]["a"] = json!("2");
        assert_eq!(digest(&one), digest(&same));
        assert_ne!(digest(&one), digest(&other));
    }
}
