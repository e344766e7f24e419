//! YAML that is plain data: answers, params, the config. Same parser, same limits, no schema.

use serde_json::Value;

use super::tree;

/// Reads a YAML document as data; the error says line and column.
pub fn read(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match tree::read(text) {
        Ok(tree) => Ok(tree.to_json_as_written()),
        Err(syntax) => Err(format!("line {} column {}: {}", syntax.place.line, syntax.place.column, syntax.message)),
    }
}
