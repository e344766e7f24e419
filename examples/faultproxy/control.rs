//! The control address: `GET /` says what is wrong and how much passed, `PUT /` sets a
//! fault (`{"fault": "status", "code": 429, "retryAfter": 2, "path": "/pods"}`),
//! `DELETE /` makes all well again, `GET /requests` lists the last thousand.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fault::{Board, Fault};

pub async fn serve(listener: TcpListener, board: Board) {
    while let Ok((stream, _)) = listener.accept().await {
        let board = board.clone();
        let service = hyper::service::service_fn(move |request| {
            let board = board.clone();
            async move { Ok::<_, std::convert::Infallible>(answer(request, &board).await) }
        });
        // a client that goes away in the middle is its own business
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, board: &Board) -> Response<Full<Bytes>> {
    match (request.method().clone(), request.uri().path()) {
        (Method::GET, "/") => reply(StatusCode::OK, state(board)),
        (Method::GET, "/requests") => reply(StatusCode::OK, json!(board.recent())),
        (Method::DELETE, "/") => {
            board.set(None);
            reply(StatusCode::OK, state(board))
        }
        (Method::PUT, "/") => {
            let body = request.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
            match serde_json::from_slice::<Fault>(&body) {
                Ok(fault) => {
                    board.set(Some(fault));
                    reply(StatusCode::OK, state(board))
                }
                Err(error) => reply(StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
            }
        }
        _ => reply(StatusCode::NOT_FOUND, json!({"error": "GET, PUT or DELETE / · GET /requests"})),
    }
}

fn state(board: &Board) -> Value {
    let (requests, faulted) = board.counts();
    json!({"fault": board.current(), "requests": requests, "faulted": faulted})
}

fn reply(status: StatusCode, body: Value) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *answer.status_mut() = status;
    answer
}
