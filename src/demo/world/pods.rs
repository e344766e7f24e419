//! What scheduler and kubelet do: a pod's way from Pending to Ready, or to whatever its image's tag says; and its
//! end. What it says in its log is kept elsewhere.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    events::{Said, record},
    fate::{Fate, word},
    logs::Logs,
    objects::{image, is_going, text},
    status,
    store::{Key, Store},
};

const KUBELET: &str = "kubelet";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Creating,
    /// Runs, not ready yet.
    Starting,
    Ready,
    BackOff,
    PullError,
    PullBackOff,
    Unready,
    Going,
}

/// How a container ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub code: i64,
    pub reason: &'static str,
    pub started: Timestamp,
    pub finished: Timestamp,
}

/// One pod, as its kubelet knows it.
#[derive(Clone, Debug)]
pub struct Life {
    pub stage: Stage,
    /// When something happens next.
    pub due: Option<Timestamp>,
    pub restarts: u32,
    /// Tries in a row that failed.
    pub tries: u32,
    pub scheduled: Timestamp,
    pub started: Option<Timestamp>,
    pub ready: Option<Timestamp>,
    pub last: Option<Ended>,
    pub ip: String,
    pub node: String,
    pub fate: Fate,
}

impl Life {
    /// The container that runs now or ran last; its id names its log.
    pub fn container_id(&self, uid: &str) -> String {
        id_of(uid, self.restarts)
    }
}

