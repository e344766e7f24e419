//! A fault proxy of a test's own, so that tests beside each other do not spoil each
//! other's connections. (The two that `up` starts are for a person's hands.)

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Running, eventually, free_port, http, ours};

pub struct Proxy {
    _process: Running,
    pub url: String,
    control: String,
}

impl Proxy {
    /// In front of the API server; `kubeconfig` leads through it.
    pub fn api() -> Self {
        let pki = PathBuf::from(ours("RIPCORD_CLUSTER_STATE")).join("pki");
        let file = |name: &str| pki.join(name).display().to_string();
        let tls = [
            ("ca", "ca.crt"),
            ("cert", "apiserver.crt"),
            ("key", "apiserver.key"),
            ("expired-cert", "expired.crt"),
            ("expired-key", "expired.key"),
        ];
        let tls = tls.iter().map(|(flag, name)| format!("--{flag}={}", file(name))).collect();
        let direct: Value = serde_json::from_str(&token_kubeconfig()).unwrap();
        let server = direct["clusters"][0]["cluster"]["server"].as_str().unwrap();
        Proxy::start(server.trim_start_matches("https://"), "https", tls)
    }

    /// In front of Prometheus.
    pub fn prometheus() -> Self {
        Proxy::start(ours("PROMETHEUS_URL").trim_start_matches("http://"), "http", vec![])
    }

    fn start(to: &str, scheme: &str, more: Vec<String>) -> Self {
        let (listen, control) = (free_port(), free_port());
        let program = PathBuf::from(ours("RIPCORD_CLUSTER_EXAMPLES")).join("faultproxy");
        let mut command = Command::new(program);
        command.args([format!("--listen=127.0.0.1:{listen}"), format!("--to={to}")]);
        command.arg(format!("--control=127.0.0.1:{control}")).args(more);
        let control = format!("http://127.0.0.1:{control}/");
        let process = Running::start(&mut command);
        eventually("the proxy", 10, || http("GET", &control, None).ok());
        Proxy { _process: process, url: format!("{scheme}://127.0.0.1:{listen}"), control }
    }

    pub fn set(&self, fault: Value) {
        let (status, body) = http("PUT", &self.control, Some(&fault)).unwrap();
        assert_eq!(status, 200, "{fault}: {body}");
    }

    pub fn heal(&self) {
        assert_eq!(http("DELETE", &self.control, None).unwrap().0, 200);
    }

    /// What passed by or was refused, as `METHOD path`.
    pub fn requests(&self) -> Vec<String> {
        let (_, body) = http("GET", &format!("{}requests", self.control), None).unwrap();
        let all: Vec<Value> = serde_json::from_str(&body).unwrap();
        all.iter().map(|r| r.as_str().unwrap().to_owned()).collect()
    }

    /// A kubeconfig through this proxy; it authenticates with a token, because a proxy
    /// that reads HTTP cannot pass a client certificate on.
    pub fn kubeconfig(&self) -> tempfile::NamedTempFile {
        let mut config: Value = serde_json::from_str(&token_kubeconfig()).unwrap();
        config["clusters"][0]["cluster"]["server"] = json!(self.url);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config.to_string()).unwrap();
        file
    }
}

pub fn token_kubeconfig() -> String {
    let path = PathBuf::from(ours("RIPCORD_CLUSTER_STATE")).join("kubeconfigs/token");
    std::fs::read_to_string(path).unwrap()
}
