//! What the API already knows about a pod that is not well, kept with its row. The words are made in `findings`.

use jiff::Timestamp;

use super::slim::{ContainerStatus, SlimPod, Terminated};
use crate::visible;

/// How much of a message is kept.
const MESSAGE: usize = 600;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sickness {
    /// `status.reason` (Evicted, NodeLost, …) and its message.
    pub reason: String,
    pub message: String,
    /// Conditions that do not hold, PodScheduled and Ready among them.
    pub unmet: Vec<Unmet>,
    pub containers: Vec<SickContainer>,
    pub node: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    pub condition: String,
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SickContainer {
    pub name: String,
    pub init: bool,
    pub image: String,
    pub memory_limit: Option<String>,
    pub restarts: u64,
    pub running: bool,
    pub ready: bool,
    /// Reason and message of waiting.
    pub waiting: Option<(String, String)>,
    pub ended: Option<Ended>,
    /// How the container before this one ended.
    pub last: Option<Ended>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub exit_code: i64,
    pub signal: i64,
    pub reason: String,
    pub message: String,
    pub at: Option<Timestamp>,
}

impl Sickness {
    pub fn of(pod: &SlimPod) -> Option<Self> {
        let unmet = pod
            .status
            .conditions
            .iter()
            .filter(|c| c.status != "True" && !(c.reason.is_empty() && c.message.is_empty()));
        let mut sick = Self {
            reason: short(&pod.status.reason),
            message: short(&pod.status.message),
            unmet: unmet
                .map(|c| Unmet { condition: short(&c.kind), reason: short(&c.reason), message: short(&c.message) })
                .collect(),
            containers: Vec::new(),
            node: short(&pod.spec.node_name),
        };
        for (statuses, specs, init) in [
            (&pod.status.init_container_statuses, &pod.spec.init_containers, true),
            (&pod.status.container_statuses, &pod.spec.containers, false),
        ] {
            for status in statuses {
                let spec = specs.iter().find(|spec| spec.name == status.name);
                if let Some(container) = container(status, spec, init) {
                    sick.containers.push(container);
                }
            }
        }
        (sick != Self { node: sick.node.clone(), ..Self::default() }).then_some(sick)
    }
}

fn container(status: &ContainerStatus, spec: Option<&super::slim::SpecContainer>, init: bool) -> Option<SickContainer> {
    let done = init && status.state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0);
    let well = status.state.running.is_some() && status.ready;
    if done || well {
        return None;
    }
    Some(SickContainer {
        name: short(&status.name),
        init,
        image: spec.map(|spec| short(&spec.image)).unwrap_or_default(),
        memory_limit: spec.and_then(|spec| spec.resources.limits.memory.as_deref()).map(short),
        restarts: u64::try_from(status.restart_count).unwrap_or(0),
        running: status.state.running.is_some(),
        ready: status.ready,
        waiting: status.state.waiting.as_ref().map(|waiting| (short(&waiting.reason), short(&waiting.message))),
        ended: status.state.terminated.as_ref().map(ended),
        last: status.last_state.terminated.as_ref().map(ended),
    })
}

fn ended(from: &Terminated) -> Ended {
    Ended {
        exit_code: from.exit_code,
        signal: from.signal,
        reason: short(&from.reason),
        message: short(&from.message),
        at: from.finished_at,
    }
}

fn short(text: &str) -> String {
    let cut = text.char_indices().nth(MESSAGE).map_or(text.len(), |(at, _)| at);
    visible::line(text[..cut].trim()).into_owned()
}
