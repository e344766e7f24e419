//! Events about objects, counted up where the same is said again, as the cluster's recorder does.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    names::hash_of,
    objects::{number, text},
    store::{Key, Store, stamp},
};
use crate::effects::kube::act::kinds::usual;

/// What is said, by whom.
pub struct Said<'a> {
    pub warning: bool,
    pub reason: &'a str,
    pub message: String,
    pub by: &'a str,
}

impl<'a> Said<'a> {
    pub fn normal(by: &'a str, reason: &'a str, message: impl Into<String>) -> Self {
        Self { warning: false, reason, message: message.into(), by }
    }

    pub fn warning(by: &'a str, reason: &'a str, message: impl Into<String>) -> Self {
        Self { warning: true, ..Self::normal(by, reason, message) }
    }
}

/// How long an event is kept after it was last seen, as an API server does by default.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

pub fn expire(store: &mut Store, now: Timestamp) {
    let old = |event: &Value| {
        text(event, "/lastTimestamp").parse::<Timestamp>().is_ok_and(|last| now.duration_since(last) > KEPT)
    };
    let gone: Vec<Key> = store.list("events", "").filter(|(_, event)| old(event)).map(|(key, _)| key.clone()).collect();
    for key in gone {
        let _ = store.delete(&key);
    }
}

pub fn record(store: &mut Store, about: &Value, said: &Said<'_>, now: Timestamp) {
    let namespace = text(about, "/metadata/namespace").to_owned();
    let uid = text(about, "/metadata/uid").to_owned();
    let same = |event: &Value| {
        text(event, "/involvedObject/uid") == uid
            && text(event, "/reason") == said.reason
            && text(event, "/message") == said.message
    };
    let there = store.list("events", &namespace).find(|(_, event)| same(event)).map(|(key, _)| key.clone());
    match there {
        Some(key) => again(store, &key, now),
        None => first(store, about, &namespace, said, now),
    }
}

fn again(store: &mut Store, key: &Key, now: Timestamp) {
    let counted = store.change(key, |event| {
        event["count"] = json!(number(event, "/count") + 1);
        event["lastTimestamp"] = json!(stamp(now));
    });
    debug_assert!(counted.is_some(), "an event that was just seen");
}

fn first(store: &mut Store, about: &Value, namespace: &str, said: &Said<'_>, now: Timestamp) {
    let Some(kind) = usual("Event") else { return };
    // Not from the store's names: how often something is said must not change what pods are called.
    let word = hash_of(&format!("{} {} {}", text(about, "/metadata/uid"), said.reason, said.message));
    let name = format!("{}.{word}", text(about, "/metadata/name"));
    let event = json!({
        "metadata": {"name": name},
        "involvedObject": {
            "apiVersion": about["apiVersion"], "kind": about["kind"], "namespace": namespace,
            "name": about["metadata"]["name"], "uid": about["metadata"]["uid"],
        },
        "type": if said.warning { "Warning" } else { "Normal" },
        "reason": said.reason, "message": said.message, "count": 1,
        "firstTimestamp": stamp(now), "lastTimestamp": stamp(now), "eventTime": null,
        "source": {"component": said.by}, "reportingComponent": said.by, "reportingInstance": "",
    });
    let made = store.create(&kind, namespace, event, now);
    debug_assert!(made.is_ok(), "an event's name is its own");
}
