//! The shipped production runbook, as it is shipped and by hand with Helm, on the real cluster: a good version goes all
//! the way behind its four gates; a bad one is seen in its canary and led back to the revision that ran before.
//! Limits and weights are the runbook's own; only its times are shorter. `git`, `gh` and `pytest` are stand-ins.

use std::{fs, mem::ManuallyDrop, path::PathBuf, process::Output};

use crate::{
    said::{in_order, path_of, stand_in, words},
    support::{Namespace, eventually, ours, repository, value},
};

const ANSWERS: &str = "steps:
  before: {tick: all, override: {alerts: other tests make versions that are meant to be bad}}
  go: {approve: {by: lead@corp}}
  backup-verified: {tick: all}
  way: {choose: {option: manual, reason: the pipeline is not here}}
  dashboards: {done: true, evidence: looks well}
  release-note: {done: true, evidence: RN-1}
calendar: {breakGlass: a rehearsal}
rollback: {confirm: true}
";

struct Production {
    /// The runbook names it, and the cluster comes with it: it is not deleted.
    here: ManuallyDrop<Namespace>,
    dir: tempfile::TempDir,
}

impl Production {
    fn new() -> Self {
        let kubeconfig = PathBuf::from(ours("RIPCORD_E2E_KUBECONFIG"));
        let here = ManuallyDrop::new(Namespace { name: "ml-system-production".into(), kubeconfig });
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        for tool in ["git", "gh", "pytest", "aws"] {
            stand_in(dir.path(), tool, "");
        }
        Production { here, dir }
    }

    fn deploy(&self, tag: &str) -> Output {
        let chart = repository().join("tests/cluster/ml-system/chart");
        let answers = self.dir.path().join("answers.yaml");
        fs::write(&answers, ANSWERS).unwrap();
        let mut command = self.here.command(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("--state-dir").arg(self.dir.path().join("state")).arg("run");
        command.arg(repository().join("runbooks/production.yaml")).args(["--headless", "--yes-to", "read,write"]);
        for step in ["canary", "weight-25", "weight-50", "promote"] {
            command.args(["--approve", step]);
        }
        let params = [
            format!("image_tag={tag}"),
            format!("chart={}", chart.display()),
            format!("values={}", chart.join("values-production.yaml").display()),
            format!("url={}/ns/ml-system-production", ours("TRAFFIC_URL")),
        ];
        let times = "soak=4s settle=12s interval=1s hour=4s hour_interval=1s day=4s day_interval=1s window=10s \
                     recovery=4s recovery_interval=1s min_samples=100";
        for param in params.iter().map(String::as_str).chain(times.split_whitespace()) {
            command.args(["-p", param]);
        }
        command.env("PATH", path_of(self.dir.path())).current_dir(self.dir.path()).arg("--answers").arg(&answers);
        command.env("PRODUCTION_API_KEY", "an-api-key").env("PAGERDUTY_ROUTING_KEY", "a-routing-key");
        command.env("SLACK_WEBHOOK", "http://127.0.0.1:9/nobody-listens").output().unwrap()
    }

    fn images(&self) -> String {
        self.here.kubectl(["get", "deployments", "-o", "jsonpath={.items[*].spec.template.spec.containers[0].image}"])
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn the_guides_production_path_with_a_good_version_and_then_a_bad_one() {
    let production = Production::new();
    production.here.install("v1.4.1");
    let seen = "count_over_time(sum(http_requests_total{namespace=\"ml-system-production\"})[12s:1s])";
    eventually("traffic for a window", 60, || value(seen).filter(|seconds| *seconds >= 12.0));

    let good = production.deploy("v1.5.0");
    let said = words(&good);
    assert_eq!(good.status.code(), Some(0), "{said}");
    in_order(
        &said,
        &[
            "baseline.captured  helmRelease ml-system revision 1",
            "soak-10: succeeded",
            "soak-25: succeeded",
            "soak-50: succeeded",
            "promote: succeeded",
            "soak-100: succeeded",
            "health: succeeded",
            "watch-hour: succeeded",
            "git-tag: succeeded",
            "watch-day: succeeded",
            "succeeded resolved/promoted",
        ],
    );
    assert_eq!(production.images(), "ghcr.io/your-org/ml-api:v1.5.0", "and no canary is left");
    let backup = fs::read_dir(production.dir.path().join("backups")).unwrap().count();
    assert_eq!(backup, 1, "the backup is where it was said to be");
    let called = fs::read_to_string(production.dir.path().join("called")).unwrap();
    assert!(called.contains("git push origin prod-v1.5.0"), "{called}");

    // One in twenty of its requests fails.
    let mut traffic = production.here.command("tests/cluster/traffic");
    assert!(traffic.args(["v1.6.0", "errors=0.05"]).status().unwrap().success());
    let bad = production.deploy("v1.6.0");
    let said = words(&bad);
    assert_eq!(bad.status.code(), Some(1), "{said}");
    in_order(
        &said,
        &[
            "baseline.captured  helmRelease ml-system revision 5",
            "soak-10: failed",
            "rollback.began",
            "helm-back: succeeded",
            "back-rollout: succeeded",
            "back-metrics: succeeded",
            "rollback.verified  back at the baseline",
            "rolled back",
        ],
    );
    assert_eq!(production.images(), "ghcr.io/your-org/ml-api:v1.5.0");
    let mut verify = production.here.command(env!("CARGO_BIN_EXE_ripcord"));
    let verified =
        verify.arg("--state-dir").arg(production.dir.path().join("state")).args(["trail", "verify", "--all"]);
    assert!(verified.status().unwrap().success());
    production.here.helm(["uninstall", "ml-system", "--wait"]);
}
