//! Which resource a word means: the usual kinds from a table, all others (CRDs too) from the server's own list.
//! Does not fetch objects.

use kube::core::discovery::v2::{ACCEPT_AGGREGATED_DISCOVERY_V2, APIGroupDiscoveryList, APIResourceDiscovery};

use super::wire::{Fault, Wire};

/// A kind as the API server serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub namespaced: bool,
    /// Other words for it: singular, short names.
    pub words: Vec<String>,
}

/// group, version, kind, plural, namespaced, short name.
const USUAL: &[(&str, &str, &str, &str, bool, &str)] = &[
    ("", "v1", "Pod", "pods", true, "po"),
    ("", "v1", "Service", "services", true, "svc"),
    ("", "v1", "ConfigMap", "configmaps", true, "cm"),
    ("", "v1", "Secret", "secrets", true, ""),
    ("", "v1", "ServiceAccount", "serviceaccounts", true, "sa"),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true, "pvc"),
    ("", "v1", "PersistentVolume", "persistentvolumes", false, "pv"),
    ("", "v1", "Namespace", "namespaces", false, "ns"),
    ("", "v1", "Node", "nodes", false, "no"),
    ("", "v1", "Endpoints", "endpoints", true, "ep"),
    ("", "v1", "Event", "events", true, "ev"),
    ("", "v1", "ResourceQuota", "resourcequotas", true, "quota"),
    ("", "v1", "LimitRange", "limitranges", true, "limits"),
    ("", "v1", "ReplicationController", "replicationcontrollers", true, "rc"),
    ("apps", "v1", "Deployment", "deployments", true, "deploy"),
    ("apps", "v1", "ReplicaSet", "replicasets", true, "rs"),
    ("apps", "v1", "StatefulSet", "statefulsets", true, "sts"),
    ("apps", "v1", "DaemonSet", "daemonsets", true, "ds"),
    ("apps", "v1", "ControllerRevision", "controllerrevisions", true, ""),
    ("batch", "v1", "Job", "jobs", true, ""),
    ("batch", "v1", "CronJob", "cronjobs", true, "cj"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true, "hpa"),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true, "pdb"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses", true, "ing"),
    ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true, "netpol"),
    ("networking.k8s.io", "v1", "IngressClass", "ingressclasses", false, ""),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", true, ""),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true, ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false, ""),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false, ""),
    ("storage.k8s.io", "v1", "StorageClass", "storageclasses", false, "sc"),
    ("coordination.k8s.io", "v1", "Lease", "leases", true, ""),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true, ""),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", false, "pc"),
    ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false, "crd"),
];

impl Resource {
    fn usual(row: &(&str, &str, &str, &str, bool, &str)) -> Self {
        let &(group, version, kind, plural, namespaced, short) = row;
        let words = if short.is_empty() { vec![] } else { vec![short.to_owned()] };
        let (group, version) = (group.to_owned(), version.to_owned());
        Self { group, version, kind: kind.to_owned(), plural: plural.to_owned(), namespaced, words }
    }

    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, as RBAC and people name it.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `deployment.apps/ml-api`, as kubectl names an object.
    pub fn object_name(&self, name: &str) -> String {
        let kind = self.kind.to_lowercase();
        if self.group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{}/{name}", self.group) }
    }

    /// The path of the collection.
    ///
    /// # Errors
    /// The namespace is no single path segment.
    pub fn path(&self, namespace: &str) -> Result<String, Fault> {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        let Self { version, plural, .. } = self;
        if self.namespaced && !namespace.is_empty() {
            return Ok(format!("{root}/{version}/namespaces/{}/{plural}", segment(namespace)?));
        }
        Ok(format!("{root}/{version}/{plural}"))
    }

    /// The path of one object.
    ///
    /// # Errors
    /// A name is no single path segment.
    pub fn path_of(&self, namespace: &str, name: &str) -> Result<String, Fault> {
        if self.namespaced && namespace.is_empty() {
            return Err(Fault::Unsent(format!("no namespace for {}; name one in `target`", self.object_name(name))));
        }
        Ok(format!("{}/{}", self.path(namespace)?, segment(name)?))
    }

    fn answers_to(&self, word: &str) -> bool {
        self.kind.eq_ignore_ascii_case(word)
            || self.plural.eq_ignore_ascii_case(word)
            || self.words.iter().any(|other| other.eq_ignore_ascii_case(word))
    }
}

/// A name that goes into a path as one piece, and only that.
///
/// # Errors
/// It would mean another path.
pub fn segment(name: &str) -> Result<&str, Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if !name.is_empty() && name != "." && name != ".." && name.chars().all(good) {
        return Ok(name);
    }
    Err(Fault::Unsent(format!("«{}» is not an object's name", crate::visible::line(name))))
}

