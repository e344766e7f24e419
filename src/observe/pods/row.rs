//! One pod, as small as it can be kept: thousands of these are held, never the objects they came from.

use jiff::Timestamp;

use super::{
    print::{Printed, print},
    slim::{SlimPod, Status},
};
use crate::{observe::human, visible};

/// A row of the pods pane. Every text in it is already safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRow {
    pub name: Box<str>,
    pub uid: Box<str>,
    pub ready: u32,
    pub total: u32,
    pub status: Box<str>,
    pub restarts: u64,
    pub last_restart: Option<Timestamp>,
    pub created: Option<Timestamp>,
    pub wide: Wide,
    /// `k=v` pairs, each ended by a newline.
    pub labels: Box<str>,
    pub owner: Option<Box<str>>,
    pub containers: Box<[ContainerRow]>,
    pub health: Health,
    /// What the API said about a pod that is not well; a healthy one carries nothing.
    pub sick: Option<Box<super::sick::Sickness>>,
}

/// The further columns of `-o wide`; empty is printed as `<none>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wide {
    pub ip: Box<str>,
    pub node: Box<str>,
    pub nominated: Box<str>,
    /// True and all readiness gates.
    pub gates: Option<(u32, u32)>,
}

/// A container one can follow: its id changes with every restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRow {
    pub name: Box<str>,
    pub id: Box<str>,
    pub restarts: u32,
    pub init: bool,
    pub running: bool,
    /// The one before this one ended; `p` can show what it said.
    pub has_previous: bool,
}

/// The order of the pane: what is not well comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    Sick,
    /// On its way up or down, with nothing wrong known.
    Moving,
    Well,
}

impl PodRow {
    pub fn new(pod: &SlimPod) -> Self {
        let Printed { ready, total, status, restarts, last_restart } = print(pod);
        let health = health(pod, ready, total, &status);
        let sick = (health != Health::Well).then(|| super::sick::Sickness::of(pod)).flatten().map(Box::new);
        Self {
            name: safe(&pod.metadata.name),
            uid: safe(&pod.metadata.uid),
            ready,
            total,
            status: safe(&status),
            restarts,
            last_restart,
            created: pod.metadata.creation_timestamp,
            wide: wide(pod),
            labels: labels(pod),
            owner: pod
                .metadata
                .owner_references
                .iter()
                .find(|owner| owner.controller)
                .map(|owner| safe(&format!("{}/{}", owner.kind, owner.name))),
            containers: containers(&pod.status),
            health,
            sick,
        }
    }

    /// `1/2`
    pub fn ready_cell(&self) -> String {
        format!("{}/{}", self.ready, self.total)
    }

    /// `6 (48s ago)`
    pub fn restarts_cell(&self, now: Timestamp) -> String {
        match self.last_restart {
            Some(last) if self.restarts != 0 => format!("{} ({} ago)", self.restarts, human::since(now, Some(last))),
            _ => self.restarts.to_string(),
        }
    }

    pub fn age_cell(&self, now: Timestamp) -> String {
        human::since(now, self.created)
    }

    /// `NAME READY STATUS RESTARTS AGE`
    pub fn cells(&self, now: Timestamp) -> [String; 5] {
        [self.name.to_string(), self.ready_cell(), self.status.to_string(), self.restarts_cell(now), self.age_cell(now)]
    }

    /// `IP NODE NOMINATED-NODE READINESS-GATES`
    pub fn wide_cells(&self) -> [String; 4] {
        let or_none = |text: &str| if text.is_empty() { "<none>".to_owned() } else { text.to_owned() };
        let gates = self.wide.gates.map_or_else(|| "<none>".to_owned(), |(held, all)| format!("{held}/{all}"));
        [or_none(&self.wide.ip), or_none(&self.wide.node), or_none(&self.wide.nominated), gates]
    }

    /// Every container ready and none of it on its way out.
    pub fn is_ready(&self) -> bool {
        self.ready == self.total && self.total > 0 && &*self.status == "Running"
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels
            .lines()
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
}

fn safe(text: &str) -> Box<str> {
    visible::line(text).into()
}

fn labels(pod: &SlimPod) -> Box<str> {
    let mut out = String::new();
    for (key, value) in &pod.metadata.labels {
        out.push_str(&visible::line(key));
        out.push('=');
        out.push_str(&visible::line(value));
        out.push('\n');
    }
    out.into()
}

fn wide(pod: &SlimPod) -> Wide {
    let first = pod.status.pod_ips.first().map_or("", |ip| ip.ip.as_str());
    let ip = if pod.status.pod_ip.is_empty() { first } else { pod.status.pod_ip.as_str() };
    let gates = &pod.spec.readiness_gates;
    let held = gates.iter().filter(|gate| pod.status.is_true(&gate.condition_type)).count();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Wide {
        ip: safe(ip),
        node: safe(&pod.spec.node_name),
        nominated: safe(&pod.status.nominated_node_name),
        gates: (!gates.is_empty()).then(|| (number(held), number(gates.len()))),
    }
}

fn containers(status: &Status) -> Box<[ContainerRow]> {
    let row = |container: &super::slim::ContainerStatus, init: bool| ContainerRow {
        name: safe(&container.name),
        id: safe(&container.container_id),
        restarts: u32::try_from(container.restart_count).unwrap_or(0),
        init,
        running: container.state.running.is_some(),
        has_previous: container.last_state.terminated.is_some(),
    };
    let init = status.init_container_statuses.iter().map(|container| row(container, true));
    init.chain(status.container_statuses.iter().map(|container| row(container, false))).collect()
}

fn health(pod: &SlimPod, ready: u32, total: u32, status: &str) -> Health {
    let deleting = pod.metadata.deletion_timestamp.is_some();
    match pod.status.phase.as_str() {
        "Succeeded" => Health::Well,
        "Running"
            if !deleting
                && ready == total
                && status == "Running"
                && pod.status.condition("Ready").is_none_or(|c| c.status == "True") =>
        {
            Health::Well
        }
        _ if status == "Terminating" => Health::Moving,
        "Pending"
            if matches!(status, "Pending" | "ContainerCreating" | "PodInitializing")
                && pod.status.is_true("PodScheduled") =>
        {
            Health::Moving
        }
        _ if is_init_progress(status) => Health::Moving,
        _ => Health::Sick,
    }
}

/// `Init:0/2`
fn is_init_progress(status: &str) -> bool {
    status
        .strip_prefix("Init:")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(done, _)| done.bytes().all(|b| b.is_ascii_digit()))
}
