//! `http:` and `notify:` against local servers, honest and otherwise.

use std::time::Duration;

use ripcord::{
    engine::message::{Effect, Ticket},
    runbook::model::{Action, Http, Notify},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{body_json, header, method, path},
};

use super::hands::{Hands, done, failure, unknown};

fn http(value: serde_json::Value) -> Action {
    Action::Http(serde_json::from_value::<Http>(value).unwrap())
}

async fn ask(hands: &mut Hands, value: serde_json::Value) -> ripcord::engine::message::Report {
    hands.perform(&Ticket::new("ask", 1), http(value), Some(Duration::from_secs(20)));
    hands.end().await
}

async fn serving(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/")).respond_with(response).mount(&server).await;
    server
}

/// A server that takes one request whole and then does as it is told. Says how many requests came.
async fn rude(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut requests = 0;
        while let Ok(Ok((mut line, _))) = tokio::time::timeout(Duration::from_millis(500), listener.accept()).await {
            requests += 1;
            let mut piece = [0; 4096];
            let _ = line.read(&mut piece).await;
            let _ = line.write_all(answer).await;
        }
        requests
    });
    (url, served)
}

#[tokio::test]
async fn an_answer_as_expected_gives_its_outputs() {
    let server = serving(ResponseTemplate::new(200).set_body_json(json!({"status": "healthy", "n": [1, 2]}))).await;
    let mut hands = Hands::new();
    let expect =
        json!({"status": 200, "json": {"/status": "healthy", "/n/1": 2}, "text": "healthy", "maxLatency": "20s"});
    let done = done(ask(&mut hands, json!({"url": server.uri(), "expect": expect})).await);
    assert_eq!(done.outputs["status"], 200);
    assert_eq!(done.outputs["json"]["n"][0], 1);
    assert!(done.outputs["body"].as_str().unwrap().contains("healthy"));
    assert!(done.summary.starts_with("200 in "), "{}", done.summary);
    assert!(String::from_utf8(hands.output(&done)).unwrap().contains("healthy"));
}

#[tokio::test]
async fn what_is_not_as_expected_is_said_with_what_was_seen() {
    let html = ResponseTemplate::new(200).set_body_string("<html>login</html>");
    let body = ResponseTemplate::new(200).set_body_json(json!({"status": "sick"}));
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_millis(50));
    let cases = [
        (
            ResponseTemplate::new(500).set_body_string("out of\u{1b}[31m memory"),
            json!({}),
            ["2xx, got 500", "out of\\u{1b}[31m memory"],
        ),
        (ResponseTemplate::new(404), json!({"status": 200}), ["status 200, got 404", "empty body"]),
        (html, json!({"json": {"/status": "healthy"}}), ["expected JSON", "<html>login"]),
        (body.clone(), json!({"json": {"/status": "healthy"}}), ["\"healthy\" at /status", "got \"sick\""]),
        (body.clone(), json!({"json": {"/missing": 1}}), ["nothing at /missing", "sick"]),
        (body, json!({"text": "fine"}), ["expected «fine»", "sick"]),
        (slow, json!({"maxLatency": "1ms"}), ["at most 1ms", "it took "]),
    ];
    for (response, expect, words) in cases {
        let server = serving(response).await;
        let failed = failure(ask(&mut Hands::new(), json!({"url": server.uri(), "expect": expect})).await);
        assert_eq!(failed.reason, "expect");
        assert!(words.iter().all(|word| failed.message.contains(word)), "{}", failed.message);
    }
}

#[tokio::test]
async fn a_refused_connection_is_a_failure_for_reads_and_writes() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    for verb in ["GET", "POST"] {
        let failed = failure(ask(&mut Hands::new(), json!({"url": url, "method": verb})).await);
        assert_eq!(failed.reason, "refused");
        assert!(failed.message.contains("is it running"), "{}", failed.message);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout_for_reads_and_unknown_for_writes() {
    let server = serving(ResponseTemplate::new(200).set_delay(Duration::from_secs(600))).await;
    let asked = |verb: &str| json!({"url": server.uri(), "method": verb, "timeout": "200ms"});
    let failed = failure(ask(&mut Hands::new(), asked("GET")).await);
    assert_eq!(failed.reason, "timeout");
    assert!(failed.message.contains("200ms"), "{}", failed.message);
    let message = unknown(ask(&mut Hands::new(), asked("POST")).await);
    assert!(message.contains("200ms") && message.contains("look"), "{message}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_never_tried_again() {
    for answer in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"] {
        let (url, served) = rude(answer).await;
        unknown(ask(&mut Hands::new(), json!({"url": url, "method": "POST", "body": "once"})).await);
        assert_eq!(served.await.unwrap(), 1, "a write is sent once");
        let (url, served) = rude(answer).await;
        assert_eq!(failure(ask(&mut Hands::new(), json!({"url": url})).await).reason, "refused");
        assert_eq!(served.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_huge_answer_is_refused_in_bounded_memory() {
    let server = serving(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 11 << 20])).await;
    let failed = failure(ask(&mut Hands::new(), json!({"url": server.uri()})).await);
    assert!(failed.message.contains("10 MiB"), "{}", failed.message);
    let server = serving(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 9 << 20])).await;
    let done = done(ask(&mut Hands::new(), json!({"url": server.uri()})).await);
    assert_eq!(done.outputs["body"].as_str().unwrap().len(), 8 << 10);
    assert_eq!(done.output.unwrap().bytes, 9 << 20);
}

