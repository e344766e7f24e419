//! Writes once: for every mutating verb the answer of its request is lost. The server has acted, ripcord asks it
//! what became of that, and sends nothing a second time. The API server's own audit log joins with the trail.

use std::{collections::HashSet, fs};

use serde_json::{Value, json};

use crate::{
    proxy::Proxy,
    said::words,
    support::{Namespace, eventually, ours},
};

struct Verb {
    name: &'static str,
    step: &'static str,
    /// The request whose answer is lost.
    method: &'static str,
    path: &'static str,
    /// kubectl's words for what it changed, and what it is then.
    shows: (&'static [&'static str], &'static str),
}

const REVISION: &[&str] =
    &["get", "deployment", "ml-api", "-o", "jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}"];

const VERBS: [Verb; 8] = [
    Verb {
        name: "scale",
        step: "scale: {kind: Deployment, name: ml-api, replicas: 3}",
        method: "PATCH",
        path: "/deployments/ml-api",
        shows: (&["get", "deployment", "ml-api", "-o", "jsonpath={.spec.replicas}"], "3"),
    },
    Verb {
        name: "set-image",
        step: "setImage: {kind: Deployment, name: ml-api, container: api, image: 'registry.local/ml-api:v1.6.0'}",
        method: "PATCH",
        path: "/deployments/ml-api",
        shows: (
            &["get", "deployment", "ml-api", "-o", "jsonpath={.spec.template.spec.containers[0].image}"],
            "registry.local/ml-api:v1.6.0",
        ),
    },
    Verb {
        name: "undo",
        step: "rolloutUndo: {kind: Deployment, name: ml-api, toRevision: 1}",
        method: "PATCH",
        path: "/deployments/ml-api",
        shows: (REVISION, "3"),
    },
    Verb {
        name: "restart",
        step: "rolloutRestart: {kind: Deployment, name: ml-api}",
        method: "PATCH",
        path: "/deployments/ml-api",
        shows: (REVISION, "4"),
    },
    Verb {
        name: "patch",
        step: "patch: {kind: Service, name: ml-api, type: merge, patch: {metadata: {labels: {patched: once}}}}",
        method: "PATCH",
        path: "/services/ml-api",
        shows: (&["get", "service", "ml-api", "-o", "jsonpath={.metadata.labels.patched}"], "once"),
    },
    Verb {
        name: "apply",
        step: "apply: {manifest: '{apiVersion: v1, kind: ConfigMap, metadata: {name: told}, data: {a: once}}'}",
        method: "PATCH",
        path: "/configmaps/told",
        shows: (&["get", "configmap", "told", "-o", "jsonpath={.data.a}"], "once"),
    },
    Verb {
        name: "delete",
        step: "delete: {kind: ConfigMap, name: told}",
        method: "DELETE",
        path: "/configmaps/told",
        shows: (&["get", "configmap", "told", "--ignore-not-found", "-o", "name"], ""),
    },
    Verb {
        name: "create-namespace",
        step: "createNamespace: {name: NAMESPACE-made}",
        method: "POST",
        path: "/api/v1/namespaces",
        shows: (&["get", "namespace", "NAMESPACE-made", "-o", "jsonpath={.metadata.name}"], "NAMESPACE-made"),
    },
];

/// What the API server wrote down of a run's changes.
fn audited(run: &str) -> Vec<Value> {
    let log = fs::read_to_string(format!("{}/audit.log", ours("RIPCORD_CLUSTER_STATE"))).unwrap();
    let of_run = format!("run={run};");
    let changes = ["create", "update", "patch", "delete"];
    log.lines()
        .filter(|line| line.contains(&of_run))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|one| changes.contains(&one["verb"].as_str().unwrap_or_default()) && one["stage"] == "ResponseComplete")
        .filter(|one| !one["requestURI"].as_str().unwrap_or_default().contains("dryRun"))
        .collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_answer_that_is_lost_is_asked_for_and_nothing_is_sent_again() {
    let here = Namespace::new("once");
    here.install("v1.4.1");
    let own = |text: &str| text.replace("NAMESPACE", &here.name);
    for verb in &VERBS {
        let (proxy, state) = (Proxy::api(), tempfile::tempdir().unwrap());
        let book = state.path().join("one.yaml");
        let text = format!(
            "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: {}}}\ntarget: {{namespace: {}}}\n\
             baseline: {{none: a test}}\nsteps:\n- {{id: act, kubernetes: {{{}}}}}\n",
            verb.name,
            here.name,
            own(verb.step)
        );
        fs::write(&book, text).unwrap();
        proxy.set(json!({"fault": "dropAfterRequest", "method": verb.method, "path": verb.path, "times": 1}));
        let kubeconfig = proxy.kubeconfig();
        let mut command = here.command(env!("CARGO_BIN_EXE_ripcord"));
        command.env("KUBECONFIG", kubeconfig.path()).arg("--state-dir").arg(state.path());
        command.args(["run", book.to_str().unwrap(), "--headless", "--approve", "act"]);
        let output = command.output().unwrap();
        let said = words(&output);
        assert_eq!(output.status.code(), Some(0), "{}: {said}", verb.name);
        assert!(said.contains("act: succeeded"), "{}: {said}", verb.name);

        let (words, wanted) = (verb.shows.0.iter().map(|word| own(word)).collect::<Vec<_>>(), own(verb.shows.1));
        eventually(verb.name, 20, || (here.kubectl(&words).trim() == wanted).then_some(()));

        let sent = format!("{} ", verb.method);
        let asked = proxy.requests();
        let writes =
            asked.iter().filter(|one| one.starts_with(&sent) && one.contains(verb.path) && !one.contains("dryRun"));
        assert_eq!(writes.count(), 1, "{}: {asked:?}", verb.name);

        // Every change the API server knows of this run carries the number of the record that came before it.
        let run = fs::read_dir(state.path().join("runs")).unwrap().next().unwrap().unwrap();
        let trail = fs::read_to_string(run.path().join("trail.jsonl")).unwrap();
        let records: HashSet<String> = trail
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["metadata"]["uid"].as_str().map(str::to_owned))
            .collect();
        let changes = audited(run.file_name().to_str().unwrap());
        assert!(!changes.is_empty(), "{}: the audit log knows nothing of {:?}", verb.name, run.file_name());
        for change in changes {
            assert!(records.contains(change["auditID"].as_str().unwrap()), "{}: {change}", verb.name);
        }
    }
    let _ = here.try_kubectl(["delete", "namespace", &own("NAMESPACE-made"), "--wait=false"]);
}
