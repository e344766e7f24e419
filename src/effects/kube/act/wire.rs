//! Requests under a run's marks, and what became of each. Reads may repeat; a write is sent once, whatever happens.
//! Knows nothing of verbs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body, core::Status};
use serde_json::Value;
use tokio::{sync::OnceCell, time::Instant};
use tokio_util::sync::CancellationToken;

use super::kinds::Resource;
use crate::session::Receipt;

/// The API server gives up after 60 s by default: an answer later than this is not coming.
const WRITE_LIMIT: Duration = Duration::from_secs(65);

/// Under which record a request is made; it goes with every request (`audit-trail.md`, «Anchors»).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The record's uid: `Audit-ID`.
    pub uid: String,
    pub run: String,
    pub sequence: u64,
    /// The chain's head after the record, 64 hex digits; 16 of them travel.
    pub head: String,
}

impl Marks {
    pub fn new(run: impl Into<String>, under: &Receipt) -> Self {
        Self { uid: under.uid.clone(), run: run.into(), sequence: under.sequence, head: under.head.clone() }
    }

    pub fn short_head(&self) -> &str {
        self.head.get(..16).unwrap_or(&self.head)
    }

    pub fn user_agent(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        format!("ripcord/{version} (run={}; seq={}; head={})", self.run, self.sequence, self.short_head())
    }
}

/// The same connection, with `Audit-ID` and User-Agent on every request, upgrades (exec) too.
pub fn marked(client: &Client, marks: &Marks) -> Client {
    let inner = client.clone();
    let audit_id = HeaderValue::from_str(&marks.uid).ok().filter(|id| !id.is_empty());
    let agent = HeaderValue::from_str(&marks.user_agent()).ok();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        if let Some(id) = &audit_id {
            request.headers_mut().insert("audit-id", id.clone());
        }
        if let Some(agent) = &agent {
            request.headers_mut().insert(header::USER_AGENT, agent.clone());
        }
        let inner = inner.clone();
        async move { inner.send(request).await }
    });
    Client::new(service, client.default_namespace())
}

/// Why there is no good answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The server answered no: nothing took place.
    #[error("{}", refusal(.0))]
    Refused(Box<Status>),
    /// Nothing left this machine.
    #[error("nothing was sent: {0}")]
    Unsent(String),
    /// It left, and what came of it nobody here can say.
    #[error("the request left, its answer never came: {0}")]
    Lost(String),
    #[error("stopped before anything was sent")]
    Cancelled,
    #[error("the time for this step is up")]
    Deadline,
    /// The server answered, and the answer makes no sense to us.
    #[error("{0}")]
    Odd(String),
}

fn refusal(status: &Status) -> String {
    let hint = match status.code {
        401 => "; the login has expired: log in in another terminal, then retry",
        403 => "; ask for that permission, or act as somebody who has it",
        _ => "",
    };
    let said = if status.message.is_empty() { &status.reason } else { &status.message };
    format!("{}{hint}", crate::visible::line(said))
}

impl Fault {
    pub fn code(&self) -> u16 {
        match self {
            Self::Refused(status) => status.code,
            _ => 0,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.code() == 404
    }

    /// A read may be tried again after this; past a deadline, by whoever has more time.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unsent(_) | Self::Lost(_) | Self::Deadline => true,
            Self::Refused(status) => status.code == 429 || status.code >= 500,
            Self::Cancelled | Self::Odd(_) => false,
        }
    }
}

/// What a request carries in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Json,
    Merge,
    Strategic,
    JsonPatch,
    /// JSON is YAML.
    Apply,
}

impl Content {
    fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// One request that changes something.
#[derive(Clone, Debug)]
pub struct Write {
    pub method: http::Method,
    pub path: String,
    pub content: Content,
    pub body: Value,
}

impl Write {
    pub fn patch(path: impl Into<String>, content: Content, body: Value) -> Self {
        Self { method: http::Method::PATCH, path: path.into(), content, body }
    }

    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: http::Method::POST, path: path.into(), content: Content::Json, body }
    }

    pub fn delete(path: impl Into<String>, body: Value) -> Self {
        Self { method: http::Method::DELETE, path: path.into(), content: Content::Json, body }
    }
}

/// A connection for one act: marked, with its deadline and its cancel.
#[derive(Clone)]
pub struct Wire {
    client: Client,
    cancel: CancellationToken,
    deadline: Instant,
    pub(super) discovered: Arc<OnceCell<Vec<Resource>>>,
    /// Writes are only tried (`dryRun=All`), and kept here.
    dry: Option<Arc<Mutex<Vec<Change>>>>,
}

