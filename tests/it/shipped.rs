//! The shipped runbooks as they are shipped, to their end: on the embedded cluster, with stand-ins for the tools that
//! write down what they were called with.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::Command,
};

use super::said::{in_order, path_of, stand_in, words};

/// A service that is healthy, and takes whatever is posted to it. Ends with the test's process.
fn healthy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 8192]);
            let body = r#"{"status": "healthy"}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
            let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

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
        stand_in(self.dir.path(), name, body);
        self
    }

    fn called(&self) -> String {
        fs::read_to_string(self.path("called")).unwrap_or_default()
    }

    /// Plays a runbook; `more` goes behind the scenario. What a script may take is the demo's time too, so a busy
    /// machine is not driven faster than the story needs.
    fn play(&self, scenario: &str, book: &str, answers: &str, more: &[&str]) -> (i32, String) {
        let book = format!("{}/runbooks/{book}.yaml", env!("CARGO_MANIFEST_DIR"));
        let file = self.path("answers.yaml");
        fs::write(&file, answers).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
        let speed = if scenario == "healthy" { "4" } else { "30" };
        command.args(["demo", scenario, "--runbook", &book, "--headless", "--speed", speed, "--answers"]).arg(&file);
        command.args(more).current_dir(self.dir.path()).env("PATH", path_of(self.dir.path()));
        command.env("RIPCORD_STATE_DIR", self.path("state")).env("HOME", self.dir.path()).env("KUBECONFIG", "/nowhere");
        command
            .env("SLACK_WEBHOOK", "http://127.0.0.1:1/hook-nobody-hears")
            .env("PAGERDUTY_ROUTING_KEY", "no-such-routing-key");
        let output = command.output().unwrap();
        let said = words(&output);
        let verified = Command::new(env!("CARGO_BIN_EXE_ripcord"))
            .args(["trail", "verify", "--all"])
            .env("RIPCORD_STATE_DIR", self.path("state"))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}\n{said}", String::from_utf8_lossy(&verified.stdout));
        (output.status.code().unwrap(), said)
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
  still-bad: {choose: {option: on, reason: the canary is another deployment}}
  incident: {done: true, evidence: INC-7}
  cause: {done: true}
  after: {tick: all}
";
    let url = format!("url={}", healthy());
    let words = ["-p", "hold=1m", "-p", "settle=30s", "-p", &url, "--yes-to", "write"];
    let (code, said) = stage.play("bad-image", "rollback", answers, &words);
    assert_eq!(code, 0, "{said}");
    in_order(
        &said,
        &[
            "logs-before: succeeded no container of these 5 pods was restarted",
            "logs: succeeded",
            "rolled back to revision 1",
            "verify-rollout: succeeded",
            "run.closed",
        ],
    );
}

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

#[test]
fn local_builds_loads_and_applies_with_whatever_cluster_tool_is_there() {
    for (tool, load) in [("minikube", "minikube image load ml-api:dev"), ("kind", "kind load docker-image ml-api:dev")]
    {
        let stage = Stage::new();
        stage.tool(tool, if tool == "minikube" { "[ \"$1\" != status ]" } else { "exit 0" });
        fs::create_dir_all(stage.path("kubernetes/overlays/dev")).unwrap();
        fs::write(stage.path("kubernetes/overlays/dev/kustomization.yaml"), "resources: [ml-api.yaml]\n").unwrap();
        stage.tool("docker", "exit 0").tool("pytest", "exit 0").tool("kubectl", KUBECTL);
        let answers = "steps:
  forward: {skip: there is no port behind an embedded pod}
";
        let (code, said) = stage.play(
            "healthy",
            "local",
            answers,
            &["-p", &format!("cluster={tool}"), "-p", &format!("url={}", healthy()), "--yes-to", "write"],
        );
        let called = stage.called();
        assert!(code == 0 && called.contains("pytest tests/ -q"), "{called}\n{said}");
        let start = if tool == "minikube" {
            "minikube start --memory=8192 --cpus=4"
        } else {
            "kind create cluster --config kind-config.yaml"
        };
        let owner = if tool == "minikube" { "minikube" } else { "kind-kind" };
        let context = format!("kubectl config set-context ml-system-local --cluster={owner} --user={owner}");
        in_order(&called, &["pytest", start, &context, "docker build -t ml-api:dev .", load, "kubectl kustomize"]);
        assert!(!called.contains("docker push"), "no registry was given: {called}");
        in_order(&said, &["deploy: succeeded", "ready: succeeded", "run.closed"]);
    }
}

/// All the tools, new enough, and a cluster of three nodes of 4 CPU and 8 GB.
fn with_all_tools() -> Stage {
    let stage = Stage::new();
    for tool in ["docker", "git", "gh", "pytest", "getent"] {
        stage.tool(tool, "exit 0");
    }
    let kubectl = r#"case "$1" in
version) echo '{"clientVersion": {"gitVersion": "v1.31.2"}}' ;;
get) printf '4 8000000Ki\n4 8000000Ki\n4 8000000Ki\n' ;;
esac"#;
    stage.tool("kubectl", kubectl).tool("helm", "echo v3.16.1");
    fs::create_dir(stage.path(".docker")).unwrap();
    fs::write(stage.path(".docker/config.json"), r#"{"auths": {"ghcr.io": {}}}"#).unwrap();
    stage
}

const READY: &str = "steps:
  tools: {tick: all}
  access: {tick: all}
  size-staging: {tick: all, override: {storage: asked the cluster's owner}}
";

#[test]
fn prerequisites_are_met_where_all_is_there() {
    let stage = with_all_tools();
    let (code, said) = stage.play("healthy", "prerequisites", READY, &[]);
    assert_eq!(code, 0, "{said}");
    in_order(
        &said,
        &["tools: succeeded", "access: succeeded", "→ size-staging", "size-staging: succeeded", "run.closed"],
    );
}

#[test]
fn prerequisites_name_what_is_missing() {
    let stage = with_all_tools();
    stage.tool("docker", "echo 'Cannot connect to the Docker daemon'; exit 1").tool("helm", "echo v3.9.4");
    let (code, said) = stage.play("healthy", "prerequisites", READY, &[]);
    assert_eq!(code, 1, "a daemon that does not answer is not ticked away: {said}");
    assert!(said.contains("tools has open items: helm (looked: exit 1), docker (looked: exit 1)"), "{said}");
}
