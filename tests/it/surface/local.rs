//! The shipped `local`, as far as it goes without a cluster: a checkout with tests of its own, and a service that runs.

use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use super::super::desk::Desk;

/// A service whose model is cold for its first two answers.
async fn cold_at_first() -> MockServer {
    let server = MockServer::start().await;
    let health = || Mock::given(method("GET")).and(path("/health"));
    health().respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    let healthy = ResponseTemplate::new(200).set_body_json(json!({"status": "healthy"}));
    health().respond_with(healthy).mount(&server).await;
    server
}

fn args(url: &str, tests: &str) -> Vec<String> {
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/local.yaml");
    let params = ["cluster=none".to_owned(), format!("tests={tests}"), format!("url={url}")];
    let params = params.into_iter().flat_map(|param| ["-p".to_owned(), param]);
    ["run", book, "--headless"].map(str::to_owned).into_iter().chain(params).collect()
}

/// Off the test's thread: the server answers there meanwhile.
async fn run(desk: Desk, args: Vec<String>) -> (Desk, i32, String) {
    let done = tokio::task::spawn_blocking(move || {
        let (exit, out) = desk.ripcord(&args.iter().map(String::as_str).collect::<Vec<_>>());
        (desk, exit, out)
    });
    done.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_warms_up_is_found_healthy_and_the_cluster_steps_are_left_out() {
    let server = cold_at_first().await;
    let (desk, exit, out) = run(Desk::new(), args(&server.uri(), "echo 3 passed > tested")).await;
    assert_eq!(exit, 0, "{out}");
    assert_eq!(std::fs::read_to_string(desk.path("tested")).unwrap(), "3 passed\n");
    assert!(out.contains("running"), "it says how it ended: {out}");
    assert_eq!(server.received_requests().await.unwrap().len(), 3, "twice cold, then healthy");
    let (_, shown) = desk.ripcord(&["trail", "show", &desk.only_run()]);
    for step in ["build", "deploy", "forward"] {
        assert!(!shown.contains(&format!(" {step}: succeeded")), "{step}: {shown}");
    }
    let (exit, verified) = desk.ripcord(&["trail", "verify", &desk.only_run()]);
    assert_eq!(exit, 0, "{verified}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tests_that_fail_stop_it_before_the_service_is_asked() {
    let server = cold_at_first().await;
    let (_desk, exit, out) = run(Desk::new(), args(&server.uri(), "echo 1 failed; false")).await;
    assert_eq!(exit, 3, "a person has to say what now: {out}");
    assert!(out.contains("tests") && out.contains("exit 1"), "{out}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
