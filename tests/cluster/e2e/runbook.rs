//! ripcord itself, headless, on the real cluster: a deployment that goes bad, seen in
//! Prometheus, rolled back to the revision that was recorded; the trail verified.

use std::process::Output;

use serde_json::Value;

use crate::{
    said::words,
    support::{Namespace, ours},
};

const BOOK: &str = "tests/cluster/e2e/runbooks/bad-deploy.yaml";

/// A state directory of its own, and the namespace the runbook works in.
struct Machine {
    here: Namespace,
    state: tempfile::TempDir,
}

impl Machine {
    fn new(of: &str) -> Self {
        Machine { here: Namespace::new(of), state: tempfile::tempdir().unwrap() }
    }

    fn ripcord(&self, argv: &[&str]) -> Output {
        let mut command = self.here.command(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("--state-dir").arg(self.state.path()).args(argv).output().unwrap()
    }

    /// Runs the book up to its end; the answers confirm the way back.
    fn run(&self, tag: &str) -> Output {
        let answers = self.state.path().join("answers.yaml");
        std::fs::write(&answers, "rollback: {confirm: true}\n").unwrap();
        let (answers, namespace) = (answers.to_str().unwrap(), format!("namespace={}", self.here.name));
        let (prometheus, tag) = (format!("prometheus={}", ours("PROMETHEUS_URL")), format!("tag={tag}"));
        self.ripcord(&[
            "run",
            BOOK,
            "--headless",
            "--answers",
            answers,
            "--yes-to",
            "read,write",
            "-o",
            "json",
            "-p",
            &namespace,
            "-p",
            &prometheus,
            "-p",
            &tag,
        ])
    }

    fn verify(&self) -> Output {
        self.ripcord(&["trail", "verify", "--all"])
    }

    fn image(&self) -> String {
        let object = self.here.json(["get", "deployment", "ml-api"]);
        object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    /// (status, description) of the release's revisions.
    fn history(&self) -> Vec<(String, String)> {
        let all: Vec<Value> = serde_json::from_str(&self.here.helm(["history", "ml-system", "-o", "json"])).unwrap();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        all.iter().map(|r| (text(&r["status"]), text(&r["description"]))).collect()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// The kinds of the facts that `-o json` printed, in order.
fn kinds(output: &Output) -> Vec<String> {
    let facts = String::from_utf8_lossy(&output.stdout).into_owned();
    let kind = |line: &str| serde_json::from_str::<Value>(line).ok()?["kind"].as_str().map(str::to_owned);
    facts.lines().filter_map(kind).collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_bad_upgrade_is_seen_rolled_back_to_the_recorded_revision_and_proven() {
    let machine = Machine::new("badbook");
    let run = machine.run("v1.5.0-bad");
    assert_eq!(code(&run), 1, "rolled back is 1: {}", words(&run));
    let kinds = kinds(&run);
    assert!(kinds.iter().any(|k| k == "rollback.began"), "{kinds:?}");
    assert_eq!(kinds.last().map(String::as_str), Some("run.closed"), "{}", words(&run));
    assert!(machine.image().ends_with(":v1.4.1"));
    let history = machine.history();
    assert_eq!(history.last(), Some(&("deployed".to_owned(), "Rollback to 1".to_owned())), "{history:?}");
    let verified = machine.verify();
    assert_eq!(code(&verified), 0, "{}", words(&verified));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_good_upgrade_stays_and_a_changed_trail_is_found() {
    let machine = Machine::new("goodbook");
    let run = machine.run("v1.5.0");
    assert_eq!(code(&run), 0, "{}", words(&run));
    assert!(!kinds(&run).iter().any(|k| k == "rollback.began"));
    assert!(machine.image().ends_with(":v1.5.0"));
    assert_eq!(machine.history().len(), 2);
    assert_eq!(code(&machine.verify()), 0);
    let runs = std::fs::read_dir(machine.state.path().join("runs")).unwrap();
    let trail = runs.map(|run| run.unwrap().path().join("trail.jsonl")).find(|t| t.exists()).unwrap();
    let told = std::fs::read_to_string(&trail).unwrap();
    assert!(told.contains("v1.5.0"));
    std::fs::write(&trail, told.replace("v1.5.0", "v1.6.0")).unwrap();
    let verified = machine.verify();
    assert_eq!(code(&verified), 1, "{}", words(&verified));
}
