//! The native verbs against an API server in the process: what is asked, how often, and what is made of the answer.

mod around;
mod fake;
mod writes;

use fake::{Fake, failed, ok, status, succeeded};
use ripcord::effects::kube::act::ActOutcome;
use serde_json::{Value, json};

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/ml/deployments/ml-api";

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "ml-api", "namespace": "ml", "uid": "u-1", "generation": 5, "resourceVersion": "100",
                     "annotations": {"deployment.kubernetes.io/revision": "3"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "ml-api"}},
                 "template": {"metadata": {"labels": {"app": "ml-api"}}, "spec": {"containers": [{"name": "api", "image": "ml:3"}]}}},
        "status": {"observedGeneration": 5, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2},
    })
}

fn replica_set(revision: i64, image: &str) -> Value {
    json!({
        "metadata": {"name": format!("ml-api-{revision}"), "labels": {"pod-template-hash": format!("h{revision}")},
                     "creationTimestamp": "2026-11-20T12:00:00Z",
                     "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
                     "ownerReferences": [{"uid": "u-1", "controller": true}]},
        "spec": {"template": {"metadata": {"labels": {"app": "ml-api", "pod-template-hash": format!("h{revision}")}},
                              "spec": {"containers": [{"name": "api", "image": image}]}}},
    })
}

/// Answers as a server with this one Deployment, three revisions of it, and nothing else.
fn server() -> Fake {
    Fake::new(|seen| match seen.what() {
        (_, DEPLOYMENT) => ok(deployment()),
        ("GET", "/apis/apps/v1/namespaces/ml/replicasets") => {
            ok(json!({"items": [replica_set(3, "ml:3"), replica_set(1, "ml:1"), replica_set(2, "ml:2")]}))
        }
        ("GET", path) if path.ends_with("horizontalpodautoscalers") => ok(json!({"items": []})),
        _ => status(404, "NotFound", "not found"),
    })
}

#[tokio::test]
async fn every_request_carries_the_record_it_was_made_under() {
    let api = server();
    succeeded(api.perform(json!({"rolloutUndo": {"kind": "Deployment", "name": "ml-api", "toRevision": 1}})).await);
    assert!(api.seen().len() >= 3);
    for seen in api.seen() {
        assert_eq!(seen.header("audit-id"), "0190-uid");
        let agent = seen.header("user-agent");
        assert!(
            agent.starts_with("ripcord/") && agent.contains("run=run-1; seq=42; head=0123456789abcdef)"),
            "{agent}"
        );
    }
}

#[tokio::test]
async fn get_asks_for_the_servers_own_table_and_prints_it() {
    let api = Fake::new(|_| {
        ok(json!({
            "kind": "Table",
            "columnDefinitions": [{"name": "Name", "priority": 0}, {"name": "Status", "priority": 0}, {"name": "IP", "priority": 1}],
            "rows": [
                {"cells": ["a", "Running", "10.0.0.1"], "object": {"kind": "Pod", "metadata": {"name": "a", "managedFields": [1]}}},
                {"cells": ["b", "ImagePullBackOff", null], "object": {"kind": "Pod", "metadata": {"name": "b"}}},
            ],
        }))
    });
    let done = succeeded(api.perform(json!({"get": {"kind": "pods", "selector": "app in (a, b)"}})).await);
    let seen = &api.seen()[0];
    assert_eq!(seen.path, "/api/v1/namespaces/ml/pods?includeObject=Object&labelSelector=app%20in%20%28a%2C%20b%29");
    assert!(seen.header("accept").starts_with("application/json;as=Table;v=v1;g=meta.k8s.io"));
    assert_eq!(api.lines(), ["NAME   STATUS", "a      Running", "b      ImagePullBackOff"]);
    assert_eq!((&done.outputs["count"], &done.outputs["reason"]), (&json!(2), &json!("ImagePullBackOff")));
    assert_eq!(done.outputs["json"]["items"][0], json!({"kind": "Pod", "metadata": {"name": "a"}}));
}

#[tokio::test]
async fn a_secret_is_never_shown_or_recorded() {
    let api = Fake::new(|_| {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "aHVudGVyMg=="}});
        ok(
            json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": [{"cells": ["s"], "object": object}]}),
        )
    });
    for output in ["yaml", "json", "wide"] {
        let done = succeeded(api.perform(json!({"get": {"kind": "Secret", "name": "s", "output": output}})).await);
        let everything = format!("{:?}{done:?}", api.lines());
        assert!(!everything.contains("aHVudGVyMg"), "{everything}");
    }
}

