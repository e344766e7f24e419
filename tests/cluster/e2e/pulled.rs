//! The ripcord on the real cluster, pulled from another terminal at every moment of a canary: each time the release
//! is at its baseline again, was looked at there, and the trail proves it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use crate::{
    said::words,
    support::{Namespace, eventually, ours},
};

const BOOK: &str = "tests/cluster/e2e/runbooks/canary.yaml";
const CONFIRM: &str = "rollback: {confirm: true}\n";

/// A release at v1.4.1, and an operator with a state directory.
struct Canary {
    here: Namespace,
    state: tempfile::TempDir,
}

impl Canary {
    fn new(of: &str) -> Self {
        let here = Namespace::new(of);
        here.install("v1.4.1");
        Canary { here, state: tempfile::tempdir().unwrap() }
    }

    fn command(&self, argv: &[&str]) -> Command {
        let mut command = self.here.command(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("--state-dir").arg(self.state.path()).args(argv);
        command
    }

    fn begin(&self, params: &[&str]) -> Child {
        let answers = self.state.path().join("answers.yaml");
        fs::write(&answers, CONFIRM).unwrap();
        let mut command = self.command(&["run", BOOK, "--headless", "--yes-to", "read,write", "--answers"]);
        command.arg(&answers);
        let own = [format!("namespace={}", self.here.name), format!("prometheus={}", ours("PROMETHEUS_URL"))];
        for param in own.iter().map(String::as_str).chain(params.iter().copied()) {
            command.args(["-p", param]);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// In the middle of an upgrade whose image never comes.
    fn stuck(&self) -> Child {
        let child = self.begin(&["tag=v1.5.0-noimage"]);
        self.tells("helm upgrade ml-system");
        eventually("the pod that cannot pull", 30, || self.image().ends_with("noimage").then_some(()));
        child
    }

    fn runs(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.state.path().join("runs")).into_iter().flatten();
        runs.map(|run| run.unwrap().path()).collect()
    }

    fn run(&self) -> String {
        eventually("a run", 20, || self.runs().first()?.file_name()?.to_str().map(str::to_owned))
    }

    fn trail(&self) -> String {
        self.runs().first().and_then(|run| fs::read_to_string(run.join("trail.jsonl")).ok()).unwrap_or_default()
    }

    /// Waits until the trail says it.
    fn tells(&self, words: &str) {
        eventually(words, 60, || self.trail().contains(words).then_some(()));
    }

    fn pull(&self) -> Output {
        let run = self.run();
        self.command(&["rollback", &run, "--headless", "--why", "pulled by the test", "--yes-to", "read,write"])
            .output()
            .unwrap()
    }

    fn image(&self) -> String {
        let object = self.here.json(["get", "deployment", "ml-api"]);
        object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    /// At the baseline, seen there, with a trail that verifies.
    fn is_back(&self, said: &str) {
        assert!(self.image().ends_with(":v1.4.1"), "{}\n{said}", self.image());
        let trail = self.trail();
        assert!(trail.contains("rollback.verified") && trail.contains("images equal the baseline"), "{said}\n{trail}");
        assert!(trail.contains("\"status\":\"rolledBack\""), "{said}");
        let verified = self.command(&["trail", "verify", "--all"]).output().unwrap();
        assert_eq!(verified.status.code(), Some(0), "{}", words(&verified));
    }
}

fn ended(child: Child, code: i32) -> String {
    let output = child.wait_with_output().unwrap();
    let said = words(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

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
    // In the middle: Helm runs. (Killed between the record and the start, it would ask what became of it.)
    let started = |line: &str| line.contains("step.started") && line.contains("back-to-baseline");
    eventually("the way back under way", 60, || canary.trail().lines().any(started).then_some(()));
    let mut child = child;
    child.kill().unwrap();
    child.wait().unwrap();
    let mut puller = puller;
    let _ = puller.kill();
    let _ = puller.wait();
    let resumed = canary
        .command(&["resume", &canary.run(), "--headless", "--yes-to", "read,write", "--answers"])
        .arg(canary.state.path().join("answers.yaml"))
        .output()
        .unwrap();
    assert_eq!(resumed.status.code(), Some(1), "{}", words(&resumed));
    canary.is_back(&words(&resumed));
    let history = canary.here.helm(["history", "ml-system", "-o", "json"]);
    assert_eq!(history.matches("Rollback to").count(), 1, "led back once: {history}");
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
