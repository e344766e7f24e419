//! What holds on any cluster, also a person's kind or minikube.

use crate::support::Namespace;

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
