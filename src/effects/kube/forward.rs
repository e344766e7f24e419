//! Port-forwards: a local port that leads to a pod, for as long as the run. A new connection after a loss picks a pod anew.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Pod, Service},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, api::ListParams};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::connect::Cluster;
use crate::{
    runbook::{model::PortForward, value::Tpl},
    visible,
};

/// Tries for one connection, each with a pod chosen anew.
const TRIES: u32 = 3;
const BETWEEN: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(10);

/// An open port-forward; it closes when this is dropped.
pub struct Forward {
    pub local: SocketAddr,
    /// `service monitoring/grafana:3000`, for the header.
    pub title: String,
    state: watch::Receiver<ForwardState>,
    _task: JoinSet<()>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ForwardState {
    #[default]
    Up,
    /// The last connection could not be made: why. The next one tries again.
    Down(String),
}

impl Forward {
    pub fn state(&self) -> ForwardState {
        self.state.borrow().clone()
    }

    pub fn states(&self) -> watch::Receiver<ForwardState> {
        self.state.clone()
    }
}

/// Finds the pod, binds the local port (a free one where the wanted one was not asked for and is taken), and listens.
///
/// # Errors
/// Nothing to forward to, an ambiguous port, a local port that is taken.
pub async fn open(cluster: &Cluster, model: &PortForward) -> anyhow::Result<Forward> {
    let (kind, name) = match (&model.service, &model.pod, &model.deployment) {
        (Some(name), None, None) => (Kind::Service, name),
        (None, Some(name), None) => (Kind::Pod, name),
        (None, None, Some(name)) => (Kind::Deployment, name),
        _ => bail!("portForward names exactly one of service, pod, deployment"),
    };
    let (namespace, name) = name.split_once('/').unwrap_or((&cluster.namespace, name));
    let target = Target {
        client: cluster.client.clone(),
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        port: model.port.as_ref().and_then(Tpl::value),
    };
    let (_, port) = target.resolve().await?;
    let asked = model.local_port.as_ref().and_then(Tpl::value);
    let listener = bind(asked, target.port.unwrap_or(port)).await?;
    let local = listener.local_addr()?;
    let title = target.title(port);
    let (told, state) = watch::channel(ForwardState::Up);
    let mut task = JoinSet::new();
    task.spawn(accept(listener, target, told));
    Ok(Forward { local, title, state, _task: task })
}

async fn bind(asked: Option<u16>, usual: u16) -> anyhow::Result<TcpListener> {
    if let Some(port) = asked {
        return TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| format!("local port {port} is taken; leave out localPort to get a free one"));
    }
    match TcpListener::bind(("127.0.0.1", usual)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(("127.0.0.1", 0)).await.context("no free local port"),
    }
}

async fn accept(listener: TcpListener, target: Target, told: watch::Sender<ForwardState>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(BETWEEN).await;
            continue;
        };
        connections.spawn(serve(socket, target.clone(), told.clone()));
    }
}

async fn serve(mut socket: TcpStream, target: Target, told: watch::Sender<ForwardState>) {
    for attempt in 1..=TRIES {
        match tokio::time::timeout(LIMIT, target.connect()).await {
            Ok(Ok((mut forwarder, port))) => {
                told.send_if_modified(|state| std::mem::take(state) != ForwardState::Up);
                if let Some(mut stream) = forwarder.take_stream(port) {
                    let _ = tokio::io::copy_bidirectional(&mut socket, &mut stream).await;
                }
                forwarder.abort();
                return;
            }
            Ok(Err(error)) if attempt == TRIES => down(&told, &format!("{error:#}")),
            Err(_) if attempt == TRIES => down(&told, "no answer"),
            _ => tokio::time::sleep(BETWEEN).await,
        }
    }
}

fn down(told: &watch::Sender<ForwardState>, why: &str) {
    let _ = told.send(ForwardState::Down(visible::line(why).into_owned()));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Service,
    Pod,
    Deployment,
}

#[derive(Clone)]
struct Target {
    client: kube::Client,
    kind: Kind,
    namespace: String,
    name: String,
    port: Option<u16>,
}

impl Target {
    fn title(&self, port: u16) -> String {
        let kind = match self.kind {
            Kind::Service => "service",
            Kind::Pod => "pod",
            Kind::Deployment => "deployment",
        };
        visible::line(&format!("{kind} {}/{}:{}", self.namespace, self.name, self.port.unwrap_or(port))).into_owned()
    }

    async fn connect(&self) -> anyhow::Result<(kube::api::Portforwarder, u16)> {
        let (pod, port) = self.resolve().await?;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        Ok((pods.portforward(&pod, &[port]).await?, port))
    }

