//! `apply`: server-side, object by object, in the order written. What belongs to others is named, not taken.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    ActContext, Fault, Stop, Told,
    evidence::{evidence, text},
    kinds::{self, Resource, encoded},
    kustomize, manifest, values,
    wire::{Content, Write},
};
use crate::{runbook::model::Apply, visible};

/// One object and where it goes.
pub(super) struct Wanted {
    pub resource: Resource,
    pub namespace: String,
    pub object: Value,
    /// Its kind comes with this very batch, so the server may need a moment to know it.
    pub fresh: bool,
}

impl Wanted {
    pub(super) fn name(&self) -> String {
        self.resource.object_name(text(&self.object, "/metadata/name"))
    }

    pub(super) fn path(&self) -> Result<String, Fault> {
        self.resource.path_of(&self.namespace, text(&self.object, "/metadata/name"))
    }
}

pub(super) async fn apply(cx: &ActContext<'_>, apply: &Apply) -> Result<Told, Stop> {
    let wanted = wanted(cx, apply).await?;
    let mut before = vec![];
    for one in &wanted {
        let was = cx.get(&one.path()?).await;
        before.push(match was {
            Ok(object) => Some(object),
            Err(fault) if fault.is_not_found() => None,
            Err(fault) => return Err(Stop::about(&one.name(), fault)),
        });
    }
    let was: Vec<Value> = before.iter().map(|object| object.as_ref().map_or(Value::Null, evidence)).collect();
    let was = one_or_all(was);
    let mut done = vec![];
    for (one, before) in wanted.iter().zip(&before) {
        match send_when_known(cx, apply, one).await {
            Ok(after) => {
                cx.say(&format!("{} {}", visible::line(&one.name()), what_happened(before.as_ref(), &after)));
                done.push(after);
            }
            Err(fault) => return Err(half_way(one, fault, &done, &wanted, was)),
        }
    }
    let count = done.len();
    let version = done.last().and_then(|one| one.pointer("/metadata/resourceVersion")).cloned();
    let after = one_or_all(done.iter().map(evidence).collect());
    let summary = if count == 1 { format!("{} applied", wanted[0].name()) } else { format!("{count} objects applied") };
    let told = Told { before: Some(was), after: Some(after), ..Told::new(summary) };
    Ok(told.output("count", count).output("resourceVersion", version.unwrap_or_default()))
}

fn one_or_all(mut list: Vec<Value>) -> Value {
    if list.len() == 1 { list.remove(0) } else { Value::Array(list) }
}

fn what_happened(before: Option<&Value>, after: &Value) -> &'static str {
    match before {
        None => "created",
        Some(before) if before.pointer("/metadata/resourceVersion") == after.pointer("/metadata/resourceVersion") => {
            "unchanged"
        }
        Some(_) => "configured",
    }
}

fn half_way(one: &Wanted, fault: Fault, done: &[Value], wanted: &[Wanted], was: Value) -> Stop {
    let so_far = if done.is_empty() {
        String::new()
    } else {
        format!(" ({} of {} objects were applied before it)", done.len(), wanted.len())
    };
    if let Fault::Lost(why) = fault {
        return Stop::Lost { why: format!("{}: {why}{so_far}", one.name()), before: Some(was) };
    }
    let message = match (conflicts(&fault), &fault) {
        (Some(conflicts), _) => format!("{}: {conflicts}{so_far}", one.name()),
        (None, fault) => format!("{}: {fault}{so_far}", one.name()),
    };
    let reason = match Stop::from(fault) {
        Stop::Failed(refused) => refused.reason,
        Stop::Lost { .. } => "refused",
    };
    let after = (!done.is_empty()).then(|| one_or_all(done.iter().map(evidence).collect()));
    Stop::failed(reason, message).with(Told { before: Some(was), after, ..Told::default() })
}

/// «conflict with "kubectl" using apps/v1» at `.spec.replicas`: who holds which field, and what to do.
fn conflicts(fault: &Fault) -> Option<String> {
    let Fault::Refused(status) = fault else { return None };
    let causes = &status.details.as_ref()?.causes;
    let held: Vec<String> = causes
        .iter()
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| {
            let manager = cause.message.strip_prefix("conflict with ").unwrap_or(&cause.message);
            let field = visible::line(&cause.field);
            if manager.starts_with("\"ripcord\"") {
                return format!("{field} was set by ripcord itself, outside apply (scale, setImage, patch)");
            }
            format!("{field} belongs to {}", visible::line(manager))
        })
        .collect();
    (!held.is_empty())
        .then(|| format!("{}; leave these fields out, or take them over with forceConflicts: true", held.join(", ")))
}

