//! What is there when the demo begins: a service with its history, the way a cluster looks on an ordinary day.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{World, fate, neighbours, pods::NODES, store::Key};
use crate::{
    demo::{
        api::kinds::custom,
        helm::{chart, record},
    },
    effects::{helm::Release, kube::act::kinds::usual},
};

pub const NAMESPACE: &str = "ml-system";

/// What runs, and what ran before it.
const IMAGES: [&str; 3] =
    ["registry.local/ml-api:v1.3.9", "registry.local/ml-api:v1.4.0", "registry.local/ml-api:v1.4.1"];

pub(super) fn people(world: &mut World, begun: Timestamp, fate: Option<&str>) {
    let long_ago = begun - SignedDuration::from_hours(24 * 41);
    let namespace = world.namespace.clone();
    for name in ["default", "kube-system", "monitoring", &namespace] {
        named(world, name, long_ago);
    }
    NODES.iter().for_each(|name| make(world, "Node", "", node(name), long_ago));
    for (kind, object) in furniture() {
        make(world, kind, &namespace, object, long_ago);
    }
    let prometheus = json!({"metadata": {"name": "prometheus"}, "spec": {"ports": [{"name": "http", "port": 9090}]}});
    make(world, "Service", "monitoring", prometheus, long_ago);
    make(world, "Deployment", &namespace, deployment("ml-api", "stable", 4, IMAGES[0]), long_ago);
    let mut canary = deployment("ml-api-canary", "canary", 0, IMAGES[2]);
    if let Some(fate) = fate {
        canary["spec"]["template"]["metadata"]["annotations"] = json!({fate::SAID: fate});
    }
    make(world, "Deployment", &namespace, canary, long_ago);
    neighbours::move_in(world, &namespace, long_ago);
    // Each release a good while after the one before; only the last half hour is lived through.
    for (revision, (image, days)) in (1..).zip(IMAGES.iter().zip([41i64, 20, 6])) {
        let at = begun - SignedDuration::from_hours(24 * days);
        let key = Key::new("deployments", &namespace, "ml-api");
        world.store.change(&key, |one| {
            one["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
            one["metadata"]["annotations"]["kubernetes.io/change-cause"] = json!(format!("release {}", tag(image)));
        });
        for second in (0..120).step_by(1) {
            world.now = at + SignedDuration::from_secs(second);
            world.settle();
        }
        let objects = [deployment("ml-api", "stable", 4, image), deployment("ml-api-canary", "canary", 0, image)];
        let status = if *image == IMAGES[2] { "deployed" } else { "superseded" };
        let release = record::release("ml-system", &namespace, revision, String::new(), at);
        released(world, Release { status: status.into(), ..release }, &objects);
    }
    world.now = begun;
}

/// Helm's record of a revision that went well.
pub(super) fn released(world: &mut World, release: Release, objects: &[Value]) {
    let release = Release { manifest: chart::manifest(objects).unwrap_or_default(), ..release };
    if let (Ok(secret), Some(at)) = (record::secret(&release), release.updated) {
        make(world, "Secret", &release.namespace, secret, at);
    }
}

/// The canary, in the traffic with this image.
pub(super) fn canary(world: &mut World, tag: &str) {
    let key = Key::new("deployments", &world.namespace, "ml-api-canary");
    world.store.change(&key, |one| {
        one["spec"]["replicas"] = json!(1);
        one["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("registry.local/ml-api:{tag}"));
        one["metadata"]["annotations"]["kubernetes.io/change-cause"] = json!(format!("canary {tag}"));
    });
}

fn tag(image: &str) -> &str {
    image.rsplit_once(':').map_or("", |(_, tag)| tag)
}

/// A namespace of this name, if there is none yet.
pub(super) fn named(world: &mut World, name: &str, at: Timestamp) {
    if world.store.get(&Key::new("namespaces", "", name)).is_some() {
        return;
    }
    let labels = json!({"kubernetes.io/metadata.name": name});
    let namespace = json!({"metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"}});
    make(world, "Namespace", "", namespace, at);
}

pub(super) fn make(world: &mut World, kind: &str, namespace: &str, object: Value, at: Timestamp) {
    let made = usual(kind).or_else(|| custom(kind)).map(|kind| world.store.create(&kind, namespace, object, at));
    debug_assert!(made.is_some_and(|made| made.is_ok()), "the seed names each object once");
}

fn furniture() -> Vec<(&'static str, Value)> {
    let labels = json!({"app": "ml-api"});
    let meta = |name: &str| json!({"name": name, "labels": labels});
    vec![
        ("ConfigMap", json!({"metadata": meta("ml-api"), "data": {"LOG_LEVEL": "info", "MODEL": "sentiment"}})),
        (
            "Service",
            json!({"metadata": meta("ml-api"), "spec": {"type": "ClusterIP", "clusterIP": "10.96.14.7", "selector": labels,
                "ports": [{"name": "http", "port": 80, "targetPort": 8000, "protocol": "TCP"}]}}),
        ),
        (
            "PodDisruptionBudget",
            json!({"metadata": meta("ml-api"), "spec": {"minAvailable": 3, "selector": {"matchLabels": labels}}}),
        ),
    ]
}

fn node(name: &str) -> Value {
    let size = json!({"cpu": "8", "memory": "16Gi", "pods": "110"});
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {}, "status": {
            "capacity": size, "allocatable": size,
            "nodeInfo": {"kubeletVersion": "v1.33.0", "osImage": "embedded", "containerRuntimeVersion": "demo"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}],
        },
    })
}

fn deployment(name: &str, version: &str, replicas: u32, image: &str) -> Value {
    let labels = json!({"app": "ml-api", "version": version});
    let resources = json!({"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": labels, "annotations": {}},
        "spec": {
            "replicas": replicas, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 60,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "api", "image": image, "ports": [{"containerPort": 8000, "name": "http"}], "resources": resources,
                    "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 5},
                }]},
            },
        },
    })
}
