//! What can still be read of a document in which something is wrong, so that every other problem is told too.
//! Nothing mended is ever run: a document with an error does not load.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    doc::{RunbookDoc, StepDoc},
    model::*,
};

/// The document with what cannot be read replaced by stand-ins; false where there were any.
pub(super) fn mend(value: Value) -> Option<(RunbookDoc, bool)> {
    if let Ok(doc) = serde_json::from_value::<RunbookDoc>(value.clone())
        && steps_are_whole(&value)
    {
        return Some((doc, true));
    }
    let Value::Object(mut map) = value else { return None };
    map.insert("apiVersion".into(), json!("ripcord/v1"));
    map.insert("kind".into(), json!("Runbook"));
    keep::<Metadata>(&mut map, "metadata", || json!({"name": "unnamed"}));
    keep::<Target>(&mut map, "target", || json!({}));
    keep::<Requires>(&mut map, "requires", || json!({}));
    keep::<Panes>(&mut map, "panes", || json!({}));
    keep::<String>(&mut map, "description", || json!(""));
    keep::<Vec<Guard>>(&mut map, "guards", || json!([]));
    keep::<Option<Calendar>>(&mut map, "calendar", || Value::Null);
    keep::<Option<Prometheus>>(&mut map, "prometheus", || json!({"url": "http://unknown"}));
    // A name that may be anything: what depends on it is not told wrong.
    keep::<Option<BaselineSpec>>(&mut map, "baseline", || json!({"helmRelease": "${{ unknown }}"}));
    entries::<Param>(&mut map, "params", json!({}));
    entries::<Secret>(&mut map, "secrets", json!({"prompt": true}));
    entries::<Metric>(
        &mut map,
        "metrics",
        json!({"query": "up", "successCondition": "true", "failureCondition": "false", "samplesQuery": "up"}),
    );
    lane(&mut map, "steps");
    if map.get("rollback").is_some_and(Value::is_array) {
        lane(&mut map, "rollback");
    }
    if map.get("rollback").is_some_and(|back| serde_json::from_value::<super::doc::RollbackDoc>(back.clone()).is_err())
    {
        map.remove("rollback");
    }
    serde_json::from_value(Value::Object(map)).ok().map(|doc| (doc, false))
}

fn reads<T: DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}

fn keep<T: DeserializeOwned>(map: &mut Map<String, Value>, key: &str, instead: impl FnOnce() -> Value) {
    if map.get(key).is_some_and(|value| !reads::<T>(value)) || (key == "metadata" && !map.contains_key(key)) {
        map.insert(key.to_owned(), instead());
    }
}

fn entries<T: DeserializeOwned>(map: &mut Map<String, Value>, key: &str, instead: Value) {
    match map.get_mut(key) {
        Some(Value::Object(entries)) => {
            entries.values_mut().filter(|value| !reads::<T>(value)).for_each(|value| *value = instead.clone());
        }
        Some(other) => *other = json!({}),
        None => {}
    }
}

fn steps_are_whole(value: &Value) -> bool {
    let lanes = ["steps", "rollback"].into_iter().filter_map(|lane| value.get(lane)?.as_array());
    lanes.flatten().all(is_whole)
}

fn is_whole(step: &Value) -> bool {
    serde_json::from_value::<StepDoc>(step.clone()).is_ok_and(|step| step.into_step().is_some())
}

/// A step that cannot be read leaves its id, where it has one, so that a goto to it still leads somewhere.
fn lane(map: &mut Map<String, Value>, key: &str) {
    let Some(Value::Array(steps)) = map.get_mut(key) else {
        map.insert(key.to_owned(), json!([{"id": "unknown", "manual": "?"}]));
        return;
    };
    for (index, step) in steps.iter_mut().enumerate().filter(|(_, step)| !is_whole(step)) {
        let id = step.get("id").and_then(Value::as_str).map_or_else(|| format!("unknown-{index}"), str::to_owned);
        *step = json!({"id": id, "manual": "?"});
    }
}
