//! The cluster as far as traffic needs it: Services that take part, and the pods
//! behind them. Watched, never polled; reading it is cheap enough for every tick.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, Service};
use kube::runtime::reflector::Store;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;

/// Requests a second to a Service; without it the Service takes no part.
pub const RPS: &str = "ripcord.dev/rps";
/// Percent of the requests that go to pods labelled `version=canary`.
pub const WEIGHT: &str = "ripcord.dev/canary-weight";

#[derive(Default)]
pub struct World {
    pub services: Vec<ServiceView>,
    /// Pods that are waiting for some reason, of any namespace: (namespace, pod, container, reason).
    pub waiting: Vec<(String, String, String, String)>,
}

pub struct ServiceView {
    pub namespace: String,
    pub name: String,
    pub rps: f64,
    pub canary_weight: f64,
    pub pods: Vec<PodView>,
}

#[derive(Clone)]
pub struct PodView {
    pub name: String,
    pub uid: String,
    /// The label `version`: `stable` unless it says otherwise.
    pub version: String,
    pub tag: String,
    pub ready: bool,
    pub containers: Vec<ContainerView>,
}

#[derive(Clone)]
pub struct ContainerView {
    pub name: String,
    pub restarts: i32,
    pub started: bool,
}

pub struct Watched {
    pods: Store<Pod>,
    services: Store<Service>,
}

impl Watched {
    pub fn start(client: &Client) -> Self {
        Watched { pods: follow(Api::all(client.clone())), services: follow(Api::all(client.clone())) }
    }

    pub fn read(&self) -> World {
        let pods = self.pods.state();
        let waiting = pods.iter().flat_map(|p| waiting(p)).collect();
        let services = self.services.state().iter().filter_map(|s| service(s, &pods)).collect();
        World { services, waiting }
    }
}

fn follow<K>(api: Api<K>) -> Store<K>
where
    K: kube::Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Default + Eq + Hash + Clone + Debug + Send + Sync + Unpin,
{
    let (store, writer) = reflector::store();
    let events = watcher(api, watcher::Config::default())
        .modify(|object| object.meta_mut().managed_fields = None)
        .default_backoff()
        .reflect(writer);
    tokio::spawn(events.for_each(|_| std::future::ready(())));
    store
}

fn service(service: &Service, pods: &[Arc<Pod>]) -> Option<ServiceView> {
    let rps = service.annotations().get(RPS)?.parse().ok()?;
    let weight = service.annotations().get(WEIGHT).and_then(|w| w.parse().ok()).unwrap_or(0.0);
    let selector = service.spec.as_ref()?.selector.as_ref()?;
    let namespace = service.namespace()?;
    let behind = |pod: &&Arc<Pod>| pod.namespace().as_deref() == Some(&namespace) && matches(pod.labels(), selector);
    let pods = pods.iter().filter(behind).filter_map(|p| pod_view(p)).collect();
    Some(ServiceView { name: service.name_any(), namespace, rps, canary_weight: weight, pods })
}

fn matches(labels: &BTreeMap<String, String>, selector: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn pod_view(pod: &Pod) -> Option<PodView> {
    let image = pod.spec.as_ref()?.containers.first()?.image.clone()?;
    let version = pod.labels().get("version").map_or("stable", String::as_str);
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let ready = conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
    Some(PodView {
        name: pod.name_any(),
        uid: pod.uid()?,
        version: version.to_owned(),
        tag: image.rsplit(':').next().unwrap_or("latest").to_owned(),
        ready: ready && pod.metadata.deletion_timestamp.is_none(),
        containers: statuses(pod).map(container).collect(),
    })
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().filter_map(|s| s.container_statuses.as_ref()).flatten()
}

fn container(status: &ContainerStatus) -> ContainerView {
    ContainerView { name: status.name.clone(), restarts: status.restart_count, started: status.container_id.is_some() }
}

fn waiting(pod: &Pod) -> Vec<(String, String, String, String)> {
    let named = |c: &ContainerStatus| {
        let reason = c.state.as_ref()?.waiting.as_ref()?.reason.clone()?;
        Some((pod.namespace()?, pod.name_any(), c.name.clone(), reason))
    };
    statuses(pod).filter_map(named).collect()
}
