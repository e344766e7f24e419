//! The ml-system: kubectl, helm and Prometheus agree about it; its overlays and its
//! own test suite work.

use serde_json::Value;

use crate::support::{Namespace, eventually, ours, output, value};

const CHART: &str = "tests/cluster/ml-system/chart";

fn image(here: &Namespace, deployment: &str) -> String {
    let object = here.json(["get", "deployment", deployment]);
    object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn kubectl_helm_and_prometheus_agree() {
    let here = Namespace::new("agree");
    here.install("v1.4.1");
    let releases: Value = serde_json::from_str(&here.helm(["list", "-o", "json"])).unwrap();
    assert_eq!((&releases[0]["status"], &releases[0]["revision"]), (&"deployed".into(), &"1".into()), "{releases}");
    assert_eq!(here.json(["get", "deployment", "ml-api"])["status"]["availableReplicas"], 4);
    let ready = format!("sum(kube_pod_status_ready{{namespace=\"{}\",condition=\"true\"}})", here.name);
    eventually("four ready pods in Prometheus", 20, || (value(&ready) == Some(4.0)).then_some(()));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_canary_leaves_stable_alone_and_a_rollback_goes_to_the_revision_named() {
    let here = Namespace::new("canary");
    here.install("v1.4.1");
    let upgrade = |more: &[&str]| {
        let common = [
            "upgrade",
            "ml-system",
            CHART,
            "--wait",
            "--timeout=2m",
            "--set",
            "api.hpa.enabled=false",
            "--set",
            "api.image.tag=v1.5.0-bad",
        ];
        here.helm(common.iter().chain(more));
    };
    upgrade(&["--set", "api.canary.enabled=true"]);
    assert!(image(&here, "ml-api").ends_with(":v1.4.1"));
    assert!(image(&here, "ml-api-canary").ends_with(":v1.5.0-bad"));
    upgrade(&[]);
    assert!(image(&here, "ml-api").ends_with(":v1.5.0-bad"));
    assert!(here.try_kubectl(["get", "deployment", "ml-api-canary"]).is_err());
    // «current − 1» would be the canary of the same bad image: the guide's mistake
    here.helm(["rollback", "ml-system", "1", "--wait", "--timeout=2m"]);
    assert!(image(&here, "ml-api").ends_with(":v1.4.1"));
    here.kubectl(["rollout", "status", "deployment/ml-api", "--timeout=60s"]);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_sick_release_fails_its_wait() {
    let here = Namespace::new("sickrel");
    let mut command = here.command("helm");
    command.args([
        "-n",
        &here.name,
        "install",
        "ml-system",
        CHART,
        "--wait",
        "--timeout=5s",
        "--set",
        "api.image.tag=noimage",
    ]);
    assert!(output(&mut command).is_err());
    let releases: Value = serde_json::from_str(&here.helm(["list", "-a", "-o", "json"])).unwrap();
    assert_eq!(releases[0]["status"], "failed", "{releases}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn the_overlays_apply() {
    let here = Namespace::new("overlays");
    for (overlay, replicas) in [("dev", 1), ("staging", 3)] {
        let rendered = output(
            here.command("kubectl")
                .args(["kustomize", &format!("tests/cluster/ml-system/kustomize/overlays/{overlay}")]),
        );
        // into this test's namespace instead of the overlay's own
        let text = rendered.unwrap().replace(&format!("ml-system-{overlay}"), &here.name);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        here.kubectl(["apply", "-f", file.path().to_str().unwrap()]);
        here.kubectl(["rollout", "status", "deployment/ml-api", "--timeout=60s"]);
        assert_eq!(here.json(["get", "deployment", "ml-api"])["status"]["readyReplicas"], replicas);
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn its_integration_tests_pass_and_fail_with_the_wrong_key() {
    let here = Namespace::new("pytest");
    here.install("v1.4.1");
    let url = format!("{}/ns/{}", ours("TRAFFIC_URL"), here.name);
    let suite = |key: &str| {
        let mut command = here.command("python3");
        command.env("API_URL", &url).env("API_KEY", key);
        output(command.args([
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/cluster/ml-system/tests/integration",
            "--skip-slow",
        ]))
    };
    let passed = suite("local-api-key").unwrap();
    assert!(passed.contains("4 passed, 1 skipped"), "{passed}");
    let failed = suite("another-key").unwrap_err();
    assert!(failed.contains("1 failed, 3 passed"), "{failed}");
}