    /// A pod that is ready, and the port in it.
    async fn resolve(&self) -> anyhow::Result<(String, u16)> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        match self.kind {
            Kind::Pod => {
                let pod =
                    pods.get(&self.name).await.with_context(|| format!("pod {}/{}", self.namespace, self.name))?;
                Ok((self.name.clone(), self.port_in(&pod, None)?))
            }
            Kind::Deployment => {
                let all: Api<Deployment> = Api::namespaced(self.client.clone(), &self.namespace);
                let found = all
                    .get(&self.name)
                    .await
                    .with_context(|| format!("deployment {}/{}", self.namespace, self.name))?;
                let labels = found.spec.and_then(|spec| spec.selector.match_labels).unwrap_or_default();
                let pod = self.ready(&pods, &labels).await?;
                Ok((name(&pod), self.port_in(&pod, None)?))
            }
            Kind::Service => {
                let all: Api<Service> = Api::namespaced(self.client.clone(), &self.namespace);
                let found =
                    all.get(&self.name).await.with_context(|| format!("service {}/{}", self.namespace, self.name))?;
                let spec = found.spec.unwrap_or_default();
                let ports = spec.ports.unwrap_or_default();
                let chosen = match self.port {
                    Some(port) => ports
                        .iter()
                        .find(|one| one.port == i32::from(port))
                        .ok_or_else(|| anyhow!("service {} has no port {port}", self.name))?,
                    None if ports.len() == 1 => &ports[0],
                    None => bail!("service {} has {} ports; say which with `port:`", self.name, ports.len()),
                };
                let pod = self.ready(&pods, &spec.selector.unwrap_or_default()).await?;
                let inner = chosen.target_port.clone().unwrap_or(IntOrString::Int(chosen.port));
                Ok((name(&pod), self.port_in(&pod, Some(&inner))?))
            }
        }
    }

    async fn ready(&self, pods: &Api<Pod>, labels: &BTreeMap<String, String>) -> anyhow::Result<Pod> {
        if labels.is_empty() {
            bail!("{} selects no pods", self.title(self.port.unwrap_or(0)));
        }
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let found = pods.list(&ListParams::default().labels(&selector.join(","))).await?;
        found
            .items
            .into_iter()
            .find(is_ready)
            .ok_or_else(|| anyhow!("no pod of {} is ready", self.title(self.port.unwrap_or(0))))
    }

    fn port_in(&self, pod: &Pod, inner: Option<&IntOrString>) -> anyhow::Result<u16> {
        let mut ports =
            pod.spec.iter().flat_map(|spec| &spec.containers).flat_map(|container| container.ports.iter().flatten());
        let number = match (inner, self.port) {
            (Some(IntOrString::Int(port)), _) => *port,
            (Some(IntOrString::String(named)), _) => ports
                .find(|port| port.name.as_ref() == Some(named))
                .map(|port| port.container_port)
                .ok_or_else(|| anyhow!("pod {} has no port named {named:?}", name(pod)))?,
            (None, Some(port)) => i32::from(port),
            (None, None) => match ports.collect::<Vec<_>>().as_slice() {
                [only] => only.container_port,
                several => bail!("pod {} has {} ports; say which with `port:`", name(pod), several.len()),
            },
        };
        u16::try_from(number).map_err(|_| anyhow!("{number} is no port"))
    }
}

fn name(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

fn is_ready(pod: &Pod) -> bool {
    let held = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|c| c.type_ == "Ready" && c.status == "True");
    held && pod.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(port: Option<u16>) -> Target {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::empty()))
        });
        Target {
            client: kube::Client::new(service, "a"),
            kind: Kind::Service,
            namespace: "a".into(),
            name: "web".into(),
            port,
        }
    }

    fn pod() -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]}]}})).unwrap()
    }

    #[tokio::test]
    async fn the_port_inside_the_pod_is_found_by_number_and_by_name() {
        assert_eq!(target(Some(80)).port_in(&pod(), Some(&IntOrString::String("http".into()))).unwrap(), 8080);
        assert_eq!(target(Some(80)).port_in(&pod(), Some(&IntOrString::Int(7))).unwrap(), 7);
        assert_eq!(target(Some(81)).port_in(&pod(), None).unwrap(), 81);
        let said = target(None).port_in(&pod(), None).unwrap_err().to_string();
        assert!(said.contains("2 ports") && said.contains("port:"), "{said}");
        assert!(target(None).port_in(&pod(), Some(&IntOrString::String("nope".into()))).is_err());
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_only_when_it_was_asked_for() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(bind(None, port).await.unwrap().local_addr().unwrap().port(), port);
        assert!(bind(Some(port), port).await.unwrap_err().to_string().contains("localPort"));
    }
}
