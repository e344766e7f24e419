//! What the program answers: its metrics, its switches, and the service itself.
//!
//! `GET /metrics` · `GET /control` · `PUT|DELETE /control/NAME` (a tag or a version) ·
//! `GET /health` · `GET /info` (wants the key of Secret `api-keys`) · `POST /predict`.
//! The last three also under `/ns/NAMESPACE`; without it, of the first Service known.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::behaviour::Behaviour;
use crate::{Shared, locked, page};

type Answer = Response<Full<Bytes>>;

pub async fn serve(listener: TcpListener, shared: Shared, client: Client) {
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, client) = (shared.clone(), client.clone());
        let service = hyper::service::service_fn(move |request| {
            let (shared, client) = (shared.clone(), client.clone());
            async move { Ok::<_, std::convert::Infallible>(answer(request, &shared, &client).await) }
        });
        // a client that goes away in the middle is its own business
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared, client: &Client) -> Answer {
    let path = request.uri().path().to_owned();
    let (namespace, route) = match path.strip_prefix("/ns/").and_then(|rest| rest.split_once('/')) {
        Some((namespace, route)) => (Some(namespace.to_owned()), format!("/{route}")),
        None => (None, path),
    };
    let method = request.method().clone();
    match (method, route.as_str()) {
        (Method::GET, "/metrics") => text(page::render(&locked(shared))),
        (Method::GET, "/control") => reply(StatusCode::OK, json!(locked(shared).switches.0)),
        (_, control) if control.starts_with("/control/") => {
            let name = control.trim_start_matches("/control/").to_owned();
            switch(request, shared, name).await
        }
        (Method::GET, "/health") => health(shared, namespace.as_deref()),
        (Method::GET, "/info") => info(&request, shared, client, namespace).await,
        (Method::POST, "/predict") => predict(request, shared, namespace.as_deref()).await,
        _ => reply(StatusCode::NOT_FOUND, json!({"error": "not found"})),
    }
}

async fn switch(request: Request<Incoming>, shared: &Shared, name: String) -> Answer {
    if request.method() == Method::DELETE {
        locked(shared).switches.0.remove(&name);
        return reply(StatusCode::OK, json!({}));
    }
    if request.method() != Method::PUT {
        return reply(StatusCode::METHOD_NOT_ALLOWED, json!({"error": "PUT or DELETE"}));
    }
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return reply(StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
    };
    match serde_json::from_slice::<Behaviour>(&body) {
        Ok(behaviour) => {
            locked(shared).switches.0.insert(name, behaviour);
            reply(StatusCode::OK, json!(behaviour))
        }
        Err(error) => reply(StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
    }
}

/// The image tag of a ready pod of the service asked for, and its namespace.
fn ready_pod(shared: &Shared, namespace: Option<&str>) -> Option<(String, String)> {
    let state = locked(shared);
    let mut asked = state.world.services.iter().filter(|s| namespace.is_none_or(|n| n == s.namespace));
    asked.find_map(|s| s.pods.iter().find(|p| p.ready).map(|p| (s.namespace.clone(), p.tag.clone())))
}

fn health(shared: &Shared, namespace: Option<&str>) -> Answer {
    match ready_pod(shared, namespace) {
        Some((_, tag)) => reply(StatusCode::OK, json!({"status": "healthy", "version": tag})),
        None => reply(StatusCode::SERVICE_UNAVAILABLE, json!({"status": "no ready pod"})),
    }
}

async fn info(request: &Request<Incoming>, shared: &Shared, client: &Client, namespace: Option<String>) -> Answer {
    let Some((namespace, tag)) = ready_pod(shared, namespace.as_deref()) else {
        return health(shared, namespace.as_deref());
    };
    let given = request.headers().get("x-api-key").map(|v| v.as_bytes().to_vec());
    let secret = Api::<Secret>::namespaced(client.clone(), &namespace).get_opt("api-keys").await;
    let wanted = secret.ok().flatten().and_then(|s| s.data?.get("API_KEY").cloned());
    match (given, wanted) {
        (Some(given), Some(wanted)) if given == wanted.0 => {
            reply(StatusCode::OK, json!({"model": "sentiment", "version": tag, "namespace": namespace}))
        }
        _ => reply(StatusCode::UNAUTHORIZED, json!({"error": "wrong or missing X-API-Key"})),
    }
}

async fn predict(request: Request<Incoming>, shared: &Shared, namespace: Option<&str>) -> Answer {
    let Some((_, tag)) = ready_pod(shared, namespace) else { return health(shared, namespace) };
    let body = request.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    match asked.get("text").and_then(Value::as_str) {
        Some(text) => {
            let label = if text.contains("not ") { "negative" } else { "positive" };
            reply(StatusCode::OK, json!({"label": label, "version": tag}))
        }
        None => reply(StatusCode::UNPROCESSABLE_ENTITY, json!({"error": "a text is needed"})),
    }
}

fn text(body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    answer
}

fn reply(status: StatusCode, body: Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    answer
}
