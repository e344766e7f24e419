//! YAML that is plain data: answers, params, the config. Same parser, same limits, no schema.

use std::collections::BTreeSet;

use serde_json::Value;

use super::tree::{self, Key, Kind, Node, Syntax};

/// Reads a YAML document as data; the error says line and column.
pub fn read(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match tree::read(text) {
        Ok(tree) => match (tree.merges().first(), repeated(&tree)) {
            (Some(at), _) => {
                Err(format!("line {} column {}: `<<` is not read; write the keys out", at.line, at.column))
            }
            (None, Some(Key { name, place })) => {
                Err(format!("line {} column {}: `{name}` is there twice; keep one", place.line, place.column))
            }
            (None, None) => Ok(tree.to_json_as_written()),
        },
        Err(Syntax { place, message, hint }) => {
            Err(format!("line {} column {}: {message}; {hint}", place.line, place.column))
        }
    }
}

/// The first key that its map has already: which of the two was meant cannot be guessed.
fn repeated(node: &Node) -> Option<&Key> {
    match &node.kind {
        Kind::Scalar { .. } => None,
        Kind::Seq(items) => items.iter().find_map(repeated),
        Kind::Map(entries) => {
            let mut seen = BTreeSet::new();
            entries.iter().find_map(|(key, value)| (!seen.insert(&key.name)).then_some(key).or_else(|| repeated(value)))
        }
    }
}
