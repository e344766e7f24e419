//! What a runbook may have to do, forward and back, step by step; and whether the API server would let us.
//! Derived from the steps themselves; what a chart or a script does inside is not known here.

use std::path::Path;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::act::{
    Wire,
    kinds::{self, Resource},
    parse_manifests,
    wire::Write,
};
use crate::{
    effects::helm,
    runbook::model::{Action, Apply, BaselineSpec, Helm, Kubernetes, Permission, Probe, Runbook, Step},
    visible,
};

/// One question for the API server, and who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    pub permission: Permission,
    /// Step ids, `baseline`, or `requires.permissions`.
    pub wanted_by: Vec<String>,
    /// Needed on the way back too.
    pub back: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub needed: Needed,
    /// `None`: the server did not say.
    pub allowed: Option<bool>,
    pub why: String,
}

/// Every permission the forward steps, the lane, the baseline and `requires` speak of, each once.
/// Files of an `apply` are read from `workdir`; what cannot be read is left to the step.
pub fn needed(book: &Runbook, workdir: &Path) -> Vec<Needed> {
    let mut all = All { needed: vec![], workdir };
    for permission in &book.requires.permissions {
        all.add(permission.clone(), "requires.permissions", true);
    }
    match &book.baseline {
        Some(BaselineSpec::HelmRelease(_)) => all.verbs(&["list"], "secrets", None, "baseline", true),
        Some(BaselineSpec::Deployment(_)) => {
            all.verbs(&["get"], "deployments.apps", None, "baseline", true);
            all.verbs(&["list"], "replicasets.apps", None, "baseline", true);
        }
        _ => {}
    }
    all.steps(&book.steps, "", false);
    all.steps(&book.rollback, "", true);
    all.needed
}

struct All<'a> {
    needed: Vec<Needed>,
    workdir: &'a Path,
}

