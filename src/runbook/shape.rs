//! Holds a tree against the schema: unknown and repeated keys, missing ones, wrong types, words that are
//! none of those allowed; every one of them, each at its place. Answers the data the types can read.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    expr::is_templated,
    problem::{Problems, nearest},
    schema::{properties, resolve, variants},
    tree::{Key, Kind, MERGE, Node, Place},
};

/// One finding, kept apart until it is known which variant an author meant.
pub(super) struct Finding {
    place: Place,
    message: String,
    hint: Option<String>,
}

/// Checks a whole document; the value is complete enough to read where nothing was found.
pub(super) fn check(tree: &Node, problems: &mut Problems<'_>) -> Value {
    let mut findings = Vec::new();
    let value = walk(tree, super::schema::json(), "", &mut findings);
    for finding in findings {
        let problem = problems.error(finding.place, finding.message);
        if let Some(hint) = finding.hint {
            problem.hint(hint);
        }
    }
    value
}

fn walk(node: &Node, schema: &Value, name: &str, out: &mut Vec<Finding>) -> Value {
    let schema = resolve(schema);
    if schema.get("properties").is_none()
        && let Some(variants) = variants(schema)
    {
        return walk_variants(node, variants, name, out);
    }
    if let Some(word) = schema.get("const") {
        return walk_words(node, std::slice::from_ref(word), name, out);
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return walk_words(node, words, name, out);
    }
    match types(schema).as_slice() {
        [] => {
            repeated(node, out);
            node.to_json()
        }
        types => walk_typed(node, schema, types, name, out),
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn walk_typed(node: &Node, schema: &Value, types: &[&str], name: &str, out: &mut Vec<Finding>) -> Value {
    match &node.kind {
        Kind::Map(_) if types.contains(&"object") => walk_map(node, schema, out),
        Kind::Seq(items) if types.contains(&"array") => {
            let schema = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(items.iter().map(|item| entry(item, schema, name, out)).collect())
        }
        Kind::Scalar { value, raw } => match (value, raw) {
            (Value::Bool(_), _) if types.contains(&"boolean") => value.clone(),
            (Value::Number(number), _) if types.contains(&"integer") && (number.is_i64() || number.is_u64()) => {
                in_range(node, schema, value, name, out)
            }
            (Value::Number(_), _) if types.contains(&"number") => value.clone(),
            (Value::String(text), _) if types.contains(&"string") => text_value(node, schema, text, name, out),
            // A plain 1.10 or true where text is meant is that text.
            (Value::Number(_) | Value::Bool(_), Some(raw)) if types.contains(&"string") => {
                text_value(node, schema, raw, name, out)
            }
            _ => wrong(node, types, name, out),
        },
        _ => wrong(node, types, name, out),
    }
}

/// One of a list.
fn entry(node: &Node, schema: &Value, name: &str, out: &mut Vec<Finding>) -> Value {
    if node.is_nothing() && !is_free(schema) {
        let hint = "write it, or leave the dash or the comma out";
        find(out, node.place, format!("an entry of `{name}` says nothing"), Some(hint.into()));
        return Value::Null;
    }
    walk(node, schema, name, out)
}

/// Data of the author's own, of any shape.
fn is_free(schema: &Value) -> bool {
    let schema = resolve(schema);
    ["type", "properties", "anyOf", "oneOf", "enum", "const"].iter().all(|key| schema.get(*key).is_none())
}

fn in_range(node: &Node, schema: &Value, value: &Value, name: &str, out: &mut Vec<Finding>) -> Value {
    let number = value.as_f64().unwrap_or_default();
    let over = schema.get("maximum").and_then(Value::as_f64).is_some_and(|max| number > max);
    let under = schema.get("minimum").and_then(Value::as_f64).is_some_and(|min| number < min);
    if over || under {
        let end = |key: &str| schema.get(key).and_then(Value::as_f64).map(|end| end.to_string());
        let hint = match (end("minimum"), end("maximum")) {
            (Some(min), Some(max)) => format!("from {min} to {max}"),
            (Some(min), None) => format!("{min} or more"),
            (_, max) => format!("at most {}", max.unwrap_or_default()),
        };
        find(out, node.place, format!("{}{value} is out of range", of(name)), Some(hint));
    }
    value.clone()
}

fn text_value(node: &Node, schema: &Value, text: &str, name: &str, out: &mut Vec<Finding>) -> Value {
    let fits = |pattern: &str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(text));
    if schema.get("format").and_then(Value::as_str) == Some("ripcord-duration") {
        if let Err(error) = text.parse::<super::value::Dur>() {
            let error = error.to_string();
            let (what, instead) = error.split_once("; ").unwrap_or((error.as_str(), "write it as 5m"));
            let hint = if is_templated(text) { "one whole `${{ … }}` and nothing beside it" } else { instead };
            find(out, node.place, format!("{}{what}", of(name)), Some(hint.into()));
        }
    } else if schema.get("format").and_then(Value::as_str) == Some("date") {
        if text.parse::<jiff::civil::Date>().is_err() {
            find(out, node.place, format!("{}«{text}» is not a day", of(name)), Some("write it as 2026-01-31".into()));
        }
    } else if let Some(pattern) = schema.get("pattern").and_then(Value::as_str).filter(|pattern| !fits(pattern)) {
        let about = schema.get("description").and_then(Value::as_str).filter(|text| text.len() < 120);
        let words = about.filter(|about| about.contains(" | ")).unwrap_or_default().split([' ', '|', '(', ')']);
        let hint = match (nearest(text, words.filter(|word| !word.is_empty())), about) {
            _ if is_templated(text) => LITERAL.to_owned(),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(about)) => about.to_owned(),
            (None, None) => format!("it must match {pattern}"),
        };
        find(out, node.place, format!("{}«{text}» is not allowed here", of(name)), Some(hint));
    }
    Value::String(text.to_owned())
}

