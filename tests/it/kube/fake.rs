//! An API server in the process that writes down every request and answers as a test says.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use kube::client::Body;
use ripcord::{
    effects::kube::act::{ActContext, ActOutcome, Marks, perform, reattach},
    engine::message::{Done, Failure, Ticket},
    runbook::model::Kubernetes,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: http::HeaderMap,
    pub body: Value,
}

impl Seen {
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Method and path without the query.
    pub fn what(&self) -> (&str, &str) {
        (&self.method, self.path.split('?').next().unwrap_or_default())
    }
}

pub enum Answer {
    Json(u16, Value),
    /// The connection goes after the request was read.
    Cut,
}

pub fn ok(value: Value) -> Answer {
    Answer::Json(200, value)
}

pub fn status(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
    Answer::Json(code, status)
}

#[derive(Clone)]
pub struct Fake {
    pub client: kube::Client,
    seen: Arc<Mutex<Vec<Seen>>>,
    lines: Arc<Mutex<Vec<String>>>,
    pub cancel: CancellationToken,
}

impl Fake {
    pub fn new(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(vec![]));
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        let service = tower::service_fn(move |request: Request<Body>| {
            let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let path = parts.uri.path_and_query().unwrap().to_string();
                let one = Seen { method: parts.method.to_string(), path, headers: parts.headers, body };
                kept.lock().unwrap().push(one.clone());
                match answer(&one) {
                    Answer::Json(code, value) => {
                        let bytes = Full::<Bytes>::from(value.to_string());
                        let response: Response<Full<Bytes>> = Response::builder().status(code).body(bytes).unwrap();
                        Ok(response)
                    }
                    Answer::Cut => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
                }
            }
        });
        let client = kube::Client::new(service, "ml");
        Self { client, seen, lines: Arc::default(), cancel: CancellationToken::new() }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_write).collect()
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub async fn perform(&self, verb: Value) -> ActOutcome {
        self.act(verb, std::path::Path::new("."), false).await
    }

    pub async fn perform_in(&self, workdir: &std::path::Path, verb: Value) -> ActOutcome {
        self.act(verb, workdir, false).await
    }

    pub async fn reattach(&self, verb: Value) -> ActOutcome {
        self.act(verb, std::path::Path::new("."), true).await
    }

    async fn act(&self, verb: Value, workdir: &std::path::Path, again: bool) -> ActOutcome {
        let verb: Kubernetes = serde_json::from_value(verb).unwrap();
        let lines = Arc::clone(&self.lines);
        let out = move |line: &str| lines.lock().unwrap().push(line.to_owned());
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        let cancel = self.cancel.clone();
        let cx =
            ActContext::new(&self.client, "ml", marks(), Ticket::new("step", 1), workdir, &out, cancel, deadline, now);
        if again { reattach(&cx, &verb).await } else { perform(&cx, &verb).await }
    }
}

pub fn marks() -> Marks {
    Marks { uid: "0190-uid".into(), run: "run-1".into(), sequence: 42, head: "0123456789abcdef0123456789abcdef".into() }
}

pub fn succeeded(outcome: ActOutcome) -> Done {
    match outcome {
        ActOutcome::Succeeded(done) => done,
        other => panic!("not a success: {other:?}"),
    }
}

pub fn failed(outcome: ActOutcome) -> Failure {
    match outcome {
        ActOutcome::Failed(failure) => failure,
        other => panic!("not a failure: {other:?}"),
    }
}
