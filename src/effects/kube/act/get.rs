//! `get` and `describe`: one request, the server's own table on screen, the objects in the outputs.

use serde_json::{Value, json};

use super::{
    ActContext, Stop, Told,
    evidence::text,
    kinds::{self, Resource, encoded},
    sick,
    table::{ACCEPT_TABLE, Table},
};
use crate::{runbook::model::Objects, visible};

/// Above this the objects stay out of the outputs (and so out of the trail).
const LARGEST_JSON: usize = 1 << 20;

pub(super) async fn get(cx: &ActContext<'_>, of: &Objects) -> Result<Told, Stop> {
    let found = fetch(cx, of).await?;
    match of.output.as_deref() {
        Some("yaml") => print_yaml(cx, &found.json)?,
        Some("json") => {
            let text = serde_json::to_string_pretty(&found.json).unwrap_or_default();
            text.lines().for_each(|line| cx.say(line));
        }
        Some("name") => {
            let objects = found.table.rows.iter().map(|row| text(&row.object, "/metadata/name"));
            objects.for_each(|name| cx.say(&visible::line(&found.resource.object_name(name))));
        }
        output => {
            if found.table.rows.is_empty() {
                cx.say(&nothing(cx, of, &found.resource));
            } else {
                found.table.lines(output == Some("wide")).iter().for_each(|line| cx.say(line));
            }
        }
    }
    let count = found.table.rows.len();
    let summary = format!("{count} {}", if count == 1 { &found.resource.kind } else { &found.resource.plural });
    Ok(found.told(cx, summary))
}

pub(super) async fn describe(cx: &ActContext<'_>, of: &Objects) -> Result<Told, Stop> {
    let found = fetch(cx, of).await?;
    if found.table.rows.is_empty() {
        cx.say(&nothing(cx, of, &found.resource));
    }
    for (at, row) in found.table.rows.iter().enumerate() {
        if at > 0 {
            cx.say("");
        }
        print_yaml(cx, &strip(&found.resource, row.object.clone()))?;
        cx.say("Events:");
        super::logs::events_of(cx, &row.object).await?;
    }
    let summary = format!("{} described", found.table.rows.len());
    Ok(found.told(cx, summary))
}

fn nothing(cx: &ActContext<'_>, of: &Objects, resource: &Resource) -> String {
    let place = if resource.namespaced {
        format!(" in {} namespace", cx.namespace(of.namespace.as_ref()))
    } else {
        String::new()
    };
    format!("No resources found{place}.")
}

pub(super) fn print_yaml(cx: &ActContext<'_>, value: &Value) -> Result<(), Stop> {
    let text = super::manifest::yaml(value).map_err(|why| Stop::failed("unsupported", why))?;
    text.lines().for_each(|line| cx.say(line));
    Ok(())
}

struct Found {
    resource: Resource,
    table: Table,
    /// The object, or a List of them; Secrets without their values.
    json: Value,
}

impl Found {
    fn told(self, cx: &ActContext<'_>, summary: String) -> Told {
        let count = self.table.rows.len();
        let reason = sick::reason(&self.table).unwrap_or_default();
        let told = Told::new(summary).output("count", count).output("reason", reason);
        let small = serde_json::to_vec(&self.json).is_ok_and(|bytes| bytes.len() <= LARGEST_JSON);
        if small {
            return told.output("json", self.json);
        }
        cx.say("(too large for the output `json`; narrow it with a selector)");
        told
    }
}

async fn fetch(cx: &ActContext<'_>, of: &Objects) -> Result<Found, Stop> {
    let resource = kinds::resolve(&cx.wire, &of.kind).await?;
    let namespace = cx.namespace(of.namespace.as_ref());
    let path = match &of.name {
        Some(name) => resource.path_of(namespace, name)?,
        None => resource.path(namespace)?,
    };
    let selector = of.selector.as_ref().map_or_else(String::new, |one| format!("&labelSelector={}", encoded(one)));
    let path = format!("{path}?includeObject=Object{selector}");
    let answer = cx.wire.get_as(&path, ACCEPT_TABLE, cx.out).await.map_err(|fault| {
        let object = of.name.as_ref().map_or_else(|| resource.plural.clone(), |name| resource.object_name(name));
        Stop::about(&object, fault)
    })?;
    let Some(table) = Table::of(&answer) else {
        return Err(Stop::failed("unsupported", format!("the server has no table of {}", resource.full_name())));
    };
    let objects: Vec<Value> = table.rows.iter().map(|row| strip(&resource, row.object.clone())).collect();
    let json = match (&of.name, objects.as_slice()) {
        (Some(_), [one]) => one.clone(),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": objects}),
    };
    Ok(Found { resource, table, json })
}

/// Without bookkeeping, and without what a Secret keeps: this goes to the screen and into the trail.
fn strip(resource: &Resource, mut object: Value) -> Value {
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
        if resource.kind == "Secret"
            && let Some(notes) = meta.get_mut("annotations").and_then(Value::as_object_mut)
        {
            notes.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    if resource.kind == "Secret" && resource.group.is_empty() {
        for key in ["data", "stringData"] {
            if let Some(data) = object.get_mut(key).and_then(Value::as_object_mut) {
                for value in data.values_mut() {
                    *value = json!(format!("({} characters, not shown)", value.as_str().map_or(0, str::len)));
                }
            }
        }
    }
    object
}
