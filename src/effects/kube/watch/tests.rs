//! The watches against an API server in this process: what the panes see, not how it is asked.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::observe::cluster::{ClusterView, Pane};

type Bytes = <Body as http_body::Body>::Data;
type Out = UnsyncBoxBody<Bytes, std::io::Error>;

/// What the fake server answers to one kind of request, in turn; the last one again and again.
#[derive(Clone, Default)]
struct Script {
    lists: Arc<Mutex<VecDeque<(u16, String)>>>,
    watches: Arc<Mutex<VecDeque<Watch>>>,
    ready: Arc<Mutex<u16>>,
    seen: Arc<Mutex<Vec<String>>>,
}

enum Watch {
    Lines(mpsc::UnboundedReceiver<String>),
    Status(u16, String),
}

impl Script {
    fn new() -> Self {
        let script = Self::default();
        *script.ready.lock().unwrap() = 200;
        script
    }

    fn list(&self, status: u16, body: Value) {
        self.lists.lock().unwrap().push_back((status, body.to_string()));
    }

    fn watch(&self) -> mpsc::UnboundedSender<String> {
        let (lines, out) = mpsc::unbounded_channel();
        self.watches.lock().unwrap().push_back(Watch::Lines(out));
        lines
    }

    fn answer(&self, request: &Request<Body>) -> Response<Out> {
        let uri = request.uri().to_string();
        if uri.starts_with("/readyz") {
            return text(*self.ready.lock().unwrap(), "ok".into());
        }
        if uri.contains("/events") && uri.contains("watch=true") {
            return silent();
        }
        if !uri.contains("/pods") {
            return text(200, json!({"metadata": {"resourceVersion": "1"}, "items": []}).to_string());
        }
        self.seen.lock().unwrap().push(uri.clone());
        if uri.contains("watch=true") {
            return match self.watches.lock().unwrap().pop_front() {
                Some(Watch::Lines(lines)) => stream(lines),
                Some(Watch::Status(code, body)) => text(code, body),
                None => silent(),
            };
        }
        let mut lists = self.lists.lock().unwrap();
        let (code, body) = if lists.len() > 1 { lists.pop_front() } else { lists.front().cloned() }
            .unwrap_or((500, "no script".into()));
        text(code, body)
    }

    fn cluster(&self) -> Cluster {
        let script = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = script.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        Cluster {
            client: kube::Client::new(service, "shop"),
            context: "fake".into(),
            namespace: "shop".into(),
            server: "https://fake".into(),
            ca_hash: "system".into(),
            insecure: false,
            kubeconfig: None,
            helm: None,
        }
    }
}

fn text(code: u16, body: String) -> Response<Out> {
    let body = UnsyncBoxBody::new(Full::from(body).map_err(|never: Infallible| match never {}));
    Response::builder().status(code).header("date", "Thu, 01 Jan 2026 00:00:00 GMT").body(body).unwrap()
}

fn stream(lines: mpsc::UnboundedReceiver<String>) -> Response<Out> {
    let frames = futures::stream::unfold(lines, |mut lines| async move {
        let line = lines.recv().await?;
        Some((Ok(http_body::Frame::data(Bytes::from(line))), lines))
    });
    Response::builder().status(200).body(UnsyncBoxBody::new(StreamBody::new(frames))).unwrap()
}

/// Open, and nothing comes.
fn silent() -> Response<Out> {
    let frames = futures::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    Response::builder().status(200).body(UnsyncBoxBody::new(StreamBody::new(frames))).unwrap()
}

fn pod(name: &str, version: u32) -> Value {
    json!({"metadata": {"name": name, "uid": name, "resourceVersion": version.to_string(), "annotations": {"big": "x".repeat(300)}},
        "spec": {"containers": [{}]}, "status": {"phase": "Running", "containerStatuses": [{"ready": true, "state": {"running": {}}}]}})
}

