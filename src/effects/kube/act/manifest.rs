//! Manifests: several documents in, objects out; and objects back to YAML that kubectl reads the same way.
//! Sends nothing.

use serde_json::Value;

use super::evidence::text;

/// A file of manifests above this is a mistake.
const LARGEST: usize = 8 << 20;

/// Every object of a YAML (or JSON) text, Lists opened, empty documents left out.
///
/// # Errors
/// It does not parse, or a document is no Kubernetes object; says which one, and never quotes the text
/// (it may hold Secrets).
pub fn parse(text: &str, source: &str) -> Result<Vec<Value>, String> {
    if text.len() > LARGEST {
        return Err(format!("{source} is larger than 8 MiB; split it"));
    }
    // As kubectl reads YAML: 1.1 booleans and octal file modes, duplicate keys refused.
    let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| format!("{source}: {error}"))?;
    let mut objects = vec![];
    for (at, document) in documents.into_iter().enumerate() {
        open(document, &format!("{source}, document {}", at + 1), &mut objects)?;
    }
    Ok(objects)
}

fn open(document: Value, place: &str, objects: &mut Vec<Value>) -> Result<(), String> {
    if document.is_null() {
        return Ok(());
    }
    let kind = text(&document, "/kind").to_owned();
    if kind.ends_with("List") && document.get("items").is_some_and(Value::is_array) {
        let items = document.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        return items.into_iter().try_for_each(|item| open(item, place, objects));
    }
    for (what, pointer) in [("apiVersion", "/apiVersion"), ("kind", "/kind"), ("metadata.name", "/metadata/name")] {
        if text(&document, pointer).is_empty() {
            return Err(format!("{place} has no {what}; every object needs apiVersion, kind and metadata.name"));
        }
    }
    objects.push(document);
    Ok(())
}

/// One object as YAML. Strings that any YAML reader could take for something else are quoted.
///
/// # Errors
/// What was written does not read back as the same.
pub fn yaml(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, 0, &mut out),
        Value::Array(list) if !list.is_empty() => sequence(list, 0, &mut out),
        other => {
            scalar(other, 0, &mut out);
            out.push('\n');
        }
    }
    let options = serde_saphyr::options! { with_snippet: false };
    let back: Value = serde_saphyr::from_str_with_options(&out, options).map_err(|error| error.to_string())?;
    if &back == value { Ok(out) } else { Err("the YAML written does not read back as the same object".into()) }
}

/// All objects as one file, with `---` between: kubectl would read only the last without.
///
/// # Errors
/// As [`yaml`].
pub fn yaml_documents(objects: &[Value]) -> Result<String, String> {
    let all = objects.iter().map(yaml).collect::<Result<Vec<_>, _>>()?;
    Ok(all.iter().map(|one| format!("---\n{one}")).collect())
}

fn mapping(map: &serde_json::Map<String, Value>, depth: usize, out: &mut String) {
    for (at, (key, value)) in map.iter().enumerate() {
        if at > 0 || depth > 0 {
            indent(depth, out);
        }
        string(key, out);
        out.push(':');
        under(value, depth, out);
    }
}

/// What stands after a key.
fn under(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            mapping_lines(map, depth + 1, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            sequence(list, depth, out);
        }
        other => {
            out.push(' ');
            scalar(other, depth + 1, out);
            out.push('\n');
        }
    }
}

fn mapping_lines(map: &serde_json::Map<String, Value>, depth: usize, out: &mut String) {
    for (key, value) in map {
        indent(depth, out);
        string(key, out);
        out.push(':');
        under(value, depth, out);
    }
}

