//! Every fate a tag can give a pod, as `kubectl get pods` prints it.

use serde_json::json;

use crate::support::{Namespace, eventually};

/// Waits until the pod's row says so; restarts are compared apart.
fn reaches(here: &Namespace, pod: &str, ready: &str, status: &str) {
    let mut last = vec![];
    let seen = || {
        last = here.row(pod);
        (last[1] == ready && last[2] == status).then_some(())
    };
    eventually(&format!("{pod} {ready} {status}"), 60, seen);
}

fn run(here: &Namespace, fate: &str) {
    here.kubectl(["run", fate, &format!("--image=registry.example/api:{fate}")]);
}

fn reasons(here: &Namespace, pod: &str) -> Vec<String> {
    let of = format!("--field-selector=involvedObject.name={pod}");
    let events = here.json(["get", "events", &of]);
    events["items"].as_array().unwrap().iter().map(|e| e["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_ordinary_tag_runs() {
    let here = Namespace::new("runs");
    here.kubectl(["run", "good", "--image=registry.example/api:v1.4.1"]);
    reaches(&here, "good", "1/1", "Running");
    let reasons = reasons(&here, "good");
    for expected in ["Scheduled", "Pulled", "Created", "Started"] {
        assert!(reasons.iter().any(|r| r == expected), "{expected} is not among {reasons:?}");
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn crash_loops_with_growing_restarts_and_a_last_termination() {
    let here = Namespace::new("crash");
    run(&here, "crash");
    reaches(&here, "crash", "0/1", "Error");
    reaches(&here, "crash", "0/1", "CrashLoopBackOff");
    eventually("two restarts", 60, || (here.row("crash")[3].parse::<u32>().ok()? >= 2).then_some(()));
    let status = &here.json(["get", "pod", "crash"])["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1, "{status}");
    assert!(status["lastState"]["terminated"]["message"].as_str().unwrap().contains("panic"), "{status}");
    assert!(reasons(&here, "crash").iter().any(|r| r == "BackOff"));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn oom_is_killed_and_loops() {
    let here = Namespace::new("oom");
    run(&here, "oom");
    reaches(&here, "oom", "0/1", "OOMKilled");
    reaches(&here, "oom", "0/1", "CrashLoopBackOff");
    let status = &here.json(["get", "pod", "oom"])["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 137, "{status}");
    assert_eq!(status["lastState"]["terminated"]["reason"], "OOMKilled", "{status}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_image_that_is_not_there_backs_off_with_events() {
    let here = Namespace::new("noimage");
    run(&here, "noimage");
    reaches(&here, "noimage", "0/1", "ErrImagePull");
    reaches(&here, "noimage", "0/1", "ImagePullBackOff");
    eventually("the events", 10, || {
        let reasons = reasons(&here, "noimage");
        ["Failed", "BackOff"].iter().all(|e| reasons.iter().any(|r| r == e)).then_some(())
    });
    let waiting = &here.json(["get", "pod", "noimage"])["status"]["containerStatuses"][0]["state"]["waiting"];
    assert!(waiting["message"].as_str().unwrap().contains("registry.example/api:noimage"), "{waiting}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn missing_config_eviction_and_unready_say_their_names() {
    let here = Namespace::new("sick");
    for fate in ["noconfig", "evicted", "unready"] {
        run(&here, fate);
    }
    reaches(&here, "noconfig", "0/1", "CreateContainerConfigError");
    reaches(&here, "evicted", "0/1", "Evicted");
    reaches(&here, "unready", "0/1", "Running");
    eventually("the failed probe", 30, || reasons(&here, "unready").iter().any(|r| r == "Unhealthy").then_some(()));
    assert_eq!(here.row("unready")[1], "0/1");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn slow_takes_half_a_minute() {
    let here = Namespace::new("slow");
    run(&here, "slow");
    reaches(&here, "slow", "0/1", "ContainerCreating");
    reaches(&here, "slow", "1/1", "Running");
    let pod = here.json(["get", "pod", "slow"]);
    let time = |v: &serde_json::Value| v.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let took = time(&pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
        - time(&pod["metadata"]["creationTimestamp"]);
    assert!(took.total(jiff::Unit::Second).unwrap() >= 29.0, "{took}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn init_containers_and_sidecars_go_in_order() {
    let here = Namespace::new("init");
    let pod = |name: &str, inits: serde_json::Value| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
            "initContainers": inits, "containers": [{"name": "main", "image": "r.example/api:v1"}]}})
    };
    here.apply(&pod(
        "good",
        json!([
        {"name": "migrate", "image": "r.example/migrate:v1"},
        {"name": "mesh", "image": "r.example/mesh:v1", "restartPolicy": "Always"}]),
    ));
    here.apply(&pod(
        "bad",
        json!([
        {"name": "first", "image": "r.example/first:v1"}, {"name": "second", "image": "r.example/second:crash"}]),
    ));
    here.apply(&pod("lost", json!([{"name": "only", "image": "r.example/only:noimage"}])));
    reaches(&here, "good", "2/2", "Running");
    reaches(&here, "bad", "0/1", "Init:Error");
    reaches(&here, "bad", "0/1", "Init:CrashLoopBackOff");
    reaches(&here, "lost", "0/1", "Init:ImagePullBackOff");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_pod_bigger_than_any_node_stays_pending_by_the_real_scheduler() {
    let here = Namespace::new("big");
    here.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": {"containers": [
        {"name": "main", "image": "r.example/api:v1", "resources": {"requests": {"cpu": "100"}}}]}}));
    let message = eventually("FailedScheduling", 30, || {
        let events = here.json(["get", "events", "--field-selector=reason=FailedScheduling"]);
        events["items"][0]["message"].as_str().map(str::to_owned)
    });
    assert!(message.contains("Insufficient cpu"), "{message}");
    assert_eq!(here.row("big")[2], "Pending");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn jobs_complete_or_fail() {
    let here = Namespace::new("jobs");
    for (name, tag) in [("good", "v1"), ("bad", "crash")] {
        here.kubectl(["create", "job", name, &format!("--image=r.example/job:{tag}")]);
    }
    here.kubectl(["wait", "--for=condition=complete", "job/good", "--timeout=60s"]);
    let status = |job: &str| {
        let rows = here.kubectl(["get", "pods", "-l", &format!("job-name={job}"), "--no-headers"]);
        rows.split_whitespace().nth(2).unwrap_or_default().to_owned()
    };
    assert_eq!(status("good"), "Completed");
    eventually("the bad job's pod", 30, || (status("bad") == "Error").then_some(()));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn stuck_pods_leave_only_by_force() {
    let here = Namespace::new("stuck");
    run(&here, "stuck");
    here.kubectl(["run", "good", "--image=r.example/api:v1"]);
    reaches(&here, "stuck", "1/1", "Running");
    reaches(&here, "good", "1/1", "Running");
    here.kubectl(["delete", "pod", "stuck", "good", "--wait=false"]);
    eventually("the good one's end", 30, || here.try_kubectl(["get", "pod", "good"]).is_err().then_some(()));
    assert_eq!(here.row("stuck")[2], "Terminating");
    here.kubectl(["delete", "pod", "stuck", "--force", "--grace-period=0"]);
    eventually("the stuck one's end", 30, || here.try_kubectl(["get", "pod", "stuck"]).is_err().then_some(()));
}
