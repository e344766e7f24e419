//! Why is it sick? The cause in words from what the API already knows, the evidence, and where to look next.

use jiff::Timestamp;

use super::{
    events::EventLog,
    human,
    pods::{Ended, Health, PodRow, SickContainer, Sickness, Unmet},
};

/// One cause. The first of a pod's findings is the one to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub cause: Cause,
    /// One line: `container api was killed for memory (limit 256Mi), 6 times, last 48s ago`.
    pub says: String,
    /// The API's own words.
    pub evidence: Vec<String>,
}

/// The kind of cause: which runbook branch answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    ImagePull,
    CrashLoop,
    OutOfMemory,
    Config,
    Unschedulable,
    Unready,
    InitStuck,
    Volume,
    Quota,
    Evicted,
    NodeGone,
    Terminating,
    Starting,
    Other,
}

impl Cause {
    /// What a runbook's `branch` may compare with.
    pub fn word(self) -> &'static str {
        match self {
            Self::ImagePull => "ImagePull",
            Self::CrashLoop => "CrashLoop",
            Self::OutOfMemory => "OutOfMemory",
            Self::Config => "Config",
            Self::Unschedulable => "Unschedulable",
            Self::Unready => "Unready",
            Self::InitStuck => "InitStuck",
            Self::Volume => "Volume",
            Self::Quota => "Quota",
            Self::Evicted => "Evicted",
            Self::NodeGone => "NodeGone",
            Self::Terminating => "Terminating",
            Self::Starting => "Starting",
            Self::Other => "Other",
        }
    }
}

/// All that is known to be wrong with a pod, the likeliest cause first. Empty for a pod that is well.
pub fn findings(pod: &PodRow, events: &EventLog, now: Timestamp) -> Vec<Finding> {
    if pod.health == Health::Well {
        return Vec::new();
    }
    let look = Look { pod, events, now };
    let none = Sickness::default();
    let sick = pod.sick.as_deref().unwrap_or(&none);
    let mut found: Vec<Finding> = Vec::new();
    found.extend(look.whole_pod(sick));
    found.extend(sick.containers.iter().filter_map(|container| look.container(container)));
    found.extend(look.told_by_events());
    if found.is_empty() || found.iter().all(|finding| finding.cause == Cause::Starting) {
        found.extend(look.unready(sick));
    }
    found.sort_by_key(|finding| finding.cause == Cause::Starting);
    found
}

struct Look<'a> {
    pod: &'a PodRow,
    events: &'a EventLog,
    now: Timestamp,
}