fn of(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("`{name}`: ") }
}

fn wrong(node: &Node, types: &[&str], name: &str, out: &mut Vec<Finding>) -> Value {
    let words: Vec<_> = types.iter().map(|word| in_words(word)).collect();
    let message = format!("{}expected {}, found {}", of(name), words.join(" or "), node.kind_word());
    let hint = match (&node.kind, types.first().copied().unwrap_or_default()) {
        (Kind::Map(_), _) if types.contains(&"string") => "a value that begins with `{` is a map: put quotes around it",
        (Kind::Scalar { .. }, "boolean" | "integer" | "number") if node.text().is_some_and(is_templated) => LITERAL,
        (_, "boolean") => "write true or false, without quotes",
        (_, "integer" | "number") => "write it in digits, without quotes",
        (_, "array") => "write it as [one, two], or a line with a dash for each",
        (_, "object") => "write `key: value` pairs under it",
        _ => "write one text, in quotes if it begins with `[`",
    };
    find(out, node.place, message, Some(hint.to_owned()));
    node.to_json()
}

/// Where a template may not stand, though it may in most of an action.
const LITERAL: &str = "no template here: it must be known when the runbook is checked; write the value out";

fn in_words(kind: &str) -> &str {
    match kind {
        "object" => "a map",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "number" => "a number",
        other => other,
    }
}

fn find(out: &mut Vec<Finding>, place: Place, message: String, hint: Option<String>) {
    out.push(Finding { place, message, hint });
}

