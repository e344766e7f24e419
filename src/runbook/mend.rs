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
    keep::<Metadata>(&mut map, "metadata", &json!({"name": "unnamed"}));
    keep::<Target>(&mut map, "target", &json!({}));
    keep::<Requires>(&mut map, "requires", &json!({}));
    keep::<Panes>(&mut map, "panes", &json!({}));
    keep::<String>(&mut map, "description", &json!(""));
    guards(&mut map);
    keep::<Option<Calendar>>(&mut map, "calendar", &json!({}));
    keep::<Option<Prometheus>>(&mut map, "prometheus", &json!({"url": "http://unknown"}));
    // A name that may be anything: what depends on it is not told wrong.
    keep::<Option<BaselineSpec>>(&mut map, "baseline", &json!({"helmRelease": "${{ unknown }}"}));
    entries::<Param>(&mut map, "params", &json!({}));
    entries::<Secret>(&mut map, "secrets", &json!({"prompt": true}));
    entries::<Metric>(
        &mut map,
        "metrics",
        &json!({"query": "up", "successCondition": "true", "failureCondition": "false", "samplesQuery": "up"}),
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

/// The stand-in with as much of what was written as can be read beside it, key by key; the rest is left out.
fn grown(written: &Value, instead: &Value, reads: impl Fn(&Value) -> bool) -> Value {
    let mut grown = instead.clone();
    for (key, value) in written.as_object().into_iter().flatten() {
        let before = grown.clone();
        if let Value::Object(map) = &mut grown {
            map.insert(key.clone(), value.clone());
        }
        if !reads(&grown) {
            grown = before;
        }
    }
    grown
}

fn keep<T: DeserializeOwned>(map: &mut Map<String, Value>, key: &str, instead: &Value) {
    match map.get(key) {
        Some(value) if reads::<T>(value) => {}
        None if key != "metadata" => {}
        value => {
            let mended = grown(value.unwrap_or(&Value::Null), instead, reads::<T>);
            // A stand-in that is no section by itself stands for none.
            map.insert(key.to_owned(), if reads::<T>(&mended) { mended } else { Value::Null });
        }
    }
}

fn entries<T: DeserializeOwned>(map: &mut Map<String, Value>, key: &str, instead: &Value) {
    match map.get_mut(key) {
        Some(Value::Object(entries)) => {
            let broken = entries.values_mut().filter(|value| !reads::<T>(value));
            broken.for_each(|value| *value = grown(value, instead, reads::<T>));
        }
        Some(other) => *other = json!({}),
        None => {}
    }
}

/// Guards have no names: they stay as many as they are, each at its place.
fn guards(map: &mut Map<String, Value>) {
    match map.get_mut("guards") {
        Some(Value::Array(guards)) => {
            for guard in guards.iter_mut().filter(|guard| !(guard.is_object() && reads::<Guard>(guard))) {
                *guard = grown(guard, &json!({}), reads::<Guard>);
                if guard.get("metric").is_none() && guard.get("pods").is_none() {
                    *guard = json!({"pods": {"selector": "unknown"}, "minReady": 0});
                }
            }
        }
        Some(other) => *other = json!([]),
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

/// What is right or wrong in a step whatever it does.
const OF_ANY_STEP: [&str; 7] = ["id", "title", "doc", "when", "timeout", "onFailure", "next"];

/// A step that cannot be read leaves what can be: its id above all, so that a goto to it still leads somewhere.
fn lane(map: &mut Map<String, Value>, key: &str) {
    let Some(Value::Array(steps)) = map.get_mut(key) else {
        map.insert(key.to_owned(), json!([{"id": "unknown", "manual": "?"}]));
        return;
    };
    for (index, step) in steps.iter_mut().enumerate().filter(|(_, step)| !is_whole(step)) {
        *step = readable(step, &format!("unknown-{index}"));
    }
}

fn readable(step: &Value, id: &str) -> Value {
    let alone = |(key, value): (&String, &Value)| {
        let step = json!({"id": id, key: value});
        is_whole(&step).then_some(step)
    };
    match step.as_object().into_iter().flatten().find_map(alone) {
        // Its action can be read, and so can all that belongs to it.
        Some(action) => grown(step, &action, is_whole),
        None => {
            let mut any = step.clone();
            any.as_object_mut().into_iter().for_each(|step| step.retain(|key, _| OF_ANY_STEP.contains(&key.as_str())));
            grown(&any, &json!({"id": id, "manual": "?"}), is_whole)
        }
    }
}
