//! Streams against an API server in this process: cut, restarted, deleted, refused.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::observe::{filter::Filter, logs::LogView};

type Bytes = <Body as http_body::Body>::Data;
type Out = UnsyncBoxBody<Bytes, std::io::Error>;

#[derive(Clone, Default)]
struct Server {
    pods: Arc<Mutex<Vec<Value>>>,
    watch: Arc<Mutex<Option<mpsc::UnboundedReceiver<String>>>>,
    logs: Arc<Mutex<VecDeque<mpsc::UnboundedReceiver<String>>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// In place of a log that is not there; 403 if nothing is said.
    refuses: Arc<Mutex<Option<u16>>>,
}

impl Server {
    fn answer(&self, request: &Request<Body>) -> Response<Out> {
        let uri = request.uri().to_string();
        self.asked.lock().unwrap().push(uri.clone());
        if uri.contains("/log?") {
            return match self.logs.lock().unwrap().pop_front() {
                Some(lines) => stream(lines),
                None => text(self.refuses.lock().unwrap().unwrap_or(403), "{}"),
            };
        }
        if uri.contains("watch=true") {
            return self.watch.lock().unwrap().take().map_or_else(|| stream(forever()), stream);
        }
        let list = json!({"metadata": {"resourceVersion": "1"}, "items": *self.pods.lock().unwrap()});
        text(200, &list.to_string())
    }

    fn log(&self) -> mpsc::UnboundedSender<String> {
        let (lines, out) = mpsc::unbounded_channel();
        self.logs.lock().unwrap().push_back(out);
        lines
    }

    fn start(&self) -> Seen {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = server.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        let cluster = Cluster {
            client: kube::Client::new(service, "shop"),
            context: "fake".into(),
            namespace: "shop".into(),
            server: "https://fake".into(),
            ca_hash: "system".into(),
            insecure: false,
            kubeconfig: None,
            helm: None,
        };
        let (sender, news) = mpsc::channel(64);
        let spec = LogSpec {
            namespace: "shop".into(),
            of: LogOf::Selector("app=api".into()),
            container: None,
            query: LogQuery::default(),
            title: "deploy/api".into(),
        };
        Seen { view: LogView::default(), news, hub: LogHub::start(&cluster, spec, sender) }
    }
}

fn forever() -> mpsc::UnboundedReceiver<String> {
    let (lines, out) = mpsc::unbounded_channel();
    std::mem::forget(lines);
    out
}

fn text(code: u16, body: &str) -> Response<Out> {
    let body = UnsyncBoxBody::new(Full::from(body.to_owned()).map_err(|never: Infallible| match never {}));
    Response::builder().status(code).body(body).unwrap()
}

fn stream(lines: mpsc::UnboundedReceiver<String>) -> Response<Out> {
    let frames = futures::stream::unfold(lines, |mut lines| async move {
        let line = lines.recv().await?;
        Some((Ok(http_body::Frame::data(Bytes::from(line))), lines))
    });
    Response::builder().status(200).body(UnsyncBoxBody::new(StreamBody::new(frames))).unwrap()
}

fn pod(id: &str, state: Value, last: Value) -> Value {
    json!({"metadata": {"name": "api-7d9f-hw8zt", "uid": "u"}, "spec": {"containers": [{"name": "api"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "api", "containerID": id, "state": state, "lastState": last, "restartCount": 1}]}})
}

fn running(id: &str) -> Value {
    pod(id, json!({"running": {}}), json!({}))
}

struct Seen {
    view: LogView,
    news: mpsc::Receiver<Observation>,
    hub: LogHub,
}

impl Seen {
    fn lines(&self) -> Vec<String> {
        self.view
            .window(&Filter::All, self.view.end(), 100)
            .into_iter()
            .map(|(_, line)| line.text.to_string())
            .collect()
    }

