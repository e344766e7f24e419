//! YAML that is plain data: answers, params, the config. Same parser, same limits, no schema.

use serde_json::Value;

use super::tree::{self, Syntax};

/// Reads a YAML document as data; the error says line and column.
pub fn read(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match tree::read(text) {
        Ok(tree) => match tree.merges().first() {
            Some(at) => Err(format!("line {} column {}: `<<` is not read; write the keys out", at.line, at.column)),
            None => Ok(tree.to_json_as_written()),
        },
        Err(Syntax { place, message, hint }) => {
            Err(format!("line {} column {}: {message}; {hint}", place.line, place.column))
        }
    }
}
