//! The Prometheus client against a server that says whatever a server can say.

use std::{path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use ripcord::{
    effects::prometheus::{Prometheus, Queries},
    engine::message::{Decimal, Reading},
    runbook::model,
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

/// What the server says: to the query itself, to `max(timestamp(SELECTOR))` as seconds of age, and its clock.
#[derive(Clone)]
struct Says {
    query: ResponseTemplate,
    result: Option<Value>,
    age: Option<f64>,
    up_age: Option<f64>,
    skew: i64,
    stamp_off: f64,
}

fn number(value: &str) -> Says {
    Says {
        query: ResponseTemplate::new(200),
        result: Some(json!([{"metric": {}, "value": value}])),
        age: Some(5.0),
        up_age: Some(5.0),
        skew: 0,
        stamp_off: 0.0,
    }
}

fn result(result: Value) -> Says {
    Says { result: Some(result), ..number("0") }
}

fn raw(status: u16, body: &Value) -> Says {
    Says { query: ResponseTemplate::new(status).set_body_json(body), result: None, ..number("0") }
}

fn form(request: &Request) -> std::collections::BTreeMap<String, String> {
    reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(&request.body)))
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect()
}

fn vector(at: f64, value: f64) -> Value {
    json!([{"metric": {}, "value": [at, value.to_string()]}])
}

fn success(result: &Value) -> Value {
    json!({"status": "success", "data": {"resultType": "vector", "result": result}})
}

async fn server(says: Says) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let form = form(request);
        let at: f64 = form["time"].parse().unwrap();
        let age = |age: Option<f64>| match age {
            Some(age) => vector(at, at - age),
            None => json!([]),
        };
        #[expect(clippy::disallowed_methods, reason = "the server has a clock")]
        let date = Timestamp::now() + SignedDuration::from_secs(says.skew);
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
        let template = match form["query"].as_str() {
            "vector(1)" => ResponseTemplate::new(200).set_body_json(success(&vector(at, 1.0))),
            "max(timestamp(up))" => ResponseTemplate::new(200).set_body_json(success(&age(says.up_age))),
            query if query.starts_with("max(timestamp(") => {
                ResponseTemplate::new(200).set_body_json(success(&age(says.age)))
            }
            _ => match &says.result {
                None => says.query.clone(),
                Some(result) => {
                    let mut result = result.clone();
                    for series in result.as_array_mut().unwrap() {
                        let value = series["value"].as_str().unwrap().to_owned();
                        series["value"] = json!([at + says.stamp_off, value]);
                    }
                    ResponseTemplate::new(200).set_body_json(success(&result))
                }
            },
        };
        template.insert_header("date", date.as_str())
    };
    Mock::given(method("POST")).and(path("/prom/api/v1/query")).respond_with(answer).mount(&server).await;
    server
}

fn spec(server: &MockServer) -> model::Prometheus {
    model::Prometheus { url: Some(format!("{}/prom/", server.uri())), ..Default::default() }
}

async fn connect(spec: &model::Prometheus) -> Prometheus {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let reveal = |text: &str| Ok(text.replace("${{ secrets.token }}", "hush-hush"));
    let none = async { anyhow::bail!("no cluster here") };
    let server = Prometheus::connect(spec, reveal, Path::new("/"), none).await.unwrap();
    server.patient(Duration::from_millis(300), Duration::from_millis(900))
}

fn queries(query: &str) -> Queries<'_> {
    Queries { query, baseline: None, samples: None, baseline_samples: None, stale_after: Duration::from_secs(120) }
}

#[expect(clippy::disallowed_methods, reason = "the test stands for the engine's clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

async fn read(says: Says) -> Reading {
    let server = server(says).await;
    connect(&spec(&server)).await.measure(&queries("sum(rate(errors_total[2m]))"), now()).await
}

fn is_value(reading: &Reading, want: f64) -> bool {
    matches!(reading, Reading::Value { value: Decimal(value), .. } if *value == want)
}

fn says(reading: &Reading, kind: &str, text: &str) {
    let (is, why) = match reading {
        Reading::Value { .. } => panic!("a value: {reading:?}"),
        Reading::NoData { why } => ("no data", why),
        Reading::Error { why } => ("error", why),
        Reading::Unreachable { why } => ("unreachable", why),
        Reading::Forgotten { why } => ("forgotten", why),
    };
    assert!(is == kind && why.contains(text), "{is}: {why}");
}