    async fn until(&mut self, wanted: impl Fn(&[String], &LogView) -> bool) {
        let all = async {
            while !wanted(&self.lines(), &self.view) {
                match self.news.recv().await.expect("the streams ended") {
                    Observation::Logs(news) => self.view.apply(news),
                    other => panic!("{other:?}"),
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(600), all).await;
        assert!(ended.is_ok(), "never came: {:?}", self.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_goes_on_where_it_was_and_says_so() {
    let server = Server::default();
    server.pods.lock().unwrap().push(running("c1"));
    let first = server.log();
    let second = server.log();
    let mut seen = server.start();
    first.send("2026-01-01T00:00:01.1Z one\n2026-01-01T00:00:01.2Z two\n2026-01-01T00:00:01.2Z tw".into()).unwrap();
    first.send("o again\n".into()).unwrap();
    seen.until(|lines, _| lines.len() == 3).await;
    drop(first);
    second.send("2026-01-01T00:00:01.1Z one\n2026-01-01T00:00:01.2Z two\n2026-01-01T00:00:01.2Z two again\n2026-01-01T00:00:03Z three\n".into()).unwrap();
    seen.until(|lines, _| lines.last().is_some_and(|line| line == "three")).await;
    let lines = seen.lines();
    assert_eq!([&lines[..3], &lines[4..]].concat(), ["one", "two", "two again", "three"]);
    assert!(
        lines[3].starts_with("-- stream lost") && lines[3].contains("resumed from 00:00:01, 0 lines lost"),
        "{}",
        lines[3]
    );
    let asked = server.asked.lock().unwrap().clone();
    assert!(
        asked.iter().any(|uri| uri.contains("tailLines=200"))
            && asked.iter().any(|uri| uri.contains("sinceTime=2026-01-01T00%3A00%3A01Z")),
        "{asked:?}"
    );
    assert_eq!(seen.view.open(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_in_silence_is_given_up_and_what_was_missed_is_said() {
    let server = Server::default();
    server.pods.lock().unwrap().push(running("c1"));
    let dead = server.log();
    let second = server.log();
    let mut seen = server.start();
    dead.send("2026-01-01T00:00:01Z one\n".into()).unwrap();
    seen.until(|lines, _| lines.len() == 1).await;
    seen.hub.restart();
    second.send("2026-01-01T00:00:09Z much later\n".into()).unwrap();
    seen.until(|lines, _| lines.last().is_some_and(|line| line == "much later")).await;
    assert!(
        seen.lines()[1].ends_with("; lines may be missing here: the node keeps no older ones --"),
        "{:?}",
        seen.lines()
    );
    assert!(dead.is_closed(), "nobody waits for it any more");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_tried_for_ever_while_the_server_is_away() {
    let server = Server::default();
    server.pods.lock().unwrap().push(running("c1"));
    *server.refuses.lock().unwrap() = Some(429);
    let mut seen = server.start();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    server.log().send("2026-01-01T00:00:01Z at last\n".into()).unwrap();
    seen.until(|lines, _| lines.iter().any(|line| line == "at last")).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_marked_and_the_new_container_followed() {
    let server = Server::default();
    server.pods.lock().unwrap().push(running("c1"));
    let (changes, watch) = mpsc::unbounded_channel();
    *server.watch.lock().unwrap() = Some(watch);
    let first = server.log();
    let second = server.log();
    let mut seen = server.start();
    first.send("2026-01-01T00:00:01Z bye\n".into()).unwrap();
    seen.until(|lines, _| lines.len() == 1).await;
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": "2026-01-01T14:02:34Z"}});
    let line = |object: Value| format!("{}\n", json!({"type": "MODIFIED", "object": object}));
    changes.send(line(pod("c1", json!({"waiting": {"reason": "CrashLoopBackOff"}}), ended))).unwrap();
    drop(first);
    seen.until(|lines, _| lines.len() == 2).await;
    assert_eq!(seen.lines()[1], "-- container exited 1 at 14:02:34, waiting to restart; p = previous logs --");
    changes.send(line(running("c2"))).unwrap();
    second.send("2026-01-01T00:00:09Z hello\n".into()).unwrap();
    seen.until(|lines, _| lines.last().is_some_and(|line| line == "hello")).await;
    changes.send(format!("{}\n", json!({"type": "DELETED", "object": running("c2")}))).unwrap();
    seen.until(|lines, _| lines.last().is_some_and(|line| line == "-- ended (pod deleted) --")).await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_said_once_in_its_stream() {
    let server = Server::default();
    server.pods.lock().unwrap().push(running("c1"));
    let mut seen = server.start();
    seen.until(|lines, _| !lines.is_empty()).await;
    assert_eq!(seen.lines(), ["-- may not read logs in ns shop --"]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_dropped_and_counted_never_waited_for() {
    let server = Server::default();
    server.pods.lock().unwrap().push(running("c1"));
    let log = server.log();
    let mut seen = server.start();
    seen.until(|_, view| view.open() == (1, 1)).await;
    for i in 0..500 {
        log.send(format!("2026-01-01T00:00:01Z line {i}\n")).unwrap();
    }
    // nobody takes reports until all of it was read
    tokio::time::sleep(Duration::from_secs(1)).await;
    seen.until(|lines, _| lines.len() > 10).await;
    log.send("2026-01-01T00:00:02Z last\n".into()).unwrap();
    seen.until(|lines, view| view.dropped() > 0 && lines.last().is_some_and(|line| line == "last")).await;
    let said = seen.view.received();
    assert_eq!(said + seen.view.dropped(), 501);
}
