//! Where the target stood before the first write, and which revisions one could go back to. Reads only.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    act::{Fault, ReplicaSetRevision, Wire, deployment_revisions, images, kinds},
    connect::Cluster,
};
use crate::{
    effects::helm::{self, Release},
    engine::fact::Baseline,
    observe::human,
    runbook::model::{BaselineSpec, PickOf},
    visible,
};

const LIMIT: Duration = Duration::from_secs(20);

/// One revision a rollback could lead to, for the dialog and for `pick: revisions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    pub revision: i64,
    /// Numbers the same template had before a rollback gave it this one.
    pub earlier: Vec<i64>,
    pub images: Vec<String>,
    /// `ml-system-1.4.2`; none for a Deployment.
    pub chart: Option<String>,
    pub age: String,
    /// How long it was the one in force; none where nothing tells.
    pub live_for: Option<String>,
    pub status: String,
    pub by: String,
    pub current: bool,
    /// Why this is the one to go back to.
    pub suggested: Option<String>,
}

/// The baseline as it is now.
///
/// # Errors
/// There is none to go back to, or it cannot be read; without it no run starts that has one declared.
pub async fn capture(cluster: &Cluster, spec: &BaselineSpec, now: Timestamp) -> anyhow::Result<Baseline> {
    let wire = Wire::looking(&cluster.client, LIMIT);
    match spec {
        BaselineSpec::HelmRelease(name) => {
            let all = helm::releases(&wire, &cluster.namespace, name, &|_| {}).await?;
            of_release(name, &all, now)
        }
        BaselineSpec::Deployment(name) => {
            let (object, all) = deployment(&wire, &cluster.namespace, name).await?;
            of_deployment(name, &object, &all, now)
        }
        BaselineSpec::None(why) => anyhow::bail!("this runbook has no baseline: {why}"),
    }
}

fn of_release(name: &str, all: &[Release], now: Timestamp) -> anyhow::Result<Baseline> {
    let Some(last) = all.last() else {
        anyhow::bail!(
            "there is no Helm release {name} in this namespace to go back to; say `baseline: {{none: why}}` if this installs it"
        );
    };
    let Some(deployed) = all.iter().rev().find(|one| one.status == "deployed") else {
        anyhow::bail!(
            "no revision of {name} is deployed (the last, {}, is {}); settle that first",
            last.revision,
            last.status
        );
    };
    let mut details = BTreeMap::from([("chart".to_owned(), deployed.chart.clone())]);
    if last.revision != deployed.revision {
        details.insert("last".into(), format!("revision {} is {}", last.revision, last.status));
    }
    if !deployed.description.is_empty() {
        details.insert("description".into(), deployed.description.clone());
    }
    Ok(Baseline {
        kind: "helmRelease".into(),
        name: name.to_owned(),
        revision: deployed.revision,
        images: deployed.images.clone(),
        deployed_at: deployed.updated,
        age: human::since(now, deployed.updated),
        details,
    })
}

async fn deployment(wire: &Wire, namespace: &str, name: &str) -> Result<(Value, Vec<ReplicaSetRevision>), Fault> {
    let path = kinds::usual("Deployment").map(|one| one.path_of(namespace, name)).transpose()?.unwrap_or_default();
    let object = wire.get(&path, &|_| {}).await?;
    let all = deployment_revisions(wire, namespace, &object, &|_| {}).await?;
    Ok((object, all))
}

fn current_revision(object: &Value) -> Option<i64> {
    object.pointer("/metadata/annotations/deployment.kubernetes.io~1revision")?.as_str()?.parse().ok()
}

fn of_deployment(name: &str, object: &Value, all: &[ReplicaSetRevision], now: Timestamp) -> anyhow::Result<Baseline> {
    let current = current_revision(object);
    let Some(one) = all.iter().find(|one| Some(one.revision) == current) else {
        anyhow::bail!(
            "Deployment {name} has no revision to go back to yet; wait for its controller, or say `baseline: {{none: why}}`"
        );
    };
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let mut details = BTreeMap::from([
        ("templateHash".to_owned(), one.hash.clone()),
        ("replicas".to_owned(), number("/spec/replicas").to_string()),
    ]);
    let done = number("/status/updatedReplicas") == number("/spec/replicas")
        && number("/status/availableReplicas") >= number("/spec/replicas")
        && number("/status/observedGeneration") >= number("/metadata/generation");
    if !done {
        details.insert("rollout".into(), "not finished when it was read".into());
    }
    Ok(Baseline {
        kind: "deployment".into(),
        name: name.to_owned(),
        revision: one.revision,
        images: one.images.iter().map(|image| visible::line(image).into_owned()).collect(),
        deployed_at: one.created,
        age: human::since(now, one.created),
        details,
    })
}

