//! Before the first deployment: what has to be there, and the cluster on one's own machine.

use std::fs;

use super::stage::{Stage, healthy};
use crate::said::in_order;

/// A tool that answers `kubectl kustomize` with a small overlay, and takes every other word.
const KUBECTL: &str = r#"[ "$1" = kustomize ] || exit 0
cat <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: ml-api-dev}
spec:
  replicas: 1
  selector: {matchLabels: {app: ml-api}}
  template:
    metadata: {labels: {app: ml-api}}
    spec: {containers: [{name: api, image: "registry.local/ml-api:v1.4.2", ports: [{containerPort: 5000}]}]}
YAML"#;

/// The cluster tool, what it is started and loaded by, and a registry to push to, or none.
const TOOLS: [(&str, &str, &str, &str, &str); 2] = [
    ("minikube", "minikube", "minikube start --memory=8192 --cpus=4", "minikube image load ml-api:dev", ""),
    (
        "kind",
        "kind-kind",
        "kind create cluster --config kind-config.yaml",
        "kind load docker-image ml-api:dev",
        "ghcr.io/your-org",
    ),
];

#[test]
fn local_builds_loads_and_applies_with_whatever_cluster_tool_is_there() {
    for (tool, owner, start, load, registry) in TOOLS {
        let stage = Stage::new();
        stage.tool(tool, if tool == "minikube" { "[ \"$1\" != status ]" } else { "exit 0" });
        fs::create_dir_all(stage.path("kubernetes/overlays/dev")).unwrap();
        fs::write(stage.path("kubernetes/overlays/dev/kustomization.yaml"), "resources: [ml-api.yaml]\n").unwrap();
        stage.tool("docker", "exit 0").tool("pytest", "exit 0").tool("kubectl", KUBECTL);
        let answers = "steps: {}";
        let params = [format!("cluster={tool}"), format!("url={}", healthy()), format!("registry={registry}")];
        let params = params.each_ref().map(String::as_str);
        let played = stage.play("healthy --speed 4", "local", &params, answers);
        played.ended(0, &format!("local-{tool}"), "local");
        let called = stage.called();
        let context = format!("kubectl config set-context ml-system-local --cluster={owner} --user={owner}");
        in_order(&called, &["pytest tests/ -q", start, &context, "docker build -t ml-api:dev .", load]);
        let pushed = "docker tag ml-api:dev ghcr.io/your-org/ml-api:dev\ndocker push ghcr.io/your-org/ml-api:dev";
        assert_eq!(called.contains(pushed), !registry.is_empty(), "{called}");
        in_order(&played.said, &["deploy: succeeded", "ready: succeeded", "run.closed"]);
    }
}

#[test]
fn local_stops_where_the_tests_fail() {
    let stage = Stage::new();
    stage.tool("pytest", "echo '1 failed, 41 passed'; exit 1");
    for tool in ["docker", "kubectl", "kind"] {
        stage.tool(tool, "exit 0");
    }
    let answers = "steps: {tests: {onFailure: [abort]}}";
    let played = stage.play("healthy --speed 4", "local", &["cluster=kind"], answers);
    played.ended(1, "local-tests-fail", "local");
    assert!(!stage.called().contains("kind create"), "{}", stage.called());
}

/// All the tools, new enough, and nodes of so many CPUs and so much memory, in two zones.
fn with_all_tools(size: &str) -> Stage {
    let stage = Stage::new();
    for tool in ["docker", "git", "gh", "pytest", "getent", "minikube"] {
        stage.tool(tool, "exit 0");
    }
    let kubectl = format!(
        r#"case "$1 $*" in
version*) echo '{{"clientVersion": {{"gitVersion": "v1.31.2"}}}}' ;;
*zone*) printf 'eu-1a\neu-1b\n' ;;
get*) printf '{size}\n{size}\n{size}\n' ;;
esac"#
    );
    stage.tool("kubectl", &kubectl).tool("helm", "echo v3.16.1");
    fs::create_dir(stage.path(".docker")).unwrap();
    fs::write(stage.path(".docker/config.json"), r#"{"auths": {"ghcr.io": {}}}"#).unwrap();
    stage
}

const READY: &str = "steps:
  tools: {tick: all}
  access: {tick: all}
  size-staging: {tick: all}
";

#[test]
fn prerequisites_are_met_where_all_is_there() {
    let stage = with_all_tools("4 8000000Ki");
    let played = stage.play("healthy --speed 4", "prerequisites", &[], READY);
    played.ended(0, "prerequisites-staging", "prerequisites");
    in_order(
        &played.said,
        &["tools: succeeded", "access: succeeded", "→ size-staging", "size-staging: succeeded", "run.closed"],
    );
}

#[test]
fn prerequisites_name_what_is_missing() {
    let stage = with_all_tools("4 8000000Ki");
    stage.tool("docker", "echo 'Cannot connect to the Docker daemon'; exit 1").tool("helm", "echo v3.9.4");
    let said = stage.play("healthy --speed 4", "prerequisites", &[], READY);
    let played = said.ended(1, "prerequisites-missing", "prerequisites");
    let said = &played.said;
    assert!(said.contains("tools has open items: helm (looked: exit 1), docker (looked: exit 1)"), "{said}");
}

#[test]
fn prerequisites_hold_a_small_cluster_against_the_sizes_of_production() {
    let stage = with_all_tools("8 16000000Ki");
    let answers = "steps:
  tools: {tick: all}
  access: {tick: all}
  size-production: {tick: all, override: {nodes: two more come on Monday}}
";
    let played = stage.play("healthy --speed 4", "prerequisites", &["environment=production"], answers);
    played.ended(0, "prerequisites-production", "prerequisites");
    assert!(played.said.contains("two more come on Monday"), "three nodes are not five: {}", played.said);
}

#[test]
fn prerequisites_look_at_the_size_of_this_very_machine() {
    let stage = with_all_tools("8 16000000Ki");
    stage.tool("awk", r#"case "$*" in *MemTotal*) echo 16 ;; *) cat > /dev/null; echo 100 ;; esac"#);
    let answers = "steps: {tools: {tick: all}, access: {tick: all}, size-development: {onFailure: [abort]}}";
    let played = stage.play("healthy --speed 4", "prerequisites", &["environment=development"], answers);
    played.ended(0, "prerequisites-development", "prerequisites");
    stage.tool("awk", r#"case "$*" in *MemTotal*) ;; *) cat > /dev/null ;; esac; echo 4"#);
    let small = stage.play("healthy --speed 4", "prerequisites", &["environment=development"], answers);
    small.ended(1, "prerequisites-development-small", "prerequisites");
    assert!(small.said.contains("memory 4 GB (8 wanted), free disk 4 GB (20 wanted)"), "{}", small.said);
}
