//! The cluster under test, a namespace of one's own, and patience with a deadline.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The label without which a cluster is refused.
const OPT_IN: &str = "ripcord.dev/e2e=allowed";

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A variable that only `tests/cluster` sets; without it the test is on the wrong cluster.
pub fn ours(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: this test needs the cluster of tests/cluster/up (tests/cluster/run starts one)")
    })
}

/// A namespace of its own on the cluster given by `RIPCORD_E2E_KUBECONFIG`, deleted at the end.
pub struct Namespace {
    pub name: String,
    pub kubeconfig: PathBuf,
}

impl Namespace {
    pub fn new(of: &str) -> Self {
        let kubeconfig = std::env::var("RIPCORD_E2E_KUBECONFIG")
            .unwrap_or_else(|_| panic!("no cluster is given: run tests/cluster/run, or set RIPCORD_E2E_KUBECONFIG"));
        let name = format!("ripcord-e2e-{of}-{}", std::process::id());
        let here = Namespace { name, kubeconfig: kubeconfig.into() };
        let allowed = here.kubectl(["get", "namespaces", "-l", OPT_IN, "-o", "name"]);
        assert!(!allowed.is_empty(), "refused: no namespace of this cluster carries the label {OPT_IN}");
        here.kubectl(["create", "namespace", &here.name]);
        // pods are refused until the controller has made the default account
        eventually("the service account", 30, || here.try_kubectl(["get", "serviceaccount", "default"]).ok());
        here
    }

    /// A command with this cluster, and no other, in its environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig).current_dir(repository()).stdin(Stdio::null());
        command
    }

    pub fn try_kubectl<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> Result<String, String> {
        output(self.command("kubectl").args(["-n", &self.name]).args(argv))
    }

    pub fn kubectl<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> String {
        self.try_kubectl(argv).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn helm<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> String {
        output(self.command("helm").args(["-n", &self.name]).args(argv)).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn json<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> Value {
        let mut command = self.command("kubectl");
        command.args(["-n", &self.name]).args(argv).args(["-o", "json"]);
        serde_json::from_str(&output(&mut command).unwrap()).unwrap()
    }

    pub fn apply(&self, manifest: &Value) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), manifest.to_string()).unwrap();
        self.kubectl([OsStr::new("apply"), OsStr::new("-f"), file.path().as_os_str()]);
    }

    /// A row of `kubectl get pods`, as its words: NAME READY STATUS RESTARTS …
    pub fn row(&self, pod: &str) -> Vec<String> {
        let text = self.kubectl(["get", "pod", pod, "--no-headers"]);
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Installs the `ml-system` chart with one tag; the release is named `ml-system`.
    pub fn install(&self, tag: &str) {
        self.helm([
            "install",
            "ml-system",
            "tests/cluster/ml-system/chart",
            "--wait",
            "--timeout=2m",
            "--set",
            &format!("api.image.tag={tag}"),
            "--set",
            "api.hpa.enabled=false",
        ]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // a failed test's namespace goes too: its words are in the panic
        let _ = output(self.command("kubectl").args(["delete", "namespace", &self.name, "--wait=false"]));
    }
}

/// Standard output of a command that succeeds, else its words.
pub fn output(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() { Ok(stdout.into_owned()) } else { Err(format!("{command:?}: {status}\n{stdout}{stderr}")) }
}

/// Asks again until there is an answer; the deadline is only for when there never is one.
pub fn eventually<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "not seen within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A process that ends with the test.
pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Running(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A small HTTP client over `curl`-like needs: status and body, or why not.
pub fn http(method: &str, url: &str, body: Option<&Value>) -> Result<(u16, String), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        let mut request = client.request(method.parse().unwrap(), url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|e| format!("{e:?}"))?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.map_err(|e| format!("{e:?}"))?))
    })
}

/// The series of an instant query, as (labels, value).
pub fn query(promql: &str) -> Vec<(Value, f64)> {
    query_of(&ours("PROMETHEUS_URL"), promql)
}

pub fn query_of(server: &str, promql: &str) -> Vec<(Value, f64)> {
    let mut url = reqwest::Url::parse(server).unwrap();
    url.set_path("/api/v1/query");
    url.query_pairs_mut().append_pair("query", promql);
    let (status, body) = http("GET", url.as_str(), None).unwrap();
    assert_eq!(status, 200, "{promql}: {body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    let series = answer["data"]["result"].as_array().unwrap().iter();
    series.map(|s| (s["metric"].clone(), s["value"][1].as_str().unwrap().parse().unwrap())).collect()
}

/// The one value of a query that has one.
pub fn value(promql: &str) -> Option<f64> {
    query(promql).first().map(|(_, v)| *v)
}
