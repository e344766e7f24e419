//! `production.yaml` by the pipeline and by hand: to everybody, and back from each of the ways it can go wrong. What the
//! real Helm does is tried on the real control plane; here it is simulated, and says so.

use std::fs;

use super::stage::{Stage, healthy};
use crate::said::in_order;

const ANSWERS: &str = "calendar: {breakGlass: a rehearsal}
guards: {pods: rollback, error_rate_all: rollback, p95_all: rollback}
rollback: {confirm: true}
steps:
  before: {tick: all}
  go: {approve: {by: lead@corp}}
  backup-verified: {tick: all}
  pipeline-approval: {done: true}
  dashboards: {done: true, evidence: looks well}
  release-note: {done: true, evidence: RN-1}
";
const BY_HAND: &str = "  way: {choose: {option: manual, reason: the pipeline is down}}
  canary: {confirm: true}
  weight-25: {confirm: true}
  weight-50: {confirm: true}
  promote: {confirm: true}
";
const PIPELINE: &str = "  way: {choose: pipeline}\n";

/// Everything the runbook's own, only the times shorter.
const SHORT: &str = "window=30s settle=40s soak=30s interval=10s min_samples=300 hour=1m hour_interval=10s day=1m \
                     day_interval=10s recovery=30s recovery_interval=10s image_tag=v1.5.0";

/// GitHub as `gh` shows it: the run is found at the second look, and ends as the file `ends` says.
const GH: &str = r#"case "$1 $2" in
"run list") [ -e seen ] && echo 4711; touch seen ;;
"run watch") exit "$(cat ends)" ;;
esac"#;

fn stage(ends: &str) -> Stage {
    let stage = Stage::new();
    stage.tool("gh", GH).tool("git", "exit 0").tool("aws", "exit 0").tool("pytest", "exit 0").tool("sleep", "exit 0");
    stage.tool("python3", "cat \"$@\" >> called; exit 0");
    fs::write(stage.path("ends"), ends).unwrap();
    stage
}

fn params(url: &str) -> Vec<String> {
    let url = format!("url={url}");
    let extra = [url.as_str(), "bucket=s3://your-backup-bucket", "mlflow_model=sentiment", "change=CHG-12"];
    SHORT.split_whitespace().chain(extra).map(str::to_owned).collect()
}

#[test]
fn by_hand_to_everybody() {
    let stage = stage("0");
    let params = params(&healthy());
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    let played = stage.play("healthy --speed 15", "production", &params, &format!("{ANSWERS}{BY_HAND}"));
    played.ended(0, "production-by-hand", "production");
    in_order(
        &played.said,
        &[
            "baseline.captured  helmRelease ml-system revision 3",
            "simulated: no helm is started",
            "simulated: the canary gets 1 of 5 pods",
            "simulated: ml-system is at revision 4",
            "soak-10: succeeded",
            "soak-25: succeeded",
            "simulated: the canary gets 4 of 8 pods",
            "soak-50: succeeded",
            "simulated: ml-system is at revision 7",
            "soak-100: succeeded",
            "watch-hour: succeeded",
            "watch-day: succeeded",
            "succeeded resolved/promoted",
        ],
    );
    let called = stage.called();
    in_order(
        &called,
        &[
            "git rev-parse -q --verify refs/tags/v1.5.0",
            "aws s3 cp backups/",
            " s3://your-backup-bucket/ --sse",
            "pytest tests/integration/test_e2e.py -v --skip-slow",
            "git push origin prod-v1.5.0",
            "set_registered_model_alias",
        ],
    );
    assert!(!called.contains("gh "), "the pipeline was not asked: {called}");
    assert!(!called.contains("the-production-key") && !played.said.contains("the-production-key"));
}