/// The live history, newest first, with the one to go back to.
///
/// # Errors
/// It cannot be read, or there is none.
pub async fn revisions(cluster: &Cluster, of: &PickOf, now: Timestamp) -> anyhow::Result<Vec<Revision>> {
    let wire = Wire::looking(&cluster.client, LIMIT);
    let mut all = match (&of.helm_release, &of.deployment) {
        (Some(name), _) => {
            let all = helm::releases(&wire, &cluster.namespace, name, &|_| {}).await?;
            anyhow::ensure!(!all.is_empty(), "there is no Helm release {name} in {}", cluster.namespace);
            of_releases(&all, now)
        }
        (None, Some(name)) => {
            let (object, all) = deployment(&wire, &cluster.namespace, name).await?;
            of_replica_sets(&object, &all, now)
        }
        (None, None) => anyhow::bail!("`of` names neither a helmRelease nor a deployment"),
    };
    all.sort_by_key(|one| std::cmp::Reverse(one.revision));
    Ok(all)
}

/// Pure: what Helm's records tell.
pub fn of_releases(all: &[Release], now: Timestamp) -> Vec<Revision> {
    let Some(last) = all.last() else { return vec![] };
    let ran = |one: &Release| matches!(one.status.as_str(), "superseded" | "deployed");
    // Never a failed or pending one, never one with the image that runs now.
    let good = all
        .iter()
        .rev()
        .find(|one| one.revision != last.revision && ran(one) && !one.images.is_empty() && one.images != last.images);
    let live = |at: usize| {
        let begin = all[at].updated?;
        let end = all[at + 1..].iter().find(|later| ran(later)).map_or(Some(now), |later| later.updated)?;
        ran(&all[at]).then(|| human::duration(end.duration_since(begin)))
    };
    let one = |(at, release): (usize, &Release)| {
        let suggested = good.filter(|good| good.revision == release.revision).map(|good| {
            let how = if good.status == "deployed" {
                "is Helm's deployed revision still"
            } else {
                "was replaced while deployed"
            };
            let lived = live(at).map_or_else(String::new, |lived| format!(", live for {lived}"));
            format!("the last that ran another image ({}) and {how}{lived}", good.images.join(", "))
        });
        let by = match release.run() {
            Some(run) => format!("ripcord run {run}"),
            None if release.manager.is_empty() => release.description.clone(),
            None => format!("{}: {}", release.manager, release.description),
        };
        Revision {
            revision: release.revision,
            earlier: vec![],
            images: release.images.clone(),
            chart: Some(release.chart.clone()),
            age: human::since(now, release.updated),
            live_for: live(at),
            status: release.status.clone(),
            by,
            current: release.revision == last.revision,
            suggested,
        }
    };
    all.iter().enumerate().map(one).collect()
}

/// Pure: what ReplicaSets tell. They do not say how long one was in force.
pub fn of_replica_sets(object: &Value, all: &[ReplicaSetRevision], now: Timestamp) -> Vec<Revision> {
    let current = current_revision(object);
    let running = object.pointer("/spec/template").map(images).unwrap_or_default();
    let other = |one: &&ReplicaSetRevision| Some(one.revision) != current && one.images != running;
    // One that still has pods in a stuck rollout is what serves now.
    let serving = all.iter().rev().find(|one| other(one) && one.replicas > 0);
    let good = serving.or_else(|| all.iter().rev().find(other));
    let one = |set: &ReplicaSetRevision| {
        let suggested = good.filter(|good| good.revision == set.revision).map(|good| {
            let images = good.images.join(", ");
            if good.replicas > 0 {
                format!("still has {} pods: it serves while the new one does not come up ({images})", good.replicas)
            } else {
                format!("the last that ran another image ({images}); ReplicaSets do not keep whether it was healthy")
            }
        });
        let is_current = Some(set.revision) == current;
        Revision {
            revision: set.revision,
            earlier: set.earlier.clone(),
            images: set.images.iter().map(|image| visible::line(image).into_owned()).collect(),
            chart: None,
            age: human::since(now, set.created),
            live_for: None,
            status: if is_current { "current".into() } else { "superseded".into() },
            by: visible::line(&set.cause).into_owned(),
            current: is_current,
            suggested,
        }
    };
    all.iter().map(one).collect()
}

