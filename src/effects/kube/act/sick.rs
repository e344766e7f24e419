//! The sickest pod, in kubectl's own word for it (the STATUS column), with what the cluster says of it.
//! Looks at no logs: that is the live panes' work.

use serde_json::Value;

use super::{
    ActContext,
    evidence::text,
    kinds::{self, encoded},
    table::{ACCEPT_TABLE, Row, Table},
};
use crate::visible;

/// Words of the STATUS column nobody need worry about.
const WELL: [&str; 4] = ["Running", "Completed", "Succeeded", "Bound"];
/// On their way, perhaps.
const UNDERWAY: [&str; 5] = ["Pending", "ContainerCreating", "PodInitializing", "Terminating", "Init:0/1"];

/// Of a table with a Status column, the worst word in it; none where all is well.
pub(super) fn reason(table: &Table) -> Option<String> {
    worst(table).and_then(|row| table.cell(row, "status")).map(str::to_owned)
}

fn worst(table: &Table) -> Option<&Row> {
    let bad = table.rows.iter().filter_map(|row| {
        let status = table.cell(row, "status")?;
        let rank = if WELL.contains(&status) {
            return None;
        } else if UNDERWAY.contains(&status) || status.starts_with("Init:0/") {
            1
        } else {
            2
        };
        Some((rank, row))
    });
    bad.max_by_key(|(rank, _)| *rank).map(|(_, row)| row)
}

/// What ails a workload: the worst pod, why, and in the cluster's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sick {
    pub reason: String,
    pub pod: String,
    pub message: String,
}

impl Sick {
    pub(super) fn sentence(&self) -> String {
        let Self { reason, pod, message } = self;
        let message = if message.is_empty() { String::new() } else { format!(" ({message})") };
        format!("pod {pod} is {reason}{message}")
    }
}

/// The sickest pod under this selector, if the pods may be read and one is sick.
pub(super) async fn among(cx: &ActContext<'_>, namespace: &str, selector: &str) -> Option<Sick> {
    let path = kinds::usual("Pod")?.path(namespace).ok()?;
    let path = format!("{path}?includeObject=Object&labelSelector={}", encoded(selector));
    let answer = cx.wire.get_once(&path, ACCEPT_TABLE).await.ok()?;
    let table = Table::of(&answer)?;
    let row = worst(&table)?;
    let reason = table.cell(row, "status")?.to_owned();
    let pod = text(&row.object, "/metadata/name");
    Some(Sick { reason, pod: visible::line(pod).into_owned(), message: message(&row.object) })
}

/// The kubelet's or the scheduler's own sentence about a pod.
fn message(pod: &Value) -> String {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"].into_iter();
    let mut containers = statuses.filter_map(|pointer| pod.pointer(pointer)?.as_array()).flatten();
    let said = containers.find_map(|one| {
        let of = ["/state/waiting/message", "/state/terminated/message", "/lastState/terminated/message"].iter();
        of.map(|pointer| text(one, pointer)).find(|text| !text.is_empty())
    });
    let unscheduled = || {
        let conditions = pod.pointer("/status/conditions")?.as_array()?;
        let one =
            conditions.iter().find(|one| text(one, "/type") == "PodScheduled" && text(one, "/status") == "False")?;
        Some(text(one, "/message"))
    };
    let said = said.or_else(unscheduled).unwrap_or_default();
    visible::line(said.lines().next().unwrap_or_default()).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(statuses: &[&str]) -> Table {
        let rows: Vec<Value> = statuses.iter().map(|one| json!({"cells": [one]})).collect();
        Table::of(&json!({"kind": "Table", "columnDefinitions": [{"name": "Status"}], "rows": rows})).unwrap()
    }

    #[test]
    fn the_worst_word_wins() {
        assert_eq!(reason(&table(&["Running", "Completed"])), None);
        assert_eq!(reason(&table(&["Running", "Pending"])).as_deref(), Some("Pending"));
        assert_eq!(
            reason(&table(&["ImagePullBackOff", "ContainerCreating", "Running"])).as_deref(),
            Some("ImagePullBackOff")
        );
    }

    #[test]
    fn the_kubelet_is_quoted() {
        let pod = json!({"status": {"containerStatuses": [{"state": {"waiting": {"message": "Back-off pulling image \"x\"\nmore"}}}]}});
        assert_eq!(message(&pod), "Back-off pulling image \"x\"");
    }
}