#[tokio::test]
async fn one_fresh_number_is_a_value() {
    let reading = read(number("0.0005")).await;
    assert!(is_value(&reading, 0.0005), "{reading:?}");
}

#[tokio::test]
async fn a_query_that_says_what_nothing_means_is_believed_while_something_is_recorded() {
    let query = "count(ALERTS{alertstate=\"firing\"}) or vector(0)";
    let read = async |says: Says| {
        let server = server(says).await;
        connect(&spec(&server)).await.measure(&queries(query), now()).await
    };
    let quiet = read(Says { age: None, ..number("0") }).await;
    assert!(is_value(&quiet, 0.0), "{quiet:?}");
    says(&read(Says { age: None, up_age: None, ..number("0") }).await, "no data", "nothing else was recorded");
}

#[tokio::test]
async fn whatever_is_no_fresh_number_is_never_a_value_and_says_why() {
    says(&read(result(json!([]))).await, "no data", "no series");
    says(&read(number("NaN")).await, "no data", "NaN");
    says(&read(number("+Inf")).await, "no data", "inf");
    says(&read(Says { age: Some(121.0), ..number("0") }).await, "no data", "errors_total was last seen 121s before");
    says(&read(Says { age: None, ..number("0") }).await, "no data", "no series for errors_total");
    let many = json!([{"metric": {"code": "500"}, "value": "0"}, {"metric": {"code": "503\u{202e}"}, "value": "0"}]);
    says(
        &read(result(many)).await,
        "error",
        "2 series, the query must give 1: {code=\"500\"}, {code=\"503\\u{202e}\"}",
    );
    says(&read(Says { stamp_off: -30.0, ..number("0") }).await, "error", "another moment, -30s");
}

#[tokio::test]
async fn a_warning_is_partial_data_and_advice_is_not() {
    let warned = |warning: &str| {
        let mut body = success(&vector(0.0, 0.0));
        body["warnings"] = json!([warning]);
        raw(200, &body)
    };
    says(&read(warned("2 stores did not answer")).await, "error", "partial: 2 stores did not answer");
    // the stamp of this canned answer is old: it got past the warning
    says(&read(warned("PromQL info: metric might not be a counter")).await, "error", "another moment");
}

