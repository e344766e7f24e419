//! A pod's `status`, out of what its kubelet knows of it. Nothing is decided here.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    fate::Fate,
    objects::{condition, image, text},
    pods::{Ended, Life, Stage, id_of},
    store::stamp,
};

pub const NO_ROOM: &str = "0/3 nodes are available: 3 Insufficient memory.";
pub const NO_SECRET: &str = "secret \"api-keys\" not found";

/// 10, 20, 40 … 300 s, as the kubelet waits.
pub fn back_off_seconds(tries: u32) -> u64 {
    (10u64 << (tries.saturating_sub(1)).min(5)).min(300)
}

pub fn of(pod: &Value, life: &Life, now: Timestamp) -> Value {
    if life.fate == Fate::Unplaced {
        let unplaced = turn(pod, "PodScheduled", "False", "Unschedulable", NO_ROOM, now);
        return json!({"phase": "Pending", "qosClass": "Burstable", "conditions": [unplaced]});
    }
    let ready = life.stage == Stage::Ready;
    let runs = matches!(life.stage, Stage::Starting | Stage::Ready | Stage::Unready | Stage::BackOff | Stage::Going);
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).cloned().unwrap_or_default();
    let names: Vec<&str> = containers.iter().map(|one| text(one, "/name")).collect();
    let statuses: Vec<Value> = containers.iter().map(|one| container(pod, one, life)).collect();
    let unready = format!("containers with unready status: [{}]", names.join(" "));
    let gate = |kind: &str| match ready {
        true => turn(pod, kind, "True", "", "", now),
        false => turn(pod, kind, "False", "ContainersNotReady", &unready, now),
    };
    json!({
        "phase": if runs || life.last.is_some() { "Running" } else { "Pending" },
        "hostIP": "10.0.0.1", "podIP": life.ip, "podIPs": [{"ip": life.ip}],
        "startTime": stamp(life.scheduled), "qosClass": "Burstable",
        "conditions": [
            turn(pod, "PodScheduled", "True", "", "", now), turn(pod, "Initialized", "True", "", "", now),
            gate("Ready"), gate("ContainersReady"),
        ],
        "containerStatuses": statuses,
    })
}

fn turn(pod: &Value, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> Value {
    let before = condition(pod, kind).filter(|before| text(before, "/status") == status);
    let since = before.map_or_else(|| json!(stamp(now)), |before| before["lastTransitionTime"].clone());
    let mut one = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
    if !reason.is_empty() {
        (one["reason"], one["message"]) = (json!(reason), json!(message));
    }
    one
}

fn container(pod: &Value, spec: &Value, life: &Life) -> Value {
    let uid = text(pod, "/metadata/uid");
    let name = text(spec, "/name");
    let has_run = life.started.is_some() || life.last.is_some();
    let last =
        life.last.map_or_else(|| json!({}), |ended| json!({"terminated": terminated(ended, uid, previous(life))}));
    json!({
        "name": name, "image": spec["image"],
        "imageID": if has_run { format!("{}@demo", image(pod)) } else { String::new() },
        "containerID": if has_run { life.container_id(uid) } else { String::new() },
        "ready": life.stage == Stage::Ready, "started": matches!(life.stage, Stage::Ready | Stage::Starting | Stage::Unready),
        "restartCount": life.restarts, "state": state(pod, name, life), "lastState": last,
    })
}

/// The number of the container that ended last.
fn previous(life: &Life) -> u32 {
    if life.stage == Stage::BackOff { life.restarts } else { life.restarts.saturating_sub(1) }
}

fn terminated(ended: Ended, uid: &str, number: u32) -> Value {
    json!({
        "exitCode": ended.code, "reason": ended.reason, "startedAt": stamp(ended.started),
        "finishedAt": stamp(ended.finished), "containerID": id_of(uid, number),
    })
}

fn state(pod: &Value, name: &str, life: &Life) -> Value {
    let waiting = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    match (life.stage, life.started) {
        (Stage::Creating, _) if life.fate == Fate::NoConfig && life.tries > 0 => {
            waiting("CreateContainerConfigError", NO_SECRET.into())
        }
        (Stage::Creating, _) => json!({"waiting": {"reason": "ContainerCreating"}}),
        (Stage::PullError, _) => waiting("ErrImagePull", format!("failed to pull image \"{}\": not found", image(pod))),
        (Stage::PullBackOff, _) => waiting("ImagePullBackOff", format!("Back-off pulling image \"{}\"", image(pod))),
        (Stage::BackOff, _) => {
            let (pod_name, namespace) = (text(pod, "/metadata/name"), text(pod, "/metadata/namespace"));
            let wait = back_off_seconds(life.tries);
            let message = format!("back-off {wait}s restarting failed container={name} pod={pod_name}_{namespace}");
            waiting("CrashLoopBackOff", message)
        }
        (_, Some(started)) => json!({"running": {"startedAt": stamp(started)}}),
        (_, None) if life.fate == Fate::NoImage => waiting("ErrImagePull", String::new()),
        (_, None) => json!({"waiting": {"reason": "ContainerCreating"}}),
    }
}
