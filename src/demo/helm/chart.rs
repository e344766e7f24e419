//! The charts of the demo, of which there are none: the release's own objects with another image and another canary.
//! Reads no file.

use serde_json::{Value, json};

use crate::{
    demo::world::objects::{number, text},
    effects::kube::act::{parse_manifests, to_yaml},
    runbook::model::HelmDiff,
};

/// What the release would be: as it is, with the tag and the canary that were set; or one Deployment, where it is new.
///
/// # Errors
/// The release's manifest cannot be read.
pub fn rendered(before: Option<&str>, of: &HelmDiff) -> Result<String, String> {
    let mut objects = match before {
        Some(manifest) => parse_manifests(manifest, "the release's manifest")?,
        None => vec![first(&of.release)],
    };
    let set = |name: &str| of.set.iter().find(|(key, _)| *key == name || key.ends_with(&format!(".{name}")));
    let tag = set("image.tag").and_then(|(_, value)| value.as_str());
    let canary = set("canary.enabled").map(|(_, value)| value == &json!(true));
    let weight = set("canary.weight").and_then(|(_, value)| value.as_i64()).unwrap_or(10);
    let stable: i64 = objects.iter().filter(|one| !is_canary(one)).map(|one| number(one, "/spec/replicas")).sum();
    for object in objects.iter_mut().filter(|one| text(one, "/kind") == "Deployment") {
        // While a canary runs, the stable pods keep the image they have.
        match (is_canary(object), canary) {
            (true, Some(on)) => object["spec"]["replicas"] = json!(if on { pods(stable, weight) } else { 0 }),
            (false, Some(true)) => continue,
            _ => {}
        }
        if let Some(tag) = tag.filter(|_| !is_canary(object) || canary != Some(false)) {
            retag(object, tag);
        }
    }
    manifest(&objects)
}

/// # Errors
/// An object that YAML cannot hold.
pub fn manifest(objects: &[Value]) -> Result<String, String> {
    let all: Result<Vec<String>, String> = objects.iter().map(to_yaml).collect();
    Ok(all?.join("---\n"))
}

/// The part of the traffic that a canary gets, where it gets any: its pods of all of them.
pub fn share(manifest: &str) -> Option<(i64, i64)> {
    let objects = parse_manifests(manifest, "").ok()?;
    let count =
        |of: bool| objects.iter().filter(move |one| is_canary(one) == of).map(|one| number(one, "/spec/replicas"));
    let canary: i64 = count(true).sum();
    (canary > 0).then(|| (canary, canary + count(false).sum::<i64>()))
}

fn is_canary(object: &Value) -> bool {
    text(object, "/metadata/labels/version") == "canary"
}

/// The demo's traffic goes evenly over the pods, so a weight is a number of them.
fn pods(stable: i64, weight: i64) -> i64 {
    let weight = weight.clamp(0, 99);
    ((stable * weight) / (100 - weight)).max(1)
}

fn retag(deployment: &mut Value, tag: &str) {
    let containers = deployment.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
    if let Some(container) = containers.and_then(|all| all.first_mut()) {
        let image = text(container, "/image");
        let name = image.rsplit_once(':').map_or(image, |(name, _)| name);
        container["image"] = json!(format!("{name}:{tag}"));
    }
}

/// Of a chart that nobody read: a Deployment of one pod, labelled as charts do.
pub fn first(release: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": release, "app.kubernetes.io/instance": release,
        "app.kubernetes.io/component": "controller"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": release, "labels": labels, "annotations": {}},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                {"name": "controller", "image": format!("registry.local/{release}:simulated")},
            ]}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: Value) -> HelmDiff {
        let set = serde_json::from_value(set).unwrap();
        HelmDiff { release: "ml".into(), chart: "./c".into(), set, ..HelmDiff::default() }
    }

    fn deployment(name: &str, version: &str, replicas: i64) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"version": version}},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "api", "image": "r:5000/api:v1"}]}}}})
    }

    fn seen(manifest: &str) -> Vec<(i64, String)> {
        let all = parse_manifests(manifest, "").unwrap();
        let one = |one: &Value| {
            (number(one, "/spec/replicas"), text(one, "/spec/template/spec/containers/0/image").to_owned())
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn a_canary_comes_beside_the_stable_pods_and_goes_when_it_is_promoted() {
        let before = manifest(&[deployment("a", "stable", 4), deployment("b", "canary", 0)]).unwrap();
        let on = |weight: i64| {
            let set = json!({"api.image.tag": "v2", "api.canary.enabled": true, "api.canary.weight": weight});
            rendered(Some(&before), &of(set)).unwrap()
        };
        let image = |tag: &str| format!("r:5000/api:{tag}");
        assert_eq!(seen(&on(10)), [(4, image("v1")), (1, image("v2"))]);
        assert_eq!(share(&on(10)), Some((1, 5)), "and is said to be a fifth, not a tenth");
        assert_eq!(seen(&on(50)), [(4, image("v1")), (4, image("v2"))]);
        let all = of(json!({"api.image.tag": "v2", "api.canary.enabled": false}));
        let promoted = rendered(Some(&on(50)), &all).unwrap();
        assert_eq!(seen(&promoted), [(4, image("v2")), (0, image("v2"))]);
        assert_eq!(share(&promoted), None);
    }

    #[test]
    fn a_new_release_is_one_deployment_of_its_name() {
        let made = rendered(None, &of(json!({"controller.service.type": "LoadBalancer"}))).unwrap();
        assert_eq!(seen(&made), [(1, "registry.local/ml:simulated".to_owned())]);
    }
}