#[tokio::test]
async fn a_wrong_query_is_an_error_with_its_position_and_a_busy_server_is_not() {
    let bad = json!({"status": "error", "errorType": "bad_data", "error": "1:8: parse error: unexpected right brace"});
    says(&read(raw(400, &bad)).await, "error", "400, bad_data: 1:8: parse error");
    let many = json!({"status": "error", "errorType": "execution", "error": "found duplicate series"});
    says(&read(raw(422, &many)).await, "error", "422, execution: found duplicate series");
    says(&read(raw(401, &json!({}))).await, "error", "prometheus.bearer");
    says(&read(raw(302, &json!({}))).await, "error", "prometheus.url");
    let slow = json!({"status": "error", "errorType": "timeout", "error": "query timed out"});
    says(&read(raw(503, &slow)).await, "unreachable", "503, timeout");
    says(
        &read(raw(429, &json!({"status": "error", "errorType": "too_many_requests", "error": "x"}))).await,
        "unreachable",
        "429",
    );
    says(&read(raw(200, &json!("not an answer"))).await, "error", "200");
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_unreachable_with_its_cause() {
    let gone = connect(&model::Prometheus { url: Some("http://127.0.0.1:1".into()), ..Default::default() }).await;
    says(&gone.measure(&queries("x"), now()).await, "unreachable", "refused");
    let silent =
        Says { query: ResponseTemplate::new(200).set_delay(Duration::from_secs(5)), result: None, ..number("0") };
    says(&read(silent).await, "unreachable", "no answer in");
}

#[tokio::test]
async fn nothing_recorded_at_all_is_told_apart_from_a_silent_metric() {
    says(&read(Says { up_age: Some(300.0), ..result(json!([])) }).await, "forgotten", "recorded nothing for 300s");
    // up does not exist, now or then: the metric is what is silent
    says(&read(Says { up_age: None, ..result(json!([])) }).await, "no data", "no series");
}

#[tokio::test]
async fn the_servers_clock_is_asked_in_its_own_time() {
    for skew in [-90, 90] {
        let server = server(Says { skew, ..number("0.5") }).await;
        let client = connect(&spec(&server)).await;
        let slot = now();
        assert!(is_value(&client.measure(&queries("errors"), slot).await, 0.5));
        assert!((client.skew().unwrap() - skew).abs() <= 1, "{:?}", client.skew());
        let last = server.received_requests().await.unwrap().pop().unwrap();
        let asked: f64 = form(&last)["time"].parse().unwrap();
        let off = asked - slot.as_millisecond() as f64 / 1000.0;
        assert!((off - skew as f64).abs() <= 1.5, "{off}");
    }
}

#[tokio::test]
async fn samples_and_the_baseline_come_with_the_value_and_a_baseline_without_data_spoils_it() {
    let server = server(number("7")).await;
    let client = connect(&spec(&server)).await;
    let full = Queries { baseline: Some("b"), samples: Some("n"), baseline_samples: Some("m"), ..queries("a") };
    let reading = client.measure(&full, now()).await;
    let seven = Some(Decimal(7.0));
    let want = Reading::Value { value: Decimal(7.0), baseline: seven, samples: seven, baseline_samples: seven };
    assert_eq!(reading, want);
    let server = self::server(result(json!([]))).await;
    let client = connect(&spec(&server)).await;
    let reading = client.measure(&Queries { baseline: Some("b"), ..queries("vector(1)") }, now()).await;
    says(&reading, "no data", "of the baseline");
}

#[tokio::test]
async fn credentials_and_headers_go_along_and_are_secrets_by_name() {
    let server = server(number("1")).await;
    let mut spec = spec(&server);
    spec.bearer = Some("${{ secrets.token }}".into());
    spec.headers.insert("X-Scope-OrgID".into(), "team-ml".into());
    let client = connect(&spec).await;
    assert!(is_value(&client.measure(&queries("a"), now()).await, 1.0));
    let sent = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(sent.headers["authorization"], "Bearer hush-hush");
    assert_eq!(sent.headers["x-scope-orgid"], "team-ml");
    let url = model::Prometheus { url: Some("http://me:secret@x/".into()), ..Default::default() };
    let none = async { anyhow::bail!("no cluster here") };
    let refused = Prometheus::connect(&url, |text| Ok(text.to_owned()), Path::new("/"), none).await;
    let why = format!("{:#}", refused.err().unwrap());
    assert!(why.contains("prometheus.basic") && !why.contains("secret@"), "{why}");
}

#[tokio::test]
async fn a_user_and_a_password_go_along_and_a_ca_file_that_is_none_says_so() {
    let server = server(number("1")).await;
    let mut spec = spec(&server);
    spec.basic = Some(model::Basic { username: "me".into(), password: "${{ secrets.token }}".into() });
    let client = connect(&spec).await;
    assert!(is_value(&client.measure(&queries("a"), now()).await, 1.0));
    let sent = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(sent.headers["authorization"], "Basic bWU6aHVzaC1odXNo"); // me:hush-hush
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ca.pem"), "no certificate").unwrap();
    for (file, says) in [("ca.pem", "ca.pem holds no certificate"), ("gone.pem", "prometheus.caFile")] {
        let spec =
            model::Prometheus { url: Some("https://x".into()), ca_file: Some(file.into()), ..Default::default() };
        let none = async { anyhow::bail!("no cluster here") };
        let refused = Prometheus::connect(&spec, |text| Ok(text.to_owned()), dir.path(), none).await;
        let why = format!("{:#}", refused.err().unwrap());
        assert!(why.contains(says), "{why}");
    }
}

#[tokio::test]
async fn an_outage_shorter_than_its_patience_is_not_noticed() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    let ok = |request: &Request| {
        let at: f64 = form(request)["time"].parse().unwrap();
        let value = if form(request)["query"].contains("timestamp") { at } else { 3.0 };
        ResponseTemplate::new(200).set_body_json(success(&vector(at, value)))
    };
    Mock::given(method("POST")).respond_with(ok).with_priority(2).mount(&server).await;
    let client = connect(&model::Prometheus { url: Some(server.uri()), ..Default::default() }).await;
    assert!(is_value(&client.measure(&queries("a"), now()).await, 3.0));
}
