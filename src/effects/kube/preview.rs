//! What `r` shows before an act: the request as one would type it, and the server's own answer to a dry run of it.
//! Changes nothing; a server that cannot dry-run is quoted.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::act::{ActContext, dry_run, wire::Change};
use crate::{
    effects::helm,
    engine::command,
    runbook::model::{Action, Helm, HelmDiff, Kubernetes, Risk},
    visible,
};

/// Lines for the confirmation; the first is the command.
pub async fn preview(cx: &ActContext<'_>, context: &str, action: &Action) -> Vec<String> {
    let mut lines = vec![command::line(action, &cx.namespace, context)];
    match action {
        Action::Kubernetes(verb) if verb.risk() > Risk::Read => lines.extend(of_kubernetes(cx, verb).await),
        Action::Helm(verb) if verb.risk() > Risk::Read => lines.extend(of_helm(cx, verb).await),
        _ => {}
    }
    lines
}

async fn of_kubernetes(cx: &ActContext<'_>, verb: &Kubernetes) -> Vec<String> {
    match verb {
        Kubernetes::Exec(_) => return vec!["(a command in a container cannot be tried first)".into()],
        Kubernetes::Delete(delete) if delete.force.is_on() => {
            return vec![
                "force: the record goes at once; the containers may go on running on a node that is cut off".into(),
            ];
        }
        _ => {}
    }
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&said);
    let out = move |line: &str| {
        if let Ok(mut said) = heard.lock() {
            said.push(visible::line(line).into_owned());
        }
    };
    let (outcome, changes) = dry_run(cx, verb, &out).await;
    let mut lines = vec![];
    for change in &changes {
        let before: Vec<Value> = change.before.iter().cloned().collect();
        let after: Vec<Value> = change.after.iter().cloned().collect();
        let diff = scaled(change).unwrap_or_else(|| helm::diff::objects(&before, &after));
        if diff.is_empty() {
            lines.push(format!("{}: no change", name(change.before.as_ref().or(change.after.as_ref()))));
        }
        lines.extend(diff);
        lines.extend(change.before.as_ref().and_then(managers));
    }
    match outcome {
        Ok(summary) if changes.is_empty() => lines.push(summary),
        Ok(_) => {}
        Err(why) => lines.push(format!("dry run: {why}")),
    }
    let notices = said.lock().map(|said| said.clone()).unwrap_or_default();
    lines.extend(notices.into_iter().filter(|line| {
        ["managed by Helm", "HorizontalPodAutoscaler", "PodDisruptionBudget"].iter().any(|word| line.contains(word))
    }));
    lines
}

/// A Scale says one thing.
fn scaled(change: &Change) -> Option<Vec<String>> {
    let (before, after) = (change.before.as_ref()?, change.after.as_ref()?);
    let replicas = |one: &Value| one.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or_default();
    let is_scale = before.get("kind").and_then(Value::as_str) == Some("Scale");
    is_scale.then(|| vec![format!("{} replicas: {} → {}", name(Some(before)), replicas(before), replicas(after))])
}

fn name(object: Option<&Value>) -> String {
    let text = |at: &str| object.and_then(|one| one.pointer(at)?.as_str()).unwrap_or_default();
    visible::line(&format!("{}/{}", text("/kind"), text("/metadata/name"))).into_owned()
}

/// Who else writes this object.
fn managers(object: &Value) -> Option<String> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    let mut others: Vec<String> = entries
        .iter()
        .filter(|one| one.get("subresource").and_then(Value::as_str) != Some("status"))
        .filter_map(|one| one.get("manager")?.as_str())
        .filter(|manager| *manager != "ripcord")
        .map(|manager| visible::line(manager).into_owned())
        .collect();
    others.sort();
    others.dedup();
    (!others.is_empty()).then(|| format!("also written by: {}", others.join(", ")))
}

async fn of_helm(cx: &ActContext<'_>, verb: &Helm) -> Vec<String> {
    let release = match verb {
        Helm::Upgrade(one) => &one.release,
        Helm::Rollback(one) => &one.release,
        _ => return vec![],
    };
    let own = match verb {
        Helm::Upgrade(one) => one.namespace.as_ref(),
        Helm::Rollback(one) => one.namespace.as_ref(),
        _ => None,
    };
    let namespace = own.unwrap_or(&cx.namespace);
    let all = match helm::releases(&cx.wire, namespace, release, cx.out).await {
        Ok(all) => all,
        Err(fault) => return vec![format!("the release cannot be read: {fault}")],
    };
    let mut lines: Vec<String> = cx.helm.iter().map(|simulated| simulated.label.to_owned()).collect();
    lines.extend(helm::pending(&all, cx.now));
    // What the cluster was last given, good or bad.
    let current = all.last();
    if let Some(current) = current {
        let (revision, status, chart) = (current.revision, &current.status, &current.chart);
        lines.push(format!("now: revision {revision} ({status}), {chart}, {}", current.images.join(", ")));
    }
    let before = current.map_or("", |one| one.manifest.as_str());
    let after = match verb {
        Helm::Rollback(rollback) => {
            let to = rollback.revision.value().unwrap_or_default();
            match all.iter().find(|one| one.revision == to) {
                Some(target) => {
                    let (status, chart) = (&target.status, &target.chart);
                    lines.push(format!("to:  revision {to} ({status}), {chart}, {}", target.images.join(", ")));
                    Ok(target.manifest.clone())
                }
                None => Err(format!("revision {to} is not in Helm's history any more")),
            }
        }
        Helm::Upgrade(upgrade) => {
            let of = HelmDiff {
                release: upgrade.release.clone(),
                chart: upgrade.chart.clone(),
                values: upgrade.values.clone(),
                set: upgrade.set.clone(),
                version: upgrade.version.clone(),
                namespace: upgrade.namespace.clone(),
            };
            helm::render(cx, &of).await
        }
        _ => return lines,
    };
    match after.and_then(|after| helm::diff::manifests(before, &after)) {
        Ok(diff) if diff.is_empty() => lines.push("the manifests are equal".into()),
        Ok(diff) => lines.extend(diff),
        Err(why) => lines.push(visible::line(&why).into_owned()),
    }
    lines
}
