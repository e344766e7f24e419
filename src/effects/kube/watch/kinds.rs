//! The kinds that are watched: where their list is, what is parsed of an object, and which row comes of it.

use serde::de::DeserializeOwned;

use crate::observe::{
    cluster::{Change, ClusterNews, Pane},
    events::{ClusterEvent, SlimEvent},
    pods::{Meta, PodRow, SlimPod},
    workloads::{SlimWorkload, WorkloadRow},
};

/// A kind whose objects become rows at once; the objects are not kept.
pub trait Watched: Send + Sync + 'static {
    type Slim: DeserializeOwned + Send;
    type Row: Send;

    fn pane(&self) -> Pane;
    /// The collection's path, without a query.
    fn path(&self) -> String;
    /// `labelSelector=…` and the like, already encoded; may be empty.
    fn query(&self) -> String;
    /// `pods in ns shop`
    fn what(&self) -> String;
    fn meta<'a>(&self, slim: &'a Self::Slim) -> &'a Meta;
    /// `None` leaves the object out.
    fn row(&self, slim: &Self::Slim) -> Option<Self::Row>;
    fn news(&self, change: Change<Self::Row>) -> ClusterNews;
}

pub struct Pods {
    pub namespace: String,
    pub selector: Option<String>,
    /// `metadata.name=x`
    pub field: Option<String>,
}

impl Watched for Pods {
    type Slim = SlimPod;
    type Row = PodRow;

    fn pane(&self) -> Pane {
        Pane::Pods
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }

    fn query(&self) -> String {
        let labels = self.selector.as_deref().map(|selector| format!("labelSelector={}&", encode(selector)));
        let field = self.field.as_deref().map(|field| format!("fieldSelector={}", encode(field)));
        labels.unwrap_or_default() + &field.unwrap_or_default()
    }

    fn what(&self) -> String {
        format!("pods in ns {}", self.namespace)
    }

    fn meta<'a>(&self, slim: &'a SlimPod) -> &'a Meta {
        &slim.metadata
    }

    fn row(&self, slim: &SlimPod) -> Option<PodRow> {
        Some(PodRow::new(slim))
    }

    fn news(&self, change: Change<PodRow>) -> ClusterNews {
        ClusterNews::Pods(change)
    }
}

pub struct Events {
    pub namespace: String,
}

impl Watched for Events {
    type Slim = SlimEvent;
    type Row = ClusterEvent;

    fn pane(&self) -> Pane {
        Pane::Events
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/events", self.namespace)
    }

    fn query(&self) -> String {
        String::new()
    }

    fn what(&self) -> String {
        format!("events in ns {}", self.namespace)
    }

    fn meta<'a>(&self, slim: &'a SlimEvent) -> &'a Meta {
        &slim.metadata
    }

    fn row(&self, slim: &SlimEvent) -> Option<ClusterEvent> {
        Some(ClusterEvent::new(slim))
    }

    fn news(&self, change: Change<ClusterEvent>) -> ClusterNews {
        ClusterNews::Events(change)
    }
}

/// Deployments, or StatefulSets; those named, or all.
pub struct Workloads {
    pub namespace: String,
    pub kind: &'static str,
    pub names: Option<Vec<String>>,
}

impl Watched for Workloads {
    type Slim = SlimWorkload;
    type Row = WorkloadRow;

    fn pane(&self) -> Pane {
        Pane::Workloads
    }

    fn path(&self) -> String {
        format!("/apis/apps/v1/namespaces/{}/{}s", self.namespace, self.kind.to_ascii_lowercase())
    }

    fn query(&self) -> String {
        String::new()
    }

    fn what(&self) -> String {
        format!("{}s in ns {}", self.kind.to_ascii_lowercase(), self.namespace)
    }

    fn meta<'a>(&self, slim: &'a SlimWorkload) -> &'a Meta {
        &slim.metadata.meta
    }

    fn row(&self, slim: &SlimWorkload) -> Option<WorkloadRow> {
        let named = self.names.as_ref().is_none_or(|names| names.contains(&slim.metadata.meta.name));
        named.then(|| WorkloadRow::new(self.kind, slim))
    }

    fn news(&self, change: Change<WorkloadRow>) -> ClusterNews {
        ClusterNews::Workloads { kind: self.kind, change }
    }
}

/// Percent-encoding of a query's value.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
