//! `http:`: one request, sent once, and what was expected of its answer.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use reqwest::{
    Client, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
    redirect,
};
use serde_json::{Value, json};

use super::work::{Work, failed, failed_with};
use crate::{
    engine::message::{Done, Report},
    runbook::{
        model::{Expect, Http},
        value::Tpl,
    },
    visible,
};

/// A longer answer is a failure: nobody meant to read it.
const MAX_BODY: usize = 10 << 20;
/// How much of a body becomes an output.
const KEPT_BODY: usize = 8 << 10;
const REDIRECTS: usize = 10;
const CONNECT: Duration = Duration::from_secs(10);
const DEFAULT: Duration = Duration::from_secs(30);

/// One client for all reads: connections are kept, redirects followed.
pub(super) fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| built(redirect::Policy::limited(REDIRECTS)))
}

/// For writes: it stops at every redirect, so that what was taken is told from what was never sent.
fn still_client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| built(redirect::Policy::none()))
}

fn built(redirects: redirect::Policy) -> Client {
    let agent = concat!("ripcord/", env!("CARGO_PKG_VERSION"));
    let built = Client::builder().connect_timeout(CONNECT).redirect(redirects).user_agent(agent).build();
    built.unwrap_or_default()
}

/// The answer, read.
struct Answer {
    status: u16,
    body: String,
    took: Duration,
}

/// Why there is none.
enum NoAnswer {
    /// Nothing was sent.
    NotSent {
        reason: &'static str,
        message: String,
    },
    /// It was sent, and nobody knows what became of it.
    Lost(String),
    TooLong,
}

pub async fn perform(work: &Work, http: &Http) -> Report {
    let limit = http.timeout.as_ref().and_then(Tpl::value).map(|dur| dur.get()).or(work.timeout).unwrap_or(DEFAULT);
    // A write runs to its deadline even when it is told to stop: half a request is worse than a whole one.
    let asked = ask(work, http, limit);
    let answer = if http.is_read() {
        tokio::select! {
            answer = asked => answer,
            () = work.cancel.cancelled() => return failed("cancelled", "stopped on request"),
        }
    } else {
        asked.await
    };
    match answer {
        Ok(answer) => judge(work, http, &answer),
        Err(NoAnswer::NotSent { reason, message }) => failed(reason, message),
        Err(NoAnswer::TooLong) => {
            failed("expect", format!("the answer is longer than {} MiB; ask for less", MAX_BODY >> 20))
        }
        Err(NoAnswer::Lost(message)) if http.is_read() => {
            let reason = if message.contains("no answer within") { "timeout" } else { "refused" };
            failed(reason, message)
        }
        Err(NoAnswer::Lost(message)) => Report::Unknown {
            message: format!("{message} after the request had left; look at what it did before you try again"),
        },
    }
}

async fn ask(work: &Work, http: &Http, limit: Duration) -> Result<Answer, NoAnswer> {
    let not_sent = |reason: &'static str, message: String| NoAnswer::NotSent { reason, message };
    let method = Method::from_bytes(http.method().to_uppercase().as_bytes())
        .map_err(|_| not_sent("render", format!("«{}» is not a method", http.method())))?;
    let url = work.reveal(&http.url).map_err(|problem| not_sent("render", problem.to_string()))?;
    let mut request = client().request(method, url.as_ref()).timeout(limit);
    for (name, value) in &http.headers {
        let value = work.reveal(value).map_err(|problem| not_sent("render", problem.to_string()))?;
        request = request.header(name, value.as_ref());
    }
    request = match (&http.json, &http.body) {
        (Some(json), _) => request.json(json),
        (None, Some(body)) => request.body(body.clone()),
        (None, None) => request,
    };
    let request =
        request.build().map_err(|error| not_sent("render", format!("the request cannot be made: {error}")))?;
    let begun = Instant::now();
    let response = if http.is_read() {
        client().execute(request).await.map_err(|error| no_answer(&error, &http.url, limit))?
    } else {
        write(request, &http.url, limit).await?
    };
    let status = response.status().as_u16();
    let body = read(response).await?;
    Ok(Answer { status, body, took: begun.elapsed() })
}

