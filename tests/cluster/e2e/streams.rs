//! Logs, exec and port-forward through the API server and kwok's kubelet endpoint.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::support::{Namespace, Running, eventually, free_port, http};

fn a_pod(here: &Namespace) -> String {
    here.kubectl(["get", "pods", "-l", "app=ml-api", "-o", "name"]).lines().next().unwrap().to_owned()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn logs_follow_and_start_where_asked() {
    let here = Namespace::new("logs");
    here.install("v1.4.1");
    let pod = a_pod(&here);
    let first =
        eventually("a log", 20, || here.try_kubectl(["logs", &pod, "--timestamps"]).ok().filter(|l| !l.is_empty()));
    assert!(first.contains("version v1.4.1"), "{first}");
    let mut command = here.command("kubectl");
    command.args(["-n", &here.name, "logs", "-f", "--tail=0", &pod]).stdout(Stdio::piped());
    let mut follow = Running::start(&mut command);
    let mut lines = BufReader::new(follow.0.stdout.take().unwrap()).lines();
    let number = |line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap()["n"].as_u64().unwrap();
    let one = number(lines.next().unwrap().unwrap());
    assert_eq!(number(lines.next().unwrap().unwrap()), one + 1, "no line is lost or repeated");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_crashed_container_leaves_its_log() {
    let here = Namespace::new("previous");
    here.apply(&json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "api", "annotations": {"ripcord.dev/rps": "10"}},
        "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}]}}));
    here.kubectl(["run", "api", "--labels=app=api", "--image=r.example/api:crash"]);
    let previous = eventually("a previous log", 60, || here.try_kubectl(["logs", "-p", "api"]).ok());
    assert!(previous.contains("panic: model file"), "{previous}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn exec_and_port_forward_reach_something() {
    let here = Namespace::new("streams");
    here.install("v1.4.1");
    let pod = a_pod(&here);
    assert_eq!(here.kubectl(["exec", &pod, "--", "sh", "-c", "echo $RIPCORD_TEST_POD"]), "simulated\n");
    let port = free_port();
    let mut command = here.command("kubectl");
    command.args(["-n", &here.name, "port-forward", "service/ml-api", &format!("{port}:80")]);
    let _forward = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let url = format!("http://127.0.0.1:{port}/ns/{}/health", here.name);
    let answer = eventually("the forward", 20, || http("GET", &url, None).ok());
    assert_eq!(answer.0, 200, "{answer:?}");
    assert!(answer.1.contains("v1.4.1"), "{answer:?}");
}