/// What a write would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Wire {
    pub fn new(client: &Client, marks: &Marks, cancel: CancellationToken, deadline: Instant) -> Self {
        Self { client: marked(client, marks), cancel, deadline, discovered: Arc::default(), dry: None }
    }

    /// For reads outside a run: preflight, the library, a look at a release.
    pub fn looking(client: &Client, limit: Duration) -> Self {
        Self {
            client: client.clone(),
            cancel: CancellationToken::new(),
            deadline: Instant::now() + limit,
            discovered: Arc::default(),
            dry: None,
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The same wire with an earlier end.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + limit), ..self.clone() }
    }

    /// The same wire, on which every write is only tried.
    #[must_use]
    pub(super) fn dry(&self, changes: &Arc<Mutex<Vec<Change>>>) -> Self {
        Self { dry: Some(Arc::clone(changes)), ..self.clone() }
    }

    /// The same wire, which no cancel stops: what must be known after the act.
    #[must_use]
    pub fn steadfast(&self, limit: Duration) -> Self {
        Self { cancel: CancellationToken::new(), deadline: Instant::now() + limit, ..self.clone() }
    }

    /// Reads until there is an answer, the deadline or a cancel; each new try is told to `out`.
    ///
    /// # Errors
    /// Anything that trying again does not mend.
    pub async fn get(&self, path: &str, out: &(dyn Fn(&str) + Send + Sync)) -> Result<Value, Fault> {
        self.get_as(path, "application/json", out).await
    }

    /// As [`Wire::get`], asking for another form of the answer.
    ///
    /// # Errors
    /// As [`Wire::get`].
    pub async fn get_as(&self, path: &str, accept: &str, out: &(dyn Fn(&str) + Send + Sync)) -> Result<Value, Fault> {
        let mut pause = Duration::from_millis(200);
        for again in 1u32.. {
            let fault = match self.get_once(path, accept).await {
                Ok(value) => return Ok(value),
                Err(fault) if !fault.is_passing() => return Err(fault),
                Err(fault) => fault,
            };
            if Instant::now() + pause >= self.deadline {
                return Err(fault);
            }
            out(&format!("{fault}; trying again ({again})"));
            self.pause(pause).await?;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
        Err(Fault::Deadline)
    }

    /// One read, one answer.
    ///
    /// # Errors
    /// Every fault, passing ones too.
    pub async fn get_once(&self, path: &str, accept: &str) -> Result<Value, Fault> {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty());
        let request = request.map_err(|error| Fault::Odd(error.to_string()))?;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Fault::Cancelled),
            () = tokio::time::sleep_until(self.deadline) => Err(Fault::Deadline),
            answer = self.exchange(request) => answer,
        }
    }

    /// Bytes as they are (logs), one try, at most `limit` of them; true where there was more.
    ///
    /// # Errors
    /// Every fault, passing ones too.
    pub async fn get_bytes(&self, path: &str, limit: usize) -> Result<(Vec<u8>, bool), Fault> {
        let request = Request::get(path).header(header::ACCEPT, "*/*").body(Body::empty());
        let request = request.map_err(|error| Fault::Odd(error.to_string()))?;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Fault::Cancelled),
            () = tokio::time::sleep_until(self.deadline) => Err(Fault::Deadline),
            answer = self.exchange_bytes(request, limit) => answer,
        }
    }

    async fn exchange_bytes(&self, request: Request<Body>, limit: usize) -> Result<(Vec<u8>, bool), Fault> {
        let response = self.client.send(request).await.map_err(|error| of_error(&error))?;
        let code = response.status();
        if !code.is_success() {
            return Err(Fault::Refused(Box::new(status_of(code.as_u16(), &collect(response).await?))));
        }
        let (mut body, mut bytes) = (response.into_body(), vec![]);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Fault::Lost(chain(&error)))?;
            if let Some(data) = frame.data_ref() {
                bytes.extend_from_slice(data);
            }
            if bytes.len() > limit {
                bytes.truncate(limit);
                return Ok((bytes, true));
            }
        }
        Ok((bytes, false))
    }

    /// Sends a write once. A cancel stops it only before it left.
    ///
    /// # Errors
    /// [`Fault::Lost`] means unknown: look, never send again.
    pub async fn write(&self, write: &Write) -> Result<Value, Fault> {
        if self.cancel.is_cancelled() {
            return Err(Fault::Cancelled);
        }
        match &self.dry {
            None => self.send_once(write).await,
            Some(changes) => self.try_only(write, changes).await,
        }
    }

    async fn try_only(&self, write: &Write, changes: &Mutex<Vec<Change>>) -> Result<Value, Fault> {
        let mark = if write.path.contains('?') { '&' } else { '?' };
        let tried = Write { path: format!("{}{mark}dryRun=All", write.path), ..write.clone() };
        let object = write.path.split('?').next().unwrap_or_default();
        let created = write.method == http::Method::POST;
        let before = if created { None } else { self.get_once(object, "application/json").await.ok() };
        let answer = self.send_once(&tried).await?;
        let after = (write.method != http::Method::DELETE).then(|| answer.clone());
        if let Ok(mut changes) = changes.lock() {
            changes.push(Change { before, after });
        }
        Ok(answer)
    }

    async fn send_once(&self, write: &Write) -> Result<Value, Fault> {
        let body = serde_json::to_vec(&write.body).map_err(|error| Fault::Odd(error.to_string()))?;
        let request = Request::builder()
            .method(write.method.clone())
            .uri(&write.path)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, write.content.header())
            .body(Body::from(body))
            .map_err(|error| Fault::Odd(error.to_string()))?;
        let until = self.deadline.min(Instant::now() + WRITE_LIMIT);
        match tokio::time::timeout_at(until, self.exchange(request)).await {
            Ok(Err(Fault::Refused(status))) if is_doubtful(&status) => {
                Err(Fault::Lost(format!("{} {}", status.code, crate::visible::line(&status.message))))
            }
            Ok(Err(Fault::Odd(why))) => Err(Fault::Lost(why)),
            Ok(answer) => answer,
            Err(_) => Err(Fault::Lost("no answer within the time for this step".into())),
        }
    }

    /// Waits, unless the deadline or a cancel comes first.
    ///
    /// # Errors
    /// Which of them came.
    pub async fn pause(&self, pause: Duration) -> Result<(), Fault> {
        let until = Instant::now() + crate::pace::real(pause);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Fault::Cancelled),
            () = tokio::time::sleep_until(until.min(self.deadline)) => {
                if until >= self.deadline { Err(Fault::Deadline) } else { Ok(()) }
            }
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Value, Fault> {
        let response = self.client.send(request).await.map_err(|error| of_error(&error))?;
        let code = response.status();
        let body = collect(response).await?;
        if code.is_success() {
            let odd = |error| Fault::Odd(format!("the answer is no JSON: {error}"));
            return if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&body).map_err(odd) };
        }
        Err(Fault::Refused(Box::new(status_of(code.as_u16(), &body))))
    }
}