impl All<'_> {
    fn add(&mut self, permission: Permission, by: &str, back: bool) {
        // A template is only known when its step comes.
        if permission.resource.contains("${{") || permission.namespace.as_ref().is_some_and(|one| one.contains("${{")) {
            return;
        }
        match self.needed.iter_mut().find(|one| one.permission == permission) {
            Some(one) => {
                one.back |= back;
                if !one.wanted_by.iter().any(|other| other == by) {
                    one.wanted_by.push(by.to_owned());
                }
            }
            None => self.needed.push(Needed { permission, wanted_by: vec![by.to_owned()], back }),
        }
    }

    fn verbs(&mut self, verbs: &[&str], resource: &str, namespace: Option<&String>, by: &str, back: bool) {
        for verb in verbs {
            let permission =
                Permission { verb: (*verb).to_owned(), resource: resource.to_owned(), namespace: namespace.cloned() };
            self.add(permission, by, back);
        }
    }

    fn steps(&mut self, steps: &[Step], parent: &str, back: bool) {
        for step in steps {
            let id = format!("{parent}{}", step.id());
            self.action(&step.action, &id, back);
            if let Some(probe) = &step.common.verify {
                self.probe(probe, &id, back);
            }
        }
    }

    fn action(&mut self, action: &Action, by: &str, back: bool) {
        match action {
            Action::Kubernetes(verb) => self.kubernetes(verb, by, back),
            Action::Helm(verb) => self.helm(verb, by, back),
            Action::Checklist(list) => {
                list.items
                    .iter()
                    .filter_map(|item| item.probe.as_deref())
                    .for_each(|probe| self.probe(probe, by, back));
            }
            Action::PortForward(_) => {
                self.verbs(&["get", "list"], "pods", None, by, back);
                self.verbs(&["create"], "pods/portforward", None, by, back);
            }
            Action::Runbook(nested) => {
                if let Some(book) = &nested.book {
                    self.steps(&book.steps, &format!("{by}/"), back);
                }
            }
            _ => {}
        }
    }

    fn probe(&mut self, probe: &Probe, by: &str, back: bool) {
        if let Some(verb) = &probe.kubernetes {
            self.kubernetes(verb, by, back);
        }
        if let Some(verb) = &probe.helm {
            self.helm(verb, by, back);
        }
    }

    fn helm(&mut self, verb: &Helm, by: &str, back: bool) {
        let (verbs, own): (&[&str], _) = match verb {
            Helm::Upgrade(one) => (&["list", "create", "update"], one.namespace.as_ref()),
            Helm::Rollback(one) => (&["list", "create", "update"], one.namespace.as_ref()),
            Helm::Status(one) => (&["list"], one.namespace.as_ref()),
            Helm::History(one) => (&["list"], one.namespace.as_ref()),
            Helm::Diff(one) => (&["list"], one.namespace.as_ref()),
        };
        self.verbs(verbs, "secrets", own, by, back);
    }

    fn kubernetes(&mut self, verb: &Kubernetes, by: &str, back: bool) {
        use Kubernetes as K;
        let look = |name: &Option<String>| if name.is_some() { "get" } else { "list" };
        match verb {
            K::Get(of) => self.verbs(&[look(&of.name)], &name(&of.kind), of.namespace.as_ref(), by, back),
            K::Describe(of) => {
                self.verbs(&[look(&of.name)], &name(&of.kind), of.namespace.as_ref(), by, back);
                self.verbs(&["list"], "events", of.namespace.as_ref(), by, back);
            }
            K::Events(of) => self.verbs(&["list"], "events", of.namespace.as_ref(), by, back),
            K::Logs(of) => {
                self.verbs(&[look(&of.name)], "pods", of.namespace.as_ref(), by, back);
                self.verbs(&["get"], "pods/log", of.namespace.as_ref(), by, back);
            }
            K::Wait(of) => self.verbs(&[look(&of.name)], &name(&of.kind), of.namespace.as_ref(), by, back),
            K::RolloutStatus(of) => self.verbs(&["get"], &name(&of.kind), of.namespace.as_ref(), by, back),
            K::RolloutHistory(of) => self.history(&["get"], &of.kind, of.namespace.as_ref(), by, back),
            K::RolloutUndo(of) => self.history(&["get", "patch"], &of.kind, of.namespace.as_ref(), by, back),
            K::RolloutRestart(of) => self.verbs(&["get", "patch"], &name(&of.kind), of.namespace.as_ref(), by, back),
            K::SetImage(of) => self.verbs(&["get", "patch"], &name(&of.kind), of.namespace.as_ref(), by, back),
            K::Patch(of) => self.verbs(&["get", "patch"], &name(&of.kind), of.namespace.as_ref(), by, back),
            K::Scale(of) => {
                let scale = match name(&of.kind).split_once('.') {
                    Some((plural, group)) => format!("{plural}/scale.{group}"),
                    None => format!("{}/scale", name(&of.kind)),
                };
                self.verbs(&["get", "patch"], &scale, of.namespace.as_ref(), by, back);
            }
            K::Delete(of) => {
                self.verbs(&[look(&of.name), "delete"], &name(&of.kind), of.namespace.as_ref(), by, back);
            }
            K::CreateNamespace(_) => self.verbs(&["get", "create"], "namespaces", None, by, back),
            K::Snapshot(of) => {
                of.kinds.iter().for_each(|kind| self.verbs(&["list"], &name(kind), of.namespace.as_ref(), by, back));
            }
            K::Exec(of) => {
                self.verbs(&["get"], "pods", of.namespace.as_ref(), by, back);
                self.verbs(&["create"], "pods/exec", of.namespace.as_ref(), by, back);
            }
            K::Apply(of) => self.apply(of, by, back),
        }
    }

    fn history(&mut self, verbs: &[&str], kind: &str, own: Option<&String>, by: &str, back: bool) {
        let kept = if name(kind) == "deployments.apps" { "replicasets.apps" } else { "controllerrevisions.apps" };
        self.verbs(verbs, &name(kind), own, by, back);
        self.verbs(&["list"], kept, own, by, back);
    }

    fn apply(&mut self, apply: &Apply, by: &str, back: bool) {
        let files = apply.files.iter().filter_map(|file| std::fs::read_to_string(self.workdir.join(file)).ok());
        let texts: Vec<String> = files.chain(apply.manifest.clone()).collect();
        for object in texts.iter().flat_map(|text| parse_manifests(text, "the manifest").unwrap_or_default()) {
            let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
            let (kind, group) = (text("/kind"), text("/apiVersion").rsplit_once('/').map(|(group, _)| group));
            let resource = match group {
                Some(group) => name(&format!("{kind}.{group}")),
                None => name(kind),
            };
            self.verbs(&["get", "create", "patch"], &resource, apply.namespace.as_ref(), by, back);
        }
    }
}

/// `deployments.apps`; a kind only the cluster knows stays as written until it is asked.
fn name(kind: &str) -> String {
    kinds::usual(kind).map_or_else(|| kind.to_owned(), |resource| resource.full_name())
}

