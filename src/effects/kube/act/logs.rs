//! `logs` and `events` as steps: what is there now, once. Following them is the live panes' work.

use serde_json::Value;

use super::{
    ActContext, Stop, Told,
    evidence::text,
    history::selector,
    kinds::{self, encoded, segment},
    table::aligned,
};
use crate::{
    observe::events::{ClusterEvent, SlimEvent},
    runbook::{
        model::{EventsOf, LogsOf},
        value::Tpl,
    },
};

/// Of one container.
const MOST_BYTES: usize = 10 << 20;

pub(super) async fn logs(cx: &ActContext<'_>, of: &LogsOf) -> Result<Told, Stop> {
    let namespace = cx.namespace(of.namespace.as_ref());
    let pods = pods(cx, of, namespace).await?;
    if pods.is_empty() {
        return Err(Stop::failed("notFound", "no pod fits the selector"));
    }
    let query = query(of);
    let mut count = 0usize;
    let mut failures = vec![];
    let asked = pods.iter().flat_map(|pod| containers(pod, of).into_iter().map(move |one| (pod, one)));
    // Of many, those that never fell have no log before this one, and that is no failure.
    let of_many = of.previous.is_on() && of.selector.is_some();
    let shown: Vec<(&str, &str)> = asked
        .filter(|(pod, one)| !of_many || has_fallen(pod, one))
        .map(|(pod, one)| (text(pod, "/metadata/name"), one))
        .collect();
    if shown.is_empty() {
        let told = format!("no container of these {} pods was restarted: there is no log before this one", pods.len());
        cx.say(&told);
        return Ok(Told::new(told).output("count", 0));
    }
    for (pod, container) in &shown {
        let prefix = if shown.len() > 1 { format!("[pod/{pod}/{container}] ") } else { String::new() };
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/log?container={}{query}",
            segment(namespace)?,
            segment(pod)?,
            encoded(container)
        );
        match cx.wire.get_bytes(&path, MOST_BYTES).await {
            Ok((bytes, more)) => {
                for line in String::from_utf8_lossy(&bytes).lines() {
                    cx.say(&format!("{prefix}{line}"));
                    count += 1;
                }
                if more {
                    cx.say(&format!("{prefix}(10 MiB shown, there is more; use tail or since)"));
                }
            }
            Err(fault) => {
                let line = format!("{prefix}{fault}");
                cx.say(&line);
                failures.push(line);
            }
        }
    }
    if failures.len() == shown.len() {
        return Err(Stop::failed("refused", failures.join("; ")));
    }
    Ok(Told::new(format!("{count} lines of {} containers", shown.len())).output("count", count))
}

fn query(of: &LogsOf) -> String {
    let mut query = String::new();
    if of.previous.is_on() {
        query.push_str("&previous=true");
    }
    // kubectl's default: all of one pod, ten lines of each under a selector.
    let tail = of.tail.as_ref().and_then(Tpl::value).or(of.selector.is_some().then_some(10));
    if let Some(tail) = tail.filter(|tail| *tail >= 0) {
        query.push_str(&format!("&tailLines={tail}"));
    }
    if let Some(since) = of.since.as_ref().and_then(Tpl::value) {
        query.push_str(&format!("&sinceSeconds={}", since.get().as_secs().max(1)));
    }
    query
}

fn has_fallen(pod: &Value, container: &str) -> bool {
    let all = ["/status/containerStatuses", "/status/initContainerStatuses"].into_iter();
    let statuses = all.filter_map(|at| pod.pointer(at)?.as_array()).flatten();
    statuses
        .filter(|status| text(status, "/name") == container)
        .any(|status| status.get("restartCount").and_then(Value::as_i64).unwrap_or_default() > 0)
}

/// The containers asked for: one by name, or the pod's default one.
fn containers<'a>(pod: &'a Value, of: &'a LogsOf) -> Vec<&'a str> {
    if let Some(container) = &of.container {
        return vec![container.as_str()];
    }
    let default = text(pod, "/metadata/annotations/kubectl.kubernetes.io~1default-container");
    let first = text(pod, "/spec/containers/0/name");
    vec![if default.is_empty() { first } else { default }]
}

