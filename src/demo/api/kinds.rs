//! The kinds the demo's API serves beside those of every cluster, as far as a shipped runbook looks at them: of
//! cert-manager and of SealedSecrets. What they do is elsewhere, if anything.

use serde_json::{Value, json};

use crate::effects::kube::act::kinds::{Resource, usual};

/// group, version, kind, plural, namespaced.
const CUSTOM: [(&str, &str, &str, &str, bool); 4] = [
    ("cert-manager.io", "v1", "Certificate", "certificates", true),
    ("cert-manager.io", "v1", "ClusterIssuer", "clusterissuers", false),
    ("acme.cert-manager.io", "v1", "Challenge", "challenges", true),
    ("bitnami.com", "v1alpha1", "SealedSecret", "sealedsecrets", true),
];

pub fn custom(kind: &str) -> Option<Resource> {
    let &(group, version, kind, plural, namespaced) = CUSTOM.iter().find(|one| one.2 == kind)?;
    let [group, version, kind, plural] = [group, version, kind, plural].map(str::to_owned);
    Some(Resource { group, version, kind, plural, namespaced, words: vec![] })
}

/// What a path means by its plural and group.
pub fn served(plural: &str, group: &str) -> Option<Resource> {
    let fits = |one: &Resource| one.plural == plural && one.group == group;
    usual(plural).filter(fits).or_else(|| CUSTOM.iter().filter_map(|one| custom(one.2)).find(fits))
}

/// `/apis`: only what nobody knows by heart, a group for each kind.
pub fn discovery() -> Value {
    let item = |&(group, version, kind, plural, namespaced): &(&str, &str, &str, &str, bool)| {
        let resource = json!({
            "resource": plural, "singularResource": kind.to_lowercase(), "verbs": ["get", "list", "watch", "create"],
            "scope": if namespaced { "Namespaced" } else { "Cluster" },
            "responseKind": {"group": group, "version": version, "kind": kind},
        });
        json!({"metadata": {"name": group}, "versions": [{"version": version, "freshness": "Current", "resources": [resource]}]})
    };
    CUSTOM.iter().map(item).collect()
}
