//! `patch` and `setImage`: one PATCH each, bound to the object that was looked at.

use serde_json::{Value, json};

use super::{
    ActContext, Stop, Told,
    evidence::{evidence, template_path, text},
    kinds::{self, Resource},
    wire::{Content, Write},
};
use crate::runbook::model::{Patch, PatchType, SetImage};

/// An object as it is before the act, with its path.
pub(super) struct Found {
    pub resource: Resource,
    pub path: String,
    pub object: Value,
    /// `deployment.apps/ml-api`.
    pub name: String,
}

pub(super) async fn find(cx: &ActContext<'_>, kind: &str, name: &str, own: Option<&String>) -> Result<Found, Stop> {
    let resource = kinds::resolve(&cx.wire, kind).await?;
    let path = resource.path_of(cx.namespace(own), name)?;
    let shown = resource.object_name(name);
    let object = cx.get(&path).await.map_err(|fault| Stop::about(&shown, fault))?;
    Ok(Found { resource, path, object, name: shown })
}

impl Found {
    pub(super) fn uid(&self) -> &str {
        text(&self.object, "/metadata/uid")
    }

    /// Sends it once; a refusal names the object, a lost answer carries what was there.
    pub(super) async fn write(&self, cx: &ActContext<'_>, write: &Write) -> Result<Value, Stop> {
        cx.wire.write(write).await.map_err(|fault| match fault {
            super::Fault::Lost(why) => {
                Stop::Lost { why: format!("{}: {why}", self.name), before: Some(evidence(&self.object)) }
            }
            fault => {
                Stop::about(&self.name, fault).with(Told { before: Some(evidence(&self.object)), ..Told::default() })
            }
        })
    }
}

pub(super) async fn patch(cx: &ActContext<'_>, patch: &Patch) -> Result<Told, Stop> {
    let found = find(cx, &patch.kind, &patch.name, patch.namespace.as_ref()).await?;
    let content = match patch.patch_type.value().unwrap_or_default() {
        PatchType::Strategic => Content::Strategic,
        PatchType::Merge => Content::Merge,
        PatchType::Json => Content::JsonPatch,
    };
    let path = format!("{}?fieldManager=ripcord", found.path);
    let after = found.write(cx, &Write::patch(path, content, patch.patch.clone())).await?;
    let same = found.object.pointer("/metadata/resourceVersion") == after.pointer("/metadata/resourceVersion");
    let line = format!("{} patched{}", found.name, if same { " (no change)" } else { "" });
    cx.say(&line);
    Ok(Told::wrote(line, Some(evidence(&found.object)), &after))
}

pub(super) async fn set_image(cx: &ActContext<'_>, set: &SetImage) -> Result<Told, Stop> {
    let found = find(cx, &set.kind, &set.name, set.namespace.as_ref()).await?;
    let at = template_path(&found.resource.kind);
    let Some((list, names)) = containers(&found.object, at, &set.container) else {
        let there = all_names(&found.object, at).join(", ");
        let message = format!("{} has no container {}; it has {there}", found.name, set.container);
        return Err(Stop::failed("notFound", message));
    };
    let containers: Vec<Value> = names.iter().map(|name| json!({"name": name, "image": set.image})).collect();
    let spec = json!({"spec": {list: containers}});
    let mut body = at.rsplit('/').filter(|part| !part.is_empty()).fold(spec, |inner, part| json!({part: inner}));
    body["metadata"] = json!({"uid": found.uid(), "annotations": {"kubernetes.io/change-cause": cx.cause()}});
    let path = format!("{}?fieldManager=ripcord", found.path);
    let after = found.write(cx, &Write::patch(path, Content::Strategic, body)).await?;
    let line = format!("{} image updated: {}={}", found.name, set.container, set.image);
    cx.say(&line);
    Ok(Told::wrote(line, Some(evidence(&found.object)), &after))
}

/// The list the container is in, and its name; `*` means every container.
fn containers(object: &Value, at: &str, wanted: &str) -> Option<(&'static str, Vec<String>)> {
    ["containers", "initContainers"].into_iter().find_map(|list| {
        let names = names(object, at, list);
        if wanted == "*" && !names.is_empty() {
            return Some((list, names));
        }
        names.iter().any(|name| name == wanted).then(|| (list, vec![wanted.to_owned()]))
    })
}

fn names(object: &Value, at: &str, list: &str) -> Vec<String> {
    let list = object.pointer(&format!("{at}/spec/{list}")).and_then(Value::as_array);
    list.into_iter().flatten().map(|one| text(one, "/name").to_owned()).collect()
}

fn all_names(object: &Value, at: &str) -> Vec<String> {
    ["containers", "initContainers"].into_iter().flat_map(|list| names(object, at, list)).collect()
}