async fn pods(cx: &ActContext<'_>, of: &LogsOf, namespace: &str) -> Result<Vec<Value>, Stop> {
    let pod = kinds::resolve(&cx.wire, "Pod").await?;
    let selector = match (&of.selector, &of.name) {
        (Some(selector), _) => selector.clone(),
        (None, Some(name)) => {
            let resource = kinds::resolve(&cx.wire, of.kind.as_deref().unwrap_or("Pod")).await?;
            let object = cx.get(&resource.path_of(namespace, name)?).await;
            let object = object.map_err(|fault| Stop::about(&resource.object_name(name), fault))?;
            if resource.kind == "Pod" {
                return Ok(vec![object]);
            }
            selector(&object)
        }
        (None, None) => return Err(Stop::failed("refused", "logs needs a name or a selector")),
    };
    let list = cx.get(&format!("{}?labelSelector={}", pod.path(namespace)?, encoded(&selector))).await?;
    Ok(list.get("items").and_then(Value::as_array).cloned().unwrap_or_default())
}

pub(super) async fn events(cx: &ActContext<'_>, of: &EventsOf) -> Result<Told, Stop> {
    let fields = match &of.object {
        None => String::new(),
        Some(object) => {
            let Some((kind, name)) = object.split_once('/') else {
                return Err(Stop::failed("refused", format!("«{object}»: name the object as kind/name, e.g. pod/x")));
            };
            let kind = kinds::resolve(&cx.wire, kind).await?.kind;
            format!("?fieldSelector={}", encoded(&format!("involvedObject.kind={kind},involvedObject.name={name}")))
        }
    };
    let namespace = cx.namespace(of.namespace.as_ref());
    let mut all = read_events(cx, namespace, &fields).await?;
    all.retain(|one| of.types.is_empty() || of.types.iter().any(|kind| kind.eq_ignore_ascii_case(&one.type_)));
    print(cx, &all, "No events found.");
    let reason = all.iter().rev().find(|one| one.is_warning()).map_or_else(String::new, |one| one.reason.to_string());
    Ok(Told::new(format!("{} events", all.len())).output("count", all.len()).output("reason", reason))
}

/// The events of one object, for `describe`.
pub(super) async fn events_of(cx: &ActContext<'_>, object: &Value) -> Result<(), Stop> {
    let (uid, namespace) = (text(object, "/metadata/uid"), text(object, "/metadata/namespace"));
    let namespace = if namespace.is_empty() { "default" } else { namespace };
    let fields = format!("?fieldSelector={}", encoded(&format!("involvedObject.uid={uid}")));
    match read_events(cx, namespace, &fields).await {
        Ok(all) => print(cx, &all, "<none>"),
        Err(Stop::Failed(refused)) => cx.say(&format!("(cannot be read: {})", refused.message)),
        Err(lost) => return Err(lost),
    }
    Ok(())
}

async fn read_events(cx: &ActContext<'_>, namespace: &str, query: &str) -> Result<Vec<ClusterEvent>, Stop> {
    let list = cx.get(&format!("/api/v1/namespaces/{}/events{query}", segment(namespace)?)).await?;
    let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let slim = items.into_iter().filter_map(|one| serde_json::from_value::<SlimEvent>(one).ok());
    let mut all: Vec<ClusterEvent> = slim.map(|one| ClusterEvent::new(&one)).collect();
    all.sort_by_key(|one| (one.times.sort, one.version));
    Ok(all)
}

fn print(cx: &ActContext<'_>, all: &[ClusterEvent], none: &str) {
    if all.is_empty() {
        cx.say(none);
        return;
    }
    let head = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"].map(str::to_owned).to_vec();
    let row = |one: &ClusterEvent| {
        let object = format!("{}/{}", one.kind, one.name);
        vec![one.times.cell(cx.now), one.type_.to_string(), one.reason.to_string(), object, one.message.to_string()]
    };
    aligned(std::iter::once(head).chain(all.iter().map(row)).collect()).iter().for_each(|line| cx.say(line));
}