/// `containerd://…`, another one for each restart.
pub fn id_of(uid: &str, restarts: u32) -> String {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(format!("{uid}/{restarts}").as_bytes());
    format!("containerd://{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[derive(Debug, Default)]
pub struct Kubelets {
    pub lives: BTreeMap<Key, Life>,
    /// When the first of them has something to do.
    pub due: Option<Timestamp>,
    addresses: u32,
}

pub const NODES: [&str; 3] = ["demo-node-1", "demo-node-2", "demo-node-3"];

fn after(now: Timestamp, millis: u64) -> Option<Timestamp> {
    now.checked_add(SignedDuration::from_millis(i64::try_from(millis).unwrap_or(0))).ok()
}

impl Kubelets {
    /// Takes new pods in, moves those on whose time has come, lets the gone go.
    pub fn step(&mut self, store: &mut Store, logs: &mut Logs, now: Timestamp) {
        let all: Vec<Key> = store.list("pods", "").map(|(key, _)| key.clone()).collect();
        self.lives.retain(|key, _| store.get(key).is_some());
        for key in all {
            let wakes = self.lives.get(&key).is_none_or(|life| {
                let leaves = life.stage != Stage::Going && store.get(&key).is_some_and(is_going);
                leaves || life.due.is_some_and(|due| due <= now)
            });
            let Some(pod) = store.get(&key).filter(|_| wakes).cloned() else { continue };
            match self.lives.remove(&key) {
                None => {
                    let life = self.schedule(store, &key, &pod, now);
                    self.lives.insert(key, life);
                }
                Some(mut life) => {
                    if is_going(&pod) && life.stage != Stage::Going {
                        end(store, &mut life, &pod, now);
                    } else if life.stage == Stage::Going {
                        let _ = store.delete(&key);
                        continue;
                    } else {
                        move_on(store, logs, &mut life, &key, now);
                    }
                    self.lives.insert(key, life);
                }
            }
        }
        self.due = self.lives.values().filter_map(|life| life.due).min();
    }

    fn schedule(&mut self, store: &mut Store, key: &Key, pod: &Value, now: Timestamp) -> Life {
        self.addresses += 1;
        let node = NODES[(self.addresses as usize) % NODES.len()];
        let fate = Fate::of(word(pod));
        placed(store, pod, fate, node, now);
        let pull = 1_200 + store.names.below(1_600);
        let life = Life {
            stage: Stage::Creating,
            due: after(now, pull),
            restarts: 0,
            tries: 0,
            scheduled: now,
            started: None,
            ready: None,
            last: None,
            ip: format!("10.244.{}.{}", self.addresses % 3 + 1, self.addresses % 250 + 2),
            node: if fate == Fate::Unplaced { String::new() } else { node.to_owned() },
            fate,
        };
        write(store, key, &life, now);
        life
    }
}

fn placed(store: &mut Store, pod: &Value, fate: Fate, node: &str, now: Timestamp) {
    if fate == Fate::Unplaced {
        record(store, pod, &Said::warning("default-scheduler", "FailedScheduling", status::NO_ROOM), now);
        return;
    }
    let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    let message = format!("Successfully assigned {namespace}/{name} to {node}");
    record(store, pod, &Said::normal("default-scheduler", "Scheduled", message), now);
    record(store, pod, &Said::normal(KUBELET, "Pulling", format!("Pulling image \"{}\"", image(pod))), now);
}

/// Puts what the kubelet knows on the pod.
fn write(store: &mut Store, key: &Key, life: &Life, now: Timestamp) {
    store.change(key, |pod| {
        if !life.node.is_empty() {
            pod["spec"]["nodeName"] = json!(life.node);
        }
        pod["status"] = status::of(pod, life, now);
    });
}

fn end(store: &mut Store, life: &mut Life, pod: &Value, now: Timestamp) {
    let name = text(pod, "/spec/containers/0/name");
    record(store, pod, &Said::normal(KUBELET, "Killing", format!("Stopping container {name}")), now);
    life.stage = Stage::Going;
    life.ready = None;
    life.due = after(now, 2_000);
}

fn move_on(store: &mut Store, logs: &mut Logs, life: &mut Life, key: &Key, now: Timestamp) {
    let Some(pod) = store.get(key).cloned() else { return };
    match (life.stage, life.fate) {
        (Stage::Creating | Stage::PullBackOff, Fate::NoImage) => pull_fails(store, life, &pod, now),
        (Stage::Creating, Fate::Unplaced) => life.due = None,
        (Stage::Creating, Fate::NoConfig) => {
            life.tries += 1;
            life.due = after(now, 10_000);
            let message = format!("Error: {}", status::NO_SECRET);
            record(store, &pod, &Said::warning(KUBELET, "Failed", message), now);
        }
        (Stage::PullError, _) => {
            life.stage = Stage::PullBackOff;
            life.due = after(now, 10_000);
            let message = format!("Back-off pulling image \"{}\"", image(&pod));
            record(store, &pod, &Said::normal(KUBELET, "BackOff", message), now);
        }
        (Stage::Creating | Stage::BackOff | Stage::PullBackOff, _) => start(store, logs, life, &pod, now),
        (Stage::Starting, Fate::Crashes | Fate::OutOfMemory) => crash(store, logs, life, &pod, now),
        (Stage::Starting | Stage::Unready, Fate::Unready) => {
            life.stage = Stage::Unready;
            life.due = after(now, 5_000);
            let message = "Readiness probe failed: HTTP probe failed with statuscode: 503";
            record(store, &pod, &Said::warning(KUBELET, "Unhealthy", message), now);
        }
        (Stage::Starting, _) => {
            (life.stage, life.ready, life.due) = (Stage::Ready, Some(now), None);
        }
        (Stage::Ready | Stage::Unready | Stage::Going, _) => life.due = None,
    }
    write(store, key, life, now);
}

fn pull_fails(store: &mut Store, life: &mut Life, pod: &Value, now: Timestamp) {
    life.stage = Stage::PullError;
    life.due = after(now, 3_000);
    let message = format!("Failed to pull image \"{}\": not found", image(pod));
    record(store, pod, &Said::warning(KUBELET, "Failed", message), now);
    record(store, pod, &Said::warning(KUBELET, "Failed", "Error: ErrImagePull"), now);
}

fn start(store: &mut Store, logs: &mut Logs, life: &mut Life, pod: &Value, now: Timestamp) {
    if life.last.is_some() {
        life.restarts += 1;
    }
    let name = text(pod, "/spec/containers/0/name").to_owned();
    let pulled = format!("Successfully pulled image \"{}\"", image(pod));
    record(store, pod, &Said::normal(KUBELET, "Pulled", pulled), now);
    record(store, pod, &Said::normal(KUBELET, "Created", format!("Created container: {name}")), now);
    record(store, pod, &Said::normal(KUBELET, "Started", format!("Started container {name}")), now);
    logs.started(&life.container_id(text(pod, "/metadata/uid")), image(pod), now);
    life.stage = Stage::Starting;
    life.started = Some(now);
    let runs = if matches!(life.fate, Fate::Crashes | Fate::OutOfMemory) { 2_000 } else { 3_000 };
    life.due = after(now, runs);
}

fn crash(store: &mut Store, logs: &mut Logs, life: &mut Life, pod: &Value, now: Timestamp) {
    let (code, reason) = if life.fate == Fate::OutOfMemory { (137, "OOMKilled") } else { (1, "Error") };
    life.last = Some(Ended { code, reason, started: life.started.unwrap_or(now), finished: now });
    logs.crashed(&life.container_id(text(pod, "/metadata/uid")), life.fate, now);
    life.tries += 1;
    life.stage = Stage::BackOff;
    life.started = None;
    life.due = after(now, status::back_off_seconds(life.tries) * 1_000);
    let (name, pod_name) = (text(pod, "/spec/containers/0/name"), text(pod, "/metadata/name"));
    let message = format!("Back-off restarting failed container {name} in pod {pod_name}");
    record(store, pod, &Said::warning(KUBELET, "BackOff", message), now);
}
