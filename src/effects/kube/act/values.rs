//! `values:` of an apply, filled into the scalars of objects that are parsed already: a value stays a value,
//! whatever characters it holds. Keys are never filled.

use indexmap::IndexMap;
use serde_json::Value;

/// Replaces `$NAME` and `${NAME}`. A scalar that is nothing else takes the value with its type.
/// Names nobody gave a value stay as they are.
pub(super) fn fill(object: &mut Value, values: &IndexMap<String, Value>) {
    match object {
        Value::Object(map) => map.values_mut().for_each(|value| fill(value, values)),
        Value::Array(list) => list.iter_mut().for_each(|value| fill(value, values)),
        Value::String(text) => {
            if let Some(filled) = filled(text, values) {
                *object = filled;
            }
        }
        _ => {}
    }
}

fn filled(text: &str, values: &IndexMap<String, Value>) -> Option<Value> {
    if !text.contains('$') {
        return None;
    }
    if let Some((name, "")) = name_at(text)
        && let Some(value) = values.get(name)
    {
        return Some(value.clone());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match name_at(rest).and_then(|(name, after)| Some((values.get(name)?, after))) {
            Some((value, after)) => {
                match value {
                    Value::String(text) => out.push_str(text),
                    other => out.push_str(&other.to_string()),
                }
                rest = after;
            }
            None => {
                out.push('$');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Some(Value::String(out))
}

/// The name a `$` at the start introduces, and what follows it.
fn name_at(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('$')?;
    if let Some(braced) = inner.strip_prefix('{') {
        return braced.split_once('}');
    }
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    (end > 0).then(|| inner.split_at(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_cannot_become_structure() {
        let mut object = json!({
            "image": "$IMAGE", "mixed": "app:${TAG}-x", "replicas": "$N", "other": "$IMAGES $HOME", "list": ["$TAG"], "$TAG": "key",
        });
        let values = IndexMap::from([
            ("IMAGE".to_owned(), json!("a: {b: c}\n---\nkind: Secret")),
            ("TAG".to_owned(), json!("v1")),
            ("N".to_owned(), json!(4)),
        ]);
        fill(&mut object, &values);
        assert_eq!(
            object,
            json!({
                "image": "a: {b: c}\n---\nkind: Secret", "mixed": "app:v1-x", "replicas": 4, "other": "$IMAGES $HOME", "list": ["v1"], "$TAG": "key",
            })
        );
    }
}
