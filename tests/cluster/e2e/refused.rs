//! What a real cluster says no to: the step fails with the server's reason and what to do, and nothing is repeated.

use std::{fs, path::Path, process::Stdio};

use serde_json::json;

use crate::{
    said::words,
    support::{Namespace, eventually, ours},
};

/// Runs one native step on the namespace; its exit code and everything it said.
fn act(here: &Namespace, kubeconfig: &Path, step: &str) -> (i32, String) {
    play(here, kubeconfig, &format!("kubernetes: {{{step}}}"))
}

fn play(here: &Namespace, kubeconfig: &Path, step: &str) -> (i32, String) {
    let state = tempfile::tempdir().unwrap();
    let book = state.path().join("one.yaml");
    let head = "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: one}";
    let text = format!(
        "{head}\ntarget: {{namespace: {}}}\nbaseline: {{none: a test}}\nsteps:\n- {{id: act, {step}}}\n",
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
fn an_image_that_never_comes_is_the_reason_of_the_rollout() {
    let here = Namespace::new("noimage");
    here.install("v1.4.1");
    here.kubectl(["patch", "deployment", "ml-api", "-p", r#"{"spec":{"progressDeadlineSeconds":5}}"#]);
    here.kubectl(["set", "image", "deployment/ml-api", "*=registry.local/ml-api:v1.5.0-noimage"]);
    says(
        act(&here, &here.kubeconfig, "rolloutStatus: {kind: Deployment, name: ml-api, timeout: 60s}"),
        &["exceeded its progress deadline", "ImagePull", "v1.5.0-noimage", "act: failed"],
    );
}

/// It scales to one; whoever holds three says so at once, and does it.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_autoscaler_that_fights_a_scale_is_named() {
    let here = Namespace::new("hpa");
    here.install("v1.4.1");
    here.apply(
        &json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "holds"},
        "spec": {"minReplicas": 3, "maxReplicas": 6,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "ml-api"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 80}}}]}}),
    );
    let (code, said) = act(&here, &here.kubeconfig, "scale: {kind: Deployment, name: ml-api, replicas: 1}");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("HorizontalPodAutoscaler holds holds 3–6 replicas and will move this again"), "{said}");
    eventually("the autoscaler's own number", 60, || {
        (here.json(["get", "deployment", "ml-api"])["spec"]["replicas"] == 3).then_some(())
    });
}

/// An eviction is refused by the server and the step says by whom; a delete goes over it, and says that.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_disruption_budget_that_blocks_is_named() {
    let here = Namespace::new("budget");
    here.install("v1.4.1");
    let pods = here.json(["get", "pods", "-l", "app=ml-api"]);
    let pod = pods["items"][0]["metadata"]["name"].as_str().unwrap();
    here.kubectl(["patch", "pdb", "ml-api", "--type=merge", "-p", r#"{"spec":{"minAvailable":"100%"}}"#]);
    eventually("the budget", 20, || {
        (here.json(["get", "pdb", "ml-api"])["status"]["disruptionsAllowed"] == 0).then_some(())
    });
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", here.name);
    let step =
        format!("run: \"echo '{}' | kubectl create --raw {path} -f -\"", eviction.to_string().replace('"', "\\\""));
    says(play(&here, &here.kubeconfig, &step), &["disruption budget", "act: failed"]);
    let (code, said) = act(&here, &here.kubeconfig, &format!("delete: {{kind: Pod, name: {pod}}}"));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("PodDisruptionBudget ml-api allows no disruption now; a delete does not ask it"), "{said}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn an_object_that_somebody_changed_meanwhile_is_a_conflict() {
    let here = Namespace::new("stale");
    here.kubectl(["create", "configmap", "told", "--from-literal=a=theirs"]);
    let patch = r#"patch: {kind: ConfigMap, name: told, type: merge, patch: {metadata: {resourceVersion: "1"}, data: {a: ours}}}"#;
    says(act(&here, &here.kubeconfig, patch), &["the object has been modified", "act: failed (conflict)"]);
    assert_eq!(here.json(["get", "configmap", "told"])["data"]["a"], "theirs");
}

/// What a dry run says is the server's own answer, and nothing is there afterwards.
#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_dry_run_asks_the_server_and_changes_nothing() {
    let here = Namespace::new("dry");
    here.install("v1.4.1");
    let state = tempfile::tempdir().unwrap();
    let book = state.path().join("dry.yaml");
    let head = "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: dry}";
    let text = format!(
        "{head}\ntarget: {{namespace: {}}}\nbaseline: {{helmRelease: ml-system}}\nsteps:
- {{id: tell, kubernetes: {{{TELL}}}}}
- {{id: scale, kubernetes: {{scale: {{kind: Deployment, name: ml-api, replicas: 5}}}}}}
- {{id: no, kubernetes: {{setImage: {{kind: Deployment, name: nobody, container: api, image: x}}}}}}
rollback:
- {{id: back, helm: {{rollback: {{release: ml-system, revision: '${{{{ baseline.revision }}}}'}}}}}}
",
        here.name
    );
    fs::write(&book, text).unwrap();
    let mut command = here.command(env!("CARGO_BIN_EXE_ripcord"));
    command.arg("--state-dir").arg(state.path()).args(["run", book.to_str().unwrap(), "--dry-run"]);
    let output = command.output().unwrap();
    let said = words(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "+++ ConfigMap/told",
        "replicas: 4 → 5",
        "not found",
        "helm rollback ml-system 1",
        "now: revision 1 (deployed)",
    ] {
        assert!(said.contains(part), "«{part}» is missing: {said}");
    }
    assert!(here.try_kubectl(["get", "configmap", "told"]).is_err());
    assert_eq!(here.json(["get", "deployment", "ml-api"])["spec"]["replicas"], 4);
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