fn list(names: &[&str], next: &str) -> Value {
    let items: Vec<Value> = names.iter().map(|name| pod(name, 1)).collect();
    json!({"kind": "PodList", "metadata": {"resourceVersion": "10", "continue": next}, "items": items})
}

fn line(type_: &str, object: Value) -> String {
    format!("{}\n", json!({"type": type_, "object": object}))
}

struct Seen {
    view: ClusterView,
    news: mpsc::Receiver<Observation>,
    _hub: WatchHub,
    words: Vec<String>,
}

impl Seen {
    fn start(script: &Script) -> Self {
        let (sender, news) = mpsc::channel(8);
        let spec = PaneSpec { namespace: "shop".into(), pods: Some("app=api".into()), workloads: WorkloadChoice::None };
        let hub = WatchHub::start(&script.cluster(), spec, sender);
        Self { view: ClusterView::default(), news, _hub: hub, words: Vec::new() }
    }

    /// Takes reports until the view is as wanted.
    async fn until(&mut self, wanted: impl Fn(&ClusterView) -> bool) {
        let all = async {
            while !wanted(&self.view) {
                if let Some(Observation::Cluster(news)) = self.news.recv().await {
                    self.view.apply(now(), news);
                    let word = self.view.feed(Pane::Pods).word(now()).0;
                    if self.words.last() != Some(&word) {
                        self.words.push(word);
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(3600), all).await.expect("the view never became what was wanted");
    }

    fn names(&self) -> Vec<String> {
        self.view.pods.living().map(|row| row.name.to_string()).collect()
    }

    fn is_live(view: &ClusterView) -> bool {
        view.feed(Pane::Pods).state == FeedState::Watching
    }
}

#[tokio::test(start_paused = true)]
async fn pages_become_rows_and_changes_follow() {
    let script = Script::new();
    script.list(200, list(&["a", "b"], "more"));
    script.list(200, list(&["c"], ""));
    let watch = script.watch();
    let mut seen = Seen::start(&script);
    seen.until(Seen::is_live).await;
    assert_eq!(seen.names(), ["a", "b", "c"]);
    watch
        .send(
            line("ADDED", pod("d", 11))
                + &line("DELETED", pod("a", 12))
                + &line("BOOKMARK", json!({"metadata": {"resourceVersion": "20"}})),
        )
        .unwrap();
    seen.until(|view| view.pods.total() == 3 && view.pods.get("d").is_some()).await;
    assert_eq!(seen.names(), ["b", "c", "d"]);
    drop(watch);
    let again = script.seen.clone();
    seen.until(|_| again.lock().unwrap().iter().filter(|uri| uri.contains("watch=true")).count() == 2).await;
    let asked = script.seen.lock().unwrap().clone();
    assert!(asked[0].contains("labelSelector=app%3Dapi") && asked[1].contains("continue=more"), "{asked:?}");
    assert!(asked[2].contains("resourceVersion=10") && asked[3].contains("resourceVersion=20"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn too_old_a_version_lists_again_aside() {
    let script = Script::new();
    script.list(200, list(&["a"], ""));
    script.list(200, list(&["b"], ""));
    let watch = script.watch();
    let _second = script.watch();
    let mut seen = Seen::start(&script);
    seen.until(Seen::is_live).await;
    watch.send(line("ERROR", json!({"kind": "Status", "code": 410, "message": "too old"}))).unwrap();
    seen.until(|view| view.pods.get("b").is_some()).await;
    seen.until(Seen::is_live).await;
    assert_eq!(seen.names(), ["b"]);
    assert!(seen.view.pods.get("a").is_some_and(|entry| entry.gone.is_some()));
    assert!(
        seen.words.contains(&"resyncing".to_owned()) && !seen.words.iter().any(|w| w.contains("STALE")),
        "{:?}",
        seen.words
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_belongs_to_its_pane_and_is_asked_again() {
    let script = Script::new();
    script.list(403, json!({"kind": "Status", "code": 403, "message": "no"}));
    script.list(200, list(&["a"], ""));
    let mut seen = Seen::start(&script);
    seen.until(|view| view.feed(Pane::Pods).trouble().is_some()).await;
    assert_eq!(seen.view.feed(Pane::Pods).word(now()).0, "403");
    assert_eq!(seen.view.feed(Pane::Pods).trouble().unwrap().why, "may not list pods in ns shop");
    seen.until(|view| view.feed(Pane::Events).loaded).await;
    seen.until(Seen::is_live).await;
    assert_eq!(seen.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_missed_beat_restarts_every_watch_though_the_old_one_still_hangs() {
    let script = Script::new();
    script.list(200, list(&["a"], ""));
    let half_open = script.watch();
    let mut seen = Seen::start(&script);
    seen.until(Seen::is_live).await;
    *script.ready.lock().unwrap() = 503;
    let fresh = script.watch();
    seen.until(|view| view.api.trouble.is_some()).await;
    fresh.send(line("ADDED", pod("b", 11))).unwrap();
    seen.until(|view| view.pods.get("b").is_some()).await;
    *script.ready.lock().unwrap() = 200;
    seen.until(|view| view.api.trouble.is_none()).await;
    seen.until(Seen::is_live).await;
    assert!(half_open.is_closed() && fresh.is_closed(), "a beat that returns restarts them too");
    assert!(seen.words.iter().any(|word| word.starts_with("STALE")), "{:?}", seen.words);
    assert_eq!(seen.names(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_with_the_rows_kept() {
    let script = Script::new();
    script.list(200, list(&["a"], ""));
    let watch = script.watch();
    for _ in 0..3 {
        script.watches.lock().unwrap().push_back(Watch::Status(500, "boom".into()));
    }
    let mut seen = Seen::start(&script);
    seen.until(Seen::is_live).await;
    drop(watch);
    seen.until(|view| view.feed(Pane::Pods).trouble().is_some()).await;
    assert_eq!(seen.names(), ["a"]);
    assert_eq!(seen.view.feed(Pane::Pods).trouble().unwrap().why, "the API server says 500: boom");
    seen.until(Seen::is_live).await;
    assert_eq!(script.seen.lock().unwrap().iter().filter(|uri| !uri.contains("watch")).count(), 1, "listed once only");
}

#[tokio::test(start_paused = true)]
async fn throttling_is_said_with_the_time_the_server_named() {
    let script = Script::new();
    script.list(429, json!({"message": "slow down"}));
    script.list(200, list(&[], ""));
    let mut seen = Seen::start(&script);
    seen.until(|view| view.feed(Pane::Pods).trouble().is_some()).await;
    assert!(seen.view.feed(Pane::Pods).word(now()).0.starts_with("throttled, next try"));
    seen.until(Seen::is_live).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_closes_at_once_is_not_hammered() {
    let script = Script::new();
    script.list(200, list(&["a"], ""));
    for _ in 0..6 {
        script.watches.lock().unwrap().push_back(Watch::Status(200, String::new()));
    }
    let began = tokio::time::Instant::now();
    let asked = script.seen.clone();
    let mut seen = Seen::start(&script);
    seen.until(|_| asked.lock().unwrap().len() == 6).await;
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn workloads_are_watched_by_kind() {
    let named = WorkloadChoice::Named(vec![
        "ml-api".into(),
        "Deployment/canary".into(),
        "statefulset/db".into(),
        "CronJob/x".into(),
    ]);
    assert_eq!(
        named.by_kind(),
        [
            ("Deployment", Some(vec!["ml-api".to_owned(), "canary".to_owned()])),
            ("StatefulSet", Some(vec!["db".to_owned()]))
        ]
    );
    assert_eq!(WorkloadChoice::All.by_kind(), [("Deployment", None)]);
}