#[tokio::test]
async fn an_unknown_kind_is_looked_up_once_and_a_crd_is_found() {
    let api = Fake::new(|seen| match seen.what() {
        (_, "/api") => ok(json!({"items": []})),
        (_, "/apis") => {
            ok(json!({"items": [{"metadata": {"name": "cert-manager.io"}, "versions": [{"version": "v1", "resources": [
                {"resource": "certificates", "responseKind": {"kind": "Certificate"}, "scope": "Namespaced", "singularResource": "certificate", "shortNames": ["cert"]},
            ]}]}]}))
        }
        (_, "/apis/cert-manager.io/v1/namespaces/ml/certificates/web") => ok(json!({
            "kind": "Certificate", "metadata": {"name": "web", "uid": "1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        })),
        _ => status(404, "NotFound", "not found"),
    });
    let wait = json!({"wait": {"kind": "cert", "name": "web", "for": "condition=Ready"}});
    succeeded(api.perform(wait).await);
    assert_eq!(api.lines(), ["certificate.cert-manager.io/web condition met"]);
    assert_eq!(api.seen().iter().filter(|one| one.path == "/apis").count(), 1);
    let failure = failed(api.perform(json!({"wait": {"kind": "unicorn", "name": "x", "for": "delete"}})).await);
    assert!(failure.message.contains("no kind «unicorn»"), "{}", failure.message);
}

#[tokio::test]
async fn a_rollout_past_its_deadline_fails_with_what_ails_the_pod() {
    let api = Fake::new(|seen| match seen.what() {
        (_, DEPLOYMENT) => {
            let mut late = deployment();
            late["status"]["conditions"] = json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]);
            ok(late)
        }
        (_, "/api/v1/namespaces/ml/pods") => ok(json!({
            "kind": "Table", "columnDefinitions": [{"name": "Name"}, {"name": "Status"}],
            "rows": [
                {"cells": ["ml-api-1", "Running"], "object": {"metadata": {"name": "ml-api-1"}}},
                {"cells": ["ml-api-2", "ImagePullBackOff"], "object": {"metadata": {"name": "ml-api-2"},
                 "status": {"containerStatuses": [{"state": {"waiting": {"message": "Back-off pulling image \"ml:4\""}}}]}}},
            ],
        })),
        _ => status(404, "NotFound", ""),
    });
    let failure = failed(api.perform(json!({"rolloutStatus": {"kind": "deploy", "name": "ml-api"}})).await);
    assert_eq!(failure.reason, "progressDeadlineExceeded");
    let want = "deployment \"ml-api\" exceeded its progress deadline; pod ml-api-2 is ImagePullBackOff (Back-off pulling image \"ml:4\")";
    assert_eq!(failure.message, want);
    assert_eq!(failure.done.outputs["reason"], "ImagePullBackOff");
}

#[tokio::test]
async fn a_finished_rollout_says_its_revision() {
    let api = server();
    let done = succeeded(api.perform(json!({"rolloutStatus": {"kind": "Deployment", "name": "ml-api"}})).await);
    assert_eq!(done.summary, "deployment \"ml-api\" successfully rolled out");
    assert_eq!((&done.outputs["revision"], &done.outputs["images"]), (&json!(3), &json!(["ml:3"])));
    assert!(api.writes().is_empty());
}

#[tokio::test]
async fn a_wait_that_times_out_is_a_failure() {
    let api = Fake::new(|_| ok(json!({"kind": "Pod", "metadata": {"name": "a", "uid": "1"}})));
    let failure = failed(
        api.perform(json!({"wait": {"kind": "Pod", "name": "a", "for": "condition=Ready", "timeout": "400ms"}})).await,
    );
    assert_eq!(failure.reason, "timeout");
    assert_eq!(failure.message, "timed out waiting for condition=Ready on pod/a");
}

#[tokio::test]
async fn a_read_that_is_refused_is_not_repeated_and_says_what_to_do() {
    let api = Fake::new(|_| status(403, "Forbidden", "pods is forbidden: User \"x\" cannot list"));
    let failure = failed(api.perform(json!({"get": {"kind": "Pod"}})).await);
    assert_eq!(failure.reason, "forbidden");
    assert!(
        failure.message.contains("cannot list") && failure.message.contains("ask for that permission"),
        "{}",
        failure.message
    );
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_cancel_stops_a_read_and_nothing_is_sent_after_it() {
    let api = Fake::new(|seen| match seen.method.as_str() {
        "GET" => ok(json!({"kind": "Pod", "metadata": {"name": "a", "uid": "1"}})),
        _ => ok(json!({})),
    });
    api.cancel.cancel();
    let failure = failed(api.perform(json!({"delete": {"kind": "Pod", "name": "a"}})).await);
    assert_eq!(failure.reason, "cancelled");
    assert!(api.seen().is_empty());
}

#[tokio::test]
async fn history_lists_the_revisions_and_marks_the_one_in_force() {
    let api = server();
    let done = succeeded(api.perform(json!({"rolloutHistory": {"kind": "Deployment", "name": "ml-api"}})).await);
    assert_eq!(done.outputs["revision"], 3);
    assert_eq!(api.lines()[0], "deployment.apps/ml-api");
    assert!(api.lines()[4].starts_with("3 *"), "{:?}", api.lines());
}

#[tokio::test]
async fn events_read_as_kubectl_prints_them() {
    let api = Fake::new(|_| {
        ok(json!({"items": [
            {"metadata": {"uid": "2"}, "involvedObject": {"kind": "Pod", "name": "x", "uid": "p"}, "type": "Warning", "reason": "BackOff",
             "message": "Back-off", "count": 14, "firstTimestamp": "2026-11-23T11:51:00Z", "lastTimestamp": "2026-11-23T11:59:48Z"},
            {"metadata": {"uid": "1"}, "involvedObject": {"kind": "Pod", "name": "x", "uid": "p"}, "type": "Normal", "reason": "Pulled",
             "message": "ok", "firstTimestamp": "2026-11-23T11:50:00Z", "lastTimestamp": "2026-11-23T11:50:00Z"},
        ]}))
    });
    let done = succeeded(api.perform(json!({"events": {"for": "pod/x", "types": ["Warning"]}})).await);
    assert_eq!(api.lines()[1], "12s (x14 over 9m)   Warning   BackOff   Pod/x    Back-off");
    assert_eq!(done.outputs["reason"], "BackOff");
    assert!(api.seen()[0].path.contains("involvedObject.kind%3DPod%2CinvolvedObject.name%3Dx"));
}

#[tokio::test]
async fn a_snapshot_is_one_private_file_that_applies() {
    use std::os::unix::fs::PermissionsExt;
    let api = Fake::new(|seen| match seen.what().1 {
        "/apis/apps/v1/namespaces/ml/deployments" => ok(json!({"metadata": {}, "items": [deployment()]})),
        "/api/v1/namespaces/ml/secrets" => ok(json!({"metadata": {}, "items": [
            {"metadata": {"name": "s", "uid": "2", "resourceVersion": "4"}, "type": "Opaque", "data": {"a": "eA=="}},
            {"metadata": {"name": "token"}, "type": "kubernetes.io/service-account-token"},
        ]})),
        _ => ok(json!({"items": []})),
    });
    let folder = tempfile::tempdir().unwrap();
    let verb = json!({"snapshot": {"kinds": ["Deployment", "Secret", "ConfigMap"], "to": "backups/"}});
    let done = succeeded(api.perform_in(folder.path(), verb).await);
    assert_eq!(
        (&done.outputs["count"], &done.outputs["file"]),
        (&json!(2), &json!("backups/ml-20261123T120000Z.yaml"))
    );
    let path = folder.path().join("backups/ml-20261123T120000Z.yaml");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let objects = ripcord::effects::kube::act::parse_manifests(&text, "x").unwrap();
    assert_eq!(objects.len(), 2);
    assert!(!text.contains("resourceVersion") && !text.contains("uid:") && !text.contains("status:"), "{text}");
    assert_eq!(objects[0]["apiVersion"], "apps/v1");
    // Never over what is there.
    let again = json!({"snapshot": {"kinds": ["Deployment"], "to": "backups/ml-20261123T120000Z.yaml"}});
    failed(api.perform_in(folder.path(), again).await);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_snapshot_for_recipients_without_age_is_a_clear_no() {
    if std::process::Command::new("age").arg("--version").output().is_ok() {
        return; // then it works, and the end-to-end tests see it
    }
    let api = Fake::new(|_| ok(json!({"metadata": {}, "items": [{"metadata": {"name": "c"}}]})));
    let folder = tempfile::tempdir().unwrap();
    let verb = json!({"snapshot": {"kinds": ["ConfigMap"], "to": "x.age", "ageRecipients": ["age1x"]}});
    let failure = failed(api.perform_in(folder.path(), verb).await);
    assert!(failure.message.contains("install it"), "{}", failure.message);
    assert!(!folder.path().join("x.age").exists());
}

#[tokio::test]
async fn a_read_is_done_anew_after_a_crash() {
    let api = server();
    let outcome = api.reattach(json!({"rolloutStatus": {"kind": "Deployment", "name": "ml-api"}})).await;
    assert!(matches!(outcome, ActOutcome::Succeeded(_)));
}
