//! The trail for people: one line a fact, with its number and time.

use serde_json::Value;

use super::record::Record;
use crate::visible;

/// One fact in words; nothing raw.
pub fn fact_line(sequence: u64, time: jiff::Timestamp, fact: &Value) -> String {
    let kind = text(fact, "kind");
    let clock = time.strftime("%H:%M:%S");
    let words = words(&kind, fact);
    visible::line(&format!("#{sequence:<4} {clock}  {kind:<18} {words}")).trim_end().to_owned()
}

fn text(fact: &Value, key: &str) -> String {
    match fact.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn by(fact: &Value) -> String {
    let Some(by) = fact.get("by").filter(|by| by.is_object()) else { return String::new() };
    let claimed = if by["assurance"] == "claimed" { " (claimed)" } else { "" };
    format!("{}{claimed}", by["name"].as_str().unwrap_or("?"))
}

/// What a fact says beside its kind.
pub(super) fn words(kind: &str, fact: &Value) -> String {
    let get = |key: &str| text(fact, key);
    let step = || match fact.get("attempt").and_then(Value::as_u64) {
        Some(attempt) if attempt > 1 => format!("{} (attempt {attempt})", get("step")),
        _ => get("step"),
    };
    match kind {
        "run.opened" => opening(fact),
        "run.closed" => closing(fact),
        "step.intent" => format!("{}: {}", step(), get("command").trim_end().replace('\n', " ⏎ ")),
        "step.started" => format!("{} pid {}", step(), get("pid")),
        "step.outcome" => format!("{}: {}", step(), outcome(fact)),
        "step.verified" => format!("{}: {} {}", step(), get("passed"), get("detail")),
        "rollback.verified" => comparison(fact),
        "checklist.ticked" => {
            format!("{} {}: {} {} {}", get("step"), get("item"), get("state"), by(fact), get("detail"))
        }
        "decision.made" => format!("{}: {} by {} {}", get("step"), get("option"), by(fact), get("reason")),
        "input.given" => format!("{}: {} by {}", step(), given(fact), by(fact)),
        "gate.sample" => {
            format!("{} {} {} → {}", get("step"), get("metric"), reading(&fact["reading"]), get("verdict"))
        }
        "guard.sample" => format!("{} {} → {}", guard(fact), reading(&fact["reading"]), get("verdict")),
        "guard.dismissed" => format!("{} put aside by {}: {}", guard(fact), by(fact), get("why")),
        "guard.recovered" => format!("{} is within its limits again", guard(fact)),
        "gate.verdict" => format!("{}: {} {}", step(), get("verdict"), get("reasons")),
        "guard.tripped" => get("detail"),
        "baseline.captured" => {
            let baseline = &fact["baseline"];
            format!(
                "{} {} revision {}",
                baseline["kind"].as_str().unwrap_or(""),
                baseline["name"].as_str().unwrap_or(""),
                baseline["revision"]
            )
        }
        "shell.recorded" => {
            format!("{}: pod {}, container {}, in {}", by(fact), get("pod"), get("container"), get("file"))
        }
        "secret.revealed" | "note.added" => format!("{}: {}{}", by(fact), get("object"), get("text")),
        _ => {
            let parts = [step(), by(fact), get("why"), get("reason"), get("prompt"), get("note"), get("detail")];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
        }
    }
}

fn opening(fact: &Value) -> String {
    let name = fact["runbook"]["metadata"]["name"].as_str().unwrap_or("?");
    let operator = fact["operator"]["name"].as_str().unwrap_or("?");
    let target = fact["target"]["context"].as_str().map_or_else(String::new, |context| format!(" on {context}"));
    let back = fact["rollbackOf"]["run"].as_str().map_or_else(String::new, |run| format!(", the way back of {run}"));
    format!("{name} by {operator}{target}{back}")
}

/// How a step ended, by whom where a person ended it, and what was seen.
fn outcome(fact: &Value) -> String {
    let get = |key: &str| text(fact, key);
    let reason = get("reason");
    let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
    let mut said = vec![get("summary"), get("message")];
    said.retain(|text| !text.is_empty());
    if get("outcome") == "failed" {
        said.dedup(); // of a success both are said: what it did, and what the check saw
    }
    said.extend(evidence(fact));
    let by = by(fact);
    let by = if by.is_empty() { by } else { format!(" by {by}") };
    format!("{}{reason}{by} {}", get("outcome"), said.join("; "))
}

fn given(fact: &Value) -> String {
    let values = &fact["values"];
    let names = values.as_object().into_iter().flat_map(|map| map.keys());
    names.map(|name| format!("{name}={}", text(values, name))).collect::<Vec<_>>().join(" ")
}

/// What a person showed for a step, and the hash of a file.
fn evidence(fact: &Value) -> Option<String> {
    let given = fact.get("evidence").filter(|given| given.is_object())?;
    let mut parts = vec![text(given, "text"), text(given, "file")];
    parts.retain(|part| !part.is_empty());
    if let Some(hash) = given["sha256"].as_str() {
        parts.push(format!("sha256 {hash}"));
    }
    (!parts.is_empty()).then(|| format!("evidence: {}", parts.join(", ")))
}

/// By what it watches; trails of before name only its number.
fn guard(fact: &Value) -> String {
    match text(fact, "metric") {
        name if name.is_empty() => format!("guard {}", fact["guard"]),
        name => format!("guard {name}"),
    }
}

fn closing(fact: &Value) -> String {
    let left: Vec<_> = fact["left"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let left = if left.is_empty() { String::new() } else { format!("; left: {}", left.join(", ")) };
    let status = match text(fact, "status").as_str() {
        "rolledBack" => "rolled back".to_owned(),
        "rollbackIncomplete" => "rollback incomplete".to_owned(),
        status => status.to_owned(),
    };
    let ended = format!("{status} {}", text(fact, "category"));
    format!("{}{left}", ended.trim_end())
}

fn comparison(fact: &Value) -> String {
    let saw = match fact["passed"].as_bool() {
        Some(true) => "back at the baseline",
        Some(false) => "NOT back at the baseline",
        None => "nobody can say whether it is back at the baseline",
    };
    format!("{saw}: {}", text(fact, "detail"))
}

/// A reading in a few words.
pub fn reading(reading: &Value) -> String {
    let Some((kind, inner)) = reading.as_object().and_then(|map| map.iter().next()) else { return reading.to_string() };
    match kind.as_str() {
        "value" => {
            let number = |key: &str| inner[key].as_str();
            let baseline = number("baseline").map_or_else(String::new, |number| format!(", baseline {number}"));
            let samples = number("samples").map_or_else(String::new, |number| format!(", of {number}"));
            let others = number("baselineSamples").map_or_else(String::new, |number| format!(" and {number}"));
            format!("{}{baseline}{samples}{others}", number("value").unwrap_or("?"))
        }
        "noData" => format!("no data: {}", inner["why"].as_str().unwrap_or("")),
        other => format!("{other}: {}", inner["why"].as_str().unwrap_or("")),
    }
}

/// Every fact of a record, one a line.
pub fn record_lines(record: &Record, facts: &[Value]) -> Vec<String> {
    facts.iter().map(|fact| fact_line(record.sequence, record.time, fact)).collect()
}

/// Facts flattened with sequence and time, as `-o json` prints them.
pub fn record_json(record: &Record, facts: &[Value]) -> Vec<Value> {
    facts.iter().map(|fact| flat(record.sequence, record.time, fact.clone())).collect()
}

/// One fact with its record's number and time.
pub fn flat(sequence: u64, time: jiff::Timestamp, mut fact: Value) -> Value {
    if let Some(map) = fact.as_object_mut() {
        map.insert("sequence".into(), sequence.into());
        map.insert("time".into(), Value::String(time.to_string()));
    }
    fact
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_guards_reading_says_what_was_watched_and_everything_that_was_read() {
        let number =
            json!({"value": {"value": "0.02", "baseline": "0.001", "samples": "412", "baselineSamples": "3000"}});
        let sample = json!({"guard": 1, "metric": "error_rate", "reading": number, "verdict": "failed"});
        assert_eq!(words("guard.sample", &sample), "guard error_rate 0.02, baseline 0.001, of 412 and 3000 → failed");
        let silent = json!({"guard": 1, "metric": "error_rate", "verdict": "error",
            "reading": {"unreachable": {"why": "prometheus:9090: refused"}}});
        assert_eq!(words("guard.sample", &silent), "guard error_rate unreachable: prometheus:9090: refused → error");
        let old = json!({"guard": 1, "reading": {"noData": {"why": "empty"}}, "verdict": "inconclusive"});
        assert_eq!(words("guard.sample", &old), "guard 1 no data: empty → inconclusive", "a trail of before");
    }
}
