//! A release with an operator at it: a canary that can be pulled back at any moment, and what is asked of it afterwards.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use crate::{
    proxy::Proxy,
    said::words,
    support::{Namespace, eventually, ours},
};

pub const BOOK: &str = "tests/cluster/e2e/runbooks/canary.yaml";
pub const CONFIRM: &str = "rollback: {confirm: true}\n";

/// A release at v1.4.1, and an operator with a state directory.
pub struct Canary {
    pub here: Namespace,
    pub state: tempfile::TempDir,
    /// What the operator's kubectl uses.
    pub kubeconfig: PathBuf,
    pub prometheus: String,
    /// What is run.
    pub book: &'static str,
}

impl Canary {
    pub fn new(of: &str) -> Self {
        let here = Namespace::new(of);
        here.install("v1.4.1");
        let kubeconfig = here.kubeconfig.clone();
        Canary { here, state: tempfile::tempdir().unwrap(), kubeconfig, prometheus: ours("PROMETHEUS_URL"), book: BOOK }
    }

    /// Behind a proxy of its own in front of the API server.
    pub fn proxied(of: &str) -> (Self, Proxy) {
        let (mut canary, proxy) = (Canary::new(of), Proxy::api());
        canary.kubeconfig = canary.state.path().join("kubeconfig");
        fs::copy(proxy.kubeconfig().path(), &canary.kubeconfig).unwrap();
        (canary, proxy)
    }

    pub fn command(&self, argv: &[&str]) -> Command {
        let mut command = self.here.command(env!("CARGO_BIN_EXE_ripcord"));
        command.env("KUBECONFIG", &self.kubeconfig).arg("--state-dir").arg(self.state.path()).args(argv);
        command
    }

    pub fn begin(&self, params: &[&str]) -> Child {
        let answers = self.state.path().join("answers.yaml");
        fs::write(&answers, CONFIRM).unwrap();
        let mut command = self.command(&["run", self.book, "--headless", "--yes-to", "read,write", "--answers"]);
        command.arg(&answers).args(["-p", &format!("namespace={}", self.here.name)]);
        if self.book == BOOK {
            command.args(["-p", &format!("prometheus={}", self.prometheus)]);
        }
        for param in params {
            command.args(["-p", param]);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// In the middle of an upgrade whose image never comes.
    pub fn stuck(&self) -> Child {
        let child = self.begin(&["tag=v1.5.0-noimage"]);
        self.tells("helm upgrade ml-system");
        eventually("the pod that cannot pull", 30, || self.image().ends_with("noimage").then_some(()));
        child
    }

    pub fn runs(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(self.state.path().join("runs")).into_iter().flatten();
        runs.map(|run| run.unwrap().path()).collect()
    }

    pub fn run(&self) -> String {
        eventually("a run", 20, || self.runs().first()?.file_name()?.to_str().map(str::to_owned))
    }

    pub fn trail(&self) -> String {
        self.runs().first().and_then(|run| fs::read_to_string(run.join("trail.jsonl")).ok()).unwrap_or_default()
    }

    /// Waits until the trail says it.
    pub fn tells(&self, words: &str) {
        eventually(words, 60, || self.trail().contains(words).then_some(()));
    }

    /// Waits until a step's act is under way.
    pub fn does(&self, step: &str) {
        let step = format!("\"step\":\"{step}\"");
        let started = |line: &str| line.contains("step.started") && line.contains(&step);
        eventually(&step, 60, || self.trail().lines().any(started).then_some(()));
    }

    /// Goes on with the run, with these answers.
    pub fn resume(&self, answers: &str) -> Output {
        let file = self.state.path().join("answers.yaml");
        fs::write(&file, answers).unwrap();
        let run = self.run();
        let mut command = self.command(&["resume", &run, "--headless", "--yes-to", "read,write", "--answers"]);
        command.arg(&file).output().unwrap()
    }

    pub fn pull(&self) -> Output {
        let run = self.run();
        self.command(&["rollback", &run, "--headless", "--why", "pulled by the test", "--yes-to", "read,write"])
            .output()
            .unwrap()
    }

    /// Asks for the way back and does not wait for it.
    pub fn pull_and_leave(&self) {
        let run = self.run();
        let mut command = self.command(&["rollback", &run, "--headless", "--why", "pulled by the test"]);
        let mut puller = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.tells("rollback.began");
        // Whoever asked only looks on.
        let _ = puller.kill();
        let _ = puller.wait();
    }

    pub fn image(&self) -> String {
        let object = self.here.json(["get", "deployment", "ml-api"]);
        object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    /// At the baseline, seen there, with a trail that verifies.
    pub fn is_back(&self, said: &str) {
        assert!(self.image().ends_with(":v1.4.1"), "{}\n{said}", self.image());
        let trail = self.trail();
        let seen = |line: &str| line.contains("rollback.verified") && line.contains("\"passed\":true");
        assert!(trail.lines().any(seen), "{said}\n{trail}");
        assert!(trail.contains("\"status\":\"rolledBack\""), "{said}");
        let verified = self.command(&["trail", "verify", "--all"]).output().unwrap();
        assert_eq!(verified.status.code(), Some(0), "{}", words(&verified));
    }
}

pub fn ended(child: Child, code: i32) -> String {
    let output = child.wait_with_output().unwrap();
    let said = words(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}
