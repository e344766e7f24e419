//! `d` and `y`: one object fetched now, as kubectl describes it or as YAML. Secrets are masked until asked for.

mod other;
mod pod;
mod text;

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::text::{Text, at, list};
use super::{
    act::{Wire, kinds},
    connect::Cluster,
};
use crate::observe::events::{ClusterEvent, EventFilter, EventLog, SlimEvent};

const LIMIT: Duration = Duration::from_secs(10);
/// In place of a Secret's values.
pub const MASK: &str = "<masked: R reveals, recorded>";

/// Which object: `Pod` and a name, in the cluster's namespace if none is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    pub kind: String,
    pub name: String,
    pub namespace: Option<String>,
}

/// Lines as `kubectl describe` prints them, its events at the end.
///
/// # Errors
/// No such kind or object, no permission, no answer within ten seconds.
pub async fn describe(cluster: &Cluster, of: &ObjectRef) -> anyhow::Result<Vec<String>> {
    let wire = Wire::looking(&cluster.client, LIMIT);
    let object = masked(fetch(&wire, cluster, of).await?);
    let namespace = of.namespace.as_deref().unwrap_or(&cluster.namespace);
    let endpoints =
        if at(&object, "/kind") == "Service" { endpoints(&wire, namespace, &of.name).await } else { Vec::new() };
    let events = events(&wire, namespace, &at(&object, "/metadata/uid")).await;
    Ok(lines(&object, &endpoints, events.as_ref(), now()))
}

/// The object without `managedFields`; the values of a Secret only when `reveal` (the caller records that).
///
/// # Errors
/// As [`describe`].
pub async fn yaml(cluster: &Cluster, of: &ObjectRef, reveal: bool) -> anyhow::Result<Vec<String>> {
    let wire = Wire::looking(&cluster.client, LIMIT);
    let mut object = fetch(&wire, cluster, of).await?;
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    let object = if reveal { object } else { masked(object) };
    let text = super::act::to_yaml(&object).map_err(|why| anyhow!(why))?;
    Ok(text.lines().map(|line| crate::visible::line(line).into_owned()).collect())
}

async fn fetch(wire: &Wire, cluster: &Cluster, of: &ObjectRef) -> anyhow::Result<Value> {
    let resource = kinds::resolve(wire, &of.kind).await.map_err(|fault| anyhow!("{fault}"))?;
    let namespace = of.namespace.as_deref().unwrap_or(&cluster.namespace);
    let path = resource.path_of(namespace, &of.name).map_err(|fault| anyhow!("{fault}"))?;
    wire.get(&path, &|_| ())
        .await
        .map_err(|fault| anyhow!("{fault}"))
        .with_context(|| format!("{} {}", of.kind, of.name))
}

async fn events(wire: &Wire, namespace: &str, uid: &str) -> Option<EventLog> {
    let path = format!(
        "/api/v1/namespaces/{}/events?fieldSelector=involvedObject.uid%3D{}",
        kinds::segment(namespace).ok()?,
        kinds::encoded(uid)
    );
    let answer = wire.get(&path, &|_| ()).await.ok()?;
    let mut log = EventLog::default();
    let all = list(&answer, "/items").iter().filter_map(|item| serde_json::from_value::<SlimEvent>(item.clone()).ok());
    log.put(all.map(|event| ClusterEvent::new(&event)));
    Some(log)
}

async fn endpoints(wire: &Wire, namespace: &str, service: &str) -> Vec<String> {
    let Ok(segment) = kinds::segment(namespace) else { return Vec::new() };
    let path = format!(
        "/apis/discovery.k8s.io/v1/namespaces/{segment}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{}",
        kinds::encoded(service)
    );
    let Ok(answer) = wire.get(&path, &|_| ()).await else { return Vec::new() };
    let slices = list(&answer, "/items").iter();
    let pairs = slices.flat_map(|slice| {
        let ports: Vec<String> = list(slice, "/ports").iter().map(|port| at(port, "/port")).collect();
        let ready = list(slice, "/endpoints").iter().filter(|one| one["conditions"]["ready"] != false);
        let addresses: Vec<String> = ready.flat_map(|one| list(one, "/addresses").iter().map(text::scalar)).collect();
        addresses
            .into_iter()
            .flat_map(move |address| ports.clone().into_iter().map(move |port| format!("{address}:{port}")))
    });
    pairs.collect()
}

