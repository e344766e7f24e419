//! What fires, seen from the library and from a run's own list: the real binary in a terminal, and a Prometheus and an
//! Alertmanager that say what a test wants them to.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::console::Console;

fn alert(name: &str, state: &str, pod: &str) -> Value {
    json!({"labels": {"alertname": name, "namespace": "ml", "pod": pod, "severity": "critical"}, "state": state,
        "annotations": {"summary": "5 % of the requests fail"}, "activeAt": "2026-01-01T10:00:00Z", "value": "1"})
}

async fn prometheus(alerts: &[Value]) -> MockServer {
    let server = MockServer::start().await;
    let body = json!({"status": "success", "data": {"alerts": alerts}});
    let answer = ResponseTemplate::new(200).set_body_json(body);
    Mock::given(path("/api/v1/alerts")).respond_with(answer).mount(&server).await;
    server
}

/// A directory with one runbook that answers `PodCrash`, beside what `more` says of its Prometheus.
fn desk(more: &str) -> tempfile::TempDir {
    let desk = tempfile::tempdir().unwrap();
    fs::create_dir(desk.path().join("runbooks")).unwrap();
    let text = format!(
        "apiVersion: ripcord/v1
kind: Runbook
metadata: {{name: crash, title: A pod crashes, alerts: [{{name: PodCrash, params: {{pod: '${{{{ labels.pod }}}}'}}}}]}}
params: {{pod: {{type: string, required: true}}, namespace: {{type: string, default: none}}}}
{more}
steps: [{{id: look, title: 'Look at ${{{{ params.namespace }}}}/${{{{ params.pod }}}}', manual: look}}]
"
    );
    fs::write(desk.path().join("runbooks/crash.yaml"), text).unwrap();
    desk
}

fn configured(desk: &Path, text: &str) {
    fs::create_dir_all(desk.join(".config/ripcord")).unwrap();
    fs::write(desk.join(".config/ripcord/config.yaml"), text).unwrap();
}

fn library(desk: &Path) -> Console {
    Console::open_in(desk, &desk.join("state"), &[])
}

#[tokio::test]
async fn what_fires_is_in_the_library_and_enter_opens_what_answers_it_with_its_labels() {
    let server = prometheus(&[alert("PodCrash", "firing", "p-1"), alert("Strange", "pending", "p-2")]).await;
    let desk = desk(&format!("prometheus: {{url: '{}'}}", server.uri()));
    let mut console = library(desk.path());
    console.sees("PodCrash").await;
    console.sees("1 ALERT").await;
    assert!(console.shows("no runbook answers it"), "the pending one is told too");
    console.press("g", "ripcord run crash -p namespace=ml -p pod=p-1").await;
    // Typed once: a second one would begin the run.
    console.pty.write_all(b"\r").await.unwrap();
    console.sees("Look at ml/p-1").await;
    assert_eq!(console.leaves_by("q").await, 130);
}

#[tokio::test]
async fn the_config_says_whom_to_ask_and_a_silenced_alert_is_told_as_one() {
    let server = prometheus(&[alert("PodCrash", "firing", "p-1")]).await;
    let mut silenced = json!([{"labels": alert("PodCrash", "", "p-1")["labels"], "annotations": {},
        "startsAt": "2026-01-01T10:00:00Z", "status": {"state": "suppressed", "silencedBy": ["x"], "inhibitedBy": []}}]);
    silenced[0]["labels"]["cluster"] = json!("eu");
    let answer = ResponseTemplate::new(200).set_body_json(silenced);
    Mock::given(path("/api/v2/alerts")).respond_with(answer).mount(&server).await;
    let desk = desk("prometheus: {url: 'http://127.0.0.1:1'}"); // not asked: the config goes before
    let secret = desk.path().join("token");
    fs::write(&secret, "a-long-token\n").unwrap();
    configured(
        desk.path(),
        &format!(
            "prometheus: {{url: '{0}', alertmanager: '{0}', bearer: '${{{{ secrets.token }}}}'}}\nsecrets: {{token: {{fromFile: '{1}'}}}}\n",
            server.uri(),
            secret.display()
        ),
    );
    let mut console = library(desk.path());
    console.sees("silenced").await;
    assert!(!console.shows("FIRING") && !console.shows("UNKNOWN"), "{}", console.text());
    let asked = server.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| request.headers["authorization"] == "Bearer a-long-token"));
    assert_eq!(console.leaves_by("q").await, 0);
}

#[tokio::test]
async fn a_prometheus_that_is_away_is_not_a_quiet_night() {
    let desk = desk("prometheus: {url: 'http://127.0.0.1:1'}");
    let mut console = library(desk.path());
    console.sees("nothing known to fire, UNKNOWN").await;
    console.sees("127.0.0.1:1: Connection refused").await;
    // The library is there all the same.
    console.press("/crash", "A pod crashes").await;
}

#[tokio::test]
async fn an_alert_in_a_runs_own_list_leaves_that_run_open_and_opens_the_other() {
    let server = prometheus(&[alert("PodCrash", "firing", "p-9")]).await;
    let desk = desk(&format!("prometheus: {{url: '{}'}}", server.uri()));
    let mut console = Console::open_in(desk.path(), &desk.path().join("state"), &["run", "crash", "-p", "pod=p-1"]);
    console.sees("ALERT PodCrash").await;
    // Each typed once: a second one would mean something else.
    for (key, leads) in [("r", "do it, then m"), ("A", "Enter: crash"), ("\r", "Stay here")] {
        console.pty.write_all(key.as_bytes()).await.unwrap();
        console.sees(leads).await;
    }
    // A key that comes with the dialog is thrown away.
    console.press("j", "> crash").await;
    console.pty.write_all(b"\r").await.unwrap();
    console.sees("Look at ml/p-9").await;
    assert_eq!(console.leaves_by("q").await, 130);
    let runs = fs::read_dir(desk.path().join("state/runs")).unwrap().count();
    assert_eq!(runs, 2, "both are there to go on with");
}
