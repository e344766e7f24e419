//! `ripcord demo` through the binary: every scenario to its end, with its exit code, its last line and a whole trail.

use std::{
    process::{Command, Output},
    sync::OnceLock,
    time::Instant,
};

use any_api::Ground;
use ripcord::demo::{self, Beginning, Scenario};

use super::said::{self, in_order};

#[path = "../shared/any_api.rs"]
mod any_api;

/// Fast enough for a test, slow enough that a busy machine keeps up; what is late is read from history all the same.
const SPEED: &str = "60";

struct Played {
    code: i32,
    said: String,
    state: tempfile::TempDir,
}

fn ripcord(state: &std::path::Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
    command.args(words).env("RIPCORD_STATE_DIR", state).env("HOME", state);
    // No kubeconfig, no proxy, no server: there is nothing here that a demo could reach.
    command.env("KUBECONFIG", "/nowhere").env("HTTPS_PROXY", "http://127.0.0.1:1");
    command.output().unwrap()
}

fn play(scenario: &str) -> Played {
    let state = tempfile::tempdir().unwrap();
    let output = ripcord(state.path(), &["demo", scenario, "--headless", "--speed", SPEED]);
    let said = said::words(&output);
    Played { code: output.status.code().unwrap(), said, state }
}

impl Played {
    /// How it ended, and a trail that is whole, closed and anchored.
    fn ended(&self, code: i32, words: &str) -> &Self {
        let last = self.said.lines().last().unwrap_or_default();
        assert!(self.code == code && last.starts_with(words), "exit {}: {}", self.code, self.said);
        let verified = ripcord(self.state.path(), &["trail", "verify", "--all"]);
        assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
        self
    }

    fn tells(&self, parts: &[&str]) -> &Self {
        in_order(&self.said, parts);
        self
    }
}

#[test]
fn healthy_goes_to_everybody() {
    play("healthy").ended(0, "succeeded resolved/promoted").tells(&[
        "baseline.captured",
        "soak: succeeded",
        "approval.given",
        "promote: succeeded",
        "deployment \"ml-api\" successfully rolled out",
        "canary-away: succeeded",
    ]);
}

#[test]
fn bad_image_is_seen_by_the_guard_and_rolled_back() {
    let played = play("bad-image");
    played.ended(1, "rolled back").tells(&[
        "canary-up: succeeded",
        "guard.tripped",
        "rollback.began",
        "canary-off: succeeded",
        "stable-back: succeeded",
        "canary-gone: succeeded",
        "well-again: succeeded",
        "rollback.verified  back at the baseline: deployment",
    ]);
    // It says what it was, and nobody takes it up on another cluster.
    let run = std::fs::read_dir(played.state.path().join("runs")).unwrap().next().unwrap().unwrap().file_name();
    let run = run.to_str().unwrap();
    let trail = std::fs::read_to_string(played.state.path().join("runs").join(run).join("trail.jsonl")).unwrap();
    assert!(trail.contains("embedded://demo"), "{trail}");
    let again = ripcord(played.state.path(), &["rollback", run, "--headless"]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.code() == Some(2) && said.contains("was a demo"), "{said}");
}

/// A lane whose steps all succeed and that forgot what it was there for.
const FORGETFUL: &str = "apiVersion: ripcord/v1
kind: Runbook
metadata: {name: forgetful}
target: {namespace: ml-system}
baseline: {deployment: ml-api}
steps:
- {id: promote, confirm: none, kubernetes: {setImage: {kind: Deployment, name: ml-api, container: api, image: 'registry.local/ml-api:v1.5.0'}}}
- {id: broken, confirm: none, run: 'exit 1', onFailure: rollback}
rollback:
- {id: look, kubernetes: {get: {kind: Deployment}}}
";

