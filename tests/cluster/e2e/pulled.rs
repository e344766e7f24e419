//! The ripcord on the real cluster, pulled from another terminal at every moment of a canary: each time the release
//! is at its baseline again, was looked at there, and the trail proves it.

use std::{process::Stdio, thread, time::Duration};

use serde_json::json;

use crate::{
    canary::{BOOK, CONFIRM, Canary, ended},
    proxy::Proxy,
    said::words,
    support::{eventually, ours},
};

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn before_the_first_write_there_is_nothing_to_lead_back() {
    let canary = Canary::new("pull-first");
    let child = canary.begin(&["first=10m"]);
    canary.tells("\"step\":\"stand\"");
    canary.pull();
    let said = ended(child, 1);
    assert!(canary.trail().contains("\"status\":\"aborted\"") && canary.image().ends_with(":v1.4.1"), "{said}");
    assert!(!canary.trail().contains("rollback.began"), "{said}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn in_the_middle_of_an_upgrade_whose_image_never_comes() {
    let canary = Canary::new("pull-upgrade");
    let child = canary.stuck();
    canary.pull();
    canary.is_back(&ended(child, 1));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn in_a_gate() {
    let canary = Canary::new("pull-gate");
    let child = canary.begin(&["soak=10m"]);
    canary.tells("gate.sample");
    canary.pull();
    canary.is_back(&ended(child, 1));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn while_somebody_is_asked_to_approve() {
    let canary = Canary::new("pull-approval");
    // Nobody approves: the run is left open, and pulled from elsewhere.
    let said = ended(canary.begin(&[]), 3);
    assert!(said.contains("go"), "{said}");
    let pulled = canary.pull();
    assert_eq!(pulled.status.code(), Some(1), "{}", words(&pulled));
    canary.is_back(&words(&pulled));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn after_the_console_was_killed_in_the_middle_of_an_upgrade() {
    let canary = Canary::new("pull-killed");
    let mut child = canary.stuck();
    child.kill().unwrap();
    child.wait().unwrap();
    let pulled = canary.pull();
    assert_eq!(pulled.status.code(), Some(1), "{}", words(&pulled));
    canary.is_back(&words(&pulled));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn killed_in_the_middle_of_the_way_back_and_taken_up_again() {
    let canary = Canary::new("pull-lane");
    let child = canary.stuck();
    let mut puller = canary.command(&["rollback", &canary.run(), "--headless"]);
    let puller = puller.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    canary.does("back-to-baseline");
    let mut child = child;
    child.kill().unwrap();
    child.wait().unwrap();
    let mut puller = puller;
    let _ = puller.kill();
    let _ = puller.wait();
    let resumed = canary.resume(CONFIRM);
    assert_eq!(resumed.status.code(), Some(1), "{}", words(&resumed));
    canary.is_back(&words(&resumed));
    let history = canary.here.helm(["history", "ml-system", "-o", "json"]);
    assert_eq!(history.matches("Rollback to").count(), 1, "led back once: {history}");
}

/// Who the cluster is is asked after the record of a step and before its helm is started: there it stands still.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn killed_before_its_helm_was_started_the_release_says_so_and_nobody_is_asked() {
    let (canary, proxy) = Canary::proxied("pull-between");
    let mut child = canary.begin(&["soak=10m"]);
    canary.tells("gate.sample");
    proxy.set(json!({"fault": "delay", "milliseconds": 60000, "path": "/namespaces/kube-system"}));
    let mut puller = canary.command(&["rollback", &canary.run(), "--headless"]);
    let mut puller = puller.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let recorded = |line: &str| line.contains("step.intent") && line.contains("back-to-baseline");
    eventually("the record of the way back", 30, || canary.trail().lines().any(recorded).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    puller.wait().unwrap();
    proxy.heal();
    let resumed = canary.resume(CONFIRM);
    let said = words(&resumed);
    assert_eq!(resumed.status.code(), Some(1), "{said}");
    assert!(said.contains("before helm made a revision"), "{said}");
    canary.is_back(&said);
    let history = canary.here.helm(["history", "ml-system", "-o", "json"]);
    assert_eq!(history.matches("Rollback to").count(), 1, "led back once: {history}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn in_a_script_that_runs() {
    let canary = Canary::new("pull-script");
    let child = canary.begin(&["pause=600"]);
    canary.does("smoke");
    canary.pull();
    let said = ended(child, 1);
    assert!(said.contains("smoke: aborted"), "{said}");
    canary.is_back(&said);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn in_a_gate_whose_prometheus_has_gone() {
    let (mut canary, proxy) = (Canary::new("pull-prom"), Proxy::prometheus());
    canary.prometheus.clone_from(&proxy.url);
    let child = canary.begin(&["soak=10m"]);
    canary.tells("gate.sample");
    proxy.set(json!({"fault": "cut"}));
    canary.tells("unreachable");
    canary.pull();
    canary.is_back(&ended(child, 1));
}

/// It hears neither the API nor INT nor TERM, and is killed in the end; what it leaves is a pending release.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn in_a_helm_that_hangs() {
    let (canary, proxy) = Canary::proxied("pull-hung");
    let child = canary.begin(&["tag=v1.5.0-noimage"]);
    eventually("the pod that cannot pull", 60, || canary.image().ends_with("noimage").then_some(()));
    canary.does("upgrade");
    proxy.set(json!({"fault": "blackHole"}));
    canary.pull_and_leave();
    eventually("helm's end", 90, || {
        let over = |line: &str| line.contains("step.outcome") && line.contains("\"step\":\"upgrade\"");
        canary.trail().lines().any(over).then_some(())
    });
    proxy.heal();
    canary.is_back(&ended(child, 1));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn over_an_api_that_comes_and_goes() {
    let (canary, proxy) = Canary::proxied("pull-flaps");
    let child = canary.begin(&["soak=10m"]);
    canary.tells("gate.sample");
    canary.pull_and_leave();
    let held = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..6 {
                proxy.set(json!({"fault": "cut"}));
                thread::sleep(Duration::from_millis(400));
                proxy.heal();
                thread::sleep(Duration::from_millis(1600));
            }
        });
        child.wait_with_output().unwrap()
    });
    let said = words(&held);
    // Where it cut helm itself off, a person is asked, and tries again.
    if held.status.code() == Some(3) {
        let again = canary.resume("steps: {back-to-baseline: {onFailure: [retry, retry]}}");
        assert_eq!(again.status.code(), Some(1), "{said}\n{}", words(&again));
    } else {
        assert_eq!(held.status.code(), Some(1), "{said}");
    }
    canary.is_back(&said);
}

/// Neither the run nor whoever pulls can write another byte of the trail.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn on_a_full_disk() {
    let canary = Canary::new("pull-full");
    let child = canary.begin(&["soak=10m"]);
    canary.tells("gate.sample");
    let full = canary.trail().len() / 1024;
    let limit = format!("--fsize={}", full * 1024);
    let limited = canary.here.command("prlimit").args(["--pid", &child.id().to_string(), &limit]).status().unwrap();
    assert!(limited.success());
    let said = ended(child, 4);
    assert!(said.contains("trail"), "{said}");
    let script = format!("trap '' XFSZ; ulimit -f {full}; exec \"$@\"");
    let pull = canary.command(&["rollback", &canary.run(), "--headless", "--why", "the disk is full"]);
    let mut bash = canary.here.command("bash");
    bash.args(["-c", &script, "bash"]).arg(pull.get_program()).args(pull.get_args());
    let pulled = bash.output().unwrap();
    let said = words(&pulled);
    assert!(canary.image().ends_with(":v1.4.1"), "{said}");
    assert_eq!(pulled.status.code(), Some(4), "what was done is not in the trail yet: {said}");
    // With room again its end is told, from the reserve.
    let told = canary.resume("");
    assert!(words(&told).contains("the trail tells it all now"), "{}", words(&told));
    assert_eq!(told.status.code(), Some(1));
    let trail = canary.trail();
    assert!(trail.contains("audit.gap") && trail.contains("\"status\":\"rolledBack\""), "{trail}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn in_a_rollout_that_helm_knows_nothing_of() {
    let mut canary = Canary::new("pull-rollout");
    canary.book = "tests/cluster/e2e/runbooks/rollout.yaml";
    let child = canary.begin(&[]);
    canary.tells("\"step\":\"settled\"");
    eventually("the pod that cannot pull", 30, || canary.image().ends_with("noimage").then_some(()));
    canary.pull();
    canary.is_back(&ended(child, 1));
}

/// Somebody's `--history-max` took the revision away: the lane sees it and takes the snapshot instead.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn to_a_baseline_that_helm_has_forgotten() {
    let mut canary = Canary::new("pull-pruned");
    canary.book = "tests/cluster/e2e/runbooks/pruned.yaml";
    let to = format!("backups={}", canary.state.path().join("backups/").display());
    let said = ended(canary.begin(&[&to]), 3);
    assert!(said.contains("go"), "{said}");
    canary.here.kubectl(["delete", "secret", "sh.helm.release.v1.ml-system.v1"]);
    let pulled = canary.pull();
    let said = words(&pulled);
    assert_eq!(pulled.status.code(), Some(1), "{said}");
    assert!(said.contains("restore: succeeded") && !said.contains("back: succeeded"), "{said}");
    assert!(said.contains("revision 1 is not in Helm's history any more"), "{said}");
    canary.is_back(&said);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_second_operator_is_told_who_is_at_it_and_may_take_over() {
    let canary = Canary::new("two");
    let child = canary.begin(&["soak=10m"]);
    canary.tells("is ours");
    let first = canary.run();
    let other = tempfile::tempdir().unwrap();
    let second = |more: &[&str]| {
        let mut command = canary.here.command(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("--state-dir").arg(other.path()).args(["run", BOOK, "--headless", "--yes-to", "read,write"]);
        let (namespace, prometheus) =
            (format!("namespace={}", canary.here.name), format!("prometheus={}", ours("PROMETHEUS_URL")));
        command.args(["-p", &namespace, "-p", &prometheus]).args(more).output().unwrap()
    };
    let refused = second(&[]);
    let said = words(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&first) && said.contains("--take-lock"), "{said}");
    let taken = second(&["--take-lock", &first]);
    assert_eq!(taken.status.code(), Some(3), "it goes on to the approval: {}", words(&taken));
    canary.pull();
    canary.is_back(&ended(child, 1));
}