fn sequence(list: &[Value], depth: usize, out: &mut String) {
    for value in list {
        indent(depth, out);
        out.push_str("- ");
        match value {
            Value::Object(map) if !map.is_empty() => {
                let mut first = true;
                for (key, value) in map {
                    if !first {
                        indent(depth + 1, out);
                    }
                    first = false;
                    string(key, out);
                    out.push(':');
                    under(value, depth + 1, out);
                }
            }
            Value::Array(inner) if !inner.is_empty() => {
                // Rare in Kubernetes; JSON is YAML.
                escaped(&Value::Array(inner.clone()), out);
                out.push('\n');
            }
            other => {
                scalar(other, depth + 1, out);
                out.push('\n');
            }
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
}

fn scalar(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::String(text) if is_block(text) => {
            out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
            for line in text.lines() {
                out.push('\n');
                if !line.is_empty() {
                    indent(depth, out);
                    out.push_str(line);
                }
            }
        }
        Value::String(text) => string(text, out),
        other => out.push_str(&other.to_string()),
    }
}

/// Several honest lines may stand as they are.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\t', '\n', '#'])
        && text.lines().all(|line| line.is_empty() || !line.trim().is_empty())
        && crate::visible::text(text) == text
        && !text.contains('\u{85}')
}

fn string(text: &str, out: &mut String) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./@-".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let chars = text.char_indices().all(|(at, c)| plain(c) || (c == ':' && at + 1 < text.len()));
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    if starts && chars && !words.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        out.push_str(text);
    } else {
        escaped(&Value::String(text.to_owned()), out);
    }
}

/// JSON, which is YAML. What JSON leaves raw and no YAML reader takes (C1, bidi, tag characters) is escaped too.
fn escaped(value: &Value, out: &mut String) {
    for c in value.to_string().chars() {
        let is_hidden = !crate::visible::is_safe_value(c.encode_utf8(&mut [0; 4]));
        match (is_hidden, u32::from(c)) {
            (false, _) => out.push(c),
            (true, code) if code <= 0xffff => out.push_str(&format!("\\u{code:04x}")),
            (true, code) => out.push_str(&format!("\\U{code:08x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_document_is_read_and_lists_are_opened() {
        let text = "---\n# nothing\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n\
                    {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: b}}]}\n";
        let objects = parse(text, "x.yaml").unwrap();
        let names: Vec<_> = objects.iter().map(|one| super::text(one, "/metadata/name")).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn hostile_text_is_written_in_escapes_and_reads_back() {
        let text = "\u{1b}[2J\u{9b}2J\u{7f}\u{202e}evil\u{200b}\u{e0041}\r";
        let object = json!({"a": text, "deep": [[text]], "lines": format!("one\n{text}")});
        let written = yaml(&object).unwrap();
        assert!(written.chars().all(|c| c == '\n' || crate::visible::is_safe_value(&c.to_string())), "{written}");
        assert!(written.contains(r"\u009b2J\u007f\u202eevil\u200b\U000e0041\r"), "{written}");
    }

    #[test]
    fn a_file_mode_is_octal_as_kubectl_has_it() {
        let text = "apiVersion: v1\nkind: A\nmetadata: {name: a}\nmode: 0644\n";
        assert_eq!(parse(text, "x").unwrap()[0]["mode"], 0o644);
    }

    #[test]
    fn what_is_no_object_is_named_and_never_quoted() {
        let error = parse("apiVersion: v1\nkind: Secret\nstringData: {a: hunter2}\n", "s.yaml").unwrap_err();
        assert!(error.contains("s.yaml, document 1") && error.contains("metadata.name"), "{error}");
        let error = parse("a: [hunter2\n", "s.yaml").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(parse("a: 1\na: 2\n", "s.yaml").is_err());
    }

    #[test]
    fn yaml_reads_as_a_person_would_write_it() {
        let object = json!({"apiVersion": "v1", "data": {"on": "yes", "conf": "a: 1\nb: 2\n", "n": "1.10"}, "list": [{"a": 1, "b": [1]}, "x"]});
        assert_eq!(
            yaml(&object).unwrap(),
            "apiVersion: v1\ndata:\n  conf: |\n    a: 1\n    b: 2\n  \"n\": \"1.10\"\n  \"on\": \"yes\"\nlist:\n- a: 1\n  b:\n  - 1\n- x\n"
        );
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[a-z: #\\-\n\t'\"|>&*!%@`{}\\[\\],?~0-9.]{0,24}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-zA-Z0-9./:\\- ]{1,10}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(value in anything()) {
            prop_assert!(yaml(&value).is_ok(), "{:?}", yaml(&value));
        }
    }
}
