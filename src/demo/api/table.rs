//! The server's Table for people, of the kinds the demo has; of any other, name and age.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::asked::Asked;
use crate::{
    demo::world::objects::{condition, image, number, text},
    effects::kube::act::kinds::Resource,
    observe::{human, pods},
};

pub fn is_wanted(asked: &Asked) -> bool {
    asked.accept.split(',').next().is_some_and(|first| first.contains("as=Table"))
}

pub fn of(resource: &Resource, all: &[&Value], now: Timestamp, version: &str) -> Value {
    let names: &[&str] = match resource.kind.as_str() {
        "Pod" => &["Name", "Ready", "Status", "Restarts", "Age", "IP+", "Node+"],
        "Deployment" => &["Name", "Ready", "Up-to-date", "Available", "Age", "Containers+", "Images+"],
        "ReplicaSet" => &["Name", "Desired", "Current", "Ready", "Age", "Images+"],
        "Node" => &["Name", "Status", "Roles", "Age", "Version"],
        "Service" => &["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"],
        "Namespace" => &["Name", "Status", "Age"],
        "Certificate" => &["Name", "Ready", "Secret", "Age"],
        "Challenge" => &["Name", "State", "Domain", "Age", "Reason+"],
        _ => &["Name", "Age"],
    };
    let column = |name: &&str| {
        let (name, priority) = name.strip_suffix('+').map_or((*name, 0), |name| (name, 1));
        json!({"name": name, "type": "string", "format": "", "description": "", "priority": priority})
    };
    let rows: Vec<Value> = all.iter().map(|one| json!({"cells": cells(resource, one, now), "object": one})).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
        "columnDefinitions": names.iter().map(column).collect::<Vec<_>>(), "rows": rows,
    })
}

fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    let since = |text: &str| human::since(now, text.parse().ok());
    let age = since(text(object, "/metadata/creationTimestamp"));
    let name = text(object, "/metadata/name");
    let of = |pointer: &str| number(object, pointer);
    match resource.kind.as_str() {
        "Pod" => pod(object, name, &age, now),
        "Deployment" => {
            let ready = format!("{}/{}", of("/status/readyReplicas"), of("/spec/replicas"));
            let template = object.pointer("/spec/template").unwrap_or(&Value::Null);
            let (up, available) = (of("/status/updatedReplicas"), of("/status/availableReplicas"));
            let container = text(template, "/spec/containers/0/name");
            vec![
                json!(name),
                json!(ready),
                json!(up),
                json!(available),
                json!(age),
                json!(container),
                json!(image(template)),
            ]
        }
        "ReplicaSet" => {
            let template = object.pointer("/spec/template").unwrap_or(&Value::Null);
            let (desired, current) = (of("/spec/replicas"), of("/status/replicas"));
            vec![
                json!(name),
                json!(desired),
                json!(current),
                json!(of("/status/readyReplicas")),
                json!(age),
                json!(image(template)),
            ]
        }
        "Node" => {
            let ready = condition(object, "Ready").is_some_and(|one| text(one, "/status") == "True");
            let version = text(object, "/status/nodeInfo/kubeletVersion");
            let status = if ready { "Ready" } else { "NotReady" };
            vec![json!(name), json!(status), json!("<none>"), json!(age), json!(version)]
        }
        "Service" => service(object, name, &age),
        "Namespace" => vec![json!(name), json!(text(object, "/status/phase")), json!(age)],
        "Certificate" => {
            let ready = condition(object, "Ready").map_or("", |one| text(one, "/status"));
            vec![json!(name), json!(ready), json!(text(object, "/spec/secretName")), json!(age)]
        }
        "Challenge" => {
            let [state, domain, why] = ["/status/state", "/spec/dnsName", "/status/reason"].map(|at| text(object, at));
            vec![json!(name), json!(state), json!(domain), json!(age), json!(why)]
        }
        _ => vec![json!(name), json!(age)],
    }
}

fn service(object: &Value, name: &str, age: &str) -> Vec<Value> {
    let kind = text(object, "/spec/type");
    let ports = object.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    let port = |port: &Value| format!("{}/{}", number(port, "/port"), "TCP");
    let ports: Vec<String> = ports.iter().map(port).collect();
    let kind = if kind.is_empty() { "ClusterIP" } else { kind };
    vec![
        json!(name),
        json!(kind),
        json!(text(object, "/spec/clusterIP")),
        json!(object.pointer("/status/loadBalancer/ingress/0/ip").unwrap_or(&json!("<none>"))),
        json!(ports.join(",")),
        json!(age),
    ]
}

fn pod(object: &Value, name: &str, age: &str, now: Timestamp) -> Vec<Value> {
    let slim: pods::SlimPod = serde_json::from_value(object.clone()).unwrap_or_default();
    let printed = pods::print(&slim);
    let restarts = match printed.last_restart {
        Some(last) if printed.restarts > 0 => format!("{} ({} ago)", printed.restarts, human::since(now, Some(last))),
        _ => printed.restarts.to_string(),
    };
    let ready = format!("{}/{}", printed.ready, printed.total);
    let (ip, node) = (text(object, "/status/podIP"), text(object, "/spec/nodeName"));
    vec![json!(name), json!(ready), json!(printed.status), json!(restarts), json!(age), json!(ip), json!(node)]
}