#[test]
fn a_lane_that_does_not_lead_back_is_not_called_rolled_back() {
    let state = tempfile::tempdir().unwrap();
    let book = state.path().join("forgetful.yaml");
    std::fs::write(&book, FORGETFUL).unwrap();
    let words = ["demo", "healthy", "--runbook", book.to_str().unwrap(), "--headless", "--speed", SPEED];
    let output = ripcord(state.path(), &words);
    let said = said::words(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in [
        "look: succeeded",
        "NOT back at the baseline: Deployment ml-api runs registry.local/ml-api:v1.5.0, not",
        "rollback incomplete; left",
        "left: the baseline",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.lines().last().unwrap().starts_with("rollback incomplete"), "{said}");
}

#[test]
fn slow_fails_its_gate() {
    play("slow").ended(1, "rolled back").tells(&["soak: failed", "p95 latency", "rollback.began"]);
}

#[test]
fn grey_zone_is_decided_by_a_person() {
    play("grey-zone").ended(1, "rolled back").tells(&[
        "soak: inconclusive",
        "decision.made      grey: hold",
        "decision.made      grey: back",
    ]);
}

#[test]
fn crash_loop_opens_the_troubleshooting() {
    play("crash-loop").ended(1, "rolled back").tells(&[
        "CrashLoopBackOff",
        "panic: cannot serve without a model",
        "Back-off restarting failed container",
        "decision.made      sick: back",
    ]);
}

#[test]
fn no_data_never_passes() {
    play("no-data").ended(1, "rolled back").tells(&["soak: inconclusive", "no data", "decision.made      grey: back"]);
}

#[test]
fn api_down_is_lived_through() {
    play("api-down")
        .ended(0, "succeeded resolved/promoted")
        .tells(&["the demo's API server is away", "soak: succeeded"]);
}

/// A shipped runbook as it is shipped, on the embedded cluster in trouble: the same seed, so the same pod each time.
#[test]
fn the_shipped_troubleshooting_finds_the_crash_and_mends_it() {
    let state = tempfile::tempdir().unwrap();
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting.yaml");
    let words =
        ["demo", "crash-loop", "--runbook", book, "-p", "deployment=ml-api-canary", "--headless", "--speed", SPEED];
    let looked = ripcord(state.path(), &words);
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    // nobody said which pod; a demo is not left open
    assert_eq!(looked.status.code(), Some(1), "{said}");
    let sick = said.split_whitespace().find(|word| word.starts_with("ml-api-canary-")).unwrap().to_owned();
    let answers = state.path().join("answers.yaml");
    let text = format!(
        "steps:\n  sick-pod: {{values: {{pod: {sick}}}}}\n  fix: {{choose: undo}}\n  which-revision: {{values: {{revision: 1}}}}\n  undo: {{confirm: true}}\n"
    );
    std::fs::write(&answers, text).unwrap();
    let output = ripcord(state.path(), &[&words[..], &["--answers", answers.to_str().unwrap()]].concat());
    let said = said::words(&output);
    Played { code: output.status.code().unwrap(), said, state }.ended(0, "succeeded resolved/fixed").tells(&[
        "CrashLoopBackOff",
        "trouble: succeeded → events",
        "by-reason: succeeded → crash",
        "panic: cannot serve without a model",
        "rolled back to revision 1",
        "well-again: succeeded",
    ]);
}

/// Scripts, looks and verifications are led to the run's cluster, never to what the shell's own kubeconfig says.
#[test]
fn what_is_started_knows_no_other_cluster() {
    let state = tempfile::tempdir().unwrap();
    let book = state.path().join("pinned.yaml");
    let here = r#"grep -q embedded://demo "$KUBECONFIG""#;
    let text = format!(
        "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: pinned, title: Pinned}}\ntarget: {{namespace: shop}}\n\
         steps:\n- {{id: look, checklist: {{items: [{{id: item, text: it, probe: {{run: '{here}'}}}}]}}}}\n\
         - {{id: act, run: '{here}', confirm: none, verify: {{run: '{here}'}}}}\n"
    );
    std::fs::write(&book, text).unwrap();
    let output = ripcord(state.path(), &["demo", "healthy", "--runbook", book.to_str().unwrap(), "--headless"]);
    let said = said::words(&output);
    Played { code: output.status.code().unwrap(), said, state }.ended(0, "succeeded");
}

#[test]
fn a_demo_wants_a_terminal_or_headless_and_a_speed_that_is_one() {
    let state = tempfile::tempdir().unwrap();
    for words in [&["demo"][..], &["demo", "--headless", "--speed", "0"], &["demo", "nonsense", "--headless"]] {
        assert_eq!(ripcord(state.path(), words).status.code(), Some(2), "{words:?}");
    }
}

/// A clock ten times as fast as the wall's.
fn fast() -> jiff::Timestamp {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let passed = BEGAN.get_or_init(Instant::now).elapsed() * 10;
    "2026-03-01T12:00:00Z".parse::<jiff::Timestamp>().unwrap() + passed
}

#[tokio::test]
async fn the_embedded_cluster_answers_as_a_real_one() {
    let cluster = demo::cluster(Scenario::Healthy, Beginning::Quiet, 1, fast);
    Ground { client: cluster.client, namespace: "default".into() }.all().await;
}
