//! Every verb of `kubernetes:` and `helm:` with its keys, in one run on the real cluster: each does what it says and
//! gives the outputs that the table promises.

use std::{collections::BTreeSet, fs};

use ripcord::runbook::{self, outputs_of};
use serde_json::{Value, json};

use crate::{
    said::words,
    support::{Namespace, eventually},
};

const BOOK: &str = "tests/cluster/e2e/runbooks/verbs.yaml";

/// Several documents in one file, with a value to be filled in.
const OBJECTS: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: set}
spec:
  serviceName: set
  replicas: 1
  selector: {matchLabels: {app: set}}
  template: {metadata: {labels: {app: set}}, spec: {containers: [{name: c, image: $IMAGE}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: each}
spec:
  selector: {matchLabels: {app: each}}
  template: {metadata: {labels: {app: each}}, spec: {containers: [{name: c, image: $IMAGE}]}}
---
apiVersion: v1
kind: Service
metadata: {name: set}
spec: {clusterIP: None, selector: {app: set}}
";

/// A kind that only discovery knows.
fn widgets(here: &Namespace) -> String {
    let group = format!("{}.example.com", here.name);
    here.apply(&json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}));
    eventually("the new kind", 30, || here.try_kubectl(["get", &format!("widgets.{group}")]).ok());
    group
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn every_verb_does_what_it_says_and_gives_what_it_promises() {
    let here = Namespace::new("verbs");
    let group = widgets(&here);
    let state = tempfile::tempdir().unwrap();
    let backups = state.path().join("backups/");
    fs::write(state.path().join("objects.yaml"), OBJECTS).unwrap();
    fs::create_dir(state.path().join("overlay")).unwrap();
    let overlay = "resources: [laid.yaml]\nnamePrefix: over-\n";
    fs::write(state.path().join("overlay/kustomization.yaml"), overlay).unwrap();
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: laid}\ndata: {a: b}\n";
    fs::write(state.path().join("overlay/laid.yaml"), config).unwrap();
    let mut command = here.command(env!("CARGO_BIN_EXE_ripcord"));
    command.arg("--state-dir").arg(state.path()).args(["run", BOOK, "--headless", "--yes-to", "read,write"]);
    for (name, value) in [
        ("namespace", here.name.as_str()),
        ("group", &group),
        ("backups", backups.to_str().unwrap()),
        ("folder", state.path().to_str().unwrap()),
    ] {
        command.args(["-p", &format!("{name}={value}")]);
    }
    for step in ["undo", "undo-set", "to-none", "gone", "force", "gone-widget", "helm-back"] {
        command.args(["--approve", step]);
    }
    let output = command.output().unwrap();
    let said = words(&output);
    let _ = here.try_kubectl(["delete", "crd", &format!("widgets.{group}"), "--wait=false"]);
    let _ = here.try_kubectl(["delete", "namespace", &format!("{}-more", here.name), "--wait=false"]);
    assert_eq!(output.status.code(), Some(0), "{said}");

    let run = fs::read_dir(state.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    let trail = fs::read_to_string(run.join("trail.jsonl")).unwrap();
    let ends: Vec<Value> = trail
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .flat_map(|record| record["facts"].as_array().cloned().unwrap_or_default())
        .filter(|fact| fact["kind"] == "step.outcome")
        .collect();
    let book = runbook::load(BOOK.as_ref()).unwrap().book;
    for step in &book.steps {
        let end = ends.iter().find(|end| end["step"] == step.id().as_str()).unwrap();
        let given: BTreeSet<String> =
            end["outputs"].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
        // Of what was not there nothing stood before; only a Deployment carries its revision's number and is asked for replicas everywhere.
        let none = |name: &String| match name.as_str() {
            "before" => step.id().as_str() == "install",
            "revision" | "replicas" => step.id().as_str().ends_with("-status") && step.id().as_str() != "helm-status",
            _ => false,
        };
        let promised = outputs_of(step).unwrap().into_iter().filter(|name| !given.contains(name) && !none(name));
        let missing: Vec<String> = promised.collect();
        assert!(missing.is_empty(), "{} does not give {missing:?} but {given:?}: {end}", step.id());
    }
    let snapshot = fs::read_dir(&backups).unwrap().next().unwrap().unwrap();
    assert!(fs::read_to_string(snapshot.path()).unwrap().contains("kind: StatefulSet"));
    assert!(said.contains(r"a,b\\c"), "what was set by Helm came whole: {said}");
}
