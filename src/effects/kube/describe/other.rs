//! `describe` of workloads, services, nodes and jobs, and of anything else field by field.

use serde_json::Value;

use super::{
    pod::{containers, volumes},
    text::{Text, at, list, or_none, scalar, selector, time},
};

fn head(text: &mut Text, object: &Value) {
    text.field(0, "Name", &at(object, "/metadata/name"));
    let namespace = at(object, "/metadata/namespace");
    if !namespace.is_empty() {
        text.field(0, "Namespace", &namespace);
    }
}

fn marks(text: &mut Text, object: &Value) {
    text.map(0, "Labels", &object["metadata"]["labels"], "=");
    text.map(0, "Annotations", &object["metadata"]["annotations"], ": ");
}

fn number(object: &Value, pointer: &str) -> String {
    let found = at(object, pointer);
    if found.is_empty() { "0".to_owned() } else { found }
}

fn template(text: &mut Text, object: &Value) {
    let pod = &object["spec"]["template"];
    text.line(0, "Pod Template:");
    text.map(1, "Labels", &pod["metadata"]["labels"], "=");
    let account = at(pod, "/spec/serviceAccountName");
    if !account.is_empty() {
        text.field(1, "Service Account", &account);
    }
    containers(text, 1, "Init Containers", list(pod, "/spec/initContainers"), &[]);
    containers(text, 1, "Containers", list(pod, "/spec/containers"), &[]);
    volumes(text, 1, list(pod, "/spec/volumes"));
    text.map(1, "Node-Selectors", &pod["spec"]["nodeSelector"], "=");
}

fn conditions(text: &mut Text, object: &Value) {
    let all = list(object, "/status/conditions");
    if all.is_empty() {
        return;
    }
    text.line(0, "Conditions:");
    text.line(1, "Type\tStatus\tReason");
    text.line(1, "----\t------\t------");
    for one in all {
        text.line(1, format!("{}\t{}\t{}", at(one, "/type"), at(one, "/status"), at(one, "/reason")));
    }
}

pub fn deployment(text: &mut Text, object: &Value) {
    head(text, object);
    text.field(0, "CreationTimestamp", &time(&at(object, "/metadata/creationTimestamp")));
    marks(text, object);
    text.field(0, "Selector", &selector(object.pointer("/spec/selector/matchLabels")));
    let of = |pointer: &str| number(object, pointer);
    let counts = format!(
        "{} desired | {} updated | {} total | {} available | {} unavailable",
        of("/spec/replicas"),
        of("/status/updatedReplicas"),
        of("/status/replicas"),
        of("/status/availableReplicas"),
        of("/status/unavailableReplicas")
    );
    text.line(0, format!("Replicas:\t{counts}"));
    text.field(0, "StrategyType", &at(object, "/spec/strategy/type"));
    text.field(0, "MinReadySeconds", &of("/spec/minReadySeconds"));
    if let Some(rolling) = object.pointer("/spec/strategy/rollingUpdate") {
        let limits =
            format!("{} max unavailable, {} max surge", at(rolling, "/maxUnavailable"), at(rolling, "/maxSurge"));
        text.line(0, format!("RollingUpdateStrategy:\t{limits}"));
    }
    template(text, object);
    conditions(text, object);
}

pub fn replica_set(text: &mut Text, object: &Value) {
    head(text, object);
    text.field(0, "Selector", &selector(object.pointer("/spec/selector/matchLabels")));
    marks(text, object);
    if let Some(owner) = list(object, "/metadata/ownerReferences").first() {
        text.line(0, format!("Controlled By:\t{}/{}", at(owner, "/kind"), at(owner, "/name")));
    }
    let of = |pointer: &str| number(object, pointer);
    text.line(0, format!("Replicas:\t{} current / {} desired", of("/status/replicas"), of("/spec/replicas")));
    text.line(
        0,
        format!("Pods:\t{} ready / {} available", of("/status/readyReplicas"), of("/status/availableReplicas")),
    );
    template(text, object);
    conditions(text, object);
}

pub fn job(text: &mut Text, object: &Value) {
    head(text, object);
    text.field(0, "Selector", &selector(object.pointer("/spec/selector/matchLabels")));
    marks(text, object);
    let of = |pointer: &str| number(object, pointer);
    text.field(0, "Parallelism", &at(object, "/spec/parallelism"));
    text.field(0, "Completions", &at(object, "/spec/completions"));
    text.field(0, "Backoff Limit", &at(object, "/spec/backoffLimit"));
    text.field(0, "Start Time", &time(&at(object, "/status/startTime")));
    let completed = at(object, "/status/completionTime");
    if !completed.is_empty() {
        text.field(0, "Completed At", &time(&completed));
    }
    let statuses = format!(
        "{} Active / {} Succeeded / {} Failed",
        of("/status/active"),
        of("/status/succeeded"),
        of("/status/failed")
    );
    text.line(0, format!("Pods Statuses:\t{statuses}"));
    template(text, object);
    conditions(text, object);
}

