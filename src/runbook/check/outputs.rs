//! The published table: which outputs each action gives, and what a probe's condition may name.

use super::super::{model::*, tree::Node};

/// The outputs an action gives; `None` where only the run can tell.
pub fn outputs_of(step: &Step) -> Option<Vec<String>> {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    match &step.action {
        Action::Run(_) => Some(step.common.outputs.clone()),
        Action::Http(_) => words(&["status", "body", "json"]),
        Action::Kubernetes(verb) => {
            let own = kubernetes(verb);
            let every: &[&str] = if verb.risk() > Risk::Read { &["before", "after", "resourceVersion"] } else { &[] };
            words(&[every, own].concat())
        }
        Action::Helm(Helm::Upgrade(_) | Helm::Rollback(_)) => {
            words(&["before", "after", "resourceVersion", "revision"])
        }
        Action::Helm(_) => words(&["revision", "status", "chart", "images", "json", "changed", "count"]),
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
        Kubernetes::Get(_) | Kubernetes::Describe(_) | Kubernetes::Events(_) | Kubernetes::Logs(_) => {
            &["count", "reason", "json", "resourceVersion"]
        }
        Kubernetes::Wait(_) | Kubernetes::RolloutStatus(_) => {
            &["count", "reason", "json", "before", "after", "resourceVersion"]
        }
        Kubernetes::RolloutHistory(_) => &["count", "revision", "revisions", "json"],
        Kubernetes::Snapshot(_) => &["file", "count", "counts", "sha256", "bytes"],
        Kubernetes::RolloutUndo(_) => &["toRevision", "output"],
        Kubernetes::Exec(_) => &["stdout", "exitCode", "output"],
        Kubernetes::Apply(_) | Kubernetes::Delete(_) => &["count", "output"],
        _ => &["output"],
    }
}

/// The names in a probe's `successCondition`: what its own look gives. `None` for a script, which names its own.
pub(super) fn of_probe(node: &Node) -> Option<&'static [&'static str]> {
    let looks: [(&str, &[&str]); 4] = [
        ("query", &["result"]),
        ("http", &["status", "body", "json"]),
        ("kubernetes", &["count", "reason", "json", "revision", "revisions", "resourceVersion"]),
        ("helm", &["status", "revision", "chart", "images", "json", "changed", "count"]),
    ];
    looks.into_iter().find(|(key, _)| node.get(key).is_some()).map(|(_, names)| names)
}
