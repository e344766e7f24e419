//! What a service lives beside: an ingress controller and a cert-manager, each a release of its own, SealedSecrets,
//! storage, and the certificates. Their pods do nothing but run.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    World,
    seed::{make, named, released},
};
use crate::{
    demo::helm::{chart, record},
    effects::helm::Release,
};

/// Where the LoadBalancer is (RFC 5737: an address that nobody has).
const ADDRESS: &str = "203.0.113.10";

pub(super) fn move_in(world: &mut World, namespace: &str, at: Timestamp) {
    for name in ["ingress-nginx", "cert-manager"] {
        named(world, name, at);
        let object = chart::first(name);
        make(world, "Deployment", name, object.clone(), at);
        let release = record::release(name, name, 1, String::new(), at);
        released(world, Release { status: "deployed".into(), ..release }, &[object]);
    }
    make(world, "Deployment", "kube-system", chart::first("sealed-secrets-controller"), at);
    make(world, "Service", "ingress-nginx", balancer(), at);
    make(world, "StorageClass", "", json!({"metadata": {"name": "standard"}, "provisioner": "demo.ripcord/none"}), at);
    let issuer = json!({"metadata": {"name": "letsencrypt"},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "ACMEAccountRegistered"}]}});
    make(world, "ClusterIssuer", "", issuer, at);
    for (name, host) in [("production-tls", "api.example.com"), ("preview-tls", "preview.example.invalid")] {
        make(world, "Certificate", namespace, certificate(name, host), at);
    }
    let rule = json!({"host": "api.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix",
        "backend": {"service": {"name": "ml-api", "port": {"number": 80}}}}]}});
    let ingress = json!({"metadata": {"name": "ml-api", "labels": {"app": "ml-api"}},
        "spec": {"ingressClassName": "nginx", "rules": [rule]}});
    make(world, "Ingress", namespace, ingress, at);
}

fn balancer() -> Value {
    json!({
        "metadata": {"name": "ingress-nginx-controller"},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.7.21", "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
        "status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}},
    })
}

fn certificate(name: &str, host: &str) -> Value {
    let issuer = json!({"name": "letsencrypt", "kind": "ClusterIssuer"});
    json!({"metadata": {"name": name}, "spec": {"secretName": name, "dnsNames": [host], "issuerRef": issuer}})
}