/// A query value, percent-encoded.
pub fn encoded(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// What a runbook's `kind:` means: `Pod`, `deploy`, `certificates.cert-manager.io`.
///
/// # Errors
/// The server knows no such kind, or cannot be asked.
pub async fn resolve(wire: &Wire, word: &str) -> Result<Resource, Fault> {
    if let Some(usual) = usual(word) {
        return Ok(usual);
    }
    let (name, group) = word.split_once('.').unwrap_or((word, ""));
    let all = discovered(wire).await?;
    let fits = |one: &&Resource| one.answers_to(name) && (group.is_empty() || one.group == group);
    all.iter().find(fits).cloned().ok_or_else(|| unknown(word))
}

/// One of the kinds every cluster has.
pub fn usual(word: &str) -> Option<Resource> {
    let (name, group) = word.split_once('.').unwrap_or((word, ""));
    let mut all = USUAL.iter().map(Resource::usual);
    all.find(|one| {
        let singular = one.answers_to(name);
        singular && (group.is_empty() && !word.contains('.') || one.group == group && !group.is_empty())
    })
}

/// What a manifest's `apiVersion` and `kind` mean.
///
/// # Errors
/// As [`resolve`].
pub async fn resolve_exact(wire: &Wire, api_version: &str, kind: &str) -> Result<Resource, Fault> {
    let fits = |one: &Resource| one.api_version() == api_version && one.kind == kind;
    if let Some(found) = USUAL.iter().map(Resource::usual).find(&fits) {
        return Ok(found);
    }
    let all = discovered(wire).await?;
    all.iter().find(|one| fits(one)).cloned().ok_or_else(|| unknown(&format!("{api_version} {kind}")))
}

fn unknown(word: &str) -> Fault {
    let word = crate::visible::line(word);
    Fault::Unsent(format!(
        "the server has no kind «{word}»; look at `kubectl api-resources`, and whether its CRD is installed"
    ))
}

async fn discovered(wire: &Wire) -> Result<&Vec<Resource>, Fault> {
    wire.discovered
        .get_or_try_init(|| async {
            let mut all = list(wire, "/api").await?;
            all.extend(list(wire, "/apis").await?);
            Ok(all)
        })
        .await
}

async fn list(wire: &Wire, path: &str) -> Result<Vec<Resource>, Fault> {
    let answer = wire.get_as(path, ACCEPT_AGGREGATED_DISCOVERY_V2, &|_| {}).await?;
    let groups: APIGroupDiscoveryList = serde_json::from_value(answer)
        .map_err(|error| Fault::Odd(format!("the server's list of kinds cannot be read: {error}")))?;
    let mut all = vec![];
    for group in groups.items {
        let name = group.metadata.and_then(|meta| meta.name).unwrap_or_default();
        for version in group.versions {
            let of = version.version.unwrap_or_default();
            all.extend(version.resources.into_iter().filter_map(|one| served(&name, &of, one)));
        }
    }
    Ok(all)
}

fn served(group: &str, version: &str, one: APIResourceDiscovery) -> Option<Resource> {
    let plural = one.resource?;
    let kind = one.response_kind.and_then(|kind| kind.kind).unwrap_or_default();
    let mut words = one.short_names;
    words.extend(one.singular_resource);
    let namespaced = one.scope.as_deref() == Some("Namespaced");
    Some(Resource { group: group.to_owned(), version: version.to_owned(), kind, plural, namespaced, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_words_need_no_question() {
        for (word, plural) in [
            ("Deployment", "deployments"),
            ("deploy", "deployments"),
            ("PODS", "pods"),
            ("deployments.apps", "deployments"),
        ] {
            assert_eq!(usual(word).unwrap().plural, plural, "{word}");
        }
        // Somebody else's Service is not ours.
        for word in ["services.serving.knative.dev", "certificate", "pods.metrics.k8s.io"] {
            assert_eq!(usual(word), None, "{word}");
        }
    }

    #[test]
    fn a_name_cannot_lead_to_another_path() {
        let pod = usual("pod").unwrap();
        assert_eq!(pod.path_of("ml", "a-1").unwrap(), "/api/v1/namespaces/ml/pods/a-1");
        for bad in ["a/b", "..", "a?x=1", "a%2f", "", "a b", "a#b"] {
            assert!(pod.path_of("ml", bad).is_err(), "{bad}");
            assert!(pod.path_of(bad, "a").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_selector_travels_whole() {
        assert_eq!(encoded("app=a,tier in (x, y)"), "app%3Da%2Ctier%20in%20%28x%2C%20y%29");
    }
}