/// What the current manifest of a release makes `helm` touch.
///
/// # Errors
/// The release cannot be read.
pub async fn of_release(
    wire: &Wire,
    namespace: &str,
    release: &str,
    by: &str,
    back: bool,
) -> Result<Vec<Needed>, super::act::Fault> {
    let releases = helm::releases(wire, namespace, release, &|_| {}).await?;
    let manifest = releases.last().map_or("", |last| last.manifest.as_str());
    let mut all = All { needed: vec![], workdir: Path::new("") };
    for object in parse_manifests(manifest, "the release").unwrap_or_default() {
        let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let group = text("/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
        let word = if group.is_empty() { text("/kind").to_owned() } else { format!("{}.{group}", text("/kind")) };
        all.verbs(&["get", "create", "patch"], &name(&word), None, by, back);
    }
    Ok(all.needed)
}

/// Asks the API server each of them, eight at a time.
pub async fn ask(wire: &Wire, namespace: &str, needed: Vec<Needed>) -> Vec<Answer> {
    stream::iter(needed).map(|one| ask_one(wire, namespace, one)).buffered(8).collect().await
}

async fn ask_one(wire: &Wire, namespace: &str, needed: Needed) -> Answer {
    let unsure = |needed: &Needed, why: String| Answer { needed: needed.clone(), allowed: None, why };
    let permission = &needed.permission;
    let (whole, subresource, group) = split(&permission.resource);
    let word = if group.is_empty() { whole.clone() } else { format!("{whole}.{group}") };
    let resource = match kinds::resolve(wire, &word).await {
        Ok(resource) => resource,
        // A kind we have no word for is asked for as it is written.
        Err(_) => Resource {
            group,
            plural: whole,
            version: String::new(),
            kind: String::new(),
            namespaced: true,
            words: vec![],
        },
    };
    let namespace = if resource.namespaced { permission.namespace.as_deref().unwrap_or(namespace) } else { "" };
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "namespace": namespace, "verb": permission.verb, "group": resource.group,
            "resource": resource.plural, "subresource": subresource}},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    match wire.write(&Write::post(path, body)).await {
        Ok(review) => {
            let reason = review.pointer("/status/reason").and_then(Value::as_str).unwrap_or_default();
            let allowed = review.pointer("/status/allowed").and_then(Value::as_bool);
            Answer { allowed, why: visible::line(reason).into_owned(), needed }
        }
        Err(fault) => unsure(&needed, fault.to_string()),
    }
}

/// `deployments/scale.apps` or `deployments.apps/scale` or `pods/log`.
fn split(resource: &str) -> (String, String, String) {
    let (mut plural, mut subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let mut group = "";
    if let Some((word, of)) = plural.split_once('.') {
        (plural, group) = (word, of);
    } else if let Some((word, of)) = subresource.split_once('.') {
        (subresource, group) = (word, of);
    }
    (plural.to_owned(), subresource.to_owned(), group.to_owned())
}

impl Answer {
    /// One line: `patch deployments.apps: yes`, with who needs it where the answer is not yes.
    pub fn line(&self) -> String {
        let Permission { verb, resource, namespace } = &self.needed.permission;
        let place = namespace.as_ref().map_or_else(String::new, |one| format!(" in {one}"));
        let way = if self.needed.back { ", the way back too" } else { "" };
        let by = format!(" (for {}{way})", self.needed.wanted_by.join(", "));
        match self.allowed {
            Some(true) => format!("{verb} {resource}{place}: yes"),
            Some(false) => format!("{verb} {resource}{place}: no{by}"),
            None => format!("{verb} {resource}{place}: not known, {}{by}", self.why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_may_be_written_in_three_ways() {
        let want = ("deployments".to_owned(), "scale".to_owned(), "apps".to_owned());
        assert_eq!(split("deployments.apps/scale"), want);
        assert_eq!(split("deployments/scale.apps"), want);
        assert_eq!(split("pods/log"), ("pods".into(), "log".into(), String::new()));
    }

    #[test]
    fn each_step_asks_for_its_own_and_the_way_back_is_known() {
        let book: Runbook = serde_json::from_value(json!({
            "metadata": {"name": "x"},
            "requires": {"permissions": [{"verb": "patch", "resource": "deployments.apps"}]},
            "baseline": {"helmRelease": "ml"},
            "steps": [
                {"id": "look", "action": {"kubernetes": {"get": {"kind": "Pod"}}}},
                {"id": "canary", "action": {"kubernetes": {"apply": {"manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"}}}},
            ],
            "rollback": [
                {"id": "off", "action": {"kubernetes": {"scale": {"kind": "Deployment", "name": "c", "replicas": 0}}}},
                {"id": "back", "action": {"helm": {"rollback": {"release": "ml", "revision": "${{ baseline.revision }}"}}}},
                {"id": "undo", "action": {"kubernetes": {"rolloutUndo": {"kind": "Deployment", "name": "c"}}}},
            ],
        }))
        .unwrap();
        let all = needed(&book, Path::new("."));
        let find = |verb: &str, resource: &str| {
            all.iter()
                .find(|one| one.permission.verb == verb && one.permission.resource == resource)
                .unwrap_or_else(|| panic!("{verb} {resource}"))
        };
        assert!(!find("list", "pods").back);
        assert!(find("patch", "deployments/scale.apps").back);
        assert_eq!(find("create", "secrets").wanted_by, ["back"]);
        assert_eq!(find("list", "secrets").wanted_by, ["baseline", "back"]);
        assert_eq!(find("patch", "configmaps").wanted_by, ["canary"]);
        assert_eq!(find("patch", "deployments.apps").wanted_by, ["requires.permissions", "undo"]);
        assert!(find("list", "replicasets.apps").back);
    }
}
