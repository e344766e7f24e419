//! A namespace with thousands of pods that run, of the size that a real one has.

use std::{path::PathBuf, time::Duration};

use futures::{StreamExt as _, stream};
use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use ripcord::effects::kube::connect::{Cluster, ConnectOptions, connect};
use serde_json::{Value, json};

/// Requests under way at once while pods are made.
const AT_ONCE: usize = 32;
const NODES: usize = 5;

pub struct Namespace {
    pub name: String,
    pub pods: usize,
    pub kubeconfig: PathBuf,
}

impl Namespace {
    /// Made, filled, and every pod in it runs.
    pub async fn filled(pods: usize) -> Self {
        let here =
            Self { name: format!("bench-{pods}"), pods, kubeconfig: std::env::var_os("KUBECONFIG").unwrap().into() };
        let cluster = here.connect().await;
        send(&cluster, "POST", "/api/v1/namespaces", &json!({"metadata": {"name": here.name}})).await;
        let account = format!("/api/v1/namespaces/{}/serviceaccounts/default", here.name);
        while send(&cluster, "GET", &account, &Value::Null).await != 200 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let path = format!("/api/v1/namespaces/{}/pods", here.name);
        let made = stream::iter(0..pods).map(|number| {
            let (cluster, path) = (cluster.clone(), path.clone());
            async move { send(&cluster, "POST", &path, &pod(number)).await }
        });
        let refused = made.buffer_unordered(AT_ONCE).filter(|status| std::future::ready(*status != 201)).count().await;
        assert_eq!(refused, 0, "pods were refused");
        while here.running().await < pods {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        here
    }

    async fn connect(&self) -> Cluster {
        let options = ConnectOptions { kubeconfig: Some(self.kubeconfig.clone()), ..ConnectOptions::default() };
        connect(options).await.unwrap()
    }

    /// The plain GET: a connection, the request, the whole answer; nothing of it is read.
    pub async fn list(&self) -> Vec<u8> {
        let cluster = self.connect().await;
        let request = Request::get(format!("/api/v1/namespaces/{}/pods", self.name)).body(Body::empty()).unwrap();
        let answer = cluster.client.send(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    async fn running(&self) -> usize {
        let list: Value = serde_json::from_slice(&self.list().await).unwrap();
        let ready = |pod: &&Value| pod.pointer("/status/containerStatuses/0/ready") == Some(&json!(true));
        list["items"].as_array().unwrap().iter().filter(ready).count()
    }

    pub async fn delete(self) {
        let cluster = self.connect().await;
        let now = json!({"gracePeriodSeconds": 0, "propagationPolicy": "Background"});
        send(&cluster, "DELETE", &format!("/api/v1/namespaces/{}/pods", self.name), &now).await;
        send(&cluster, "DELETE", &format!("/api/v1/namespaces/{}", self.name), &json!({})).await;
    }
}

async fn send(cluster: &Cluster, method: &str, path: &str, body: &Value) -> u16 {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string().into_bytes()) };
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let answer = cluster.client.send(request.body(body).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let _ = answer.into_body().collect().await;
    status
}

/// As a chart makes them: probes, resources, env, volumes, annotations.
fn pod(number: usize) -> Value {
    let probe =
        |path: &str| json!({"httpGet": {"path": path, "port": "http"}, "periodSeconds": 10, "timeoutSeconds": 2});
    let env: Vec<Value> = ["MODEL_PATH", "LOG_LEVEL", "WORKERS", "CACHE_URL", "TRACKING_URI"]
        .iter()
        .map(|name| json!({"name": name, "value": format!("value-of-{name}")}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("load-{number:04}-7d9f6c5b8-{:05x}", number * 7919),
            "labels": {"app": "load", "version": if number.is_multiple_of(10) { "canary" } else { "stable" }, "pod-template-hash": "7d9f6c5b8"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8000", "checksum/config": "0a1b2c3d".repeat(8)}},
        "spec": {"nodeName": format!("node-{}", number % NODES + 1), "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "api", "image": "registry.example/load/api:v1.4.2", "ports": [{"name": "http", "containerPort": 8000}],
                "env": env, "livenessProbe": probe("/health"), "readinessProbe": probe("/ready"),
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
                "volumeMounts": [{"name": "models", "mountPath": "/models"}]}],
            "volumes": [{"name": "models", "emptyDir": {}}]}})
}
