//! The right cluster or nothing: what the operator's kubeconfig says in another window moves no run, and a login
//! that has expired stops one where it can be taken up again.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::{
    canary::{Canary, ended},
    proxy::token_kubeconfig,
    said::words,
};

/// The API server of another cluster: its kube-system has a UID of its own. It writes down what it is asked.
struct Elsewhere {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Elsewhere {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (url, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::<Mutex<Vec<String>>>::default());
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            let namespace = json!({"kind": "Namespace", "apiVersion": "v1",
                "metadata": {"name": "kube-system", "uid": "00000000-0000-0000-0000-00000000e15e"}});
            let body = namespace.to_string();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
                heard.lock().unwrap().extend(head.next().and_then(Result::ok));
                while head.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Elsewhere { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A canary whose kubeconfig is a file of its own, as `write` makes it.
fn with_kubeconfig(of: &str) -> Canary {
    let mut canary = Canary::new(of);
    canary.kubeconfig = canary.state.path().join("kubeconfig");
    fs::write(&canary.kubeconfig, token_kubeconfig()).unwrap();
    canary
}

fn rewrite(canary: &Canary, change: impl FnOnce(&mut Value)) {
    let mut config: Value = serde_json::from_str(&token_kubeconfig()).unwrap();
    change(&mut config);
    fs::write(&canary.kubeconfig, config.to_string()).unwrap();
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_context_that_is_switched_in_another_window_moves_nothing() {
    let (canary, elsewhere) = (with_kubeconfig("switched"), Elsewhere::new());
    let mut child = canary.begin(&["soak=10m"]);
    canary.tells("gate.sample");
    rewrite(&canary, |config| {
        let user = config["contexts"][0]["context"]["user"].clone();
        let (clusters, contexts) = ("clusters", "contexts");
        config[clusters].as_array_mut().unwrap().push(json!({"name": "e", "cluster": {"server": elsewhere.url}}));
        let context = json!({"name": "elsewhere", "context": {"cluster": "e", "user": user}});
        config[contexts].as_array_mut().unwrap().push(context);
        config["current-context"] = json!("elsewhere");
    });
    // Neither in the console that lives nor in another one that takes the run up.
    child.kill().unwrap();
    child.wait().unwrap();
    let pulled = canary.pull();
    assert_eq!(pulled.status.code(), Some(1), "{}", words(&pulled));
    canary.is_back(&words(&pulled));
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_context_that_leads_to_another_cluster_now_is_refused_until_it_leads_back() {
    let (canary, elsewhere) = (with_kubeconfig("moved"), Elsewhere::new());
    ended(canary.begin(&[]), 3);
    rewrite(&canary, |config| config["clusters"][0]["cluster"] = json!({"server": elsewhere.url}));
    for refused in [canary.resume("steps: {go: {approve: {by: lead@corp}}}"), canary.pull()] {
        let said = words(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("leads to another cluster than this run began on"), "{said}");
    }
    let asked = elsewhere.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.starts_with("GET /api/v1/namespaces/kube-system")),
        "{asked:?}"
    );
    assert!(canary.image().ends_with(":v1.5.0"));
    rewrite(&canary, |_| {});
    let pulled = canary.pull();
    assert_eq!(pulled.status.code(), Some(1), "{}", words(&pulled));
    canary.is_back(&words(&pulled));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_login_that_expires_on_the_way_back_is_said_and_the_way_back_taken_up_again() {
    let (canary, proxy) = Canary::proxied("expired");
    let child = canary.begin(&["soak=10m"]);
    canary.tells("gate.sample");
    proxy.set(json!({"fault": "status", "code": 401}));
    canary.pull();
    let said = ended(child, 3);
    assert!(said.contains("the login has expired: log in in another terminal, then retry"), "{said}");
    assert!(canary.image().ends_with(":v1.5.0"), "{said}");
    proxy.heal();
    let resumed = canary.resume("steps: {back-to-baseline: {onFailure: retry}}");
    assert_eq!(resumed.status.code(), Some(1), "{}", words(&resumed));
    canary.is_back(&words(&resumed));
}
