//! The pods' logs: a file per container in the container runtime's format, one line a
//! second, and a `Logs` object by which kwok's kubelet endpoint finds it. A restarted
//! container starts a new file and leaves the old one as its previous log.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::json;

use crate::world::{ContainerView, PodView};
use crate::{Shared, locked};

/// More pods than this do not get a log of their own.
const PODS: usize = 200;

struct Kept {
    restarts: HashMap<String, i32>,
    lines: u64,
}

pub async fn keep(shared: Shared, client: Client, dir: PathBuf) {
    let mut kept: HashMap<String, Kept> = HashMap::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let pods = pods(&shared);
        kept.retain(|uid, _| pods.iter().any(|(_, p)| p.uid == *uid));
        for (namespace, pod) in pods.into_iter().take(PODS) {
            let folder = dir.join(&namespace).join(&pod.name);
            if !kept.contains_key(&pod.uid) {
                if announce(&client, &namespace, &pod, &folder).await.is_err() {
                    continue; // the pod or the API is gone; the next second tells
                }
                kept.insert(pod.uid.clone(), Kept { restarts: HashMap::new(), lines: 0 });
            }
            if let Some(entry) = kept.get_mut(&pod.uid) {
                // a full disk ends a test in louder ways than this
                let _ = write_second(&folder, &pod, entry);
            }
        }
    }
}

/// Pods behind a Service that takes part whose containers have started at least once.
fn pods(shared: &Shared) -> Vec<(String, PodView)> {
    let state = locked(shared);
    let of = |s: &crate::world::ServiceView| {
        let namespace = s.namespace.clone();
        let started = s.pods.iter().filter(|p| p.containers.iter().any(|c| c.started)).cloned();
        started.map(move |p| (namespace.clone(), p)).collect::<Vec<_>>()
    };
    state.world.services.iter().flat_map(of).collect()
}

async fn announce(client: &Client, namespace: &str, pod: &PodView, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let kind = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("kwok.x-k8s.io", "v1alpha1", "Logs"), "logs");
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    let entry = |c: &ContainerView| {
        let (now, previous) = (file(folder, c, false), file(folder, c, true));
        json!({"containers": [c.name], "logsFile": now, "previousLogsFile": previous, "follow": true})
    };
    let object = json!({
        "apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs",
        "metadata": {"name": pod.name, "namespace": namespace, "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}]},
        "spec": {"logs": pod.containers.iter().map(entry).collect::<Vec<_>>()},
    });
    api.patch(&pod.name, &PatchParams::apply("traffic").force(), &Patch::Apply(object)).await?;
    Ok(())
}

fn file(folder: &Path, container: &ContainerView, previous: bool) -> PathBuf {
    folder.join(format!("{}{}.log", container.name, if previous { ".previous" } else { "" }))
}

fn write_second(folder: &Path, pod: &PodView, kept: &mut Kept) -> std::io::Result<()> {
    for container in pod.containers.iter().filter(|c| c.started) {
        let before = kept.restarts.insert(container.name.clone(), container.restarts);
        let now = file(folder, container, false);
        if before.is_some_and(|b| b != container.restarts) && now.exists() {
            append(&now, "stderr", "panic: model file /models/current is missing")?;
            std::fs::rename(&now, file(folder, container, true))?;
        }
        if before != Some(container.restarts) {
            append(&now, "stdout", &format!("starting {} version {}", pod.name, pod.tag))?;
        }
        if pod.ready {
            kept.lines += 1;
            let line = json!({"level": "info", "msg": "request", "path": "/predict", "status": 200, "n": kept.lines});
            append(&now, "stdout", &line.to_string())?;
        }
    }
    Ok(())
}

fn append(path: &Path, stream: &str, text: &str) -> std::io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a log line's time is the wall clock's")]
    let now = jiff::Timestamp::now();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(format!("{now:.9} {stream} F {text}\n").as_bytes())
}
