//! A line that is a JSON object, made readable: level, message, then the rest. Other lines are left alone.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// What the colour of a line repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pretty {
    pub level: Option<Level>,
    /// `ERROR model load failed  path=/m err="no space"`
    pub text: String,
}

const LEVEL: [&str; 5] = ["level", "lvl", "severity", "log.level", "levelname"];
const MESSAGE: [&str; 4] = ["message", "msg", "event", "log"];
/// The pane has the stream's own times.
const TIME: [&str; 6] = ["time", "timestamp", "ts", "@timestamp", "asctime", "date"];

/// `None` for a line that is no JSON object.
pub fn pretty(line: &str) -> Option<Pretty> {
    let trimmed = line.trim();
    if !(trimmed.starts_with('{') && trimmed.ends_with('}')) {
        return None;
    }
    let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(trimmed) else { return None };
    let said = take(&mut fields, &LEVEL).map(|level| plain(&level));
    let message = take(&mut fields, &MESSAGE).map(|message| plain(&message));
    take(&mut fields, &TIME);
    let mut text = String::new();
    if let Some(said) = &said {
        let _ = write!(text, "{} ", said.to_ascii_uppercase());
    }
    text.push_str(message.as_deref().unwrap_or_default());
    for (key, value) in &fields {
        let value = plain(value);
        let quoted = value.is_empty() || value.contains([' ', '"', '=']);
        let _ = if quoted { write!(text, "  {key}={value:?}") } else { write!(text, "  {key}={value}") };
    }
    Some(Pretty { level: said.as_deref().and_then(level), text: crate::visible::line(text.trim()).into_owned() })
}

/// The level that a plain line begins with or carries in brackets.
pub fn level(word: &str) -> Option<Level> {
    match word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase().as_str() {
        "trace" | "debug" | "d" | "10" | "20" => Some(Level::Debug),
        "info" | "information" | "notice" | "i" | "30" => Some(Level::Info),
        "warn" | "warning" | "w" | "40" => Some(Level::Warn),
        "error" | "err" | "fatal" | "critical" | "panic" | "e" | "f" | "50" | "60" => Some(Level::Error),
        _ => None,
    }
}

fn take(fields: &mut Map<String, Value>, names: &[&str]) -> Option<Value> {
    names.iter().find_map(|name| fields.remove(*name))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_and_message_come_first_and_the_rest_follows() {
        let line = r#"{"ts":"2026","level":"error","msg":"model load failed","path":"/m","err":"no space left","n":3}"#;
        let pretty = pretty(line).unwrap();
        assert_eq!(pretty.level, Some(Level::Error));
        assert_eq!(pretty.text, "ERROR model load failed  err=\"no space left\"  n=3  path=/m");
    }

    #[test]
    fn other_lines_are_left_alone_and_escapes_inside_json_are_shown() {
        for other in ["plain", "[1]", "{not json}", "{\"a\":", ""] {
            assert_eq!(pretty(other), None, "{other}");
        }
        assert_eq!(pretty(r#"{"msg":"a\u001b[2Jb\n"}"#).unwrap().text, "a\\u{1b}[2Jb");
        assert_eq!(pretty(r#"{"level":50,"msg":"x"}"#).unwrap().level, Some(Level::Error));
    }
}