async fn collect(response: Response<Body>) -> Result<Vec<u8>, Fault> {
    let body = response.into_body().collect().await;
    body.map(|body| body.to_bytes().to_vec()).map_err(|error| Fault::Lost(chain(&error)))
}

/// The server's own Status, or one made of what a proxy said.
fn status_of(code: u16, body: &[u8]) -> Status {
    match serde_json::from_slice::<Status>(body) {
        Ok(status) if status.code == code || !status.reason.is_empty() => Status { code, ..status },
        _ => {
            let text = String::from_utf8_lossy(body);
            let first: String = text.trim().chars().take(200).collect();
            Status::failure(&format!("HTTP {code}: {first}"), "").with_code(code)
        }
    }
}

/// After these a write may or may not have taken place.
fn is_doubtful(status: &Status) -> bool {
    let from_the_server = !status.reason.is_empty();
    match status.code {
        408 | 502..=504 => true,
        500 => {
            !from_the_server
                || status.reason == "Timeout"
                || status.reason == "ServerTimeout"
                || status.message.contains("etcdserver:")
        }
        code => code > 504,
    }
}

/// Did it leave? Only a connection that never came up says no for certain.
pub fn of_error(error: &kube::Error) -> Fault {
    match error {
        kube::Error::Api(status) => Fault::Refused(status.clone()),
        kube::Error::Auth(why) => Fault::Unsent(format!("{}; log in in another terminal, then retry", chain(why))),
        kube::Error::BuildRequest(why) => Fault::Unsent(chain(why)),
        kube::Error::SerdeError(why) => Fault::Odd(chain(why)),
        other if never_connected(other) => Fault::Unsent(chain(other)),
        other => Fault::Lost(chain(other)),
    }
}

fn never_connected(error: &kube::Error) -> bool {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = at {
        if error.is::<crate::effects::kube::connect::PluginError>() {
            return true;
        }
        if error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect()) {
            return true;
        }
        at = error.source();
    }
    false
}

/// An error with its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        at = cause.source();
    }
    crate::visible::line(&text).into_owned()
}
