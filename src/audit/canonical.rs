//! RFC 8785 for what we store: sorted keys, no spaces, integers and text only; a fraction is kept as text.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

const DECIMAL: &str = "$decimal";

/// The canonical bytes of a value. Fractions must have been taken out by [`without_fractions`].
pub fn canonical(value: &Value) -> String {
    let mut out = String::with_capacity(512);
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            // UTF-16 order, as the RFC wants; the same as byte order for the names we use.
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                text(key, out);
                out.push(':');
                write(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::String(string) => text(string, out),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Null => out.push_str("null"),
    }
}

fn text(string: &str, out: &mut String) {
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Fractions and huge numbers as `{"$decimal": "…"}`.
pub fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) if !is_plain(&number) => json!({ DECIMAL: number.to_string() }),
        Value::Array(items) => Value::Array(items.into_iter().map(without_fractions).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, without_fractions(value))).collect())
        }
        other => other,
    }
}

fn is_plain(number: &serde_json::Number) -> bool {
    const EXACT: u64 = 1 << 53;
    number.as_u64().is_some_and(|n| n <= EXACT) || number.as_i64().is_some_and(|n| n.unsigned_abs() <= EXACT)
}

/// The other way round.
pub fn with_fractions(value: Value) -> Value {
    match value {
        Value::Object(map) => match decimal(&map) {
            Some(number) => number,
            None => Value::Object(map.into_iter().map(|(key, value)| (key, with_fractions(value))).collect()),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(with_fractions).collect()),
        other => other,
    }
}

fn decimal(map: &Map<String, Value>) -> Option<Value> {
    let text = map.get(DECIMAL)?.as_str().filter(|_| map.len() == 1)?;
    serde_json::from_str::<serde_json::Number>(text).ok().map(Value::Number)
}

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_text_is_escaped_as_the_rfc_says() {
        let value = json!({"b": [1, -2, true, null], "a": "x\"\\\n\u{1}é"});
        assert_eq!(canonical(&value), "{\"a\":\"x\\\"\\\\\\n\\u0001é\",\"b\":[1,-2,true,null]}");
    }

    #[test]
    fn a_fraction_survives_as_text() {
        let value = json!({"factor": 1.5, "n": 3, "deep": [{"x": 0.001}]});
        let stored = without_fractions(value.clone());
        assert_eq!(canonical(&stored), r#"{"deep":[{"x":{"$decimal":"0.001"}}],"factor":{"$decimal":"1.5"},"n":3}"#);
        assert_eq!(with_fractions(stored), value);
    }
}
