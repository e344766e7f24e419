//! `rollback.yaml`, with no earlier run: by Helm, by the Deployment, from a snapshot.

use std::fs;

use super::stage::{Stage, healthy};
use crate::said::in_order;

const AFTERWARDS: &str = "  incident: {done: true, evidence: INC-7}
  cause: {done: true}
  after: {tick: all}
";
const TIMES: [&str; 2] = ["hold=1m", "settle=2m"];

#[test]
fn by_helm_to_the_revision_that_ran_another_image() {
    let stage = Stage::new();
    let answers = format!(
        "steps:
  when-to: {{choose: errors}}
  by-which: {{choose: [helm]}}
  helm-revision: {{values: [{{revision: 9}}, {{revision: 2}}]}}
  helm-back: {{confirm: [true, true]}}
  helm-failed: {{choose: again}}
{AFTERWARDS}"
    );
    let url = format!("url={}", healthy());
    let played = stage.play("bad-image --speed 30", "rollback", &[TIMES[0], TIMES[1], &url], &answers);
    played.ended(0, "rollback-by-helm", "rollback");
    in_order(
        &played.said,
        &[
            "logs-before: succeeded no container of these 5 pods was restarted",
            "revision 3 is deployed",
            "revision 9 is not in Helm's history any more; there are 1, 2, 3",
            "simulated: ml-system is at revision 4",
            "verify-rollout: succeeded",
            "verify-metrics: succeeded",
            "run.closed",
        ],
    );
}

#[test]
fn by_the_deployment_where_there_is_no_release() {
    let stage = Stage::new();
    let answers = format!(
        "steps:
  when-to: {{choose: crashes}}
  no-release: {{choose: kubectl}}
  kubectl-revision: {{values: {{revision: 1}}}}
  kubectl-back: {{confirm: true}}
  still-bad: {{choose: {{option: on, reason: the canary is another deployment}}}}
{AFTERWARDS}"
    );
    let url = format!("url={}", healthy());
    let params = ["release=no-such-release", "hold=1m", "settle=30s", &url];
    let played = stage.play("bad-image --speed 30", "rollback", &params, &answers);
    played.ended(0, "rollback-by-deployment", "rollback");
    in_order(
        &played.said,
        &["no such release", "rolled back to revision 1", "verify-rollout: succeeded", "run.closed"],
    );
}

/// What the production runbook would have kept: the image that is to come back.
const SNAPSHOT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: ml-api}
spec:
  template: {spec: {containers: [{name: api, image: 'registry.local/ml-api:v1.4.0'}]}}
";

#[test]
fn from_a_snapshot_where_neither_helps_and_only_with_the_warning_before_the_deployment_alone() {
    let stage = Stage::new();
    fs::create_dir(stage.path("backups")).unwrap();
    fs::write(stage.path("backups/snapshot.yaml"), SNAPSHOT).unwrap();
    let answers = format!(
        "steps:
  when-to: {{choose: {{option: security, reason: a leaked key in the image}}}}
  by-which: {{choose: {{option: kubectl, reason: helm is not here}}}}
  disagree: {{tick: all}}
  kubectl-revision: {{values: {{revision: 99}}}}
  kubectl-back: {{confirm: true}}
  kubectl-failed: {{choose: snapshot}}
  from-snapshot: {{values: {{file: backups/snapshot.yaml}}}}
  restore: {{confirm: true}}
{AFTERWARDS}"
    );
    let url = format!("url={}", healthy());
    let played = stage.play("healthy --speed 30", "rollback", &[TIMES[0], TIMES[1], &url], &answers);
    played.ended(0, "rollback-from-snapshot", "rollback");
    in_order(
        &played.said,
        &["kubectl-back: failed", "deployment.apps/ml-api applied", "verify-rollout: succeeded", "run.closed"],
    );
}

#[test]
fn it_is_left_alone_where_there_is_no_reason_and_handed_on_where_there_is_no_way() {
    let stage = Stage::new();
    let none = "steps: {when-to: {choose: {option: none, reason: the alert was a test}}}";
    stage.play("healthy --speed 30", "rollback", &[], none).ended(0, "rollback-not-needed", "rollback");
    let nothing = "steps:
  when-to: {choose: latency}
  no-release: {choose: {option: leave, reason: nobody knows this service}}
";
    let played = stage.play("healthy --speed 30", "rollback", &["release=no-such-release"], nothing);
    played.ended(1, "rollback-escalated", "rollback");
    assert!(played.said.contains("escalated/no-way-back"), "{}", played.said);
}