/// A write follows redirects by itself: once a server has taken it, no later failure means that nothing was sent.
async fn write(mut request: Request, url: &str, limit: Duration) -> Result<Response, NoAnswer> {
    for taken in 0..=REDIRECTS {
        let (again, at) = (request.try_clone(), request.url().clone());
        let sent = still_client().execute(request).await;
        let response = match sent {
            Ok(response) => response,
            Err(error) if taken == 0 => return Err(no_answer(&error, url, limit)),
            Err(error) => {
                let cause = innermost(&error);
                return Err(NoAnswer::Lost(format!("{url} answered and pointed to {at}, which did not: {cause}")));
            }
        };
        let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let to = location.filter(|_| response.status().is_redirection()).and_then(|to| at.join(to).ok());
        let (Some(to), Some(next)) = (to, again) else { return Ok(response) };
        request = redirected(next, to, response.status());
    }
    Err(NoAnswer::Lost(format!("{url} points from one address to the next, more than {REDIRECTS} times")))
}

/// 307 and 308 keep the method and the body; after the others it is a plain look. Another host gets no headers.
fn redirected(mut request: Request, to: reqwest::Url, status: StatusCode) -> Request {
    if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        *request.method_mut() = Method::GET;
        *request.body_mut() = None;
        request.headers_mut().remove(CONTENT_TYPE);
    }
    if to.host() != request.url().host() || to.port_or_known_default() != request.url().port_or_known_default() {
        request.headers_mut().clear();
    }
    *request.url_mut() = to;
    request
}

fn no_answer(error: &reqwest::Error, url: &str, limit: Duration) -> NoAnswer {
    let cause = innermost(error);
    if error.is_connect() {
        return NoAnswer::NotSent {
            reason: "refused",
            message: format!("{url} cannot be reached: {cause}; is it running, is the address right?"),
        };
    }
    if error.is_timeout() {
        return NoAnswer::Lost(format!("{url}: no answer within {}", crate::runbook::value::Dur(limit)));
    }
    NoAnswer::Lost(format!("{url}: {cause}"))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

async fn read(response: Response) -> Result<String, NoAnswer> {
    let mut bytes = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| NoAnswer::Lost(format!("the answer broke off: {}", innermost(&error))))?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(NoAnswer::TooLong);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn judge(work: &Work, http: &Http, answer: &Answer) -> Report {
    let millis = u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX);
    let mut out = work.output();
    out.write(answer.body.as_bytes());
    let output = out.finish();
    let kept: String = work.clean(&answer.body.chars().take(KEPT_BODY).collect::<String>());
    let parsed: Option<Value> = serde_json::from_str(&answer.body).ok();
    let mut done =
        Done { duration_ms: millis, output, summary: format!("{} in {millis} ms", answer.status), ..Done::default() };
    done.outputs.insert("status".into(), json!(answer.status));
    done.outputs.insert("body".into(), json!(kept));
    // From the cleaned text: an echoed secret must not come back as a value.
    if answer.body.len() <= KEPT_BODY
        && let Ok(value) = serde_json::from_str::<Value>(&work.place.redactor.redact(&answer.body))
    {
        done.outputs.insert("json".into(), value);
    }
    match misses(&http.expect, answer, parsed.as_ref()) {
        None => Report::Succeeded(done),
        Some(message) => failed_with("expect", work.clean(&message), done),
    }
}

/// The first thing that is not as expected.
fn misses(expect: &Expect, answer: &Answer, parsed: Option<&Value>) -> Option<String> {
    let begin: String = visible::line(&answer.body).chars().take(200).collect();
    let begin = if begin.is_empty() { "an empty body".to_owned() } else { format!("«{begin}»") };
    match expect.status.as_ref().and_then(Tpl::value) {
        Some(status) if status != answer.status => {
            return Some(format!("expected status {status}, got {}: {begin}", answer.status));
        }
        None if !(200..300).contains(&answer.status) => {
            return Some(format!("expected a 2xx, got {}: {begin}", answer.status));
        }
        _ => {}
    }
    if !expect.json.is_empty() {
        let Some(parsed) = parsed else { return Some(format!("expected JSON, got {begin}")) };
        for (pointer, want) in &expect.json {
            match parsed.pointer(pointer) {
                Some(have) if have == want => {}
                Some(have) => return Some(format!("expected {want} at {pointer}, got {have}")),
                None => return Some(format!("there is nothing at {pointer} in {begin}")),
            }
        }
    }
    if let Some(text) = expect.text.as_ref().filter(|text| !answer.body.contains(text.as_str())) {
        return Some(format!("expected «{text}» in {begin}"));
    }
    let limit = expect.max_latency.as_ref().and_then(Tpl::value)?;
    (answer.took > limit.get()).then(|| format!("it took {} ms, at most {limit} was expected", answer.took.as_millis()))
}