pub fn service(text: &mut Text, object: &Value, endpoints: &[String]) {
    head(text, object);
    marks(text, object);
    text.field(0, "Selector", &selector(object.pointer("/spec/selector")));
    text.field(0, "Type", &at(object, "/spec/type"));
    text.field(0, "IP", &at(object, "/spec/clusterIP"));
    for port in list(object, "/spec/ports") {
        let protocol = at(port, "/protocol");
        let name = at(port, "/name");
        let name = if name.is_empty() { "<unset>".to_owned() } else { name };
        text.line(0, format!("Port:\t{name}\t{}/{protocol}", at(port, "/port")));
        text.line(0, format!("TargetPort:\t{}/{protocol}", at(port, "/targetPort")));
        let node = at(port, "/nodePort");
        if !node.is_empty() {
            text.line(0, format!("NodePort:\t{name}\t{node}/{protocol}"));
        }
    }
    text.field(0, "Endpoints", &endpoints.join(","));
    text.field(0, "Session Affinity", &at(object, "/spec/sessionAffinity"));
}

pub fn node(text: &mut Text, object: &Value) {
    head(text, object);
    marks(text, object);
    text.field(0, "CreationTimestamp", &time(&at(object, "/metadata/creationTimestamp")));
    let taints = list(object, "/spec/taints")
        .iter()
        .map(|t| format!("{}={}:{}", at(t, "/key"), at(t, "/value"), at(t, "/effect")));
    text.field(0, "Taints", &taints.collect::<Vec<_>>().join(","));
    text.field(0, "Unschedulable", &(object["spec"]["unschedulable"] == true).to_string());
    text.line(0, "Conditions:");
    text.line(1, "Type\tStatus\tReason\tMessage");
    for one in list(object, "/status/conditions") {
        text.line(
            1,
            format!("{}\t{}\t{}\t{}", at(one, "/type"), at(one, "/status"), at(one, "/reason"), at(one, "/message")),
        );
    }
    for (title, pointer) in [("Addresses", "/status/addresses")] {
        text.line(0, format!("{title}:"));
        for one in list(object, pointer) {
            text.line(1, format!("{}:\t{}", at(one, "/type"), at(one, "/address")));
        }
    }
    for (title, pointer) in
        [("Capacity", "/status/capacity"), ("Allocatable", "/status/allocatable"), ("System Info", "/status/nodeInfo")]
    {
        text.line(0, format!("{title}:"));
        for (key, value) in object.pointer(pointer).and_then(Value::as_object).into_iter().flatten() {
            text.line(1, format!("{key}:\t{}", scalar(value)));
        }
    }
}

/// Any kind: its fields in order, nested ones under their names.
pub fn generic(text: &mut Text, object: &Value) {
    head(text, object);
    marks(text, object);
    text.field(0, "API Version", &at(object, "/apiVersion"));
    text.field(0, "Kind", &at(object, "/kind"));
    for (key, value) in object.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "metadata" | "apiVersion" | "kind") {
            nested(text, 0, key, value);
        }
    }
}

fn nested(text: &mut Text, level: usize, key: &str, value: &Value) {
    let title = title(key);
    match value {
        Value::Object(map) => {
            text.line(level, format!("{title}:"));
            map.iter().for_each(|(key, value)| nested(text, level + 1, key, value));
        }
        Value::Array(items) => {
            text.line(level, format!("{title}:"));
            for item in items {
                match item {
                    Value::Object(map) => map.iter().for_each(|(key, value)| nested(text, level + 1, key, value)),
                    other => text.line(level + 1, scalar(other)),
                }
            }
        }
        other => text.line(level, format!("{title}:\t{}", or_none(&scalar(other)))),
    }
}

/// `clusterIP` → `Cluster IP`
fn title(key: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in key.chars() {
        match c {
            c if out.is_empty() => out.extend(c.to_uppercase()),
            c if c.is_uppercase() && before.is_lowercase() => {
                out.push(' ');
                out.push(c);
            }
            c => out.push(c),
        }
        before = c;
    }
    out
}
