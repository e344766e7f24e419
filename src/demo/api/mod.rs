//! The embedded cluster's API, at the level of an HTTP client's transport: a service that a `kube::Client` is built on.
//! What it serves is the world's; here is only how it is asked.

mod asked;
pub(super) mod kinds;
mod logs;
mod objects;
mod patch;
mod selector;
mod status;
mod table;
mod watch;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use jiff::Timestamp;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::watch as signal;
use tokio_util::bytes::Bytes;

use super::{prometheus, world::World};
use asked::{Asked, Place};
use status::Refused;

/// How often the world is told the time while nobody asks.
const BEAT: Duration = Duration::from_millis(100);

/// The world behind its API, with the clock it lives by.
#[derive(Clone)]
pub struct Embedded {
    world: Arc<Mutex<World>>,
    clock: fn() -> Timestamp,
    /// Told whenever something changed.
    changed: Arc<signal::Sender<u64>>,
}

/// What goes back: a body that is there, or one that comes bit by bit.
type Answer = Result<Response<UnsyncBoxBody<Bytes, io::Error>>, io::Error>;

impl Embedded {
    pub fn new(world: World, clock: fn() -> Timestamp) -> Self {
        Self { world: Arc::new(Mutex::new(world)), clock, changed: Arc::new(signal::Sender::new(0)) }
    }

    /// A client of it; no connection is ever made.
    pub fn client(&self, namespace: &str) -> Client {
        let this = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let this = this.clone();
            async move { this.serve(request).await }
        });
        Client::new(service, namespace)
    }

    /// Lets the world live for as long as somebody holds it.
    pub fn live(&self) {
        let (world, changed, clock) = (Arc::downgrade(&self.world), Arc::downgrade(&self.changed), self.clock);
        tokio::spawn(async move {
            let mut beats = tokio::time::interval(BEAT);
            while let Some((world, changed)) = Weak::upgrade(&world).zip(Weak::upgrade(&changed)) {
                let this = Self { world, clock, changed };
                drop(this.now());
                drop(this);
                beats.tick().await;
            }
        });
    }

    /// The world as it is at this moment.
    fn now(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance((self.clock)());
        self.tell(&world);
        world
    }

    fn tell(&self, world: &World) {
        let version = world.store.version() + world.logs.written + u64::from(world.is_away());
        self.changed.send_if_modified(|last| std::mem::replace(last, version) != version);
    }

    async fn serve(&self, request: Request<Body>) -> Answer {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let asked = Asked::of(&head, &body);
        let mut world = self.now();
        if world.is_away() {
            return Err(away());
        }
        let answer = match self.route(&mut world, &asked) {
            Ok(answer) => answer,
            Err(refused) => said(refused.code, &refused.status()),
        };
        world.settle();
        self.tell(&world);
        let mut answer = answer?;
        let date = world.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = header::HeaderValue::try_from(date) {
            answer.headers_mut().insert(header::DATE, date);
        }
        Ok(answer)
    }

    fn route(&self, world: &mut World, asked: &Asked) -> Result<Answer, Refused> {
        match &asked.place {
            Place::Ready => Ok(text("ok")),
            Place::Version => {
                Ok(ok(&json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0-demo", "platform": "embedded"})))
            }
            Place::Core | Place::Discovery => {
                let items = if asked.place == Place::Core { json!([]) } else { kinds::discovery() };
                Ok(ok(&json!({
                    "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
                })))
            }
            Place::Review => {
                let mut review = asked.body.clone();
                review["status"] = json!({"allowed": true, "reason": "everything is allowed in the demo"});
                Ok(said(201, &review))
            }
            Place::Prometheus { path } => {
                let at = world.now().as_millisecond();
                let told = prometheus::answer(&world.series, &world.rules, path, &asked.form, at);
                Ok(said(told.status, &told.body))
            }
            Place::Log { namespace, pod } => logs::answer(self, world, asked, namespace, pod),
            Place::Objects(at) if at.name.is_empty() && asked.is("watch", "true") => {
                watch::answer(self, world, asked, at)
            }
            Place::Objects(at) => objects::answer(world, asked, at),
            Place::Nowhere => Err(Refused::new(404, "NotFound", "the embedded cluster has no such resource")),
        }
    }
}

/// What a client meets when nobody listens.
fn away() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused (the demo's API server is away)")
}

fn said(code: u16, body: &Value) -> Answer {
    let bytes = serde_json::to_vec(body).map_err(io::Error::other)?;
    whole(code, "application/json", bytes)
}

fn ok(body: &Value) -> Answer {
    said(200, body)
}

fn text(body: &str) -> Answer {
    whole(200, "text/plain; charset=utf-8", body.as_bytes().to_vec())
}

fn whole(code: u16, kind: &str, body: Vec<u8>) -> Answer {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
    respond(code, kind, body.boxed_unsync())
}

/// A body that comes piece by piece; an error cuts it.
fn pieces(kind: &str, pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Answer {
    let frames = pieces.map(|piece| piece.map(http_body::Frame::data));
    respond(200, kind, StreamBody::new(frames).boxed_unsync())
}

fn respond(code: u16, kind: &str, body: UnsyncBoxBody<Bytes, io::Error>) -> Answer {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Response::builder().status(code).header(header::CONTENT_TYPE, kind).body(body).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
