//! Whether a target is back at its baseline, seen on the cluster. Reads only; leads nothing back.

use std::time::Duration;

use serde_json::Value;

use super::{
    act::{Fault, Wire, images, kinds, parse_manifests, rollout_progress},
    connect::Cluster,
};
use crate::{
    effects::helm,
    engine::{fact::Baseline, message::Look},
    visible,
};

/// For one look.
const LIMIT: Duration = Duration::from_secs(20);
/// How long a rollout that is under way, or a cluster that is away, is waited for.
const SETTLES_WITHIN: Duration = Duration::from_secs(300);
const LOOKS_EVERY: Duration = Duration::from_secs(2);

/// What one look at the target says.
enum Back {
    Yes(String),
    /// The right revision, not there yet.
    Coming(String),
    No(String),
}

/// Whether the target is back: the images that run are the baseline's, and the rollout is done. Waits for a rollout
/// that is under way and for a cluster that does not answer, up to five minutes.
pub async fn restored(cluster: &Cluster, baseline: &Baseline) -> Look {
    let until = tokio::time::Instant::now() + SETTLES_WITHIN;
    loop {
        let wire = Wire::looking(&cluster.client, LIMIT);
        let seen = match baseline.kind.as_str() {
            "helmRelease" => release_back(&wire, &cluster.namespace, baseline).await,
            _ => deployment_back(&wire, &cluster.namespace, &baseline.name, Some(&baseline.images))
                .await
                .map(|(_, seen)| seen),
        };
        let late = tokio::time::Instant::now() >= until;
        match seen {
            Ok(Back::Yes(detail)) => return Look { passed: Some(true), detail },
            Ok(Back::No(detail)) => return Look { passed: Some(false), detail },
            Ok(Back::Coming(detail)) if late => return Look { passed: Some(false), detail },
            Err(fault) if late || !fault.is_passing() => {
                return Look { passed: None, detail: format!("it cannot be looked at: {fault}") };
            }
            Ok(Back::Coming(_)) | Err(_) => tokio::time::sleep(LOOKS_EVERY).await,
        }
    }
}

async fn release_back(wire: &Wire, namespace: &str, baseline: &Baseline) -> Result<Back, Fault> {
    let all = helm::releases(wire, namespace, &baseline.name, &|_| {}).await?;
    let Some(last) = all.last() else {
        return Ok(Back::No(format!("release {} is gone", baseline.name)));
    };
    let (want, is) = (sorted(&baseline.images), sorted(&last.images));
    let is_back = last.status == "deployed" && want == is;
    // No helm can lead to a revision that is gone; what runs may all the same be what it was.
    let is_pruned = all.iter().all(|one| one.revision != baseline.revision);
    if !is_back && !is_pruned {
        let (name, revision, status) = (&last.name, last.revision, &last.status);
        return Ok(Back::No(format!("release {name} is at revision {revision} ({status}), images {}", is.join(", "))));
    }
    let mut runs = vec![];
    let objects = parse_manifests(&last.manifest, "the release").unwrap_or_default();
    let text = |one: &Value, at: &str| one.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    for one in objects.iter().filter(|one| text(one, "/kind") == "Deployment") {
        let wanted = one.pointer("/spec/template").filter(|_| is_back).map(images);
        let name = text(one, "/metadata/name");
        let (there, seen) = deployment_back(wire, namespace, &name, wanted.as_deref()).await?;
        match seen {
            Back::Yes(_) => runs.extend(there),
            other => return Ok(other),
        }
    }
    if is_back {
        let (name, revision) = (&last.name, last.revision);
        return Ok(Back::Yes(format!("release {name} is at revision {revision}, deployed, images equal the baseline")));
    }
    runs.sort();
    runs.dedup();
    let gone = format!("revision {} is not in Helm's history any more", baseline.revision);
    Ok(if runs == want {
        Back::Yes(format!(
            "{gone}; what runs is the baseline's: images equal the baseline. Helm's own record still says revision {}",
            last.revision
        ))
    } else {
        Back::No(format!("{gone}, and what runs is {}, not {}", runs.join(", "), want.join(", ")))
    })
}

fn sorted(images: &[String]) -> Vec<String> {
    let mut images = images.to_vec();
    images.sort();
    images
}

/// The images of its template, and whether they are the wanted ones and its rollout is done.
async fn deployment_back(
    wire: &Wire,
    namespace: &str,
    name: &str,
    wanted: Option<&[String]>,
) -> Result<(Vec<String>, Back), Fault> {
    let path = kinds::usual("Deployment").map(|one| one.path_of(namespace, name)).transpose()?.unwrap_or_default();
    let object = wire.get(&path, &|_| {}).await?;
    let is = object.pointer("/spec/template").map(images).unwrap_or_default();
    if let Some(wanted) = wanted.filter(|wanted| sorted(&is) != sorted(wanted)) {
        let detail = format!("Deployment {name} runs {}, not {}", is.join(", "), wanted.join(", "));
        return Ok((is, Back::No(visible::line(&detail).into_owned())));
    }
    let seen = match rollout_progress(&object) {
        Ok(line) => Back::Yes(line),
        Err(line) => Back::Coming(line),
    };
    Ok((is, seen))
}
