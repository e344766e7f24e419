//! What cert-manager does where it is installed: a Certificate is issued after its challenge, which a name that resolves
//! nowhere never passes. Makes no key.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    events::{Said, record},
    objects::{condition, merge_status, number, owner, text},
    store::{Key, Store, stamp},
};
use crate::demo::api::kinds::custom;

const BY: &str = "cert-manager-certificates-issuing";
/// What a certificate authority takes to look.
const LOOK: SignedDuration = SignedDuration::from_secs(8);
/// The top-level domain that never resolves (RFC 6761).
const NOWHERE: &str = ".invalid";

pub fn sync(store: &mut Store, now: Timestamp) {
    let runs = Key::new("deployments", "cert-manager", "cert-manager");
    if store.get(&runs).is_none_or(|one| number(one, "/status/availableReplicas") == 0) {
        return;
    }
    let all: Vec<Key> = store.list("certificates", "").map(|(key, _)| key.clone()).collect();
    for key in all {
        one(store, &key, now);
    }
}

/// No certificate is on its way that will come.
pub fn are_done(store: &Store) -> bool {
    let done = |one: &Value| {
        let ready = condition(one, "Ready");
        ready.is_some_and(|ready| text(ready, "/status") == "True" || host(one).ends_with(NOWHERE))
    };
    store.list("certificates", "").all(|(_, one)| done(one))
}

fn host(certificate: &Value) -> &str {
    text(certificate, "/spec/dnsNames/0")
}

fn one(store: &mut Store, key: &Key, now: Timestamp) {
    let Some(certificate) = store.get(key).cloned() else { return };
    let challenge = Key::new("challenges", &key.namespace, &format!("{}-1", key.name));
    match condition(&certificate, "Ready") {
        None => {
            ready(store, key, "False", "Issuing", "Issuing certificate as Secret does not exist", now);
            record(store, &certificate, &Said::normal(BY, "Issuing", "The certificate has been requested"), now);
            challenged(store, &certificate, &challenge, now);
        }
        Some(before) if text(before, "/status") == "True" || host(&certificate).ends_with(NOWHERE) => {}
        Some(before) => {
            let since = text(before, "/lastTransitionTime").parse::<Timestamp>().unwrap_or(now);
            if now.duration_since(since) >= LOOK {
                let _ = store.delete(&challenge);
                ready(store, key, "True", "Ready", "Certificate is up to date and has not expired", now);
                let said = "The certificate has been successfully issued";
                record(store, &certificate, &Said::normal(BY, "Issuing", said), now);
            }
        }
    }
}

fn ready(store: &mut Store, key: &Key, status: &str, reason: &str, message: &str, now: Timestamp) {
    let condition = json!({"type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": stamp(now)});
    store.change(key, |one| merge_status(one, &json!({"conditions": [condition]})));
}

fn challenged(store: &mut Store, certificate: &Value, key: &Key, now: Timestamp) {
    let host = host(certificate);
    let why = format!("Waiting for HTTP-01 challenge propagation: failed to look up {host}: no such host");
    let reason = if host.ends_with(NOWHERE) { why.as_str() } else { "Waiting for the certificate authority" };
    let challenge = json!({
        "metadata": {"name": key.name, "ownerReferences": owner(certificate)},
        "spec": {"dnsName": host, "type": "HTTP-01"}, "status": {"state": "pending", "presented": true, "reason": reason},
    });
    if let Some(kind) = custom("Challenge") {
        let _ = store.create(&kind, &key.namespace, challenge, now);
    }
}