/// What changed the target after the baseline, other than this run; and whether the baseline is still there.
/// Lines for the rollback's dialog; empty is good.
///
/// # Errors
/// It cannot be read.
pub async fn since(cluster: &Cluster, baseline: &Baseline, run: &str, now: Timestamp) -> anyhow::Result<Vec<String>> {
    let name = Some(baseline.name.clone());
    let of = match baseline.kind.as_str() {
        "helmRelease" => PickOf { helm_release: name, deployment: None },
        _ => PickOf { helm_release: None, deployment: name },
    };
    let all = revisions(cluster, &of, now).await?;
    let mut lines = vec![];
    if !all.iter().any(|one| one.revision == baseline.revision || one.earlier.contains(&baseline.revision)) {
        lines.push(format!(
            "revision {} of {} is not in the history any more; the snapshot is the way back",
            baseline.revision, baseline.name
        ));
    }
    let mine = format!("ripcord run {run}");
    let cause = format!("ripcord {run} ");
    let other = |one: &&Revision| one.revision > baseline.revision && one.by != mine && !one.by.starts_with(&cause);
    for one in all.iter().filter(other) {
        let by = if one.by.is_empty() { "somebody unknown" } else { &one.by };
        lines.push(format!("revision {} ({}) came {} ago by {by}", one.revision, one.images.join(", "), one.age));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(revision: i64, status: &str, image: &str, hour: i64) -> Release {
        Release {
            name: "ml".into(),
            namespace: "ml".into(),
            revision,
            status: status.into(),
            chart: "ml-1".into(),
            app_version: String::new(),
            images: vec![image.into()],
            updated: Some(Timestamp::from_second(hour * 3600).unwrap()),
            description: "Upgrade complete".into(),
            manifest: String::new(),
            manager: "helm".into(),
        }
    }

    fn suggested(all: &[Release]) -> Option<i64> {
        let now = Timestamp::from_second(100 * 3600).unwrap();
        of_releases(all, now).into_iter().find(|one| one.suggested.is_some()).map(|one| one.revision)
    }

    #[test]
    fn the_canary_of_the_same_bad_image_is_not_the_way_back() {
        // canary and promotion are two upgrades with the same image: «previous» would be the canary
        let all = [
            release(10, "superseded", "v1", 0),
            release(11, "superseded", "v2", 72),
            release(12, "deployed", "v2", 73),
        ];
        assert_eq!(suggested(&all), Some(10));
        let now = Timestamp::from_second(100 * 3600).unwrap();
        let listed = of_releases(&all, now);
        assert_eq!(listed[0].live_for.as_deref(), Some("3d"));
        assert!(listed[0].suggested.as_ref().unwrap().contains("live for 3d"));
    }

    #[test]
    fn never_a_failed_or_pending_one() {
        let all = [
            release(1, "superseded", "v1", 0),
            release(2, "failed", "v0", 1),
            release(3, "pending-upgrade", "v9", 2),
            release(4, "deployed", "v2", 3),
        ];
        assert_eq!(suggested(&all), Some(1));
        // The last failed, so Helm's deployed one is the way back.
        let all = [release(1, "superseded", "v0", 0), release(2, "deployed", "v1", 1), release(3, "failed", "v2", 2)];
        assert_eq!(suggested(&all), Some(2));
        assert_eq!(suggested(&[release(1, "deployed", "v1", 0)]), None);
    }

    #[test]
    fn the_baseline_is_what_is_deployed_and_not_what_came_last() {
        let now = Timestamp::from_second(100 * 3600).unwrap();
        let all = [release(1, "deployed", "v1", 28), release(2, "pending-upgrade", "v2", 99)];
        let baseline = of_release("ml", &all, now).unwrap();
        assert_eq!((baseline.revision, baseline.age.as_str()), (1, "3d"));
        assert_eq!(baseline.details["last"], "revision 2 is pending-upgrade");
        assert!(of_release("ml", &[], now).is_err());
        assert!(of_release("ml", &all[1..], now).unwrap_err().to_string().contains("pending-upgrade"));
    }
}
