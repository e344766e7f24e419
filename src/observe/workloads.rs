//! Workloads at a glance: one line each above the pods, so that a canary and its stable are seen side by side.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    human,
    pods::{Condition, Meta, or_default},
};
use crate::visible;

/// Just the fields of a Deployment, StatefulSet or DaemonSet that its line needs.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SlimWorkload {
    #[serde(default)]
    pub metadata: WorkloadMeta,
    #[serde(default, deserialize_with = "or_default")]
    pub spec: WorkloadSpec,
    #[serde(default, deserialize_with = "or_default")]
    pub status: WorkloadStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct WorkloadMeta {
    #[serde(flatten)]
    pub meta: Meta,
    #[serde(default, deserialize_with = "or_default")]
    pub annotations: Revision,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Revision {
    #[serde(default, rename = "deployment.kubernetes.io/revision")]
    pub revision: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct WorkloadSpec {
    #[serde(default)]
    pub replicas: Option<i64>,
    #[serde(default)]
    pub paused: bool,
    #[serde(default)]
    pub template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Template {
    #[serde(default)]
    pub spec: TemplateSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct TemplateSpec {
    #[serde(default, deserialize_with = "or_default")]
    pub containers: Vec<Image>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Image {
    #[serde(default)]
    pub image: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadStatus {
    #[serde(default)]
    pub observed_generation: i64,
    #[serde(default)]
    pub replicas: i64,
    #[serde(default)]
    pub updated_replicas: i64,
    #[serde(default)]
    pub ready_replicas: i64,
    #[serde(default)]
    pub available_replicas: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub conditions: Vec<Condition>,
}

/// One line. Every text in it is already safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadRow {
    pub kind: Box<str>,
    pub name: Box<str>,
    pub desired: u64,
    pub updated: u64,
    pub ready: u64,
    pub available: u64,
    pub replicas: u64,
    /// The images without their registries: `ml-api:1.4.2`.
    pub images: Box<str>,
    pub revision: Option<Box<str>>,
    pub progress: Progress,
    pub created: Option<Timestamp>,
}

/// How far a rollout is, in the order in which `kubectl rollout status` asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The controller has not seen the last change yet.
    Unobserved,
    Paused,
    /// `progressDeadlineSeconds` passed.
    Stuck(Box<str>),
    Updating {
        updated: u64,
        of: u64,
    },
    Ending {
        old: u64,
    },
    Waiting {
        available: u64,
        of: u64,
    },
    Done,
}

impl WorkloadRow {
    pub fn new(kind: &str, from: &SlimWorkload) -> Self {
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        let (spec, status) = (&from.spec, &from.status);
        let images: Vec<&str> =
            spec.template.spec.containers.iter().map(|c| c.image.rsplit('/').next().unwrap_or_default()).collect();
        let mut row = Self {
            kind: visible::line(kind).into(),
            name: visible::line(&from.metadata.meta.name).into(),
            desired: number(spec.replicas.unwrap_or(1)),
            updated: number(status.updated_replicas),
            ready: number(status.ready_replicas),
            available: number(status.available_replicas),
            replicas: number(status.replicas),
            images: visible::line(&images.join(",")).into(),
            revision: from.metadata.annotations.revision.as_deref().map(|revision| visible::line(revision).into()),
            progress: Progress::Done,
            created: from.metadata.meta.creation_timestamp,
        };
        row.progress = row.progress_of(from);
        row
    }

    fn progress_of(&self, from: &SlimWorkload) -> Progress {
        if from.metadata.meta.generation > from.status.observed_generation {
            return Progress::Unobserved;
        }
        if from.spec.paused {
            return Progress::Paused;
        }
        let stuck =
            from.status.conditions.iter().find(|c| c.kind == "Progressing" && c.reason == "ProgressDeadlineExceeded");
        if let Some(stuck) = stuck {
            return Progress::Stuck(visible::line(&stuck.message).into());
        }
        if self.updated < self.desired {
            return Progress::Updating { updated: self.updated, of: self.desired };
        }
        if self.replicas > self.updated {
            return Progress::Ending { old: self.replicas - self.updated };
        }
        if self.available < self.updated {
            return Progress::Waiting { available: self.available, of: self.updated };
        }
        Progress::Done
    }

    pub fn is_settled(&self) -> bool {
        self.progress == Progress::Done
    }

    pub fn age_cell(&self, now: Timestamp) -> String {
        human::since(now, self.created)
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unobserved => f.write_str("waiting for the controller"),
            Self::Paused => f.write_str("paused"),
            Self::Stuck(why) => write!(f, "FAIL deadline exceeded: {why}"),
            Self::Updating { updated, of } => write!(f, "{updated} of {of} updated"),
            Self::Ending { old } => write!(f, "{old} old pending termination"),
            Self::Waiting { available, of } => write!(f, "{available} of {of} available"),
            Self::Done => f.write_str("ok"),
        }
    }
}

/// The workloads the runbook names, in its order of names.
#[derive(Clone, Debug, Default)]
pub struct WorkloadTable {
    rows: BTreeMap<(Box<str>, Box<str>), WorkloadRow>,
}

impl WorkloadTable {
    /// A whole list of one kind takes the place of what was known of it.
    pub fn replace(&mut self, kind: &str, rows: Vec<WorkloadRow>) {
        self.rows.retain(|(of, _), _| **of != *kind);
        for row in rows {
            self.put(row);
        }
    }

    pub fn put(&mut self, row: WorkloadRow) {
        self.rows.insert((row.kind.clone(), row.name.clone()), row);
    }

    pub fn delete(&mut self, kind: &str, name: &str) {
        self.rows.remove(&(kind.into(), name.into()));
    }

    pub fn iter(&self) -> impl Iterator<Item = &WorkloadRow> {
        self.rows.values()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn row(generation: i64, spec: Value, status: Value) -> WorkloadRow {
        let object = json!({"metadata": {"name": "ml-api", "generation": generation, "annotations": {"deployment.kubernetes.io/revision": "7", "x": "y"}}, "spec": spec, "status": status});
        WorkloadRow::new("Deployment", &serde_json::from_value(object).unwrap())
    }

    fn progress(status: Value) -> String {
        row(2, json!({"replicas": 4}), status).progress.to_string()
    }

    #[test]
    fn progress_is_asked_in_kubectls_order() {
        assert_eq!(progress(json!({"observedGeneration": 1})), "waiting for the controller");
        assert_eq!(progress(json!({"observedGeneration": 2, "updatedReplicas": 1, "replicas": 5})), "1 of 4 updated");
        assert_eq!(
            progress(json!({"observedGeneration": 2, "updatedReplicas": 4, "replicas": 5})),
            "1 old pending termination"
        );
        assert_eq!(
            progress(json!({"observedGeneration": 2, "updatedReplicas": 4, "replicas": 4, "availableReplicas": 3})),
            "3 of 4 available"
        );
        assert_eq!(
            progress(json!({"observedGeneration": 2, "updatedReplicas": 4, "replicas": 4, "availableReplicas": 4})),
            "ok"
        );
        let stuck = json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "RS \u{1b}x"}]});
        assert_eq!(progress(stuck), "FAIL deadline exceeded: RS \\u{1b}x");
        assert_eq!(row(1, json!({"paused": true}), json!({"observedGeneration": 1})).progress, Progress::Paused);
    }

    #[test]
    fn images_lose_their_registry_and_replicas_default_to_one() {
        let row = row(
            0,
            json!({"template": {"spec": {"containers": [{"image": "reg.corp:5000/team/ml-api:1.4.2"}, {"image": "envoy"}]}}}),
            json!({}),
        );
        assert_eq!((&*row.images, row.desired, row.revision.as_deref()), ("ml-api:1.4.2,envoy", 1, Some("7")));
    }

    #[test]
    fn a_list_of_a_kind_replaces_that_kind_only() {
        let named = |kind: &str| WorkloadRow { kind: kind.into(), ..row(0, json!({}), json!({})) };
        let mut table = WorkloadTable::default();
        table.put(named("Deployment"));
        table.put(named("StatefulSet"));
        table.replace("Deployment", vec![]);
        assert_eq!(table.iter().map(|row| &*row.kind).collect::<Vec<_>>(), ["StatefulSet"]);
    }
}
