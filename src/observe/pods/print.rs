//! READY, STATUS and RESTARTS as the API server prints them: a port of its `printPod`. No colour, no sorting.

use jiff::Timestamp;

use super::slim::{ContainerStatus, SlimPod, Spec, State, Status};

/// The cells of one row, before an age is put to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    pub ready: u32,
    pub total: u32,
    pub status: String,
    pub restarts: u64,
    pub last_restart: Option<Timestamp>,
}

#[derive(Default)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, container: &ContainerStatus) {
        self.count += container.restart_count;
        if let Some(last) = &container.last_state.terminated {
            self.last = self.last.max(last.finished_at);
        }
    }
}

pub fn print(pod: &SlimPod) -> Printed {
    let (spec, status) = (&pod.spec, &pod.status);
    let sidecars = spec.init_containers.iter().filter(|container| container.is_sidecar()).count();
    let mut reason = first_reason(status);
    let mut init = initialise(spec, status);
    if let Some(stuck) = init.stuck.take() {
        reason = stuck;
        if !status.is_true("Initialized") {
            return finish(pod, init.ready, sidecars, reason, &init.all);
        }
    }
    let mut restarts = init.sidecars;
    let mut ready = init.ready;
    let mut has_running = false;
    let mut failed = None;
    for container in status.container_statuses.iter().rev() {
        restarts.add(container);
        match says(&container.state) {
            Some(said) => {
                let ended = container.state.terminated.as_ref().filter(|_| !waits(&container.state));
                if ended.is_some_and(|ended| ended.exit_code != 0) {
                    failed = Some(said.clone());
                }
                reason = said;
            }
            None if container.ready && container.state.running.is_some() => {
                has_running = true;
                ready += 1;
            }
            None => {}
        }
    }
    // one container done while another runs, or failed, is not "Completed" (the failed one counts since 1.36)
    if reason == "Completed" {
        reason = match failed {
            _ if has_running && status.is_true("Ready") => "Running".to_owned(),
            Some(failed) => failed,
            None if has_running => "NotReady".to_owned(),
            None => reason,
        };
    }
    finish(pod, ready, sidecars, reason, &restarts)
}

fn first_reason(status: &Status) -> String {
    let gated = status.conditions.iter().any(|c| c.kind == "PodScheduled" && c.reason == "SchedulingGated");
    if gated {
        return "SchedulingGated".to_owned();
    }
    if status.reason.is_empty() { status.phase.clone() } else { status.reason.clone() }
}

struct Init {
    stuck: Option<String>,
    ready: u32,
    all: Restarts,
    sidecars: Restarts,
}

fn initialise(spec: &Spec, status: &Status) -> Init {
    let mut seen = Init { stuck: None, ready: 0, all: Restarts::default(), sidecars: Restarts::default() };
    for (i, container) in status.init_container_statuses.iter().enumerate() {
        let sidecar =
            spec.init_containers.iter().rev().find(|c| c.name == container.name).is_some_and(|c| c.is_sidecar());
        seen.all.add(container);
        if sidecar {
            seen.sidecars.add(container);
        }
        let state = &container.state;
        if state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0) {
            continue;
        }
        if sidecar && container.started == Some(true) {
            seen.ready += u32::from(container.ready);
            continue;
        }
        seen.stuck = Some(stuck(state, i, spec.init_containers.len()));
        break;
    }
    seen
}

fn stuck(state: &State, done: usize, total: usize) -> String {
    if state.terminated.is_some() {
        return format!("Init:{}", says(&State { waiting: None, ..state.clone() }).unwrap_or_default());
    }
    match &state.waiting {
        Some(waiting) if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" => {
            format!("Init:{}", waiting.reason)
        }
        _ => format!("Init:{done}/{total}"),
    }
}

fn waits(state: &State) -> bool {
    state.waiting.as_ref().is_some_and(|waiting| !waiting.reason.is_empty())
}

/// What a container that does not run says about itself.
fn says(state: &State) -> Option<String> {
    if let Some(waiting) = state.waiting.as_ref().filter(|_| waits(state)) {
        return Some(waiting.reason.clone());
    }
    let ended = state.terminated.as_ref()?;
    Some(match (ended.reason.as_str(), ended.signal) {
        ("", 0) => format!("ExitCode:{}", ended.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    })
}

fn finish(pod: &SlimPod, ready: u32, sidecars: usize, reason: String, restarts: &Restarts) -> Printed {
    let deleting = pod.metadata.deletion_timestamp.is_some();
    let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    let status = match deleting {
        true if pod.status.reason == "NodeLost" => "Unknown".to_owned(),
        true if !ended => "Terminating".to_owned(),
        _ => reason,
    };
    let total = u32::try_from(pod.spec.containers.len() + sidecars).unwrap_or(u32::MAX);
    Printed { ready, total, status, restarts: u64::try_from(restarts.count).unwrap_or(0), last_restart: restarts.last }
}
