//! The format once: JSON Schema generated from the model's own types, for editors and for the checks.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::doc::RunbookDoc;

/// The JSON Schema of a runbook, as `ripcord schema` prints it.
pub fn json() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = schemars::schema_for!(RunbookDoc).to_value();
        close(&mut schema);
        if let Some(root) = schema.as_object_mut() {
            root.insert("title".into(), json!("ripcord runbook"));
        }
        schema
    })
}

/// Objects with named keys take no others; editors are told so too.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("properties").is_some_and(Value::is_object) && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".into(), json!(false));
            }
            map.remove("unevaluatedProperties");
            leave_out_nothing(map);
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// A key is written with a value or left out: one with nothing behind it is a slip, not a wish.
fn leave_out_nothing(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(words)) = map.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(ways)) = map.get_mut("anyOf") {
        ways.retain(|way| way.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = ways.as_slice() {
            let only = only.clone();
            map.remove("anyOf");
            only.into_iter().for_each(|(key, value)| {
                map.entry(key).or_insert(value);
            });
        }
    }
    if map.get("default").is_some_and(Value::is_null) {
        map.remove("default");
    }
}

/// The same for editors: where text is meant a plain `1.10` or `true` is that text, as the checks take it.
pub fn for_editors() -> Value {
    let mut schema = json().clone();
    widen(&mut schema);
    schema
}

fn widen(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let bare = ["pattern", "format", "enum", "const"].iter().all(|key| !map.contains_key(*key));
            if bare && map.get("type").is_some_and(|kind| kind == "string") {
                map.insert("type".into(), json!(["string", "number", "boolean"]));
            }
            map.values_mut().for_each(widen);
        }
        Value::Array(items) => items.iter_mut().for_each(widen),
        _ => {}
    }
}

/// A schema with its `$ref` followed.
pub(super) fn resolve(schema: &Value) -> &Value {
    let mut schema = schema;
    while let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let Some(target) = name.strip_prefix("#/$defs/").and_then(|name| json().get("$defs")?.get(name)) else { break };
        schema = target;
    }
    schema
}

/// The named keys of an object schema.
pub(super) fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// The ways a value may be written, where there are several.
pub(super) fn variants(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}
