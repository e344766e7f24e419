//! `scale`: through the scale subresource, so that any kind with one can be scaled; with `currentReplicas` only
//! from that number, checked by the server in the same breath.

use serde_json::{Value, json};

use super::{
    ActContext, Fault, Stop, Told,
    evidence::{number, text},
    kinds,
    wire::{Content, Write},
};
use crate::{
    runbook::{model::Scale, value::Tpl},
    visible,
};

pub(super) async fn scale(cx: &ActContext<'_>, scale: &Scale) -> Result<Told, Stop> {
    let resource = kinds::resolve(&cx.wire, &scale.kind).await?;
    let namespace = cx.namespace(scale.namespace.as_ref());
    let name = resource.object_name(&scale.name);
    let path = format!("{}/scale", resource.path_of(namespace, &scale.name)?);
    let Some(wanted) = scale.replicas.value() else {
        return Err(Stop::failed("render", "replicas is still a template"));
    };
    let expected = scale.current_replicas.as_ref().and_then(Tpl::value);
    let held = held_by(cx, namespace, &resource.kind, &scale.name).await;
    // A 409 is a clear no, and a status update is enough to cause one: look again, then offer it again.
    for _ in 0..5 {
        let was = cx.get(&path).await.map_err(|fault| Stop::about(&name, fault))?;
        let before = said(&resource.kind, &scale.name, &was);
        if let Some(expected) = expected.filter(|expected| i64::from(*expected) != number(&was, "/spec/replicas")) {
            let now = number(&was, "/spec/replicas");
            let message =
                format!("{name} has {now} replicas, not {expected}: somebody else scaled it; look before going on");
            return Err(Stop::failed("conflict", message).with(Told { before: Some(before), ..Told::default() }));
        }
        let mut body = json!({"metadata": {"uid": text(&was, "/metadata/uid")}, "spec": {"replicas": wanted}});
        if expected.is_some() {
            body["metadata"]["resourceVersion"] = was["metadata"]["resourceVersion"].clone();
        }
        let write = Write::patch(format!("{path}?fieldManager=ripcord"), Content::Merge, body);
        match cx.wire.write(&write).await {
            Ok(after) => {
                let line = format!("{name} scaled: {} → {wanted}", number(&was, "/spec/replicas"));
                cx.say(&line);
                held.iter().for_each(|line| cx.say(line));
                let version = after.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
                let summary = held.first().map_or(line.clone(), |held| format!("{line}; {held}"));
                let after = said(&resource.kind, &scale.name, &after);
                let told = Told { before: Some(before), after: Some(after), ..Told::new(summary) };
                return Ok(told.output("resourceVersion", version));
            }
            Err(fault @ Fault::Refused(_)) if fault.code() == 409 && expected.is_some() => {}
            Err(fault @ Fault::Lost(_)) => return Err(Stop::of_write(fault, Some(before))),
            Err(fault) => return Err(Stop::about(&name, fault).with(Told { before: Some(before), ..Told::default() })),
        }
    }
    Err(Stop::failed("conflict", format!("{name} keeps changing; nothing was scaled")))
}

fn said(kind: &str, name: &str, scale: &Value) -> Value {
    json!({
        "kind": kind,
        "name": name,
        "uid": text(scale, "/metadata/uid"),
        "replicas": number(scale, "/spec/replicas"),
        "readyReplicas": number(scale, "/status/replicas"),
        "resourceVersion": text(scale, "/metadata/resourceVersion"),
    })
}

/// An autoscaler that will move the number again. What cannot be read is not reported.
async fn held_by(cx: &ActContext<'_>, namespace: &str, kind: &str, name: &str) -> Vec<String> {
    let path = kinds::usual("hpa").and_then(|hpa| hpa.path(namespace).ok());
    let Some(path) = path else { return vec![] };
    let Ok(list) = cx.wire.get_once(&path, "application/json").await else { return vec![] };
    let all = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let ours =
        |one: &&Value| text(one, "/spec/scaleTargetRef/kind") == kind && text(one, "/spec/scaleTargetRef/name") == name;
    let line = |one: &Value| {
        let min = one.pointer("/spec/minReplicas").and_then(Value::as_i64).unwrap_or(1);
        let max = number(one, "/spec/maxReplicas");
        let hpa = visible::line(text(one, "/metadata/name")).into_owned();
        format!("HorizontalPodAutoscaler {hpa} holds {min}–{max} replicas and will move this again")
    };
    all.iter().filter(ours).map(line).collect()
}
