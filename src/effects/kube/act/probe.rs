//! Did it take place? Asked by GET only, of a write whose answer was lost, and on resume. Never sends it again.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    ActContext, ActOutcome, Fault, Stop, apply, delete,
    evidence::{evidence, number, template_path, text},
    kinds,
    outcome::{Refused, Told},
};
use crate::{
    engine::message::Look,
    runbook::model::{Apply, CreateNamespace, Delete, Kubernetes, Patch, PatchType, Scale, SetImage},
};

/// What a look found, with the object it was found on.
struct Seen {
    look: Look,
    object: Option<Value>,
}

impl Seen {
    fn new(passed: Option<bool>, detail: impl Into<String>) -> Self {
        Self { look: Look { passed, detail: detail.into() }, object: None }
    }

    fn on(self, object: &Value) -> Self {
        Self { object: Some(evidence(object)), ..self }
    }
}

/// Whether the act took place: `None` where nobody can say.
pub async fn look(cx: &ActContext<'_>, verb: &Kubernetes, before: Option<&Value>) -> Look {
    seen(cx, verb, before).await.look
}

/// After a crash: reads are done anew, writes are only looked at.
pub async fn reattach(cx: &ActContext<'_>, verb: &Kubernetes) -> ActOutcome {
    if super::only_reads(verb) {
        return Box::pin(super::perform(cx, verb)).await;
    }
    settle(cx, verb, "the console went away while this was sent", None, Instant::now()).await
}

/// Looks until there is an answer: a change may arrive a moment after its request was cut off.
pub(super) async fn settle(
    cx: &ActContext<'_>,
    verb: &Kubernetes,
    why: &str,
    before: Option<&Value>,
    began: Instant,
) -> ActOutcome {
    let wire = cx.wire.steadfast(Duration::from_secs(30));
    let cx = &cx.over(wire);
    let mut last = seen(cx, verb, before).await;
    for pause in [250, 750, 1500] {
        if last.look.passed != Some(false) || cx.wire.pause(Duration::from_millis(pause)).await.is_err() {
            break;
        }
        last = seen(cx, verb, before).await;
    }
    let Seen { look, object } = last;
    let line = format!("{why}; {}", look.detail);
    (cx.out)(&line);
    let told = Told { before: before.cloned(), after: object.clone(), ..Told::new(line.clone()) };
    let told = told
        .output("probed", true)
        .output("resourceVersion", object.map_or(Value::Null, |one| one["resourceVersion"].clone()));
    match look.passed {
        Some(true) => ActOutcome::Succeeded(told.done(began)),
        Some(false) => ActOutcome::Failed(Refused { reason: "lost", message: line, told }.since(began)),
        None => ActOutcome::Unknown(line),
    }
}

async fn seen(cx: &ActContext<'_>, verb: &Kubernetes, before: Option<&Value>) -> Seen {
    let seen = match verb {
        Kubernetes::Apply(apply) => applied(cx, apply).await,
        Kubernetes::Delete(delete) => deleted(cx, delete, before).await,
        Kubernetes::Scale(scale) => scaled(cx, scale).await,
        Kubernetes::SetImage(set) => image_set(cx, set).await,
        Kubernetes::RolloutRestart(of) => caused(cx, &of.kind, &of.name, of.namespace.as_ref()).await,
        Kubernetes::RolloutUndo(of) => caused(cx, &of.kind, &of.name, of.namespace.as_ref()).await,
        Kubernetes::CreateNamespace(create) => created(cx, create).await,
        Kubernetes::Patch(patch) => patched(cx, patch).await,
        Kubernetes::Exec(_) => Ok(Seen::new(None, "no look can tell how far a command in a container came")),
        other => Ok(Seen::new(Some(true), format!("{} changes nothing", other.verb()))),
    };
    seen.unwrap_or_else(|stop| match stop {
        Stop::Failed(refused) => Seen::new(None, format!("and it cannot be looked at: {}", refused.message)),
        Stop::Lost { why, .. } => Seen::new(None, why),
    })
}

