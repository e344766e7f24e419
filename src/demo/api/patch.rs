//! The four kinds of PATCH. Who owns which field is not kept: an apply never meets another manager's conflict here.

use serde_json::{Map, Value};

use crate::demo::world::store::No;

/// RFC 7386.
pub fn merge(into: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Some(object) = into.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Kubernetes' own: as a merge, but lists of named things are merged by name.
pub fn strategic(into: &mut Value, patch: &Value) {
    match patch {
        Value::Object(patch) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            let Some(object) = into.as_object_mut() else { return };
            for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
                if value.is_null() {
                    object.remove(key);
                } else {
                    strategic(object.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        Value::Array(patch) if patch.iter().all(|one| merge_key(one).is_some()) && !patch.is_empty() => {
            let mut kept = into.as_array().cloned().unwrap_or_default();
            for one in patch {
                let same = |other: &&mut Value| merge_key(other) == merge_key(one);
                match kept.iter_mut().find(same) {
                    Some(other) => strategic(other, one),
                    None => kept.push(one.clone()),
                }
            }
            kept.retain(|one| {
                !patch.iter().any(|gone| gone["$patch"] == "delete" && merge_key(gone) == merge_key(one))
            });
            *into = Value::Array(kept);
        }
        other => *into = other.clone(),
    }
}

fn merge_key(one: &Value) -> Option<&str> {
    one.get("name").and_then(Value::as_str)
}

/// RFC 6902; every step or none.
pub fn json_patch(into: &mut Value, steps: &Value) -> Result<(), No> {
    let steps = steps.as_array().ok_or_else(|| No::Invalid("a JSON patch is a list".into()))?;
    let mut tried = into.clone();
    for step in steps {
        one(&mut tried, step).map_err(No::Invalid)?;
    }
    *into = tried;
    Ok(())
}

fn one(into: &mut Value, step: &Value) -> Result<(), String> {
    let text = |key: &str| step[key].as_str().unwrap_or_default();
    let path = text("path");
    match text("op") {
        "test" if into.pointer(path) == Some(&step["value"]) => Ok(()),
        "test" => Err(format!("testing path {path} value failed: test failed")),
        "remove" => take(into, path).map(|_| ()),
        "replace" if into.pointer(path).is_none() => {
            Err(format!("replace operation does not apply: {path} is missing"))
        }
        "add" | "replace" => put(into, path, step["value"].clone(), text("op") == "add"),
        "copy" => {
            let value = into.pointer(text("from")).cloned().ok_or_else(|| format!("{} is missing", text("from")))?;
            put(into, path, value, true)
        }
        "move" => {
            let value = take(into, text("from"))?;
            put(into, path, value, true)
        }
        other => Err(format!("unexpected kind: {other}")),
    }
}

fn split(path: &str) -> Result<(&str, String), String> {
    let (parent, key) = path.rsplit_once('/').ok_or_else(|| format!("«{path}» is no path"))?;
    Ok((parent, key.replace("~1", "/").replace("~0", "~")))
}

fn take(into: &mut Value, path: &str) -> Result<Value, String> {
    let missing = || format!("remove operation does not apply: {path} is missing");
    let (parent, key) = split(path)?;
    match into.pointer_mut(parent) {
        Some(Value::Object(map)) => map.remove(&key).ok_or_else(missing),
        Some(Value::Array(list)) => match key.parse::<usize>() {
            Ok(at) if at < list.len() => Ok(list.remove(at)),
            _ => Err(missing()),
        },
        _ => Err(missing()),
    }
}

fn put(into: &mut Value, path: &str, value: Value, insert: bool) -> Result<(), String> {
    if path.is_empty() {
        *into = value;
        return Ok(());
    }
    let missing = || format!("add operation does not apply: the parent of {path} is missing");
    let (parent, key) = split(path)?;
    match into.pointer_mut(parent).ok_or_else(missing)? {
        Value::Object(map) => _ = map.insert(key, value),
        Value::Array(list) => {
            let at = if key == "-" { list.len() } else { key.parse::<usize>().map_err(|_| missing())? };
            match insert {
                true if at <= list.len() => list.insert(at, value),
                false if at < list.len() => list[at] = value,
                _ => return Err(missing()),
            }
        }
        _ => return Err(missing()),
    }
    Ok(())
}

/// How a UID that is not the object's is refused: a precondition of PUT and DELETE, an immutable field to a PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uid {
    Precondition,
    Field,
}

/// What a request says of the object it is meant for must hold.
pub fn meant(object: &Value, said: &Value, uid: Uid) -> Result<(), No> {
    let differs = |field: &str| {
        let wanted = said.pointer(&format!("/metadata/{field}"))?.as_str().filter(|wanted| !wanted.is_empty())?;
        let there = object.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default();
        (wanted != there).then(|| (wanted.to_owned(), there.to_owned()))
    };
    match (differs("uid"), uid) {
        (Some((wanted, there)), Uid::Precondition) => {
            let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {there}");
            return Err(No::Conflict(why));
        }
        (Some((wanted, _)), Uid::Field) => {
            return Err(No::Invalid(format!("metadata.uid: Invalid value: \"{wanted}\": field is immutable")));
        }
        (None, _) => {}
    }
    if differs("resourceVersion").is_some() {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(No::Conflict(why.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_strategic_patch_merges_containers_by_name() {
        let mut object = json!({"c": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}], "l": [1, 2]});
        strategic(&mut object, &json!({"c": [{"name": "a", "image": "2"}], "l": [3], "gone": null}));
        let want =
            json!({"c": [{"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}], "l": [3]});
        assert_eq!(object, want);
        strategic(&mut object, &json!({"c": [{"name": "b", "$patch": "delete"}]}));
        assert_eq!(object["c"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_merge_removes_by_null_and_replaces_lists() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "l": [1]});
        merge(&mut object, &json!({"a": {"b": null, "d": 3}, "l": [2]}));
        assert_eq!(object, json!({"a": {"c": 2, "d": 3}, "l": [2]}));
    }

    #[test]
    fn a_json_patch_is_whole_or_nothing() {
        let before = json!({"a": {"x/y": 1}, "l": [1, 3]});
        let mut object = before.clone();
        let good = json!([
            {"op": "test", "path": "/a/x~1y", "value": 1}, {"op": "add", "path": "/l/1", "value": 2},
            {"op": "replace", "path": "/a/x~1y", "value": 5}, {"op": "remove", "path": "/l/0"},
        ]);
        json_patch(&mut object, &good).unwrap();
        assert_eq!(object, json!({"a": {"x/y": 5}, "l": [2, 3]}));
        let mut object = before.clone();
        let bad =
            json!([{"op": "add", "path": "/b", "value": 1}, {"op": "test", "path": "/metadata/uid", "value": "u"}]);
        assert!(json_patch(&mut object, &bad).unwrap_err().to_string().contains("/metadata/uid"));
        assert_eq!(object, before);
    }

    #[test]
    fn a_patch_for_another_object_is_a_conflict() {
        let object = json!({"metadata": {"uid": "u", "resourceVersion": "5"}});
        let of = |meta: Value, uid: Uid| meant(&object, &json!({"metadata": meta}), uid);
        assert!(of(json!({"uid": "u", "resourceVersion": ""}), Uid::Field).is_ok());
        assert!(matches!(of(json!({"uid": "v"}), Uid::Field), Err(No::Invalid(_))));
        assert!(matches!(of(json!({"uid": "v"}), Uid::Precondition), Err(No::Conflict(_))));
        assert!(matches!(of(json!({"resourceVersion": "4"}), Uid::Field), Err(No::Conflict(_))));
    }
}
