//! `delete`: each object by name and uid, so that one made anew under the same name is left alone.

use serde_json::{Value, json};

use super::{
    ActContext, Stop, Told,
    evidence::{evidence, number, text},
    kinds::{self, Resource, encoded},
    wire::Write,
};
use crate::{runbook::model::Delete, visible};

pub(super) async fn delete(cx: &ActContext<'_>, delete: &Delete) -> Result<Told, Stop> {
    let resource = kinds::resolve(&cx.wire, &delete.kind).await?;
    let namespace = cx.namespace(delete.namespace.as_ref());
    let objects = objects(cx, &resource, namespace, delete).await?;
    if objects.is_empty() {
        let line = format!("No resources found: no {} fits the selector", resource.kind);
        cx.say(&line);
        return Ok(Told::new(line).output("count", 0));
    }
    for line in budgets(cx, &resource, namespace, &objects).await {
        cx.say(&line);
    }
    let before = Some(Value::Array(objects.iter().map(evidence).collect()));
    let mut gone = 0u32;
    for object in &objects {
        let name = text(object, "/metadata/name");
        let body = options(object, delete);
        let path = resource.path_of(namespace, name)?;
        match cx.wire.write(&Write::delete(path, body)).await {
            Ok(_) => {}
            Err(fault) if fault.is_not_found() => {}
            Err(fault) => {
                let about = format!("{} ({gone} of {} deleted before it)", resource.object_name(name), objects.len());
                return Err(match Stop::of_write(fault.clone(), before.clone()) {
                    Stop::Failed(_) => Stop::about(&about, fault),
                    lost => lost,
                });
            }
        }
        gone += 1;
        cx.say(&said(&resource, name, delete));
    }
    let summary = match objects.as_slice() {
        [one] => said(&resource, text(one, "/metadata/name"), delete),
        all => format!("{} {} deleted", all.len(), resource.plural),
    };
    let version = objects.last().and_then(|one| one.pointer("/metadata/resourceVersion")).cloned().unwrap_or_default();
    let told = Told { before, after: Some(json!([])), ..Told::new(summary) };
    Ok(told.output("count", gone).output("resourceVersion", version))
}

/// A budget that allows no disruption now stands against these pods. Only an eviction asks it; a delete does not.
/// What cannot be read is not reported.
async fn budgets(cx: &ActContext<'_>, resource: &Resource, namespace: &str, objects: &[Value]) -> Vec<String> {
    let path = kinds::usual("pdb").and_then(|pdb| pdb.path(namespace).ok()).filter(|_| resource.kind == "Pod");
    let Some(path) = path else { return vec![] };
    let Ok(list) = cx.wire.get_once(&path, "application/json").await else { return vec![] };
    let all = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let guards = |budget: &&Value| {
        let wanted = budget.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
        let fits = |pod: &Value| {
            wanted.is_some_and(|wanted| {
                wanted.iter().all(|(key, value)| pod["metadata"]["labels"].get(key) == Some(value))
            })
        };
        number(budget, "/status/disruptionsAllowed") == 0 && objects.iter().any(fits)
    };
    let line = |budget: &Value| {
        let name = visible::line(text(budget, "/metadata/name")).into_owned();
        format!("PodDisruptionBudget {name} allows no disruption now; a delete does not ask it, an eviction would")
    };
    all.iter().filter(guards).map(line).collect()
}

fn said(resource: &Resource, name: &str, delete: &Delete) -> String {
    // Force removes the record; what runs may go on running where the kubelet cannot be reached.
    let how = if delete.force.is_on() {
        " force deleted (its containers may still be running on the node)"
    } else {
        " deleted"
    };
    let kind = resource.kind.to_lowercase();
    let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
    format!("{kind}{group} \"{}\"{how}", visible::line(name))
}

fn options(object: &Value, delete: &Delete) -> Value {
    let mut options = json!({
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": "Background",
        "preconditions": {"uid": text(object, "/metadata/uid")},
    });
    let grace = delete.grace_period.as_ref().and_then(crate::runbook::value::Tpl::value);
    if let Some(grace) = grace.or(delete.force.is_on().then_some(0)) {
        // kubectl too makes of 0 without force a 1: 0 means «do not wait for the kubelet».
        let grace = if grace == 0 && !delete.force.is_on() { 1 } else { grace };
        options["gracePeriodSeconds"] = json!(grace);
    }
    options
}

pub(super) async fn objects(
    cx: &ActContext<'_>,
    resource: &Resource,
    namespace: &str,
    delete: &Delete,
) -> Result<Vec<Value>, Stop> {
    match (&delete.name, &delete.selector) {
        (Some(name), None) => {
            let path = resource.path_of(namespace, name)?;
            let object = cx.get(&path).await.map_err(|fault| Stop::about(&resource.object_name(name), fault))?;
            Ok(vec![object])
        }
        (None, Some(selector)) if !selector.trim().is_empty() => {
            let path = format!("{}?labelSelector={}", resource.path(namespace)?, encoded(selector));
            let list = cx.get(&path).await.map_err(|fault| Stop::about(&resource.plural, fault))?;
            Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
        }
        _ => Err(Stop::failed("refused", "delete needs a name or a selector, exactly one, and not an empty one")),
    }
}