fn lines(object: &Value, endpoints: &[String], events: Option<&EventLog>, now: Timestamp) -> Vec<String> {
    let mut text = Text::default();
    match at(object, "/kind").as_str() {
        "Pod" => pod::pod(&mut text, object),
        "Deployment" => other::deployment(&mut text, object),
        "ReplicaSet" => other::replica_set(&mut text, object),
        "Service" => other::service(&mut text, object, endpoints),
        "Node" => other::node(&mut text, object),
        "Job" => other::job(&mut text, object),
        _ => other::generic(&mut text, object),
    }
    match events {
        None => text.line(0, "Events:\tcannot be read"),
        Some(log) if log.is_empty() => text.field(0, "Events", ""),
        Some(log) => {
            text.line(0, "Events:");
            text.line(1, "Type\tReason\tAge\tMessage");
            text.line(1, "----\t------\t----\t-------");
            let filter = EventFilter::default();
            let mut groups: Vec<_> = log.shown(&filter).collect();
            groups.reverse();
            for group in groups {
                let event = &group.newest;
                text.line(
                    1,
                    format!("{}\t{}\t{}\t{}", event.type_, event.reason, group.times.cell(now), event.message),
                );
            }
        }
    }
    text.finish()
}

/// A Secret's values, and the copy of them that `kubectl apply` keeps in an annotation, are not for the screen.
fn masked(mut object: Value) -> Value {
    if object["kind"] != "Secret" {
        return object;
    }
    for field in ["data", "stringData"] {
        if let Some(Value::Object(map)) = object.get_mut(field) {
            let hidden: Map<String, Value> = map.keys().map(|key| (key.clone(), json!(MASK))).collect();
            *map = hidden;
        }
    }
    let last = "kubectl.kubernetes.io/last-applied-configuration";
    if let Some(value) = object.pointer_mut("/metadata/annotations").and_then(|all| all.get_mut(last)) {
        *value = json!(MASK);
    }
    object
}

fn now() -> Timestamp {
    crate::pace::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_described_with_its_states_and_no_events() {
        let object = json!({"kind": "Pod", "metadata": {"name": "api", "namespace": "shop", "labels": {"app": "api"}},
            "spec": {"nodeName": "n1", "serviceAccountName": "default", "containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 80}],
                "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]},
            "status": {"phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}],
                "containerStatuses": [{"name": "c", "ready": false, "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}}}]}});
        let said = lines(&object, &[], Some(&EventLog::default()), Timestamp::UNIX_EPOCH).join("\n");
        for expected in [
            "Name:             api",
            "Node:             n1/10.0.0.1",
            "    State:          Waiting",
            "      Reason:       CrashLoopBackOff",
            "    Restart Count:  2",
            "      KEY:       <set to the key 'k' in secret 's'>  Optional: false",
            "Events:          <none>",
        ] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
    }

    #[test]
    fn a_secret_shows_its_keys_only() {
        let secret = json!({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "aHVudGVyMg=="}}});
        let shown = masked(secret).to_string();
        assert!(shown.contains("password") && !shown.contains("aHVudGVyMg"), "{shown}");
    }

    #[test]
    fn anything_else_is_shown_field_by_field() {
        let object = json!({"kind": "Widget", "apiVersion": "x/v1", "metadata": {"name": "w"}, "spec": {"clusterIP": "1", "parts": [{"a": 1}, 2]}});
        let said = lines(&object, &[], None, Timestamp::UNIX_EPOCH);
        assert_eq!(
            &said[5..],
            ["Spec:", "  Cluster IP:  1", "  Parts:", "    A:  1", "    2", "Events:  cannot be read"]
        );
    }
}
