//! The fault proxies do what they say, seen with kubectl and a plain HTTP client.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::proxy::Proxy;
use crate::support::{Namespace, Running, http, output};

/// `kubectl` through the proxy, with a limit, in the test's namespace.
fn through(proxy: &Proxy, here: &Namespace, argv: &[&str]) -> Result<String, String> {
    let config = proxy.kubeconfig();
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", config.path()).stdin(Stdio::null());
    output(command.args(["--request-timeout=5s", "-n", &here.name]).args(argv))
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_answer_of_the_proxys_own_reads_as_the_servers() {
    let here = Namespace::new("status");
    let proxy = Proxy::api();
    assert!(through(&proxy, &here, &["get", "nodes"]).unwrap().contains("node-1"));
    for (code, words) in
        [(401, "Unauthorized"), (403, "Forbidden"), (410, "Expired"), (500, "InternalError"), (504, "Timeout")]
    {
        proxy.set(json!({"fault": "status", "code": code}));
        let error = through(&proxy, &here, &["get", "nodes"]).unwrap_err();
        assert!(error.contains(words), "{code}: {error}");
    }
    proxy.set(json!({"fault": "status", "code": 429, "retryAfter": 1, "times": 2, "path": "/nodes"}));
    assert!(through(&proxy, &here, &["get", "nodes"]).is_ok(), "kubectl waits and asks again");
    let asked = proxy.requests().iter().filter(|r| r.contains("/nodes")).count();
    assert_eq!(asked, 1 + 5 + 3, "{:?}", proxy.requests());
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_write_whose_answer_is_lost_has_happened() {
    let here = Namespace::new("lost");
    let proxy = Proxy::api();
    proxy.set(json!({"fault": "dropAfterRequest", "method": "POST", "path": "/configmaps"}));
    let error = through(&proxy, &here, &["create", "configmap", "x", "--from-literal=a=b"]).unwrap_err();
    assert!(error.contains("EOF"), "{error}");
    assert_eq!(here.json(["get", "configmap", "x"])["data"]["a"], "b");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_watch_under_way_is_cut_or_held() {
    let here = Namespace::new("watch");
    let proxy = Proxy::api();
    let config = proxy.kubeconfig();
    let watch = || {
        let mut command = Command::new("kubectl");
        command.env("KUBECONFIG", config.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut running = Running::start(command.args(["-n", &here.name, "get", "configmaps", "-w", "-o", "name"]));
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        // every namespace has this one, so the watch is under way
        while !lines.next().unwrap().unwrap().contains("kube-root-ca.crt") {}
        (running, lines)
    };
    let (mut cut, mut lines) = watch();
    proxy.set(json!({"fault": "cut"}));
    assert!(lines.next().is_none(), "the stream ends");
    cut.0.wait().unwrap();
    proxy.heal();

    let (mut held, lines) = watch();
    proxy.set(json!({"fault": "blackHole"}));
    here.kubectl(["create", "configmap", "unseen"]);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.for_each(|line| sender.send(line.unwrap_or_default()).unwrap_or(())));
    let nothing = receiver.recv_timeout(Duration::from_secs(2));
    assert_eq!(nothing, Err(std::sync::mpsc::RecvTimeoutError::Timeout), "nothing passes, nothing ends");
    assert!(held.0.try_wait().unwrap().is_none());
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn certificate_delay_and_trickle() {
    let here = Namespace::new("slowly");
    let proxy = Proxy::api();
    proxy.set(json!({"fault": "expiredCertificate"}));
    let error = through(&proxy, &here, &["get", "nodes"]).unwrap_err();
    assert!(error.contains("certificate has expired"), "{error}");
    for fault in [json!({"fault": "delay", "milliseconds": 7000}), json!({"fault": "slowBody", "bytesPerSecond": 500})]
    {
        proxy.set(fault.clone());
        let error = through(&proxy, &here, &["get", "nodes", "-o", "json"]).unwrap_err();
        assert!(error.contains("imeout") || error.contains("deadline"), "{fault}: {error}");
    }
    proxy.heal();
    assert!(through(&proxy, &here, &["get", "nodes"]).is_ok());
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn prometheus_has_its_own() {
    let _here = Namespace::new("promfault");
    let proxy = Proxy::prometheus();
    let url = format!("{}/api/v1/query?query=up", proxy.url);
    assert_eq!(http("GET", &url, None).unwrap().0, 200);
    proxy.set(json!({"fault": "status", "code": 500}));
    assert_eq!(http("GET", &url, None).unwrap().0, 500);
    proxy.set(json!({"fault": "cut"}));
    assert!(http("GET", &url, None).is_err());
    proxy.set(json!({"fault": "blackHole"}));
    assert!(http("GET", &url, None).unwrap_err().contains("imed"));
    proxy.heal();
    assert_eq!(http("GET", &url, None).unwrap().0, 200);
}
