//! `createNamespace`: one that is there already is success, and is said to be.

use serde_json::{Value, json};

use super::{
    ActContext, Fault, Stop, Told,
    evidence::{evidence, text},
    kinds::segment,
    wire::Write,
};
use crate::runbook::model::CreateNamespace;

pub(super) async fn namespace(cx: &ActContext<'_>, create: &CreateNamespace) -> Result<Told, Stop> {
    let name = segment(&create.name)?;
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": create.labels}});
    let path = "/api/v1/namespaces?fieldManager=ripcord";
    match cx.wire.write(&Write::post(path, body)).await {
        Ok(after) => {
            cx.say(&format!("namespace/{name} created"));
            Ok(Told::wrote(format!("namespace/{name} created"), Some(Value::Null), &after))
        }
        Err(fault @ Fault::Refused(_)) if fault.code() == 409 => there_already(cx, name, create).await,
        Err(fault) => Err(Stop::of_write(fault, None)),
    }
}

async fn there_already(cx: &ActContext<'_>, name: &str, create: &CreateNamespace) -> Result<Told, Stop> {
    let object = cx.get(&format!("/api/v1/namespaces/{name}")).await?;
    if text(&object, "/status/phase") == "Terminating" {
        let message =
            format!("namespace/{name} is being deleted; wait until it is gone (wait: for: delete), then try again");
        return Err(Stop::failed("conflict", message));
    }
    let other: Vec<&str> = create
        .labels
        .iter()
        .filter(|(key, value)| {
            object.pointer("/metadata/labels").and_then(|map| map.get(key.as_str())?.as_str()) != Some(value)
        })
        .map(|(key, _)| key.as_str())
        .collect();
    let labels = if other.is_empty() { String::new() } else { format!("; its labels differ: {}", other.join(", ")) };
    let line = format!("namespace/{name} exists already, nothing changed{labels}");
    cx.say(&line);
    Ok(Told::wrote(line, Some(evidence(&object)), &object))
}