/// A 404 is a clear no: an object whose kind was created a moment ago may be offered again.
async fn send_when_known(cx: &ActContext<'_>, apply: &Apply, one: &Wanted) -> Result<Value, Fault> {
    for _ in 0..20 {
        match send(cx, apply, one, false).await {
            Err(fault) if one.fresh && fault.is_not_found() => cx.wire.pause(Duration::from_millis(500)).await?,
            answer => return answer,
        }
    }
    send(cx, apply, one, false).await
}

/// One object to the server; `dry` asks what would come of it.
pub(super) async fn send(cx: &ActContext<'_>, apply: &Apply, one: &Wanted, dry: bool) -> Result<Value, Fault> {
    let manager = encoded(apply.field_manager.as_deref().unwrap_or("ripcord"));
    let mut path = format!("{}?fieldManager={manager}", one.path()?);
    if apply.force_conflicts.is_on() {
        path.push_str("&force=true");
    }
    if dry {
        path.push_str("&dryRun=All");
    }
    cx.wire.write(&Write::patch(path, Content::Apply, one.object.clone())).await
}

/// Every object the step speaks of, parsed, filled in and placed. Sends no writes.
pub(super) async fn wanted(cx: &ActContext<'_>, apply: &Apply) -> Result<Vec<Wanted>, Stop> {
    let mut objects = vec![];
    if let Some(overlay) = &apply.kustomize {
        let text = kustomize::build(cx, overlay).await?;
        objects.extend(parsed(&text, overlay)?);
    }
    if let Some(text) = &apply.manifest {
        objects.extend(parsed(text, "the manifest")?);
    }
    for file in &apply.files {
        for (name, text) in read(cx, file)? {
            objects.extend(parsed(&text, &name)?);
        }
    }
    if objects.is_empty() {
        return Err(Stop::failed("notFound", "there is no object in what should be applied"));
    }
    objects.iter_mut().for_each(|object| values::fill(object, &apply.values));
    let own_kinds: Vec<Resource> = objects.iter().filter_map(defined).collect();
    let mut wanted = vec![];
    for mut object in objects {
        let (version, kind) = (text(&object, "/apiVersion"), text(&object, "/kind"));
        let own = own_kinds.iter().find(|one| one.api_version() == version && one.kind == kind);
        let resource = match own {
            Some(own) => own.clone(),
            None => kinds::resolve_exact(&cx.wire, version, kind).await?,
        };
        let mut namespace = String::new();
        if resource.namespaced {
            namespace = text(&object, "/metadata/namespace").to_owned();
            if namespace.is_empty() {
                cx.namespace(apply.namespace.as_ref()).clone_into(&mut namespace);
                object["metadata"]["namespace"] = json!(namespace);
            }
        }
        let fresh = own.is_some();
        wanted.push(Wanted { resource, namespace, object, fresh });
    }
    Ok(wanted)
}

fn parsed(text: &str, source: &str) -> Result<Vec<Value>, Stop> {
    manifest::parse(text, source).map_err(|why| Stop::failed("refused", visible::line(&why)))
}

/// A kind that comes with this very batch.
fn defined(object: &Value) -> Option<Resource> {
    if text(object, "/kind") != "CustomResourceDefinition" {
        return None;
    }
    let versions = object.pointer("/spec/versions")?.as_array()?;
    let version = versions.iter().find(|one| one.get("served") == Some(&Value::Bool(true)))?;
    let of = |pointer: &str| text(object, pointer).to_owned();
    Some(Resource {
        group: of("/spec/group"),
        version: text(version, "/name").to_owned(),
        kind: of("/spec/names/kind"),
        plural: of("/spec/names/plural"),
        namespaced: text(object, "/spec/scope") == "Namespaced",
        words: vec![],
    })
}

/// A file, or the manifests of a folder by name.
fn read(cx: &ActContext<'_>, file: &str) -> Result<Vec<(String, String)>, Stop> {
    if file.contains("://") {
        return Err(Stop::failed(
            "unsupported",
            format!("{file}: only files are applied; fetch it first, and check what came"),
        ));
    }
    let path = cx.workdir.join(file);
    let bad = |error: std::io::Error| Stop::failed("notFound", format!("{file}: {error}"));
    if !path.is_dir() {
        return Ok(vec![(file.to_owned(), std::fs::read_to_string(&path).map_err(bad)?)]);
    }
    let mut found = vec![];
    for entry in std::fs::read_dir(&path).map_err(bad)? {
        let path = entry.map_err(bad)?.path();
        let wanted =
            path.extension().and_then(|one| one.to_str()).is_some_and(|one| ["yaml", "yml", "json"].contains(&one));
        if wanted && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
        .into_iter()
        .map(|path| Ok((path.display().to_string(), std::fs::read_to_string(&path).map_err(bad)?)))
        .collect()
}
