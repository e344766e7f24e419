//! What holds on any cluster, also a person's kind or minikube.

use any_api::Ground;
use ripcord::effects::kube::connect::{ConnectOptions, connect};

use crate::support::Namespace;

#[path = "../../shared/any_api.rs"]
mod any_api;

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn the_server_and_kubectl_understand_each_other() {
    let here = Namespace::new("any");
    let version = here.json(["version"]);
    assert_eq!(version["serverVersion"]["major"], "1", "{version}");
    let uid = here.json(["get", "namespace", "kube-system"])["metadata"]["uid"].clone();
    assert!(uid.as_str().is_some_and(|u| u.len() == 36), "{uid}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_config_map_goes_there_and_back() {
    let here = Namespace::new("map");
    here.kubectl(["create", "configmap", "x", "--from-literal=a=ü\u{202e}"]);
    assert_eq!(here.json(["get", "configmap", "x"])["data"]["a"], "ü\u{202e}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn what_the_embedded_cluster_does_a_real_one_does() {
    let here = Namespace::new("api");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = ConnectOptions {
            kubeconfig: Some(here.kubeconfig.clone()),
            namespace: Some(here.name.clone()),
            ..ConnectOptions::default()
        };
        let cluster = connect(options).await.unwrap();
        Ground { client: cluster.client, namespace: here.name.clone() }.all().await;
    });
}