/// The object now; `None` where there is none.
async fn now(cx: &ActContext<'_>, path: &str) -> Result<Option<Value>, Fault> {
    match cx.get(path).await {
        Ok(object) => Ok(Some(object)),
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn object(
    cx: &ActContext<'_>,
    kind: &str,
    name: &str,
    own: Option<&String>,
) -> Result<(String, Option<Value>), Stop> {
    let resource = kinds::resolve(&cx.wire, kind).await?;
    let path = resource.path_of(cx.namespace(own), name)?;
    Ok((resource.object_name(name), now(cx, &path).await?))
}

/// Restart and undo leave the name of their attempt in the change-cause.
async fn caused(cx: &ActContext<'_>, kind: &str, name: &str, own: Option<&String>) -> Result<Seen, Stop> {
    let (name, object) = object(cx, kind, name, own).await?;
    let Some(object) = object else { return Ok(Seen::new(Some(false), format!("{name} is not there"))) };
    let cause = text(&object, "/metadata/annotations/kubernetes.io~1change-cause");
    let ours = cause.starts_with(&format!("{} ", cx.cause_prefix()));
    let detail = if ours {
        format!("{name} carries this attempt's mark: it took place")
    } else {
        format!("{name} does not carry this attempt's mark: it did not take place")
    };
    Ok(Seen::new(Some(ours), detail).on(&object))
}

async fn scaled(cx: &ActContext<'_>, scale: &Scale) -> Result<Seen, Stop> {
    let resource = kinds::resolve(&cx.wire, &scale.kind).await?;
    let path = resource.path_of(cx.namespace(scale.namespace.as_ref()), &scale.name)?;
    let name = resource.object_name(&scale.name);
    let Some(object) = now(cx, &format!("{path}/scale")).await? else {
        return Ok(Seen::new(Some(false), format!("{name} is not there")));
    };
    let (is, wanted) = (number(&object, "/spec/replicas"), scale.replicas.value().map(i64::from));
    let held = Some(is) == wanted;
    let detail = format!("{name} has {is} replicas: {}", if held { "it took place" } else { "it did not take place" });
    Ok(Seen::new(Some(held), detail).on(&object))
}

async fn image_set(cx: &ActContext<'_>, set: &SetImage) -> Result<Seen, Stop> {
    let (name, object) = object(cx, &set.kind, &set.name, set.namespace.as_ref()).await?;
    let Some(object) = object else { return Ok(Seen::new(Some(false), format!("{name} is not there"))) };
    let at = template_path(text(&object, "/kind"));
    let lists = ["containers", "initContainers"]
        .iter()
        .filter_map(|list| object.pointer(&format!("{at}/spec/{list}"))?.as_array());
    let named: Vec<&str> = lists
        .flatten()
        .filter(|one| set.container == "*" || text(one, "/name") == set.container)
        .map(|one| text(one, "/image"))
        .collect();
    let held = !named.is_empty() && named.iter().all(|image| *image == set.image);
    let now = named.join(", ");
    let detail = format!("{name} runs {now}: {}", if held { "it took place" } else { "it did not take place" });
    Ok(Seen::new(Some(held), crate::visible::line(&detail).into_owned()).on(&object))
}

async fn created(cx: &ActContext<'_>, create: &CreateNamespace) -> Result<Seen, Stop> {
    let path = format!("/api/v1/namespaces/{}", kinds::segment(&create.name)?);
    Ok(match now(cx, &path).await? {
        Some(object) => Seen::new(Some(true), format!("namespace/{} is there", create.name)).on(&object),
        None => Seen::new(Some(false), format!("namespace/{} is not there", create.name)),
    })
}

/// Gone, on its way, or another one under its name: it took place. On resume nobody remembers the uid.
async fn deleted(cx: &ActContext<'_>, delete: &Delete, before: Option<&Value>) -> Result<Seen, Stop> {
    let resource = kinds::resolve(&cx.wire, &delete.kind).await?;
    let namespace = cx.namespace(delete.namespace.as_ref());
    let uids: Vec<&str> = before.and_then(Value::as_array).into_iter().flatten().map(|one| text(one, "/uid")).collect();
    let left = match delete::objects(cx, &resource, namespace, delete).await {
        Ok(objects) => objects,
        Err(Stop::Failed(refused)) if refused.reason == "notFound" => vec![],
        Err(stop) => return Err(stop),
    };
    let staying: Vec<&Value> = left
        .iter()
        .filter(|one| text(one, "/metadata/deletionTimestamp").is_empty())
        .filter(|one| before.is_none() || uids.contains(&text(one, "/metadata/uid")))
        .collect();
    let Some(first) = staying.first() else {
        return Ok(Seen::new(Some(true), format!("{} gone or on the way: it took place", resource.plural)));
    };
    let name = resource.object_name(text(first, "/metadata/name"));
    if before.is_none() {
        return Ok(Seen::new(None, format!("{name} is there; whether it is the same one, nobody remembers")).on(first));
    }
    let detail = format!("{name} is still there ({} of {}): it did not take place", staying.len(), uids.len());
    // Some gone and some not: neither yes nor no.
    let passed = if staying.len() < uids.len() { None } else { Some(false) };
    Ok(Seen::new(passed, detail).on(first))
}

async fn applied(cx: &ActContext<'_>, apply: &Apply) -> Result<Seen, Stop> {
    let manager = apply.field_manager.as_deref().unwrap_or("ripcord");
    let (mut held, mut missing, mut unsure, mut last) = (0u32, vec![], vec![], None);
    for one in apply::wanted(cx, apply).await? {
        match now(cx, &one.path()?).await? {
            Some(object) if holds(&object, &one.object) => {
                held += 1;
                last = Some(object);
            }
            // Quantities and defaults are written otherwise by the server, so «not equal» is no proof.
            Some(object) if is_managed(&object, manager) => unsure.push(one.name()),
            _ => missing.push(one.name()),
        }
    }
    let passed = match (held, missing.is_empty(), unsure.is_empty()) {
        (_, true, true) => Some(true),
        (0, false, true) => Some(false),
        _ => None,
    };
    let list = |what: &str, names: &[String]| {
        if names.is_empty() { String::new() } else { format!("; {what}: {}", names.join(", ")) }
    };
    let detail = format!("{held} objects are as wanted{}{}", list("not applied", &missing), list("different", &unsure));
    let seen = Seen::new(passed, detail);
    Ok(match last {
        Some(object) => seen.on(&object),
        None => seen,
    })
}

fn is_managed(object: &Value, manager: &str) -> bool {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().any(|one| text(one, "/manager") == manager && text(one, "/operation") == "Apply")
}

async fn patched(cx: &ActContext<'_>, patch: &Patch) -> Result<Seen, Stop> {
    let (name, object) = object(cx, &patch.kind, &patch.name, patch.namespace.as_ref()).await?;
    let Some(object) = object else { return Ok(Seen::new(Some(false), format!("{name} is not there"))) };
    let (passed, said) = match patch.patch_type.value().unwrap_or_default() {
        PatchType::Json => (None, "a JSON patch cannot be told from its result".to_owned()),
        _ if holds(&object, &patch.patch) => (Some(true), format!("{name} holds what the patch says")),
        PatchType::Merge => (Some(false), format!("{name} does not hold what the patch says")),
        PatchType::Strategic => (None, format!("{name} does not plainly hold what the patch says")),
    };
    Ok(Seen::new(passed, said).on(&object))
}

/// Everything wanted is there; what else is there does not matter. `null` wants a key gone.
pub(super) fn holds(object: &Value, wanted: &Value) -> bool {
    match (object, wanted) {
        (Value::Object(object), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| match object.get(key) {
            Some(value) => holds(value, wanted),
            None => wanted.is_null() || key.starts_with('$') || *wanted == json!({}),
        }),
        (Value::Array(list), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| list.iter().any(|one| holds(one, wanted)))
        }
        (object, wanted) => object == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_found_among_more() {
        let object = json!({"spec": {"replicas": 2, "list": [{"name": "a", "x": 1}, {"name": "b"}]}, "status": {}});
        for (wanted, held) in [
            (json!({"spec": {"replicas": 2}}), true),
            (json!({"spec": {"list": [{"name": "b"}]}}), true),
            (json!({"spec": {"gone": null}}), true),
            (json!({"spec": {"replicas": 3}}), false),
            (json!({"spec": {"list": [{"name": "c"}]}}), false),
            (json!({"spec": {"replicas": null}}), false),
        ] {
            assert_eq!(holds(&object, &wanted), held, "{wanted}");
        }
    }
}
