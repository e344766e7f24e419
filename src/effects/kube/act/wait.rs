//! `wait`: until a condition holds, an object is there, is gone, or says something. Changes nothing.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    ActContext, Fault, Stop, Told,
    evidence::{number, text},
    jsonpath::{JsonPath, plain},
    kinds::{self, Resource, encoded},
    sick,
};
use crate::{
    pace,
    runbook::{
        model::WaitFor,
        value::{Dur, Tpl},
    },
    visible,
};

const EVERY: Duration = Duration::from_millis(300);

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Condition { kind: String, status: String },
    Gone,
    There,
    Says { path: JsonPath, value: Option<String> },
}

impl Until {
    /// kubectl's `--for`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(condition) = text.strip_prefix("condition=") {
            let (kind, status) = condition.split_once('=').unwrap_or((condition, "True"));
            return Ok(Self::Condition { kind: kind.to_owned(), status: status.to_owned() });
        }
        if let Some(path) = text.strip_prefix("jsonpath=") {
            let path = path.trim_matches(['\'', '"']);
            let (path, value) = match path.find('}').map(|at| path.split_at(at + 1)) {
                Some((path, rest)) => (path, rest.trim_start_matches(['\'', '"']).strip_prefix('=')),
                None => path.split_once('=').map_or((path, None), |(path, value)| (path, Some(value))),
            };
            let value = value.map(|value| value.trim_matches(['\'', '"']).to_owned());
            return Ok(Self::Says { path: JsonPath::parse(path)?, value });
        }
        match text.to_ascii_lowercase().as_str() {
            "delete" => Ok(Self::Gone),
            "create" => Ok(Self::There),
            _ => Err(format!("«{text}» is none of condition=NAME, delete, create, jsonpath={{.path}}=value")),
        }
    }

    fn holds(&self, object: &Value) -> bool {
        match self {
            Self::There => true,
            Self::Gone => false,
            Self::Says { path, value } => {
                let found = path.find(object);
                match value {
                    Some(value) => !found.is_empty() && found.iter().all(|one| plain(one) == *value),
                    None => found.iter().any(|one| !plain(one).is_empty()),
                }
            }
            Self::Condition { kind, status } => {
                let all = object.pointer("/status/conditions").and_then(Value::as_array);
                all.into_iter().flatten().any(|one| {
                    text(one, "/type").eq_ignore_ascii_case(kind)
                        && text(one, "/status").eq_ignore_ascii_case(status)
                        // A condition about an older spec says nothing about this one.
                        && one.get("observedGeneration").and_then(Value::as_i64).is_none_or(|seen| {
                            seen >= number(object, "/metadata/generation")
                        })
                })
            }
        }
    }
}

pub(super) async fn wait(cx: &ActContext<'_>, wait: &WaitFor) -> Result<Told, Stop> {
    let until = Until::parse(&wait.condition).map_err(|why| Stop::failed("unsupported", why))?;
    let limit = wait.timeout.as_ref().and_then(Tpl::value).unwrap_or(Dur::secs(30));
    let end = cx.wire.deadline().min(Instant::now() + pace::limit(limit.get()));
    let resource = kinds::resolve(&cx.wire, &wait.kind).await?;
    let namespace = cx.namespace(wait.namespace.as_ref());
    let mut first: Option<Vec<String>> = None;
    let mut met: Vec<String> = vec![];
    loop {
        let objects = objects(cx, &resource, namespace, wait, &until).await?;
        let uids = || objects.iter().map(|one| text(one, "/metadata/uid").to_owned()).collect::<Vec<_>>();
        let first = first.get_or_insert_with(uids);
        if objects.is_empty() && !matches!(until, Until::There | Until::Gone) {
            let message = format!("no matching resources found: no {} fits", resource.kind);
            return Err(Stop::failed("notFound", message));
        }
        let left: Vec<&Value> = match until {
            // One made anew under the same name is not what was waited for.
            Until::Gone => {
                objects.iter().filter(|one| first.iter().any(|uid| uid == text(one, "/metadata/uid"))).collect()
            }
            _ => objects.iter().filter(|one| !until.holds(one)).collect(),
        };
        for object in objects.iter().filter(|one| !left.contains(one)) {
            say_once(cx, &resource, object, &mut met);
        }
        let nothing_yet = until == Until::There && objects.is_empty();
        if left.is_empty() && !nothing_yet {
            let summary = format!("{} condition met", name(&resource, wait));
            if met.is_empty() {
                cx.say(&summary);
            }
            return Ok(Told::new(summary).output("count", objects.len()).output("reason", ""));
        }
        match cx.wire.within(end.saturating_duration_since(Instant::now())).pause(EVERY).await {
            Ok(()) => {}
            Err(Fault::Deadline) => return Err(too_late(cx, &resource, namespace, wait, &left).await),
            Err(fault) => return Err(fault.into()),
        }
    }
}