#[tokio::test]
async fn a_write_that_was_taken_is_not_called_unsent_when_its_redirect_leads_nowhere() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let server = serving(ResponseTemplate::new(303).insert_header("location", nowhere.as_str())).await;
    let report = ask(&mut Hands::new(), json!({"url": server.uri(), "method": "POST"})).await;
    assert!(unknown(report).contains("look"), "the POST was taken: repeating it would do it twice");
}

#[tokio::test]
async fn a_read_follows_redirects() {
    let server = serving(ResponseTemplate::new(302).insert_header("location", "/there")).await;
    Mock::given(path("/there")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    done(ask(&mut Hands::new(), json!({"url": server.uri()})).await);
}

#[tokio::test]
async fn a_read_stops_on_request() {
    let server = serving(ResponseTemplate::new(200).set_delay(Duration::from_secs(600))).await;
    let mut hands = Hands::new();
    let ticket = Ticket::new("ask", 1);
    hands.perform(&ticket, http(json!({"url": server.uri()})), None);
    hands.start(Effect::Cancel { ticket });
    assert_eq!(failure(hands.end().await).reason, "cancelled");
}

#[tokio::test]
async fn a_secret_header_is_sent_and_an_echo_of_it_is_not_kept() {
    let server = MockServer::start().await;
    let echo = |request: &Request| {
        let token = request.headers["authorization"].to_str().unwrap();
        ResponseTemplate::new(200).set_body_json(json!({"you": {"sent": [token]}}))
    };
    Mock::given(header("authorization", "s3cr3t-value")).respond_with(echo).expect(1).mount(&server).await;
    let mut hands = Hands::with(&[("token", "s3cr3t-value")], None);
    let report =
        ask(&mut hands, json!({"url": server.uri(), "headers": {"Authorization": "${{ secrets.token }}"}})).await;
    assert!(!format!("{report:?}").contains("s3cr3t-value"), "{report:?}");
    let done = done(report);
    assert_eq!(done.outputs["json"]["you"]["sent"][0], "[redacted:token]");
    assert!(!String::from_utf8(hands.output(&done)).unwrap().contains("s3cr3t"));
}

#[tokio::test]
async fn notifications_have_the_form_their_receivers_want() {
    let server = MockServer::start().await;
    let page = json!({
        "routing_key": "s3cr3t-key", "event_action": "trigger",
        "payload": {"summary": "it burns", "severity": "critical", "source": "ripcord"},
    });
    let answers = [("/slack", json!({"text": "hello"})), ("/hook", json!({"a": 1})), ("/page", page)];
    for (at, body) in &answers {
        let taken = ResponseTemplate::new(202);
        Mock::given(method("POST"))
            .and(path(*at))
            .and(body_json(body))
            .respond_with(taken)
            .expect(1)
            .mount(&server)
            .await;
    }
    let hook = format!("{}/slack", server.uri());
    let mut hands = Hands::with(&[("hook", &hook), ("key", "s3cr3t-key")], None);
    let sent = [
        json!({"slack": {"webhook": "${{ secrets.hook }}", "text": "hello"}}),
        json!({"webhook": {"url": format!("{}/hook", server.uri()), "json": {"a": 1}}}),
        json!({"pagerduty": {"routingKey": "${{ secrets.key }}", "severity": "critical", "summary": "it burns", "url": format!("{}/page", server.uri())}}),
    ];
    for (attempt, notify) in (1..).zip(sent) {
        let notify: Notify = serde_json::from_value(notify).unwrap();
        hands.perform(&Ticket::new("tell", attempt), Action::Notify(notify), None);
        done(hands.end().await);
    }
}

#[tokio::test]
async fn a_notification_that_nobody_takes_is_a_known_failure_without_its_secret() {
    let server = serving(ResponseTemplate::new(403).set_body_string("no_service")).await;
    let url = server.uri();
    let mut hands = Hands::with(&[("hook", &url)], None);
    let notify = serde_json::from_value(json!({"slack": {"webhook": "${{ secrets.hook }}", "text": "x"}})).unwrap();
    hands.perform(&Ticket::new("tell", 1), Action::Notify(notify), None);
    let report = hands.end().await;
    assert!(!format!("{report:?}").contains(&url), "{report:?}");
    assert!(failure(report).message.contains("403"));
}