impl Look<'_> {
    fn whole_pod(&self, sick: &Sickness) -> Option<Finding> {
        let told = |says: String| (says, keep([sick.message.clone()]));
        let (cause, (says, evidence)) = match sick.reason.as_str() {
            "Evicted" => (Cause::Evicted, told(format!("evicted from {}", or(&sick.node, "its node")))),
            "NodeLost" => (Cause::NodeGone, told(format!("node {} is gone", sick.node))),
            "NodeAffinity" | "OutOfcpu" | "OutOfmemory" | "OutOfpods" | "UnexpectedAdmissionError" => {
                (Cause::Unschedulable, told(format!("node {} refused it ({})", sick.node, sick.reason)))
            }
            "DeadlineExceeded" => (Cause::Other, told("ran past its activeDeadlineSeconds".to_owned())),
            _ => return self.unscheduled(sick).or_else(|| self.terminating(sick)),
        };
        Some(Finding { cause, says, evidence })
    }

    fn unscheduled(&self, sick: &Sickness) -> Option<Finding> {
        let unmet = sick.unmet.iter().find(|unmet| unmet.condition == "PodScheduled")?;
        let says = match unmet.reason.as_str() {
            "SchedulingGated" => "held back by a scheduling gate".to_owned(),
            _ => format!("no node takes it: {}", constraint(&unmet.message)),
        };
        let cause = if unmet.message.contains("persistentvolumeclaim") { Cause::Volume } else { Cause::Unschedulable };
        Some(Finding { cause, says, evidence: keep([unmet.message.clone()]) })
    }

    fn terminating(&self, sick: &Sickness) -> Option<Finding> {
        match &*self.pod.status {
            "Unknown" => Some(finding(Cause::NodeGone, format!("its node {} does not answer", or(&sick.node, "")))),
            "Terminating" => {
                Some(finding(Cause::Terminating, "being deleted; waits for its containers or a finalizer".to_owned()))
            }
            _ => None,
        }
    }

    fn container(&self, of: &SickContainer) -> Option<Finding> {
        let name = if of.init { format!("init container {}", of.name) } else { format!("container {}", of.name) };
        if let Some((reason, message)) = &of.waiting {
            return self.waiting(of, &name, reason, message);
        }
        let ended = of.ended.as_ref()?;
        (ended.exit_code != 0 || ended.signal != 0).then(|| self.ended(of, &name, ended))
    }

    fn waiting(&self, of: &SickContainer, name: &str, reason: &str, message: &str) -> Option<Finding> {
        let told = |cause, says: String| Some(Finding { cause, says, evidence: keep([message.to_owned()]) });
        match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "RegistryUnavailable"
            | "ImageInspectError" => {
                let mut evidence = keep([message.to_owned()]);
                evidence.extend(self.event(&["Failed"], "pull"));
                Some(Finding {
                    cause: Cause::ImagePull,
                    says: format!("{name}: image {} cannot be pulled ({})", of.image, registry(message, reason)),
                    evidence,
                })
            }
            "CreateContainerConfigError" | "CreateContainerError" => {
                told(Cause::Config, format!("{name} cannot be made: {}", or(message, reason)))
            }
            "RunContainerError" | "PostStartHookError" | "PreStartHookError" => {
                told(Cause::Other, format!("{name} cannot be started: {}", or(message, reason)))
            }
            "CrashLoopBackOff" => Some(of.last.as_ref().map_or_else(
                || finding(Cause::CrashLoop, format!("{name} keeps ending, {} restarts", of.restarts)),
                |last| self.ended(of, name, last),
            )),
            "PodInitializing" | "ContainerCreating" | "" => {
                let cause = if of.init { Cause::InitStuck } else { Cause::Starting };
                (!of.init).then(|| finding(cause, format!("{name} is being made")))
            }
            other => told(Cause::Other, format!("{name} waits: {other}")),
        }
    }

    fn ended(&self, of: &SickContainer, name: &str, ended: &Ended) -> Finding {
        let times = if of.restarts > 0 { format!(", {} restarts", of.restarts) } else { String::new() };
        let last = ended.at.map(|at| format!(", last {} ago", human::since(self.now, Some(at)))).unwrap_or_default();
        let evidence = keep([ended.message.clone()]);
        if ended.reason == "OOMKilled" {
            let limit = of
                .memory_limit
                .as_ref()
                .map_or_else(|| "no limit set: the node ran out".to_owned(), |limit| format!("limit {limit}"));
            return Finding {
                cause: Cause::OutOfMemory,
                says: format!("{name} was killed for memory ({limit}){times}{last}"),
                evidence,
            };
        }
        let cause = if of.init { Cause::InitStuck } else { Cause::CrashLoop };
        Finding { cause, says: format!("{name} {}{times}{last}", how(ended)), evidence }
    }

    /// Causes that only an event tells: a volume, a quota, a Secret that is not there.
    fn told_by_events(&self) -> Option<Finding> {
        if &*self.pod.status == "Running" || self.pod.ready > 0 {
            return None;
        }
        let mount = self.event(&["FailedMount", "FailedAttachVolume", "FailedMapVolume"], "").map(|said| {
            let missing = ["secret", "configmap"].iter().any(|kind| said.contains(kind)) && said.contains("not found");
            let cause = if missing { Cause::Config } else { Cause::Volume };
            Finding { cause, says: format!("a volume cannot be mounted: {}", tail(&said)), evidence: vec![said] }
        });
        mount.or_else(|| {
            self.event(&["FailedCreate"], "quota").map(|said| Finding {
                cause: Cause::Quota,
                says: "a quota is used up".to_owned(),
                evidence: vec![said],
            })
        })
    }

    fn unready(&self, sick: &Sickness) -> Option<Finding> {
        if let Some(container) =
            sick.containers.iter().find(|container| container.running && !container.ready && !container.init)
        {
            let said = self.event(&["Unhealthy"], "");
            let probe = said.as_deref().map_or("", |said| said.split(" probe failed").next().unwrap_or_default());
            let says = match probe {
                "Readiness" | "Startup" | "Liveness" => {
                    format!("container {} runs but its {} probe fails", container.name, probe.to_ascii_lowercase())
                }
                _ => format!("container {} runs but is not ready", container.name),
            };
            return Some(Finding { cause: Cause::Unready, says, evidence: said.into_iter().collect() });
        }
        if let Some(init) = sick.containers.iter().find(|container| container.init && container.running) {
            return Some(finding(Cause::InitStuck, format!("init container {} has not ended yet", init.name)));
        }
        let unmet: &Unmet = sick
            .unmet
            .iter()
            .find(|unmet| !matches!(unmet.condition.as_str(), "PodScheduled" | "Initialized" | "ContainersReady"))?;
        let says = format!("condition {} does not hold: {}", unmet.condition, or(&unmet.message, &unmet.reason));
        Some(Finding { cause: Cause::Unready, says, evidence: Vec::new() })
    }

    /// The newest message about this pod with one of these reasons.
    fn event(&self, reasons: &[&str], holds: &str) -> Option<String> {
        self.events
            .iter()
            .map(|group| &group.newest)
            .find(|e| {
                e.object_uid == self.pod.uid
                    && reasons.contains(&&*e.reason)
                    && e.message.to_ascii_lowercase().contains(holds)
            })
            .map(|e| e.message.to_string())
    }
}

