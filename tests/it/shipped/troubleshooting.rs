//! `troubleshooting.yaml`: each trouble by the way the facts choose, each cause looked at, each fix tried. Where a look
//! is made by `kubectl`, its answer is the stand-in's.

use super::stage::{Played, Stage};
use crate::said::in_order;

/// Says what `looks` holds for it, else nothing and success.
fn stage(looks: &str) -> Stage {
    let stage = Stage::new();
    stage.tool("kubectl", &format!("case \"$*\" in\n{looks}\n*) ;;\nesac"));
    stage.tool("docker", "exit 0").tool("getent", "echo 203.0.113.10").tool("curl", "exit 0");
    stage
}

fn sick(said: &str) -> String {
    said.split_whitespace().find(|word| word.starts_with("ml-api-canary-")).unwrap().to_owned()
}

/// Plays it twice: the first look tells the name of the sick pod, which is the same every time.
fn play(stage: &Stage, canary: &str, answers: &str) -> Played {
    let scenario = format!("crash-loop --canary {canary} --speed 60");
    let params = ["deployment=ml-api-canary"];
    let pod = sick(&stage.play(&scenario, "troubleshooting", &params, "steps: {}").said);
    stage.play(&scenario, "troubleshooting", &params, &answers.replace("POD", &pod))
}

const UNDO: &str = "steps:
  sick-pod: {values: {pod: POD}}
  fix: {choose: undo}
  which-revision: {values: {revision: 1}}
  undo: {confirm: true}
";

#[test]
fn an_image_that_cannot_be_pulled() {
    let stage = stage("*spec.containers*) printf registry.local/ml-api:v1.5.0-noimage ;;");
    stage.tool("docker", "echo 'no such manifest'; exit 1");
    let answers = UNDO.replace("steps:", "steps:\n  image: {override: {exists: the tag was mistyped}}");
    let played = play(&stage, "v1.5.0-noimage", &answers);
    played.ended(0, "trouble-image", "troubleshooting");
    in_order(&played.said, &["→ image", "image: succeeded", "rolled back to revision 1", "well-again: succeeded"]);
    assert!(stage.called().contains("docker manifest inspect registry.local/ml-api:v1.5.0-noimage"));
}

#[test]
fn a_pod_that_finds_no_place() {
    let stage = stage("*pvc*) ;;");
    let answers = "steps:
  sick-pod: {values: {pod: POD}}
  fix: {choose: [scale, {option: escalate, reason: the nodes are full}]}
  how-many: {values: {replicas: 1}}
  scale: {confirm: true}
";
    let played = play(&stage, "v1.5.0-pending", answers);
    played.ended(1, "trouble-resources", "troubleshooting");
    in_order(&played.said, &["→ resources", "resources: succeeded", "escalated/needs-others"]);
}

#[test]
fn a_configuration_that_is_not_complete() {
    let stage = stage("*events*) echo 'Error: secret \"api-keys\" not found' ;;");
    let absent = "{api-keys: it is being sealed, mlflow: not used here, variables: the same}";
    let answers = UNDO.replace("steps:", &format!("steps:\n  configuration: {{override: {absent}}}"));
    let played = play(&stage, "v1.5.0-noconfig", &answers);
    played.ended(0, "trouble-configuration", "troubleshooting");
    in_order(&played.said, &["→ configuration", "rolled back to revision 1", "well-again: succeeded"]);
}

#[test]
fn a_container_that_crashes_and_one_that_is_killed_for_its_memory() {
    for (canary, name) in [("v1.5.0-crash", "trouble-crash"), ("v1.5.0-oom", "trouble-memory")] {
        let played = play(&stage(""), canary, UNDO);
        played.ended(0, name, "troubleshooting");
        in_order(&played.said, &["→ crash", "rolled back to revision 1", "well-again: succeeded", "resolved/fixed"]);
    }
}

#[test]
fn a_certificate_that_is_not_issued_and_one_that_is() {
    let stage = stage("*clusterissuers*) echo True ;;\n*'get svc'*) echo 203.0.113.10 ;;");
    let answers = "steps:
  symptom: {choose: certificate}
  fix: {choose: {option: escalate, reason: the record is not ours to make}}
";
    let waits = stage.play("healthy --speed 60", "troubleshooting", &["certificate=preview-tls"], answers);
    waits.ended(1, "trouble-certificate", "troubleshooting");
    in_order(&waits.said, &["no such host", "certificate-causes: succeeded", "certificate-again: failed", "escalated"]);
    for asked in ["getent ahostsv4 api.example.com", "curl -sS -o /dev/null --max-time 5 http://api.example.com/"] {
        assert!(stage.called().contains(asked), "{asked}: {}", stage.called());
    }
    let there = stage.play("healthy --speed 60", "troubleshooting", &[], answers);
    there.ended(0, "trouble-certificate-issued", "troubleshooting");
}

#[test]
fn many_errors_and_a_restart() {
    let stage = stage("*logs*) echo 'model checksum failed' ;;");
    let answers = "steps:
  symptom: {choose: errors}
  error-causes: {override: {rate: it is why we are here, model: the cause, dependency: the same}}
  fix: {choose: restart}
  restart: {confirm: true}
";
    let played = stage.play("healthy --speed 60", "troubleshooting", &[], answers);
    played.ended(0, "trouble-errors", "troubleshooting");
    in_order(
        &played.said,
        &["error-rate: succeeded", "error-causes: succeeded", "restart: succeeded", "resolved/fixed"],
    );
}

#[test]
fn a_stuck_rollout_and_its_pod_deleted_gently_or_by_force() {
    for (way, step) in [("gently", "delete"), ("{option: force, reason: its node is gone}", "delete-force")] {
        let answers = format!(
            "steps:
  symptom: {{choose: stuck}}
  fix: {{choose: [delete, {{option: escalate, reason: the new one is no better}}]}}
  which-pod: {{values: {{pod: POD}}}}
  how-delete: {{choose: {way}}}
  {step}: {{confirm: true}}
"
        );
        let played = play(&stage(""), "v1.5.0-unready", &answers);
        played.ended(1, &format!("trouble-stuck-{step}"), "troubleshooting");
        in_order(
            &played.said,
            &[
                "rollout: failed",
                "rollout-history: succeeded",
                &format!("{step}: succeeded"),
                "after: failed",
                "escalated",
            ],
        );
    }
}

#[test]
fn nothing_is_wrong_or_only_seemed_so() {
    for (symptom, name) in [("nothing", "trouble-none"), ("stuck", "trouble-not-stuck")] {
        let answers = format!("steps: {{symptom: {{choose: {symptom}}}}}");
        let played = stage("").play("healthy --speed 30", "troubleshooting", &[], &answers);
        played.ended(0, name, "troubleshooting");
    }
}
