//! Each time rule of `kubectl events`, and what grouping may and may not do.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

fn event(object: Value) -> ClusterEvent {
    ClusterEvent::new(&serde_json::from_value(object).unwrap())
}

fn now() -> Timestamp {
    "2026-01-01T00:10:00Z".parse().unwrap()
}

fn cell(object: Value) -> String {
    event(object).times.cell(now())
}

#[test]
fn last_seen_follows_series_then_count_then_the_only_time() {
    let series = json!({"eventTime": "2026-01-01T00:01:00.123456Z", "series": {"count": 14, "lastObservedTime": "2026-01-01T00:09:48.5Z"}, "count": 3, "lastTimestamp": "2026-01-01T00:05:00Z"});
    assert_eq!(cell(series), "11s (x14 over 8m59s)");
    let counted =
        json!({"count": 6, "firstTimestamp": "2026-01-01T00:01:00Z", "lastTimestamp": "2026-01-01T00:09:12Z"});
    assert_eq!(cell(counted), "48s (x6 over 9m)");
    let both = json!({"count": 2, "eventTime": "2026-01-01T00:00:00Z", "firstTimestamp": "2026-01-01T00:01:00Z", "lastTimestamp": "2026-01-01T00:09:12Z"});
    assert_eq!(cell(both), "48s (x2 over 10m)");
    assert_eq!(
        cell(json!({"count": 1, "firstTimestamp": "2026-01-01T00:09:00Z", "lastTimestamp": "2026-01-01T00:09:30Z"})),
        "60s"
    );
    assert_eq!(cell(json!({"eventTime": "2026-01-01T00:09:00.000000Z", "firstTimestamp": null})), "60s");
}

#[test]
fn no_time_and_a_time_to_come_are_said_plainly() {
    assert_eq!(cell(json!({})), "<unknown>");
    assert_eq!(cell(json!({"firstTimestamp": "2026-01-01T01:00:00Z"})), "0s");
}

fn at(uid: &str, object: &str, reason: &str, second: u32, version: u64) -> ClusterEvent {
    event(
        json!({"metadata": {"uid": uid, "resourceVersion": version.to_string()}, "involvedObject": {"uid": object, "kind": "Pod", "name": object},
        "reason": reason, "type": if reason == "BackOff" { "Warning" } else { "Normal" }, "message": format!("{uid} says"), "count": 1,
        "firstTimestamp": format!("2026-01-01T00:09:{second:02}Z"), "lastTimestamp": format!("2026-01-01T00:09:{second:02}Z")}),
    )
}

fn shown(log: &EventLog, filter: &EventFilter) -> Vec<String> {
    log.shown(filter)
        .map(|group| format!("{} {} {}", group.newest.name, group.newest.reason, group.times.cell(now())))
        .collect()
}

#[test]
fn newest_first_and_the_version_breaks_ties() {
    let mut log = EventLog::default();
    log.put([at("a", "p1", "Pulled", 10, 5), at("b", "p2", "Pulled", 10, 7), at("c", "p3", "BackOff", 30, 1)]);
    assert_eq!(shown(&log, &EventFilter::default()), ["p3 BackOff 30s", "p2 Pulled 50s", "p1 Pulled 50s"]);
    let warnings = EventFilter { warnings_only: true, ..EventFilter::default() };
    assert_eq!(shown(&log, &warnings), ["p3 BackOff 30s"]);
    let about = EventFilter { about: Some("p2".into()), ..EventFilter::default() };
    assert_eq!(shown(&log, &about), ["p2 Pulled 50s"]);
}

#[test]
fn events_of_one_object_and_reason_are_one_line_with_their_sum() {
    let mut log = EventLog::default();
    log.put([at("a", "p", "Pulled", 10, 1), at("b", "p", "Pulled", 40, 2)]);
    log.put([at("b", "p", "Pulled", 40, 2)]);
    assert_eq!(shown(&log, &EventFilter::default()), ["p Pulled 20s (x2 over 50s)"]);
    assert_eq!(&*log.iter().next().unwrap().newest.message, "b says");
}

#[test]
fn the_same_event_again_replaces_itself() {
    let mut log = EventLog::default();
    log.put([at("a", "p", "BackOff", 10, 1)]);
    log.put([at("a", "p", "BackOff", 50, 9)]);
    assert_eq!(shown(&log, &EventFilter::default()), ["p BackOff 10s"]);
}

#[test]
fn five_hundred_groups_are_kept_and_the_rest_counted() {
    let mut log = EventLog::default();
    log.put((0..520).map(|i| at(&format!("u{i}"), &format!("p{i}"), "Pulled", i % 60, u64::from(i))));
    assert_eq!((log.len(), log.forgotten()), (500, 20));
}

#[test]
fn a_group_of_many_objects_keeps_its_count() {
    let mut log = EventLog::default();
    log.put((0..100).map(|i| at(&format!("u{i}"), "p", "Pulled", i % 60, u64::from(i))));
    assert_eq!(log.iter().next().unwrap().times.count, 100);
}

#[test]
fn a_hostile_message_is_shown_and_cut() {
    let long = format!("\u{1b}]0;owned\u{7}{}", "x".repeat(2_000_000));
    let event = event(json!({"message": long, "reason": "a\nb"}));
    assert!(event.message.starts_with("\\u{1b}]0;owned\\u{7}x") && event.message.len() < 1100);
    assert_eq!(&*event.reason, "a\\u{a}b");
}
