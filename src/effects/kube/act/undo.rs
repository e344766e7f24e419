//! `rolloutUndo`: the pod template of an earlier revision, put back in one patch that the server refuses
//! if the workload changed since it was looked at.

use serde_json::{Value, json};

use super::{
    ActContext, Fault, Stop, Told,
    evidence::{evidence, text},
    history::{ReplicaSetRevision, current, revisions_of},
    patch::find,
    rollout,
    wire::{Content, Write},
};
use crate::{
    runbook::{model::RolloutUndo, value::Tpl},
    visible,
};

pub(super) async fn undo(cx: &ActContext<'_>, undo: &RolloutUndo) -> Result<Told, Stop> {
    let found = find(cx, &undo.kind, &undo.name, undo.namespace.as_ref()).await?;
    rollout::must_roll(&found.resource)?;
    let before = evidence(&found.object);
    if found.object.pointer("/spec/paused") == Some(&json!(true)) {
        let message = format!("{} is paused and cannot go back; resume it first (kubectl rollout resume)", found.name);
        return Err(Stop::failed("refused", message));
    }
    let revisions = revisions_of(cx, &found, cx.namespace(undo.namespace.as_ref())).await?;
    let wanted = undo.to_revision.as_ref().and_then(Tpl::value);
    let to = choose(&revisions, current(&found.object, &revisions), wanted)
        .map_err(|why| Stop::failed("notFound", format!("{}: {why}", found.name)))?;
    if let Some(line) = helm_says(&found.object) {
        cx.say(&line);
    }
    let template = template(to);
    if found.object.pointer("/spec/template") == Some(&template) {
        let line =
            format!("{} skipped rollback (current template already matches revision {})", found.name, to.revision);
        cx.say(&line);
        return Ok(Told::wrote(line, Some(before), &found.object));
    }
    let body = patch(&found.object, &template, &cx.cause());
    let path = format!("{}?fieldManager=ripcord", found.path);
    let after = match cx.wire.write(&Write::patch(path, Content::JsonPatch, body)).await {
        Ok(after) => after,
        Err(fault) if is_moved(&fault) => {
            let message = format!(
                "{} was changed by somebody while this step looked at it; nothing was done, look again",
                found.name
            );
            return Err(Stop::failed("conflict", message).with(Told { before: Some(before), ..Told::default() }));
        }
        Err(fault @ Fault::Lost(_)) => return Err(Stop::of_write(fault, Some(before))),
        Err(fault) => {
            return Err(Stop::about(&found.name, fault).with(Told { before: Some(before), ..Told::default() }));
        }
    };
    let line = format!("{} rolled back to revision {} ({})", found.name, to.revision, to.images.join(", "));
    cx.say(&visible::line(&line));
    Ok(Told::wrote(line, Some(before), &after).output("toRevision", to.revision))
}

/// The server tests these in the same breath as it patches.
fn patch(object: &Value, template: &Value, cause: &str) -> Value {
    let mut steps = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": object["metadata"]["uid"]}),
        json!({"op": "test", "path": "/metadata/generation", "value": object["metadata"]["generation"]}),
        json!({"op": "replace", "path": "/spec/template", "value": template}),
    ];
    if object.pointer("/metadata/annotations").is_none() {
        steps.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    steps.push(json!({"op": "add", "path": "/metadata/annotations/kubernetes.io~1change-cause", "value": cause}));
    Value::Array(steps)
}

/// The server answers a failed test with 422 (or 409 where a write came between).
fn is_moved(fault: &Fault) -> bool {
    match fault {
        Fault::Refused(status) => {
            let tests = ["/metadata/generation", "/metadata/uid"];
            status.code == 409 || (status.code == 422 && tests.iter().any(|path| status.message.contains(path)))
        }
        _ => false,
    }
}

/// Helm does not hear of an undo: its release goes on naming the other image.
pub(super) fn helm_says(object: &Value) -> Option<String> {
    let release = text(object, "/metadata/annotations/meta.helm.sh~1release-name");
    let by_helm = text(object, "/metadata/labels/app.kubernetes.io~1managed-by") == "Helm";
    if release.is_empty() && !by_helm {
        return None;
    }
    let release = if release.is_empty() { "of it".to_owned() } else { visible::line(release).into_owned() };
    Some(format!(
        "managed by Helm: after this the release {release} and the cluster disagree until the next helm upgrade or rollback"
    ))
}

fn template(to: &ReplicaSetRevision) -> Value {
    let mut template = to.template.clone();
    if let Some(map) = template.as_object_mut() {
        map.remove("$patch");
    }
    template
}

/// kubectl's choice without a revision: the newest but the current one.
pub(super) fn choose(
    revisions: &[ReplicaSetRevision],
    current: Option<i64>,
    wanted: Option<i64>,
) -> Result<&ReplicaSetRevision, String> {
    let there = || revisions.iter().map(|one| one.revision.to_string()).collect::<Vec<_>>().join(", ");
    match wanted.filter(|wanted| *wanted != 0) {
        // After a rollback the same template has a new number; the old one still means it.
        Some(wanted) => revisions.iter().rev().find(|one| one.is(wanted)).ok_or_else(|| {
            format!(
                "revision {wanted} is not in its history any more; there are {} (revisionHistoryLimit prunes them)",
                there()
            )
        }),
        None => {
            let earlier = revisions.iter().rev().find(|one| Some(one.revision) != current);
            earlier.ok_or_else(|| "there is no earlier revision to go back to".to_owned())
        }
    }
}