/// What is seen at 10 %, and what the gate says of it.
#[test]
fn by_hand_and_back_from_each_way_a_canary_can_be_bad() {
    let ways = [
        ("bad-image", "soak-10: failed", "rollback.began"),
        ("slow", "soak-10: failed", "rollback.began"),
        ("grey-zone", "soak-10: inconclusive", "decision.made      grey-10: back"),
        ("no-data", "soak-10: inconclusive", "decision.made      grey-10: back"),
        ("crash-loop", "guard.tripped", "rollback.began"),
    ];
    let play = |(scenario, seen, then): (&str, &str, &str)| {
        let stage = stage("0");
        let params = params(&healthy());
        // The first reading comes when a canary that goes bad after a minute is bad all through the window.
        let params: Vec<&str> = params.iter().map(String::as_str).chain(["settle=100s"]).collect();
        let answers = format!("{ANSWERS}{BY_HAND}  grey-10: {{choose: back}}\n");
        let played = stage.play(&format!("{scenario} --speed 12"), "production", &params, &answers);
        played.ended(1, &format!("production-{scenario}"), "production");
        in_order(
            &played.said,
            &[
                seen,
                then,
                "helm-back: succeeded",
                "back at the baseline: release ml-system is at revision 5",
                "rolled back",
            ],
        );
        assert!(!stage.called().contains("prod-v1.5.0"), "{scenario}: {}", stage.called());
    };
    std::thread::scope(|scope| ways.map(|way| scope.spawn(move || play(way))).map(|one| one.join().unwrap()));
}

#[test]
fn by_the_pipeline_to_everybody() {
    let stage = stage("0");
    let params = params(&healthy());
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    let answers = format!("{ANSWERS}{PIPELINE}");
    let played = stage.play("healthy --canary v1.5.0 --speed 20", "production", &params, &answers);
    played.ended(0, "production-pipeline", "production");
    in_order(
        &stage.called(),
        &[
            "gh workflow run cd.yml -R your-org/ml-system -f environment=production -f image_tag=v1.5.0",
            "gh run list -R your-org/ml-system -w cd.yml --event workflow_dispatch --created >=",
            "gh run watch 4711 -R your-org/ml-system --exit-status --interval 10",
            "git push origin prod-v1.5.0",
        ],
    );
    assert!(!stage.called().contains("gh run cancel"), "{}", stage.called());
}

#[test]
fn the_pipelines_canary_is_bad_and_the_pipeline_is_stopped_before_it_is_led_back() {
    let stage = stage("0");
    let params = params(&healthy());
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    let known =
        ANSWERS.replace("before: {tick: all}", "before: {tick: all, override: {alerts: it is this very canary}}");
    let answers = format!("{known}{PIPELINE}");
    let played = stage.play("bad-image --canary v1.5.0-bad --speed 20", "production", &params, &answers);
    played.ended(1, "production-pipeline-bad", "production");
    in_order(
        &played.said,
        &["soak-pipeline: failed", "pipeline-stop: succeeded", "helm-back: succeeded", "rolled back"],
    );
    let called = stage.called();
    in_order(&called, &["gh workflow run", "gh run cancel 4711 -R your-org/ml-system"]);
    assert!(!called.contains("--exit-status"), "it was not followed: {called}");
}

#[test]
fn a_pipeline_that_fails_leads_back_and_one_that_never_starts_is_said_so() {
    let stage = stage("1");
    let params = params(&healthy());
    let params: Vec<&str> = params.iter().map(String::as_str).collect();
    let answers = format!("{ANSWERS}{PIPELINE}  trigger: {{onFailure: [abort]}}\n");
    let played = stage.play("healthy --canary v1.5.0 --speed 20", "production", &params, &answers);
    played.ended(1, "production-pipeline-fails", "production");
    in_order(&played.said, &["follow: failed", "rollback.began", "helm-back: succeeded", "rolled back"]);
    stage.tool("gh", "exit 0");
    let nothing = stage.play("healthy --canary v1.5.0 --speed 20", "production", &params, &answers);
    nothing.ended(1, "production-pipeline-never-starts", "production");
    assert!(nothing.said.contains("no workflow run appeared; look at the Actions tab"), "{}", nothing.said);
}

#[test]
fn nothing_is_deployed_where_somebody_refuses_or_an_item_is_open() {
    let stage = stage("0");
    for (answers, name) in [
        (ANSWERS.replace("go: {approve: {by: lead@corp}}", "go: {refuse: {by: lead@corp, why: not today}}"), "refused"),
        (ANSWERS.replace("before: {tick: all}", "before: {tick: [staging, scan]}"), "open-items"),
    ] {
        let played = stage.play("healthy --speed 30", "production", &["image_tag=v1.5.0"], &answers);
        played.ended(1, &format!("production-{name}"), "production");
        assert!(!played.said.contains("simulated:") && !stage.called().contains("gh "), "{}", played.said);
    }
}
