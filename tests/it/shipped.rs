//! The shipped runbooks as they are shipped, to their end: on the embedded cluster, with stand-ins for the tools that
//! write down what they were called with.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

/// A folder with stand-ins first on PATH, a state directory, and what the stand-ins wrote down.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A tool that writes its name and arguments down, then does as `body` says.
    fn tool(&self, name: &str, body: &str) -> &Self {
        let path = self.path("bin").join(name);
        let log = self.path("called");
        fs::write(&path, format!("#!/bin/bash\nprintf '%s\\n' \"{name} $*\" >> '{}'\n{body}\n", log.display()))
            .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn called(&self) -> String {
        fs::read_to_string(self.path("called")).unwrap_or_default()
    }

    /// Plays a runbook; `words` go behind the scenario.
    fn play(&self, scenario: &str, book: &str, answers: &str, words: &[&str]) -> (i32, String) {
        let book = format!("{}/runbooks/{book}.yaml", env!("CARGO_MANIFEST_DIR"));
        let file = self.path("answers.yaml");
        fs::write(&file, answers).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        command.args(["demo", scenario, "--runbook", &book, "--headless", "--speed", "60", "--answers"]).arg(&file);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.args(words).current_dir(self.dir.path()).env("PATH", path);
        command.env("RIPCORD_STATE_DIR", self.path("state")).env("HOME", self.dir.path()).env("KUBECONFIG", "/nowhere");
        command
            .env("SLACK_WEBHOOK", "http://127.0.0.1:1/hook-nobody-hears")
            .env("PAGERDUTY_ROUTING_KEY", "no-such-routing-key");
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let verified = Command::new(env!("CARGO_BIN_EXE_ripcord"))
            .args(["trail", "verify", "--all"])
            .env("RIPCORD_STATE_DIR", self.path("state"))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}\n{said}", String::from_utf8_lossy(&verified.stdout));
        (output.status.code().unwrap(), said)
    }
}

fn in_order(said: &str, parts: &[&str]) {
    let mut rest = said;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("«{part}» does not come (in this order): {said}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn rollback_with_no_earlier_run_by_the_deployment() {
    let stage = Stage::new();
    let answers = "steps:
  when-to: {choose: errors}
  no-release: {choose: kubectl}
  kubectl-revision: {values: {revision: 1}}
  kubectl-back: {confirm: true}
  incident: {done: {evidence: INC-7}}
  cause: {done: {}}
  after: {tick: [fix, staging, plan]}
";
    let (code, said) = stage.play("bad-image", "rollback", answers, &["-p", "hold=1m", "-p", "settle=30s"]);
    assert_eq!(code, 0, "{said}");
    in_order(
        &said,
        &["step.outcome       logs: ", "rolled back to revision 1", "verify-rollout: succeeded", "run.closed"],
    );
}
