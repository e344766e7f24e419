//! What a real cluster says no to: the step fails with the server's reason and what to do, and nothing is repeated.

use std::{fs, path::Path, process::Stdio};

use serde_json::json;

use crate::{
    said::words,
    support::{Namespace, eventually, ours},
};

/// Runs one native step on the namespace; its exit code and everything it said.
fn act(here: &Namespace, kubeconfig: &Path, step: &str) -> (i32, String) {
    let state = tempfile::tempdir().unwrap();
    let book = state.path().join("one.yaml");
    let head = "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: one}";
    let text = format!(
        "{head}\ntarget: {{namespace: {}}}\nbaseline: {{none: a test}}\nsteps:\n- {{id: act, kubernetes: {{{step}}}}}\n",
        here.name
    );
    fs::write(&book, text).unwrap();
    let mut command = here.command(env!("CARGO_BIN_EXE_ripcord"));
    command.env("KUBECONFIG", kubeconfig).arg("--state-dir").arg(state.path());
    command.args(["run", book.to_str().unwrap(), "--headless", "--approve", "act", "--on-prompt", "abort"]);
    let output = command.output().unwrap();
    let said = words(&output);
    (output.status.code().unwrap(), said)
}

fn says(outcome: (i32, String), words: &[&str]) {
    let (code, said) = outcome;
    assert_eq!(code, 1, "{said}");
    for word in words {
        assert!(said.contains(word), "«{word}» is missing: {said}");
    }
}

