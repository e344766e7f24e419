//! What a request asks for: its place, its query, its body. Answers nothing.

use std::collections::BTreeMap;

use http::{Method, header, request::Parts};
use serde_json::Value;

use super::kinds::served;
use crate::effects::kube::act::kinds::Resource;

/// An object, or a collection where `name` is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    pub resource: Resource,
    pub namespace: String,
    pub name: String,
    /// `scale`, `status`, or nothing.
    pub part: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Ready,
    Version,
    /// The groups beside the core.
    Discovery,
    /// The core's own kinds, which everybody knows.
    Core,
    Review,
    /// Through the API server's proxy to the service.
    Prometheus {
        path: String,
    },
    Log {
        namespace: String,
        pod: String,
    },
    Objects(At),
    Nowhere,
}

pub struct Asked {
    pub method: Method,
    pub place: Place,
    pub query: BTreeMap<String, String>,
    /// A form in the body, over the query.
    pub form: BTreeMap<String, String>,
    pub accept: String,
    pub content: String,
    pub body: Value,
}

impl Asked {
    pub fn of(head: &Parts, body: &[u8]) -> Self {
        let text = |name: header::HeaderName| {
            head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let query = pairs(head.uri.query().unwrap_or_default());
        let content = text(header::CONTENT_TYPE);
        let mut form = query.clone();
        if content.starts_with("application/x-www-form-urlencoded") {
            form.extend(pairs(&String::from_utf8_lossy(body)));
        }
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        let place = place(head.uri.path());
        Self { method: head.method.clone(), place, query, form, accept: text(header::ACCEPT), content, body }
    }

    pub fn get(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(name), decoded(value))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

/// Percent-decoding; a plus is a space.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn place(path: &str) -> Place {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["readyz" | "livez" | "healthz"] => Place::Ready,
        ["version"] => Place::Version,
        ["api"] => Place::Core,
        ["apis"] => Place::Discovery,
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => Place::Review,
        [
            "api",
            "v1",
            "namespaces",
            "monitoring",
            "services",
            "prometheus:9090" | "prometheus:http",
            "proxy",
            rest @ ..,
        ] => Place::Prometheus { path: format!("/{}", rest.join("/")) },
        ["api", "v1", "namespaces", namespace, "pods", pod, "log"] => {
            Place::Log { namespace: (*namespace).to_owned(), pod: (*pod).to_owned() }
        }
        ["api", "v1", rest @ ..] => objects("", rest),
        ["apis", group, _, rest @ ..] => objects(group, rest),
        _ => Place::Nowhere,
    }
}

fn objects(group: &str, rest: &[&str]) -> Place {
    let (namespace, plural, name, part) = match rest {
        ["namespaces"] => ("", "namespaces", "", ""),
        ["namespaces", name] => ("", "namespaces", *name, ""),
        ["namespaces", namespace, plural] => (*namespace, *plural, "", ""),
        ["namespaces", namespace, plural, name] => (*namespace, *plural, *name, ""),
        ["namespaces", namespace, plural, name, part] => (*namespace, *plural, *name, *part),
        [plural] => ("", *plural, "", ""),
        [plural, name] => ("", *plural, *name, ""),
        _ => return Place::Nowhere,
    };
    match (served(plural, group), part) {
        (Some(resource), "" | "scale" | "status") => {
            let [namespace, name, part] = [namespace, name, part].map(str::to_owned);
            Place::Objects(At { resource, namespace, name, part })
        }
        _ => Place::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_places() {
        let of = |path: &str| match place(path) {
            Place::Objects(at) => format!("{}|{}|{}|{}", at.resource.full_name(), at.namespace, at.name, at.part),
            other => format!("{other:?}"),
        };
        assert_eq!(of("/api/v1/namespaces/kube-system"), "namespaces||kube-system|");
        assert_eq!(of("/apis/apps/v1/namespaces/ml/deployments/a/scale"), "deployments.apps|ml|a|scale");
        assert_eq!(of("/api/v1/nodes"), "nodes|||");
        assert_eq!(of("/apis/apps/v1/deployments"), "deployments.apps|||");
        assert_eq!(of("/api/v1/namespaces/ml/pods/x/exec"), "Nowhere");
        assert_eq!(of("/api/v1/deployments"), "Nowhere");
        assert_eq!(place("/readyz"), Place::Ready);
        let proxied = place("/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query");
        assert_eq!(proxied, Place::Prometheus { path: "/api/v1/query".into() });
    }

    #[test]
    fn queries_are_decoded() {
        let all = pairs("labelSelector=app%3Dml-api%2Cversion&follow=true&q=a+b&odd=%zz");
        assert_eq!(all["labelSelector"], "app=ml-api,version");
        assert_eq!((all["q"].as_str(), all["odd"].as_str()), ("a b", "%zz"));
    }
}