fn walk_map(node: &Node, schema: &Value, out: &mut Vec<Finding>) -> Value {
    let Kind::Map(entries) = &node.kind else { return Value::Null };
    let known = properties(schema);
    let others = schema.get("additionalProperties").filter(|others| !matches!(others, Value::Bool(_)));
    let (mut map, mut seen) = (Map::new(), HashMap::new());
    for (key, value) in entries {
        if let Some(first) = seen.get(key.name.as_str()) {
            twice(key, *first, out);
            continue;
        }
        seen.insert(key.name.as_str(), key.place.line);
        if key.name == MERGE {
            continue; // told where the tree is read
        }
        let schema = known.and_then(|known| known.get(&key.name)).or(others);
        match (schema, known) {
            (Some(schema), _) if value.is_nothing() && !is_free(schema) => {
                says_nothing(key, out);
                map.insert(key.name.clone(), Value::Null);
            }
            (Some(schema), _) => {
                map.insert(key.name.clone(), walk(value, schema, &key.name, out));
            }
            (None, Some(known)) => unknown_key(key, value, known, out),
            (None, None) => {
                repeated(value, out);
                map.insert(key.name.clone(), value.to_json());
            }
        }
    }
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(required) {
            find(out, node.place, format!("missing key `{required}`"), Some(what_it_is(required, known)));
        }
    }
    Value::Object(map)
}

fn says_nothing(key: &Key, out: &mut Vec<Finding>) {
    let hint = "write a value, or leave the key out";
    find(out, key.place, format!("`{}:` says nothing", key.name), Some(hint.into()));
}

/// A key in the schema's own words.
fn what_it_is(key: &str, known: Option<&Map<String, Value>>) -> String {
    let about = known.and_then(|known| known.get(key)?.get("description")?.as_str());
    match about.filter(|about| about.len() < 120) {
        Some(about) => format!("`{key}: …`: {about}"),
        None => format!("write `{key}: …` here"),
    }
}

fn unknown_key(key: &Key, value: &Node, known: &Map<String, Value>, out: &mut Vec<Finding>) {
    let (name, place) = (key.name.as_str(), key.place);
    let names = known.keys().map(String::as_str);
    let empty = value.is_nothing();
    let hint = match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if empty && name.contains(' ') => {
            "a comma inside `{…}` ends the value before it: put quotes around the whole text".into()
        }
        None => format!("expected one of {}", names.collect::<Vec<_>>().join(", ")),
    };
    find(out, place, format!("unknown key `{name}`"), Some(hint));
}

fn walk_words(node: &Node, words: &[Value], name: &str, out: &mut Vec<Finding>) -> Value {
    let value = node.to_json();
    if words.contains(&value) {
        return value;
    }
    let known: Vec<_> = words.iter().filter_map(Value::as_str).collect();
    let found = value.as_str().map_or_else(|| node.kind_word().to_owned(), |text| format!("«{text}»"));
    let hint = value.as_str().and_then(|text| nearest(text, known.iter().copied()));
    let hint = match hint {
        _ if node.text().is_some_and(is_templated) => LITERAL.to_owned(),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected one of {}", known.join(", ")),
    };
    find(out, node.place, format!("{}{found} is not allowed here", of(name)), Some(hint));
    value
}

/// Several ways to write it: plain words, one named key (`{get: …}`), or the variant that fits best.
fn walk_variants(node: &Node, variants: &[Value], name: &str, out: &mut Vec<Finding>) -> Value {
    let variants: Vec<&Value> = variants.iter().map(resolve).collect();
    let words: Vec<Value> = variants.iter().filter_map(|variant| word_of(variant)).flatten().collect();
    let is_word = |variant: &&&Value| word_of(variant).is_some();
    if words.len() > 1 && variants.iter().all(|variant| is_word(&variant)) {
        return walk_words(node, &words, name, out);
    }
    if let Some(value) = walk_named(node, &variants, name, out) {
        return value;
    }
    let mut best: Option<(usize, Vec<Finding>, Value)> = None;
    for variant in variants {
        let mut findings = Vec::new();
        let value = walk(node, variant, name, &mut findings);
        let misfit = if same_form(node, variant) { findings.len() } else { findings.len() + 1000 };
        if best.as_ref().is_none_or(|(least, ..)| misfit < *least) {
            best = Some((misfit, findings, value));
        }
    }
    let Some((_, findings, value)) = best else { return node.to_json() };
    out.extend(findings);
    value
}