const TELL: &str = "apply: {manifest: '{apiVersion: v1, kind: ConfigMap, metadata: {name: told}, data: {a: b}}'}";

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_admission_policy_says_why() {
    let here = Namespace::new("policy");
    let only_here = json!({"matchLabels": {"kubernetes.io/metadata.name": here.name}});
    here.apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
         "metadata": {"name": here.name},
         "spec": {"failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]},
            "validations": [{"expression": "object.metadata.name != 'told'", "message": "nothing may be told here"}]}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
         "metadata": {"name": here.name},
         "spec": {"policyName": here.name, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": only_here}}},
    ]}));
    // The policy is in force a moment after it is there.
    eventually("the policy", 20, || {
        here.try_kubectl(["create", "configmap", "told", "--dry-run=server"]).is_err().then_some(())
    });
    says(act(&here, &here.kubeconfig, TELL), &["nothing may be told here", "act: failed"]);
    assert!(here.try_kubectl(["get", "configmap", "told"]).is_err());
    let _ = here.try_kubectl(["delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", &here.name]);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_webhook_nobody_answers_is_named() {
    let here = Namespace::new("webhook");
    // It takes the connection and never speaks.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    here.apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": here.name},
        "webhooks": [{"name": "silent.example.com", "clientConfig": {"url": url}, "failurePolicy": "Fail",
            "timeoutSeconds": 1, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": here.name}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": ["configmaps"]}]}],
    }));
    eventually("the webhook", 20, || {
        let refused = here.try_kubectl(["create", "configmap", "told", "--dry-run=server"]);
        refused.is_err_and(|why| why.contains("silent.example.com")).then_some(())
    });
    says(act(&here, &here.kubeconfig, TELL), &["silent.example.com", "act: failed"]);
    assert!(here.try_kubectl(["get", "configmap", "told"]).is_err());
    let _ = here.try_kubectl(["delete", "validatingwebhookconfiguration", &here.name]);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_namespace_that_is_being_deleted_takes_nothing() {
    let here = Namespace::new("dying");
    here.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "holds", "finalizers": ["ripcord.dev/test"]}}));
    here.kubectl(["delete", "namespace", &here.name, "--wait=false"]);
    says(act(&here, &here.kubeconfig, TELL), &["being terminated", "act: failed"]);
    says(
        act(&here, &here.kubeconfig, &format!("createNamespace: {{name: {}}}", here.name)),
        &["is being deleted; wait until it is gone"],
    );
    here.kubectl(["patch", "configmap", "holds", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_quota_that_lets_no_pod_in_is_the_reason_of_the_rollout() {
    let here = Namespace::new("quota");
    here.install("v1.4.1");
    here.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"},
        "spec": {"hard": {"pods": "1"}}}));
    eventually("the quota", 20, || {
        here.json(["get", "resourcequota", "full"])["status"]["used"]["pods"].as_str().map(|_| ())
    });
    here.kubectl(["patch", "deployment", "ml-api", "-p", r#"{"spec":{"progressDeadlineSeconds":5}}"#]);
    here.kubectl(["set", "image", "deployment/ml-api", "*=registry.local/ml-api:v1.5.0"]);
    says(
        act(&here, &here.kubeconfig, "rolloutStatus: {kind: Deployment, name: ml-api, timeout: 60s}"),
        &["exceeded quota", "act: failed"],
    );
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn somebody_elses_field_is_named_and_not_taken() {
    let here = Namespace::new("conflict");
    here.kubectl(["create", "configmap", "told", "--from-literal=a=theirs", "--field-manager=somebody"]);
    says(act(&here, &here.kubeconfig, TELL), &["somebody", ".data.a", "act: failed (conflict)"]);
    assert_eq!(here.json(["get", "configmap", "told"])["data"]["a"], "theirs");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_crashed_helm_is_seen_before_anything_is_done() {
    let here = Namespace::new("pending");
    here.install("v1.4.1");
    let mut helm = here.command("helm");
    helm.args(["-n", &here.name, "upgrade", "ml-system", "tests/cluster/ml-system/chart", "--wait", "--timeout=2m"]);
    helm.args(["--set", "api.image.tag=v1.5.0-noimage", "--set", "api.hpa.enabled=false"]);
    let mut helm = helm.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("the pending release", 30, || {
        here.helm(["status", "ml-system", "-o", "json"]).contains("pending-upgrade").then_some(())
    });
    helm.kill().unwrap();
    helm.wait().unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut command = here.command(env!("CARGO_BIN_EXE_ripcord"));
    command.arg("--state-dir").arg(state.path()).args(["run", "tests/cluster/e2e/runbooks/canary.yaml", "--headless"]);
    command.args(["--yes-to", "read,write", "--on-prompt", "abort"]);
    let (namespace, prometheus) =
        (format!("namespace={}", here.name), format!("prometheus={}", ours("PROMETHEUS_URL")));
    let output = command.args(["-p", &namespace, "-p", &prometheus]).output().unwrap();
    let said = words(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("pending-upgrade") && said.contains("revision 2"), "{said}");
    assert_eq!(here.helm(["history", "ml-system", "-o", "json"]).matches("\"revision\"").count(), 2, "{said}");
}

/// May look, and may not lead back.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_way_back_that_would_be_forbidden_refuses_the_run_before_it_begins() {
    let here = Namespace::new("forbidden");
    here.install("v1.4.1");
    let restricted = Path::new(&ours("RIPCORD_CLUSTER_STATE")).join("kubeconfigs/restricted");
    here.apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "forward"},
         "rules": [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
                   {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch", "create"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "forward"},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "forward"},
         "subjects": [{"kind": "User", "name": "restricted", "apiGroup": "rbac.authorization.k8s.io"}]},
    ]}));
    let state = tempfile::tempdir().unwrap();
    let book = state.path().join("book.yaml");
    let text = format!(
        "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: one}}\ntarget: {{namespace: {}}}\n\
         baseline: {{deployment: ml-api}}\nsteps:\n- {{id: act, kubernetes: {{{TELL}}}}}\n",
        here.name
    );
    fs::write(&book, text).unwrap();
    let mut command = here.command(env!("CARGO_BIN_EXE_ripcord"));
    command.env("KUBECONFIG", restricted).arg("--state-dir").arg(state.path());
    let output = command.args(["run", book.to_str().unwrap(), "--headless", "--approve", "act"]).output().unwrap();
    let said = words(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("preflight refuses") && said.contains("patch deployments.apps"), "{said}");
    assert!(here.try_kubectl(["get", "configmap", "told"]).is_err(), "nothing was begun");
}
