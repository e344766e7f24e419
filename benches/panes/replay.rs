//! An API server that has one list: the cluster's own pods, changed as often, and logged as fast, as a figure asks for.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    time::{Instant, interval},
};

/// Batches a second; what is sent at once is small, as from a server.
const BEATS: u64 = 100;
const LINES_A_SECOND: u64 = 100_000;

type Body = UnsyncBoxBody<Bytes, Infallible>;

pub struct Replay {
    pub kubeconfig: PathBuf,
    pub pods: usize,
    shared: Arc<Shared>,
    _folder: tempfile::TempDir,
}

struct Shared {
    list: Bytes,
    items: Vec<Value>,
    changes: AtomicU64,
    sent: AtomicU64,
    lines: AtomicU64,
}

impl Replay {
    pub async fn of(list: Vec<u8>) -> Self {
        let parsed: Value = serde_json::from_slice(&list).unwrap();
        let items = parsed["items"].as_array().unwrap().clone();
        let pods = items.len();
        let zero = AtomicU64::default;
        let shared = Arc::new(Shared { list: list.into(), items, changes: zero(), sent: zero(), lines: zero() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, shared.clone()));
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("config");
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "replay",
            "contexts": [{"name": "replay", "context": {"cluster": "replay", "user": "me"}}],
            "clusters": [{"name": "replay", "cluster": {"server": server}}], "users": [{"name": "me", "user": {}}]});
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        Self { kubeconfig, pods, shared, _folder: folder }
    }

    /// Changes a second from now on.
    pub fn change(&self, rate: u64) {
        self.shared.changes.store(rate, Ordering::Relaxed);
    }

    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    pub fn lines(&self) -> u64 {
        self.shared.lines.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let answer = Response::new(answer(&request.uri().to_string(), &shared));
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        });
    }
}

fn answer(uri: &str, shared: &Arc<Shared>) -> Body {
    let whole = |bytes: Bytes| Full::new(bytes).boxed_unsync();
    match uri {
        uri if uri.contains("/log?") => streamed(lines(shared.clone())),
        // the panes' own watch; the logs pane asks for one pod by its name
        uri if uri.contains("watch=true") && uri.contains("/pods?") && !uri.contains("fieldSelector") => {
            streamed(changes(shared.clone()))
        }
        uri if uri.contains("watch=true") => streamed(stream::pending()),
        uri if uri.contains("fieldSelector") => {
            let name = uri.split("metadata.name%3D").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
            let one: Vec<&Value> = shared.items.iter().filter(|pod| pod["metadata"]["name"] == name).collect();
            whole(json!({"metadata": {"resourceVersion": "1"}, "items": one}).to_string().into())
        }
        uri if uri.contains("/pods?") => whole(shared.list.clone()),
        uri if uri.contains("readyz") => whole("ok".into()),
        _ => whole(json!({"metadata": {"resourceVersion": "1"}, "items": []}).to_string().into()),
    }
}

fn streamed(of: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    StreamBody::new(of.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)))).boxed_unsync()
}

/// Every beat: what is due since the start, so that a late beat catches up.
fn beats() -> impl Stream<Item = Duration> {
    let began = Instant::now();
    stream::unfold(interval(Duration::from_millis(1000 / BEATS)), move |mut beat| async move {
        beat.tick().await;
        Some((began.elapsed(), beat))
    })
}

/// One pod after another restarts, or stops and is ready again.
fn changes(shared: Arc<Shared>) -> impl Stream<Item = Bytes> {
    beats().map(move |_| {
        let due = shared.changes.load(Ordering::Relaxed) / BEATS;
        let mut out = Vec::new();
        for _ in 0..due {
            let number = shared.sent.fetch_add(1, Ordering::Relaxed);
            let mut pod = shared.items[(number as usize * 37) % shared.items.len()].clone();
            pod["metadata"]["resourceVersion"] = json!((number + 1_000_000).to_string());
            let status = &mut pod["status"]["containerStatuses"][0];
            status["restartCount"] = json!(number / shared.items.len() as u64);
            status["ready"] = json!(!number.is_multiple_of(50));
            serde_json::to_writer(&mut out, &json!({"type": "MODIFIED", "object": pod})).unwrap();
            out.push(b'\n');
        }
        out.into()
    })
}

fn lines(shared: Arc<Shared>) -> impl Stream<Item = Bytes> {
    let mut sent = 0;
    beats().map(move |since| {
        let due = since.as_millis() as u64 * LINES_A_SECOND / 1000;
        let mut out = String::new();
        for number in sent..due {
            out.push_str("2026-01-01T00:00:00.000000000Z ");
            out.push_str(r#"{"level":"info","msg":"served /predict","n":"#);
            out.push_str(&number.to_string());
            out.push_str("}\n");
        }
        shared.lines.fetch_add(due - sent, Ordering::Relaxed);
        sent = due;
        out.into()
    })
}