fn say_once(cx: &ActContext<'_>, resource: &Resource, object: &Value, met: &mut Vec<String>) {
    let line = format!("{} condition met", resource.object_name(text(object, "/metadata/name")));
    if !met.contains(&line) {
        cx.say(&visible::line(&line));
        met.push(line);
    }
}

fn name(resource: &Resource, wait: &WaitFor) -> String {
    match (&wait.name, &wait.selector) {
        (Some(name), _) => resource.object_name(name),
        (None, Some(selector)) => format!("{} ({selector})", resource.full_name()),
        (None, None) => resource.full_name(),
    }
}

async fn objects(
    cx: &ActContext<'_>,
    resource: &Resource,
    namespace: &str,
    wait: &WaitFor,
    until: &Until,
) -> Result<Vec<Value>, Stop> {
    let Some(name) = &wait.name else {
        let selector =
            wait.selector.as_ref().map_or_else(String::new, |one| format!("?labelSelector={}", encoded(one)));
        let list = cx.get(&format!("{}{selector}", resource.path(namespace)?)).await;
        let list = list.map_err(|fault| Stop::about(&resource.full_name(), fault))?;
        return Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
    };
    match cx.get(&resource.path_of(namespace, name)?).await {
        Ok(object) => Ok(vec![object]),
        Err(fault) if fault.is_not_found() && matches!(until, Until::There | Until::Gone) => Ok(vec![]),
        Err(fault) => Err(Stop::about(&resource.object_name(name), fault)),
    }
}

async fn too_late(cx: &ActContext<'_>, resource: &Resource, namespace: &str, wait: &WaitFor, left: &[&Value]) -> Stop {
    let names: Vec<_> = left.iter().take(5).map(|one| resource.object_name(text(one, "/metadata/name"))).collect();
    let what = if names.is_empty() { name(resource, wait) } else { names.join(", ") };
    let mut message = format!("timed out waiting for {} on {what}", wait.condition);
    let mut reason = "timeout".to_owned();
    if resource.kind == "Pod"
        && let Some(selector) = &wait.selector
        && let Some(sick) = sick::among(cx, namespace, selector).await
    {
        message = format!("{message}; {}", sick.sentence());
        reason = sick.reason;
    }
    Stop::failed("timeout", message).with(Told::default().output("count", left.len()).output("reason", reason))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_four_forms_of_for() {
        let ready = Until::parse("condition=Ready").unwrap();
        assert!(ready.holds(&json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})));
        assert!(!ready.holds(&json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})));
        let old = json!({"metadata": {"generation": 3}, "status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}]}});
        assert!(!ready.holds(&old));
        let running = Until::parse("jsonpath='{.status.phase}'=Running").unwrap();
        assert!(running.holds(&json!({"status": {"phase": "Running"}})));
        assert!(!running.holds(&json!({"status": {"phase": "Pending"}})));
        assert!(Until::parse("jsonpath={.status.ip}").unwrap().holds(&json!({"status": {"ip": "x"}})));
        assert_eq!(Until::parse("delete").unwrap(), Until::Gone);
        assert_eq!(Until::parse("create").unwrap(), Until::There);
        assert!(Until::parse("ready").is_err());
    }
}