fn finding(cause: Cause, says: String) -> Finding {
    Finding { cause, says, evidence: Vec::new() }
}

fn keep(said: impl IntoIterator<Item = String>) -> Vec<String> {
    said.into_iter().filter(|text| !text.is_empty()).collect()
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// `exited with code 1`, `was killed by signal 9 (KILL)`
fn how(ended: &Ended) -> String {
    let signal = if ended.signal != 0 { ended.signal } else { ended.exit_code - 128 };
    let name = match signal {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        7 => "BUS",
        8 => "FPE",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        15 => "TERM",
        _ => "",
    };
    match (ended.signal, name) {
        (0, "") => format!("exited with code {}", ended.exit_code),
        (0, name) => format!("exited with code {} (signal {name})", ended.exit_code),
        (signal, "") => format!("was killed by signal {signal}"),
        (signal, name) => format!("was killed by signal {signal} ({name})"),
    }
}

/// The registry's words in a few: they come at the end of a long chain.
fn registry<'a>(message: &'a str, reason: &'a str) -> &'a str {
    let lower = message.to_ascii_lowercase();
    for (sign, words) in [
        ("not found", "no such image or tag"),
        ("manifest unknown", "no such image or tag"),
        ("unauthorized", "the registry wants a login: imagePullSecrets"),
        ("denied", "the registry denies it: imagePullSecrets"),
        ("toomanyrequests", "the registry throttles"),
        ("no such host", "the registry's name does not resolve"),
        ("i/o timeout", "the registry does not answer"),
        ("connection refused", "the registry does not answer"),
        ("x509", "the registry's certificate is not trusted"),
    ] {
        if lower.contains(sign) {
            return words;
        }
    }
    reason
}

/// `0/3 nodes are available: 3 Insufficient cpu. preemption: …` → `3 Insufficient cpu`
fn constraint(message: &str) -> &str {
    let after = message.split_once("available: ").map_or(message, |(_, after)| after);
    after.split(". preemption").next().unwrap_or(after).trim_end_matches('.')
}

fn tail(message: &str) -> &str {
    message.rsplit(" : ").next().unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::observe::events::ClusterEvent;

    fn now() -> Timestamp {
        "2026-01-01T00:10:00Z".parse().unwrap()
    }

    fn sick(status: Value) -> PodRow {
        let pod = json!({"metadata": {"name": "p", "uid": "u1"}, "spec": {"nodeName": "n1", "initContainers": [{"name": "migrate", "image": "m:1"}],
            "containers": [{"name": "api", "image": "reg/api:v9", "resources": {"limits": {"memory": "256Mi"}}}]}, "status": status});
        PodRow::new(&serde_json::from_value(pod).unwrap())
    }

    fn says(status: Value, events: &[(&str, &str)]) -> (Cause, String) {
        let mut log = EventLog::default();
        log.put(events.iter().enumerate().map(|(i, (reason, message))| {
            let event = json!({"metadata": {"uid": i.to_string()}, "involvedObject": {"uid": "u1"}, "reason": reason, "message": message, "type": "Warning"});
            ClusterEvent::new(&serde_json::from_value(event).unwrap())
        }));
        let found = findings(&sick(status), &log, now());
        let first = found.first().unwrap_or_else(|| panic!("nothing found"));
        (first.cause, first.says.clone())
    }

    fn container(state: Value) -> Value {
        json!({"phase": "Running", "containerStatuses": [state]})
    }

    #[test]
    fn a_container_that_keeps_ending() {
        let loops = |terminated: Value| {
            container(
                json!({"name": "api", "restartCount": 6, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": {"terminated": terminated}}),
            )
        };
        let crash = loops(
            json!({"exitCode": 1, "reason": "Error", "message": "bad weights", "finishedAt": "2026-01-01T00:09:12Z"}),
        );
        assert_eq!(
            says(crash.clone(), &[]),
            (Cause::CrashLoop, "container api exited with code 1, 6 restarts, last 48s ago".into())
        );
        assert_eq!(findings(&sick(crash), &EventLog::default(), now())[0].evidence, ["bad weights"]);
        let oom = loops(json!({"exitCode": 137, "reason": "OOMKilled"}));
        assert_eq!(
            says(oom, &[]),
            (Cause::OutOfMemory, "container api was killed for memory (limit 256Mi), 6 restarts".into())
        );
        assert_eq!(
            says(loops(json!({"exitCode": 139, "reason": "Error"})), &[]).1,
            "container api exited with code 139 (signal SEGV), 6 restarts"
        );
    }

    #[test]
    fn an_image_that_cannot_be_pulled_names_it_and_the_reason() {
        let pull = container(
            json!({"name": "api", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off: manifest unknown"}}}),
        );
        assert_eq!(
            says(pull, &[]),
            (Cause::ImagePull, "container api: image reg/api:v9 cannot be pulled (no such image or tag)".into())
        );
    }

    #[test]
    fn a_missing_secret_names_it() {
        let config = container(
            json!({"name": "api", "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"db\" not found"}}}),
        );
        assert_eq!(says(config, &[]), (Cause::Config, "container api cannot be made: secret \"db\" not found".into()));
        let mount = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}], "containerStatuses": [{"name": "api", "state": {"waiting": {"reason": "ContainerCreating"}}}]});
        let found =
            says(mount, &[("FailedMount", "MountVolume.SetUp failed for volume \"c\" : configmap \"c\" not found")]);
        assert_eq!(found, (Cause::Config, "a volume cannot be mounted: configmap \"c\" not found".into()));
    }

    #[test]
    fn the_schedulers_words_are_kept() {
        let message = "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available.";
        let pending = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]});
        assert_eq!(says(pending, &[]), (Cause::Unschedulable, "no node takes it: 3 Insufficient cpu".into()));
    }

    #[test]
    fn an_unready_pod_names_its_probe() {
        let unready = || container(json!({"name": "api", "ready": false, "state": {"running": {}}}));
        let probe = [("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")];
        assert_eq!(
            says(unready(), &probe),
            (Cause::Unready, "container api runs but its readiness probe fails".into())
        );
        assert_eq!(says(unready(), &[]).1, "container api runs but is not ready");
    }

    #[test]
    fn init_containers_evictions_and_lost_nodes() {
        let init = json!({"phase": "Pending", "initContainerStatuses": [{"name": "migrate", "restartCount": 2, "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}]});
        assert_eq!(says(init, &[]), (Cause::InitStuck, "init container migrate exited with code 3, 2 restarts".into()));
        let slow = json!({"phase": "Pending", "initContainerStatuses": [{"name": "migrate", "state": {"running": {}}}], "containerStatuses": [{"name": "api", "state": {"waiting": {"reason": "PodInitializing"}}}]});
        assert_eq!(
            findings(&sick(slow), &EventLog::default(), now()).iter().map(|f| f.cause).collect::<Vec<_>>(),
            [Cause::InitStuck, Cause::Starting]
        );
        let evicted =
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory"});
        assert_eq!(says(evicted, &[]), (Cause::Evicted, "evicted from n1".into()));
    }

    #[test]
    fn a_pod_that_is_well_has_no_findings() {
        let well = container(json!({"name": "api", "ready": true, "state": {"running": {}}}));
        assert_eq!(findings(&sick(well), &EventLog::default(), now()), []);
    }
}
