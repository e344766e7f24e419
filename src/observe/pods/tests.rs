//! The server's own corner cases, each with what `kubectl get pods` prints for it.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn pod(object: Value) -> SlimPod {
    serde_json::from_value(object).unwrap()
}

fn row(object: Value) -> PodRow {
    PodRow::new(&pod(object))
}

/// `READY STATUS RESTARTS` at a fixed now.
fn cells(object: Value) -> String {
    let now: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    let row = row(object);
    format!("{} {} {}", row.ready_cell(), row.status, row.restarts_cell(now))
}

fn spec(n: usize) -> Value {
    json!({"containers": vec![json!({}); n]})
}

fn running() -> Value {
    json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}})
}

#[test]
fn plain_containers() {
    let cases = [
        (
            json!({"spec": spec(2), "status": {"phase": "podPhase", "containerStatuses": [{"ready": true, "restartCount": 3, "state": running()}, {"restartCount": 3}]}}),
            "1/2 podPhase 6",
        ),
        (
            json!({"spec": spec(2), "status": {"phase": "podPhase", "reason": "podReason", "containerStatuses": [{"ready": true, "restartCount": 3, "state": running()}, {"restartCount": 3}]}}),
            "1/2 podReason 6",
        ),
        (
            json!({"spec": spec(2), "status": {"phase": "Running", "containerStatuses": [
            {"restartCount": 3, "state": {"waiting": {"reason": "ContainerWaitingReason"}}},
            {"restartCount": 3, "state": {"terminated": {"exitCode": 1, "reason": "ContainerTerminatedReason"}}}]}}),
            "0/2 ContainerWaitingReason 6",
        ),
        (
            json!({"spec": spec(1), "status": {"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}}),
            "0/1 ExitCode:3 0",
        ),
        (
            json!({"spec": spec(1), "status": {"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 137, "signal": 9}}}]}}),
            "0/1 Signal:9 0",
        ),
        (
            json!({"spec": spec(1), "status": {"phase": "Running", "containerStatuses": [{"ready": true, "state": {"waiting": {"reason": ""}}}]}}),
            "0/1 Running 0",
        ),
        (json!({"spec": spec(1), "status": {"phase": "Pending"}}), "0/1 Pending 0"),
        (json!({"spec": spec(1)}), "0/1  0"),
    ];
    for (object, said) in cases {
        assert_eq!(cells(object.clone()), said, "{object}");
    }
}

#[test]
fn the_first_container_speaks_last() {
    let two = json!({"spec": spec(2), "status": {"phase": "Running", "containerStatuses": [
        {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
        {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}});
    assert_eq!(cells(two), "0/2 Error 0", "a failure is not hidden behind a container that is done");
    let three = json!({"spec": spec(2), "status": {"phase": "Running", "containerStatuses": [
        {"state": {"waiting": {"reason": "CrashLoopBackOff"}}},
        {"state": {"terminated": {"exitCode": 1}}}]}});
    assert_eq!(cells(three), "0/2 CrashLoopBackOff 0");
}

#[test]
fn completed_beside_running_is_running_or_not_ready() {
    let with = |conditions: Value| {
        cells(json!({"spec": spec(2), "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [
            {"restartCount": 1, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
            {"ready": true, "restartCount": 2, "state": running()}]}}))
    };
    assert_eq!(with(json!([{"type": "Ready", "status": "True"}])), "1/2 Running 3");
    assert_eq!(with(json!([{"type": "Ready", "status": "False"}])), "1/2 NotReady 3");
    assert_eq!(with(json!(null)), "1/2 NotReady 3");
}

fn init(init: Value, statuses: Value, conditions: Value) -> String {
    cells(json!({
        "spec": {"containers": [{}], "initContainers": init},
        "status": {"phase": "Pending", "conditions": conditions, "initContainerStatuses": statuses,
            "containerStatuses": [{"restartCount": 1, "state": {"waiting": {"reason": "PodInitializing"}}}]},
    }))
}

#[test]
fn init_containers() {
    let two = || json!([{"name": "a"}, {"name": "b"}]);
    let done =
        || json!({"name": "a", "restartCount": 1, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    let none = || json!([]);
    assert_eq!(
        init(two(), json!([done(), {"name": "b", "restartCount": 3, "state": running()}]), none()),
        "0/1 Init:1/2 4"
    );
    assert_eq!(
        init(two(), json!([{"name": "a", "state": {"waiting": {"reason": "PodInitializing"}}}]), none()),
        "0/1 Init:0/2 0"
    );
    assert_eq!(
        init(two(), json!([{"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]), none()),
        "0/1 Init:ImagePullBackOff 0"
    );
    assert_eq!(
        init(two(), json!([{"name": "a", "state": {"terminated": {"exitCode": 2}}}]), none()),
        "0/1 Init:ExitCode:2 0"
    );
    assert_eq!(
        init(two(), json!([{"name": "a", "state": {"terminated": {"exitCode": 2, "signal": 9}}}]), none()),
        "0/1 Init:Signal:9 0"
    );
    assert_eq!(
        init(two(), json!([{"name": "a", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]), none()),
        "0/1 Init:Error 0"
    );
    assert_eq!(
        init(two(), json!([done(), {"name": "b", "state": {"terminated": {"exitCode": 0}}}]), none()),
        "0/1 PodInitializing 1"
    );
    let initialized = json!([{"type": "Initialized", "status": "True"}]);
    assert_eq!(
        init(two(), json!([{"name": "a", "restartCount": 5, "state": running()}]), initialized),
        "0/1 PodInitializing 1"
    );
}

#[test]
fn sidecars_count_among_the_containers() {
    let sidecar = |started: bool, ready: bool| {
        json!({"spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}, {"name": "i"}]},
            "status": {"phase": "Running", "initContainerStatuses": [
                {"name": "s", "restartCount": 2, "started": started, "ready": ready, "state": running()},
                {"name": "i", "restartCount": 4, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
              "containerStatuses": [{"name": "c", "ready": true, "restartCount": 3, "state": running()}]}})
    };
    assert_eq!(cells(sidecar(true, true)), "2/2 Running 5");
    assert_eq!(cells(sidecar(true, false)), "1/2 Running 5");
    assert_eq!(cells(sidecar(false, false)), "0/2 Init:0/2 2");
}

#[test]
fn deletion_gates_and_lost_nodes() {
    let deleted = |phase: &str, reason: &str| {
        cells(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec(1),
            "status": {"phase": phase, "reason": reason, "containerStatuses": [{"ready": true, "state": running()}]}}))
    };
    assert_eq!(deleted("Running", ""), "1/1 Terminating 0");
    assert_eq!(deleted("Running", "NodeLost"), "1/1 Unknown 0");
    assert_eq!(deleted("Succeeded", ""), "1/1 Succeeded 0");
    assert_eq!(deleted("Failed", "NodeLost"), "1/1 Unknown 0");
    let gated = json!({"spec": spec(1), "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}});
    assert_eq!(cells(gated), "0/1 SchedulingGated 0");
    let evicted = json!({"spec": spec(1), "status": {"phase": "Failed", "reason": "Evicted"}});
    assert_eq!(cells(evicted), "0/1 Evicted 0");
}

#[test]
fn the_latest_restart_is_named() {
    let at = |t: &str| json!({"terminated": {"exitCode": 1, "finishedAt": t}});
    let two = json!({"spec": spec(2), "status": {"phase": "Running", "containerStatuses": [
        {"ready": true, "restartCount": 3, "state": running(), "lastState": at("2026-01-01T00:09:12Z")},
        {"ready": true, "restartCount": 3, "state": running(), "lastState": at("2026-01-01T00:05:00Z")}]}});
    assert_eq!(cells(two), "2/2 Running 6 (48s ago)");
    let none = json!({"spec": spec(1), "status": {"phase": "Running", "containerStatuses": [
        {"ready": true, "restartCount": 0, "state": running(), "lastState": at("2026-01-01T00:05:00Z")}]}});
    assert_eq!(cells(none), "1/1 Running 0");
    let early = json!({"spec": spec(1), "status": {"phase": "Running", "containerStatuses": [
        {"ready": true, "restartCount": 2, "state": running(), "lastState": {"terminated": {"exitCode": 1, "finishedAt": null}}}]}});
    assert_eq!(cells(early), "1/1 Running 2");
}

#[test]
fn wide_columns() {
    let bare = row(json!({"spec": spec(1)}));
    assert_eq!(bare.wide_cells(), ["<none>", "<none>", "<none>", "<none>"].map(str::to_owned));
    let full = row(
        json!({"spec": {"containers": [{}], "nodeName": "n1", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
        "status": {"podIP": "1.1.1.1", "podIPs": [{"ip": "1.1.1.1"}, {"ip": "2001:db8::"}], "nominatedNodeName": "n2",
                   "conditions": [{"type": "a", "status": "True"}, {"type": "b", "status": "False"}]}}),
    );
    assert_eq!(full.wide_cells(), ["1.1.1.1", "n1", "n2", "1/2"].map(str::to_owned));
}

#[test]
fn what_is_well_and_what_is_not() {
    let health = |object: Value| row(object).health;
    let well = json!({"spec": spec(1), "status": {"phase": "Running", "containerStatuses": [{"ready": true, "state": running()}]}});
    assert_eq!(health(well), Health::Well);
    assert_eq!(health(json!({"spec": spec(1), "status": {"phase": "Succeeded"}})), Health::Well);
    let creating = json!({"spec": spec(1), "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}});
    assert_eq!(health(creating), Health::Moving);
    assert_eq!(health(json!({"spec": spec(1), "status": {"phase": "Pending"}})), Health::Sick);
    let unready = json!({"spec": spec(1), "status": {"phase": "Running", "containerStatuses": [{"ready": false, "state": running()}]}});
    assert_eq!(health(unready), Health::Sick);
}

#[test]
fn hostile_names_and_nulls_are_met() {
    let hostile = row(
        json!({"metadata": {"name": "a\u{1b}[2J", "labels": {"k": "v\u{202e}"}, "ownerReferences": null},
        "spec": {"containers": null, "initContainers": null}, "status": {"reason": "x\ny", "containerStatuses": null}}),
    );
    assert_eq!((&*hostile.name, &*hostile.status), ("a\\u{1b}[2J", "x\\u{a}y"));
    assert_eq!(hostile.label("k"), Some("v\\u{202e}"));
}

#[test]
fn restarts_are_counted_from_a_moment_on() {
    let since: Timestamp = "2026-01-01T00:05:00Z".parse().unwrap();
    let pod = |uid: &str, created: &str, restarts: u64, last: &str| {
        row(
            json!({"metadata": {"uid": uid, "creationTimestamp": created}, "spec": spec(1), "status": {"phase": "Running", "containerStatuses": [
            {"ready": true, "restartCount": restarts, "state": running(), "lastState": {"terminated": {"finishedAt": last}}}]}}),
        )
    };
    let old = |restarts| pod("old", "2026-01-01T00:00:00Z", restarts, "2026-01-01T00:04:00Z");
    let hit = pod("hit", "2026-01-01T00:00:00Z", 7, "2026-01-01T00:06:00Z");
    let new = pod("new", "2026-01-01T00:06:00Z", 2, "2026-01-01T00:07:00Z");
    assert_eq!(restarts_since([&old(4)], since), 0);
    assert_eq!(restarts_since([&old(4), &hit, &new], since), 3);
    let mut tally = RestartTally::new(since);
    assert_eq!(tally.look([&old(4), &new]).restarts, 2);
    assert_eq!(tally.look([&old(6)]), PodCount { restarts: 4, ready: 1, pods: 1 });
}

proptest! {
    /// Whatever a server sends, a row comes of it, safe to show.
    #[test]
    fn any_text_becomes_a_row(name in ".*", reason in ".*", message in ".*", count in any::<i32>()) {
        let row = row(json!({"metadata": {"name": name}, "spec": spec(1), "status": {"phase": "Pending", "reason": reason,
            "containerStatuses": [{"restartCount": count, "state": {"waiting": {"reason": "X", "message": message}}}]}}));
        for text in row.cells(Timestamp::UNIX_EPOCH).iter().chain(row.sick.iter().flat_map(|s| s.containers.iter().filter_map(|c| c.waiting.as_ref().map(|w| &w.1)))) {
            prop_assert!(text.chars().all(|c| !c.is_control()));
        }
    }
}
