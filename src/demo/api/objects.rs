//! Objects by GET, LIST, POST, PUT, PATCH and DELETE, with `dryRun=All` and the `scale` part.

use http::Method;
use serde_json::{Value, json};

use super::{
    Answer,
    asked::{Asked, At},
    ok, patch, said,
    selector::Chosen,
    status::Refused,
    table,
};
use crate::demo::world::{
    World,
    objects::{number, text},
    replicasets::going,
    store::{Key, No},
};

pub fn answer(world: &mut World, asked: &Asked, at: &At) -> Result<Answer, Refused> {
    let key = Key::new(&at.resource.plural, if at.resource.namespaced { &at.namespace } else { "" }, &at.name);
    let refuse = |no: No| Refused::of(no, &at.resource, &at.name);
    match (&asked.method, at.name.is_empty()) {
        (&Method::GET, true) => list(world, asked, at),
        (&Method::GET, false) => {
            let object = world.store.get(&key).ok_or(No::NotFound).map_err(refuse)?;
            Ok(match (at.part.as_str(), table::is_wanted(asked)) {
                ("scale", _) => ok(&scale(object)),
                (_, true) => ok(&table::of(&at.resource, &[object], world.now(), &world.store.version().to_string())),
                _ => ok(object),
            })
        }
        (&Method::POST, true) => create(world, asked, at).map_err(refuse),
        (&Method::PUT, false) => write(world, asked, at, &key, |object, body| {
            patch::meant(object, body, patch::Uid::Precondition)?;
            let (meta, status) = (object["metadata"].clone(), object.get("status").cloned());
            *object = body.clone();
            patch::merge(&mut object["metadata"], &json!({"uid": meta["uid"]}));
            if let (None, Some(status)) = (body.get("status"), status) {
                object["status"] = status;
            }
            Ok(())
        })
        .map_err(refuse),
        (&Method::PATCH, false) => patched(world, asked, at, &key).map_err(refuse),
        (&Method::DELETE, false) => delete(world, asked, &key).map_err(refuse),
        _ => Err(Refused::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )),
    }
}

fn list(world: &World, asked: &Asked, at: &At) -> Result<Answer, Refused> {
    let chosen = Chosen::of(asked)?;
    let all: Vec<&Value> = world
        .store
        .list(&at.resource.plural, &at.namespace)
        .map(|(_, object)| object)
        .filter(|one| chosen.fits(one))
        .collect();
    let version = world.store.version().to_string();
    if table::is_wanted(asked) {
        return Ok(ok(&table::of(&at.resource, &all, world.now(), &version)));
    }
    Ok(ok(&json!({
        "kind": format!("{}List", at.resource.kind), "apiVersion": at.resource.api_version(),
        "metadata": {"resourceVersion": version}, "items": all,
    })))
}

fn is_dry(asked: &Asked) -> bool {
    asked.is("dryRun", "All")
}

fn create(world: &mut World, asked: &Asked, at: &At) -> Result<Answer, No> {
    let now = world.now();
    if is_dry(asked) {
        let name = text(&asked.body, "/metadata/name");
        if world.store.get(&Key::new(&at.resource.plural, &at.namespace, name)).is_some() {
            return Err(No::Exists);
        }
        return Ok(said(201, &asked.body));
    }
    world.store.create(&at.resource, &at.namespace, asked.body.clone(), now).map(|made| said(201, &made))
}

/// Changes the stored object, or only says what it would be.
fn write(
    world: &mut World,
    asked: &Asked,
    at: &At,
    key: &Key,
    change: impl FnOnce(&mut Value, &Value) -> Result<(), No>,
) -> Result<Answer, No> {
    let of_scale = at.part == "scale";
    let apply = |object: &mut Value| {
        if !of_scale {
            return change(object, &asked.body);
        }
        let mut shown = scale(object);
        change(&mut shown, &asked.body)?;
        object["spec"]["replicas"] = shown["spec"]["replicas"].clone();
        Ok(())
    };
    let after = if is_dry(asked) {
        let mut tried = world.store.get(key).ok_or(No::NotFound)?.clone();
        apply(&mut tried)?;
        tried
    } else {
        world.store.update(key, apply)?
    };
    Ok(ok(&if of_scale { scale(&after) } else { after }))
}

fn patched(world: &mut World, asked: &Asked, at: &At, key: &Key) -> Result<Answer, No> {
    let content = asked.content.split(';').next().unwrap_or_default();
    if content == "application/apply-patch+yaml" && world.store.get(key).is_none() {
        return create(world, asked, at);
    }
    write(world, asked, at, key, |object, body| {
        if content == "application/json-patch+json" {
            return patch::json_patch(object, body);
        }
        patch::meant(object, body, patch::Uid::Field)?;
        match content {
            "application/merge-patch+json" => patch::merge(object, body),
            "application/strategic-merge-patch+json" | "application/apply-patch+yaml" => patch::strategic(object, body),
            other => return Err(No::Invalid(format!("the body of the request was in an unknown format: {other}"))),
        }
        Ok(())
    })
}

fn delete(world: &mut World, asked: &Asked, key: &Key) -> Result<Answer, No> {
    let now = world.now();
    let object = world.store.get(key).ok_or(No::NotFound)?.clone();
    patch::meant(
        &object,
        &json!({"metadata": asked.body.get("preconditions").cloned().unwrap_or_default()}),
        patch::Uid::Precondition,
    )?;
    if is_dry(asked) {
        return Ok(ok(&object));
    }
    if key.plural == "pods" && asked.body.get("gracePeriodSeconds") != Some(&json!(0)) {
        going(&mut world.store, key, now);
        return Ok(ok(world.store.get(key).unwrap_or(&object)));
    }
    world.store.delete(key).map(|object| ok(&object))
}

fn scale(object: &Value) -> Value {
    let meta = &object["metadata"];
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
        },
        "spec": {"replicas": number(object, "/spec/replicas")},
        "status": {"replicas": number(object, "/status/replicas"), "selector": selector.join(",")},
    })
}
