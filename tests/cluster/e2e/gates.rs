//! Gates on the real Prometheus: each fate of a version comes to its own verdict, and no fault of the way to
//! Prometheus, of the console or of the clock lets one pass that was not watched.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    proxy::Proxy,
    support::{Namespace, Running, eventually, free_port, http, ours, query_of, value},
};

/// A version under traffic, and a runbook with one gate on it: 8 s, a reading a second.
struct Watch {
    here: Namespace,
    state: tempfile::TempDir,
    book: String,
}

impl Watch {
    fn new(of: &str, tag: &str, prometheus: &str) -> Self {
        let here = Namespace::new(of);
        here.install(tag);
        let of = format!("namespace=\"{}\"", here.name);
        // A whole window of this version's own traffic before the first reading; or, where no request ever reaches
        // it, a whole one without those that failed before its pods were ready.
        let (seconds, requests) = (
            format!("count_over_time(sum(http_requests_total{{{of}}})[12s:1s])"),
            format!("sum(increase(http_requests_total{{{of}}}[12s]))"),
        );
        let settled = || match tag.ends_with("silent") {
            true => value(&requests).is_none_or(|requests| requests == 0.0),
            false => value(&seconds).is_some_and(|seconds| seconds >= 12.0),
        };
        eventually("a window of its own", 60, || settled().then_some(()));
        let state = tempfile::tempdir().unwrap();
        let book = state.path().join("gate.yaml");
        let text = format!(
            "apiVersion: ripcord/v1
kind: Runbook
metadata: {{name: gate}}
target: {{namespace: {}}}
prometheus: {{url: '{prometheus}'}}
metrics:
  errors:
    query: sum(rate(http_requests_total{{{of},code=~\"5..\"}}[10s])) / sum(rate(http_requests_total{{{of}}}[10s]))
    samplesQuery: sum(increase(http_requests_total{{{of}}}[$window]))
    successCondition: result < 0.001
    failureCondition: result > 0.01
    staleAfter: 4s
  p95:
    query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{{{of}}}[10s])))
    successCondition: result < 0.5
    failureCondition: result > 1
    staleAfter: 4s
steps:
- id: gate
  analysis:
    for: 8s
    interval: 1s
    metrics:
      - {{metric: errors, minSamples: 500, consecutiveErrorLimit: 4}}
      - {{metric: p95, consecutiveErrorLimit: 4}}
      - {{pods: {{selector: app=ml-api, maxRestarts: 0, minReady: 1}}}}
",
            here.name
        );
        fs::write(&book, text).unwrap();
        Watch { here, book: book.to_str().unwrap().to_owned(), state }
    }

    fn command(&self, argv: &[&str]) -> Command {
        let mut command = self.here.command(env!("CARGO_BIN_EXE_ripcord"));
        command.arg("--state-dir").arg(self.state.path()).args(argv).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn begin(&self) -> Child {
        self.command(&["run", &self.book, "--headless"]).spawn().unwrap()
    }

    /// Begun, and with good readings already.
    fn under_way(&self) -> Child {
        let child = self.begin();
        eventually("a reading", 30, || (self.good_slots() >= 2).then_some(()));
        child
    }

    fn facts(&self) -> Vec<Value> {
        let run = fs::read_dir(self.state.path().join("runs")).into_iter().flatten().next();
        let Some(Ok(run)) = run else { return vec![] };
        let trail = fs::read_to_string(run.path().join("trail.jsonl")).unwrap_or_default();
        let records = trail.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records.filter_map(|record| record["facts"].as_array().cloned()).flatten().collect()
    }

    fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.facts().into_iter().filter(|fact| fact["kind"] == kind).collect()
    }

    fn verdict(&self) -> String {
        let verdicts = self.of_kind("gate.verdict");
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
        verdicts[0]["verdict"].as_str().unwrap().to_owned()
    }

    fn samples(&self) -> usize {
        self.of_kind("gate.sample").len()
    }

    /// Readings of the errors that were good, each at a slot of its own, in the hold that is going on.
    fn good_slots(&self) -> usize {
        let good =
            |one: &&Value| one["kind"] == "gate.sample" && one["metric"] == "errors" && one["verdict"] == "successful";
        let facts = self.facts();
        facts.rsplit(|fact| fact["kind"] == "gate.began").next().unwrap_or_default().iter().filter(good).count()
    }

    /// A slot was asked for, and nobody was there.
    fn has_missed(&self) -> bool {
        self.of_kind("gate.sample").iter().any(|one| one["reading"]["unreachable"].is_object())
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn each_version_comes_to_its_own_verdict() {
    let fates = [
        ("gate-good", "v1.4.2", "succeeded"),
        ("gate-bad", "v1.5.0-bad", "failed"),
        ("gate-grey", "v1.5.0-grey", "inconclusive"),
        ("gate-slow", "v1.5.0-slowp95", "failed"),
        ("gate-silent", "v1.5.0-silent", "inconclusive"),
    ];
    std::thread::scope(|all| {
        for (of, tag, wanted) in fates {
            all.spawn(move || {
                let watch = Watch::new(of, tag, &ours("PROMETHEUS_URL"));
                let code = watch.begin().wait().unwrap().code();
                assert_eq!(watch.verdict(), wanted, "{tag}: {:?}", watch.of_kind("gate.sample"));
                assert_eq!(code, Some(if wanted == "succeeded" { 0 } else { 3 }), "{tag}");
            });
        }
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_way_to_prometheus_that_is_cut_passes_only_on_a_window_it_has_seen() {
    let proxy = Proxy::prometheus();
    let watch = Watch::new("gate-cut", "v1.4.2", &proxy.url);
    let mut child = watch.under_way();
    proxy.set(json!({"fault": "cut"}));
    std::thread::sleep(Duration::from_secs(2));
    proxy.heal();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(watch.verdict(), "succeeded");
    assert!(watch.good_slots() >= 9, "every slot of the window was read: {:?}", watch.of_kind("gate.sample"));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_prometheus_that_stays_away_never_passes() {
    let faults = [
        ("gate-cut-off", json!({"fault": "cut"})),
        ("gate-black", json!({"fault": "blackHole"})),
        ("gate-503", json!({"fault": "status", "code": 503})),
    ];
    std::thread::scope(|all| {
        for (of, fault) in faults {
            all.spawn(move || {
                let proxy = Proxy::prometheus();
                let watch = Watch::new(of, "v1.4.2", &proxy.url);
                let mut child = watch.under_way();
                proxy.set(fault.clone());
                assert_eq!(child.wait().unwrap().code(), Some(3), "{fault}");
                assert_eq!(watch.verdict(), "error", "{fault}");
            });
        }
    });
}

/// A Prometheus of the test's own over the cluster's targets: this one may be killed.
struct Own {
    data: tempfile::TempDir,
    port: u16,
    running: Option<Running>,
}

impl Own {
    fn start() -> Own {
        let mut own = Own { data: tempfile::tempdir().unwrap(), port: free_port(), running: None };
        own.up();
        own
    }

    fn up(&mut self) {
        let config = Path::new(&ours("RIPCORD_CLUSTER_STATE")).join("prometheus/prometheus.yaml");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", self.data.path().display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{}", self.port));
        self.running = Some(Running::start(command.stdout(Stdio::null()).stderr(Stdio::null())));
        let ready = format!("{}/-/ready", self.url());
        eventually("prometheus", 30, || http("GET", &ready, None).ok().filter(|(status, _)| *status == 200));
    }

    fn kill(&mut self) {
        self.running = None;
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_prometheus_killed_and_back_in_mid_gate_passes_only_a_whole_window() {
    let mut own = Own::start();
    let watch = Watch::new("gate-restart", "v1.4.2", &own.url());
    let seconds = format!("count_over_time(sum(http_requests_total{{namespace=\"{}\"}})[12s:1s])", watch.here.name);
    let whole = |own: &Own| query_of(&own.url(), &seconds).first().is_some_and(|(_, seconds)| *seconds >= 12.0);
    eventually("a window in its own memory", 60, || whole(&own).then_some(()));
    let mut child = watch.under_way();
    own.kill();
    eventually("a slot nobody answered", 30, || watch.has_missed().then_some(()));
    own.up();
    let code = child.wait().unwrap().code();
    let verdict = watch.verdict();
    let samples = watch.of_kind("gate.sample");
    match verdict.as_str() {
        "succeeded" => assert!(code == Some(0) && watch.good_slots() >= 9, "a whole window was read: {samples:?}"),
        // Right after the start its rate has no window to stand on.
        other => assert!(code == Some(3) && ["inconclusive", "error"].contains(&other), "{other}: {samples:?}"),
    }
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_console_that_was_killed_reads_from_history_what_it_missed() {
    let watch = Watch::new("gate-killed", "v1.4.2", &ours("PROMETHEUS_URL"));
    let mut child = watch.under_way();
    child.kill().unwrap();
    child.wait().unwrap();
    let before = watch.samples();
    // Long enough for slots to be missed, and less than what makes the hold begin again.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(watch.samples(), before);
    let resumed = watch.command(&["resume", "--headless"]).status().unwrap();
    assert_eq!(resumed.code(), Some(0));
    assert_eq!(watch.verdict(), "succeeded");
    assert!(watch.good_slots() >= 9, "{:?}", watch.of_kind("gate.sample"));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_laptop_that_slept_through_the_bad_minute_does_not_miss_it() {
    let watch = Watch::new("gate-asleep", "v1.4.2", &ours("PROMETHEUS_URL"));
    let mut child = watch.under_way();
    let id = child.id().to_string();
    let signal = |word: &str| assert!(Command::new("kill").args([word, &id]).status().unwrap().success());
    signal("-STOP");
    watch.here.kubectl(["set", "image", "deployment/ml-api", "*=registry.local/ml-api:v1.4.2-bad"]);
    watch.here.kubectl(["rollout", "status", "deployment/ml-api", "--timeout=60s"]);
    let of = format!("namespace=\"{}\"", watch.here.name);
    let errors = format!(
        "sum(rate(http_requests_total{{{of},code=~\"5..\"}}[5s])) / sum(rate(http_requests_total{{{of}}}[5s]))"
    );
    eventually("errors", 60, || value(&errors).filter(|ratio| *ratio > 0.012));
    signal("-CONT");
    child.wait().unwrap();
    // The slots it slept through are read from history. On the way from none to too many errors the first that is
    // not good decides: grey, or failed; never well.
    let verdict = watch.verdict();
    assert!(["failed", "inconclusive"].contains(&verdict.as_str()), "{verdict}: {:?}", watch.of_kind("gate.sample"));
}
