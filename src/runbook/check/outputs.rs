//! The published table: which outputs each action gives, and what a probe's condition may name.

use super::super::{model::*, tree::Node};

/// The outputs an action gives; `None` where only the run can tell.
pub fn outputs_of(step: &Step) -> Option<Vec<String>> {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    match &step.action {
        Action::Run(_) => Some(step.common.outputs.clone()),
        Action::Http(_) => words(&["status", "body", "json"]),
        Action::Kubernetes(verb) => {
            let writes = verb.risk() > Risk::Read;
            let written: &[&str] = if writes { &["before", "after", "resourceVersion"] } else { &[] };
            words(&[written, kubernetes(verb)].concat())
        }
        Action::Helm(Helm::Upgrade(_) | Helm::Rollback(_)) => {
            words(&["before", "after", "resourceVersion", "revision", "status"])
        }
        Action::Helm(Helm::Diff(_)) => words(&["count"]),
        Action::Helm(_) => words(&["revision", "revisions", "status", "chart", "images", "description", "json"]),
        Action::Input(fields) => Some(fields.keys().cloned().collect()),
        Action::Decision(_) => words(&["choice"]),
        Action::Branch(_) => words(&["goto"]),
        Action::PortForward(_) => words(&["localPort", "url"]),
        Action::Runbook(_) | Action::End(_) => words(&["code"]),
        Action::Notify(_)
        | Action::Analysis(_)
        | Action::Checklist(_)
        | Action::Manual(_)
        | Action::Approval(_)
        | Action::Wait(_) => words(&[]),
    }
}

fn kubernetes(verb: &Kubernetes) -> &'static [&'static str] {
    match verb {
        Kubernetes::Get(_) | Kubernetes::Describe(_) => &["count", "reason", "json"],
        Kubernetes::Events(_) | Kubernetes::Wait(_) => &["count", "reason"],
        Kubernetes::Logs(_) | Kubernetes::Apply(_) | Kubernetes::Delete(_) => &["count"],
        Kubernetes::RolloutStatus(_) => &["reason", "resourceVersion", "revision", "images", "replicas"],
        Kubernetes::RolloutHistory(_) => &["count", "revision", "revisions"],
        Kubernetes::Snapshot(_) => &["file", "count", "counts", "sha256", "bytes"],
        Kubernetes::RolloutUndo(_) => &["toRevision"],
        Kubernetes::Exec(_) => &["stdout", "exitCode"],
        _ => &[],
    }
}

/// The names in a probe's `successCondition`: what its own look gives. `None` for a script, which names its own.
pub(super) fn of_probe(node: &Node) -> Option<&'static [&'static str]> {
    let looks: [(&str, &[&str]); 4] = [
        ("query", &["result"]),
        ("http", &["status", "body", "json"]),
        ("kubernetes", &["count", "reason", "json", "revision", "revisions", "images", "replicas", "resourceVersion"]),
        ("helm", &["status", "revision", "revisions", "chart", "images", "description", "json", "count"]),
    ];
    looks.into_iter().find(|(key, _)| node.get(key).is_some()).map(|(_, names)| names)
}