fn word_of(variant: &Value) -> Option<Vec<Value>> {
    match (variant.get("const"), variant.get("enum")) {
        (Some(word), _) => Some(vec![word.clone()]),
        (None, Some(Value::Array(words))) => Some(words.clone()),
        _ => None,
    }
}

fn same_form(node: &Node, variant: &Value) -> bool {
    let variant = resolve(variant);
    if let Some(variants) = variants(variant) {
        return variants.iter().any(|variant| same_form(node, variant));
    }
    let types = types(variant);
    match &node.kind {
        Kind::Map(_) => types.contains(&"object"),
        Kind::Seq(_) => types.contains(&"array"),
        Kind::Scalar { .. } => !types.contains(&"object") && !types.contains(&"array"),
    }
}

/// `{verb: {…}}` with exactly one key out of several.
fn walk_named(node: &Node, variants: &[&Value], name: &str, out: &mut Vec<Finding>) -> Option<Value> {
    let named: Vec<(&str, &Value)> = variants
        .iter()
        .filter_map(|variant| {
            let properties = properties(variant)?;
            let required = variant.get("required")?.as_array()?;
            let (key, schema) = properties.iter().next()?;
            (properties.len() == 1 && required.len() == 1).then_some((key.as_str(), schema))
        })
        .collect();
    let Kind::Map(entries) = &node.kind else { return None };
    if named.len() < 2 {
        return None;
    }
    let keys: Vec<_> = named.iter().map(|(key, _)| *key).collect();
    let mut entries: Vec<&(Key, Node)> = entries.iter().collect();
    let mut first = HashMap::new();
    entries.retain(|(key, _)| match first.get(key.name.as_str()) {
        Some(line) => {
            twice(key, *line, out);
            false
        }
        None => first.insert(key.name.as_str(), key.place.line).is_none(),
    });
    let (key, value) = match entries.as_slice() {
        [(key, value)] => (key, value),
        several => {
            let place = several.get(1).map_or(node.place, |(key, _)| key.place);
            let there: Vec<_> = several.iter().map(|(key, _)| key.name.as_str()).collect();
            let hint = match there.as_slice() {
                [] => format!("write one of them, for example `{}`", keys[0]),
                _ => format!("there is {}; keep one", there.join(" and ")),
            };
            find(out, place, format!("{}expected exactly one of {}", of(name), keys.join(", ")), Some(hint));
            return Some(node.to_json());
        }
    };
    let Some((_, schema)) = named.iter().find(|(known, _)| *known == key.name) else {
        let hint = nearest(&key.name, keys.iter().copied());
        let hint = hint
            .map_or_else(|| format!("expected one of {}", keys.join(", ")), |near| format!("did you mean `{near}`?"));
        find(out, key.place, format!("unknown key `{}`", key.name), Some(hint));
        return Some(node.to_json());
    };
    if value.is_nothing() && !is_free(schema) {
        says_nothing(key, out);
        return Some(node.to_json());
    }
    let value = walk(value, schema, &key.name, out);
    Some(Value::Object(Map::from_iter([(key.name.clone(), value)])))
}

fn twice(key: &Key, first: usize, out: &mut Vec<Finding>) {
    let message = format!("key `{}` is there twice", key.name);
    find(out, key.place, message, Some(format!("the first is at line {first}; keep one")));
}

/// Repeated keys inside free data, which no schema describes.
fn repeated(node: &Node, out: &mut Vec<Finding>) {
    match &node.kind {
        Kind::Map(entries) => {
            let mut seen = HashMap::new();
            for (key, value) in entries {
                if let Some(first) = seen.insert(key.name.as_str(), key.place.line) {
                    twice(key, first, out);
                }
                repeated(value, out);
            }
        }
        Kind::Seq(items) => items.iter().for_each(|item| repeated(item, out)),
        Kind::Scalar { .. } => {}
    }
}
