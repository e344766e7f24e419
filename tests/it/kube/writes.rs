//! What is sent when something changes: once, with its preconditions, and looked at when the answer is lost.

use std::sync::atomic::{AtomicU32, Ordering};

use ripcord::effects::kube::act::ActOutcome;
use serde_json::{Value, json};

use super::{
    DEPLOYMENT, deployment,
    fake::{Answer, Fake, failed, ok, status, succeeded},
    replica_set, server,
};

fn undo(to: i64) -> Value {
    json!({"rolloutUndo": {"kind": "Deployment", "name": "ml-api", "toRevision": to}})
}

#[tokio::test]
async fn an_undo_puts_the_old_template_back_and_only_over_what_was_looked_at() {
    let api = server();
    let done = succeeded(api.perform(undo(1)).await);
    let writes = api.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].method, "PATCH");
    assert_eq!(writes[0].path, format!("{DEPLOYMENT}?fieldManager=ripcord"));
    assert_eq!(writes[0].header("content-type"), "application/json-patch+json");
    let body = &writes[0].body;
    assert_eq!(body[0], json!({"op": "test", "path": "/metadata/uid", "value": "u-1"}));
    assert_eq!(body[1], json!({"op": "test", "path": "/metadata/generation", "value": 5}));
    assert_eq!(body[2]["value"]["spec"]["containers"][0]["image"], "ml:1");
    assert_eq!(body[2]["value"]["metadata"]["labels"], json!({"app": "ml-api"}));
    assert_eq!(body[3]["value"], "ripcord run-1 step.1 head 0123456789abcdef");
    assert_eq!(done.before.unwrap()["revision"], 3);
    assert_eq!(done.summary, "deployment.apps/ml-api rolled back to revision 1 (ml:1)");
}

#[tokio::test]
async fn an_undo_says_what_helm_will_think_and_knows_when_there_is_nothing_to_do() {
    let api = Fake::new(|seen| match seen.what() {
        (_, DEPLOYMENT) => {
            let mut object = deployment();
            object["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!("ml-system");
            ok(object)
        }
        _ => ok(json!({"items": [replica_set(3, "ml:3"), replica_set(2, "ml:3")]})),
    });
    let done = succeeded(api.perform(undo(2)).await);
    assert!(done.summary.contains("skipped rollback"), "{}", done.summary);
    assert!(api.writes().is_empty());
    assert!(api.lines()[0].contains("the release ml-system and the cluster disagree"), "{:?}", api.lines());
}

#[tokio::test]
async fn a_revision_that_a_rollback_renumbered_is_still_found_by_its_old_number() {
    let api = Fake::new(|seen| match seen.what() {
        (_, DEPLOYMENT) => ok(deployment()),
        _ => {
            let mut back = replica_set(3, "ml:3");
            back["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = json!("1");
            ok(json!({"items": [replica_set(2, "ml:2"), back]}))
        }
    });
    let done = succeeded(api.perform(undo(1)).await);
    assert!(
        done.summary.contains("skipped rollback (current template already matches revision 3)"),
        "{}",
        done.summary
    );
    assert!(api.writes().is_empty());
}

#[tokio::test]
async fn a_pruned_revision_and_a_moved_target_are_told_apart() {
    let failure = failed(server().perform(undo(9)).await);
    assert_eq!(failure.reason, "notFound");
    assert!(
        failure.message.contains("revision 9 is not in its history any more; there are 1, 2, 3"),
        "{}",
        failure.message
    );
    let api = Fake::new(|seen| match seen.what() {
        ("PATCH", _) => {
            status(422, "Invalid", "the server rejected our request: testing path /metadata/generation value failed")
        }
        (_, DEPLOYMENT) => ok(deployment()),
        _ => ok(json!({"items": [replica_set(1, "ml:1")]})),
    });
    let failure = failed(api.perform(undo(1)).await);
    assert_eq!(failure.reason, "conflict");
    assert_eq!(api.writes().len(), 1);
}

#[tokio::test]
async fn scale_checks_its_precondition_here_and_at_the_server() {
    let scale = |current: i64| json!({"scale": {"kind": "Deployment", "name": "ml-api", "replicas": 4, "currentReplicas": current}});
    let answers = |seen: &super::fake::Seen| match seen.what() {
        ("GET", path) if path.ends_with("/scale") => ok(
            json!({"kind": "Scale", "metadata": {"name": "ml-api", "uid": "u-1", "resourceVersion": "100"}, "spec": {"replicas": 2}}),
        ),
        ("PATCH", _) => ok(json!({"kind": "Scale", "metadata": {"resourceVersion": "101"}, "spec": {"replicas": 4}})),
        _ => ok(
            json!({"items": [{"metadata": {"name": "hpa"}, "spec": {"maxReplicas": 6, "scaleTargetRef": {"kind": "Deployment", "name": "ml-api"}}}]}),
        ),
    };
    let api = Fake::new(answers);
    let failure = failed(api.perform(scale(3)).await);
    assert_eq!(failure.reason, "conflict");
    assert!(api.writes().is_empty());
    let api = Fake::new(answers);
    let done = succeeded(api.perform(scale(2)).await);
    assert_eq!(api.writes().len(), 1);
    assert_eq!(api.writes()[0].path, format!("{DEPLOYMENT}/scale?fieldManager=ripcord"));
    assert_eq!(
        api.writes()[0].body,
        json!({"metadata": {"uid": "u-1", "resourceVersion": "100"}, "spec": {"replicas": 4}})
    );
    assert!(done.summary.contains("HorizontalPodAutoscaler hpa holds 1–6 replicas"), "{}", done.summary);
    assert_eq!((&done.before.unwrap()["replicas"], &done.after.unwrap()["replicas"]), (&json!(2), &json!(4)));
}

#[tokio::test]
async fn an_image_is_set_on_a_container_that_exists() {
    let set = |container: &str| json!({"setImage": {"kind": "Deployment", "name": "ml-api", "container": container, "image": "ml:4"}});
    let api = server();
    let failure = failed(api.perform(set("sidecar")).await);
    assert!(failure.message.contains("has no container sidecar; it has api"), "{}", failure.message);
    succeeded(api.perform(set("api")).await);
    let writes = api.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].header("content-type"), "application/strategic-merge-patch+json");
    assert_eq!(writes[0].body["spec"]["template"]["spec"], json!({"containers": [{"name": "api", "image": "ml:4"}]}));
}

#[tokio::test]
async fn a_delete_names_the_object_it_looked_at() {
    let api = Fake::new(|seen| match seen.method.as_str() {
        "GET" => ok(json!({"kind": "Pod", "metadata": {"name": "a", "uid": "u-9"}})),
        _ => ok(json!({})),
    });
    succeeded(api.perform(json!({"delete": {"kind": "Pod", "name": "a", "force": true}})).await);
    let body = &api.writes()[0].body;
    assert_eq!((&body["preconditions"], &body["gracePeriodSeconds"]), (&json!({"uid": "u-9"}), &json!(0)));
    assert!(api.lines()[0].contains("force deleted (its containers may still be running"), "{:?}", api.lines());
    let failure = failed(api.perform(json!({"delete": {"kind": "Pod", "selector": " "}})).await);
    assert!(failure.message.contains("not an empty one"));
}

#[tokio::test]
async fn a_namespace_that_exists_is_success_and_one_that_dies_is_not() {
    for (phase, good) in [("Active", true), ("Terminating", false)] {
        let api = Fake::new(move |seen| match seen.method.as_str() {
            "POST" => status(409, "AlreadyExists", "exists"),
            _ => ok(
                json!({"kind": "Namespace", "metadata": {"name": "n", "resourceVersion": "1"}, "status": {"phase": phase}}),
            ),
        });
        let outcome = api.perform(json!({"createNamespace": {"name": "n"}})).await;
        if good {
            assert_eq!(succeeded(outcome).summary, "namespace/n exists already, nothing changed");
        } else {
            assert!(failed(outcome).message.contains("is being deleted"));
        }
    }
}

const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {image: $IMAGE}\n---\n\
                        apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\n";

#[tokio::test]
async fn apply_is_server_side_object_by_object() {
    let api = Fake::new(|seen| match seen.method.as_str() {
        "GET" => status(404, "NotFound", ""),
        _ => ok(json!({"kind": "ConfigMap", "metadata": {"name": "x", "resourceVersion": "7"}})),
    });
    let verb = json!({"apply": {"manifest": MANIFEST, "values": {"IMAGE": "ml: {4}"}, "fieldManager": "team a"}});
    let done = succeeded(api.perform(verb).await);
    let writes = api.writes();
    let paths: Vec<_> = writes.iter().map(|one| one.path.as_str()).collect();
    let path = "/api/v1/namespaces/ml/configmaps";
    assert_eq!(paths, [format!("{path}/one?fieldManager=team%20a"), format!("{path}/two?fieldManager=team%20a")]);
    assert_eq!(writes[0].header("content-type"), "application/apply-patch+yaml");
    assert_eq!(writes[0].body["data"]["image"], "ml: {4}");
    assert_eq!(writes[0].body["metadata"]["namespace"], "ml");
    assert_eq!((&done.outputs["count"], done.summary.as_str()), (&json!(2), "2 objects applied"));
    assert_eq!(api.lines(), ["configmap/one created", "configmap/two created"]);
}

#[tokio::test]
async fn a_conflict_names_the_manager_and_the_field() {
    let api = Fake::new(|seen| match seen.what() {
        ("GET", _) => status(404, "NotFound", ""),
        (_, path) if path.ends_with("/one") => ok(json!({"kind": "ConfigMap", "metadata": {"name": "one"}})),
        _ => Answer::Json(
            409,
            json!({
                "kind": "Status", "code": 409, "reason": "Conflict", "message": "Apply failed with 1 conflict",
                "details": {"causes": [{"reason": "FieldManagerConflict", "field": ".data.image", "message": "conflict with \"helm\" using v1"}]},
            }),
        ),
    });
    let failure = failed(api.perform(json!({"apply": {"manifest": MANIFEST}})).await);
    assert_eq!(failure.reason, "conflict");
    let want = "configmap/two: .data.image belongs to \"helm\" using v1; leave these fields out, or take them over with \
                forceConflicts: true (1 of 2 objects were applied before it)";
    assert_eq!(failure.message, want);
}

/// Every verb that changes something, on a server that takes the request and never answers.
fn mutating() -> Vec<Value> {
    vec![
        json!({"apply": {"manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n"}}),
        undo(1),
        json!({"rolloutRestart": {"kind": "Deployment", "name": "ml-api"}}),
        json!({"setImage": {"kind": "Deployment", "name": "ml-api", "container": "api", "image": "ml:4"}}),
        json!({"scale": {"kind": "Deployment", "name": "ml-api", "replicas": 4, "currentReplicas": 2}}),
        json!({"scale": {"kind": "Deployment", "name": "ml-api", "replicas": 4}}),
        json!({"delete": {"kind": "Deployment", "name": "ml-api"}}),
        json!({"createNamespace": {"name": "ml-2"}}),
        json!({"patch": {"kind": "Deployment", "name": "ml-api", "type": "merge", "patch": {"spec": {"replicas": 9}}}}),
        json!({"patch": {"kind": "Deployment", "name": "ml-api", "type": "json", "patch": [{"op": "remove", "path": "/x"}]}}),
    ]
}

fn losing(how: fn() -> Answer) -> Fake {
    Fake::new(move |seen| match seen.what() {
        ("GET", path) if path.ends_with("/scale") => ok(
            json!({"kind": "Scale", "metadata": {"name": "ml-api", "uid": "u-1", "resourceVersion": "100"}, "spec": {"replicas": 2}}),
        ),
        ("GET", DEPLOYMENT) => ok(deployment()),
        ("GET", path) if path.ends_with("replicasets") => {
            ok(json!({"items": [replica_set(1, "ml:1"), replica_set(3, "ml:3")]}))
        }
        ("GET", path) if path.ends_with("horizontalpodautoscalers") => ok(json!({"items": []})),
        ("GET", _) => status(404, "NotFound", ""),
        _ => how(),
    })
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_looked_at_and_never_sent_again() {
    let ways: [fn() -> Answer; 4] = [
        || Answer::Cut,
        || Answer::Json(504, json!("gateway timeout")),
        || status(504, "Timeout", "request did not complete"),
        || status(500, "InternalError", "etcdserver: request timed out"),
    ];
    let all = ways.into_iter().flat_map(|how| mutating().into_iter().map(move |verb| sent_once(how, verb)));
    futures::future::join_all(all).await;
}

async fn sent_once(how: fn() -> Answer, verb: Value) {
    let api = losing(how);
    let outcome = api.perform(verb.clone()).await;
    let (writes, seen) = (api.writes(), api.seen());
    assert_eq!(writes.len(), 1, "{verb}: sent {} times", writes.len());
    assert!(!seen.last().unwrap().is_write(), "{verb}: nobody looked afterwards");
    match outcome {
        ActOutcome::Failed(failure) => assert_eq!(failure.reason, "lost", "{verb}: {failure:?}"),
        ActOutcome::Unknown(_) => assert!(verb.pointer("/patch/type") == Some(&json!("json")), "{verb}"),
        ActOutcome::Succeeded(done) => panic!("{verb}: nothing took place, yet {done:?}"),
    }
}

#[tokio::test]
async fn what_took_place_in_spite_of_the_cut_is_a_success_with_its_evidence() {
    static SENT: AtomicU32 = AtomicU32::new(0);
    let api = Fake::new(|seen| match (seen.method.as_str(), SENT.load(Ordering::SeqCst)) {
        ("PATCH", _) => {
            SENT.fetch_add(1, Ordering::SeqCst);
            Answer::Cut
        }
        (_, 0) => ok(deployment()),
        _ => {
            let mut after = deployment();
            after["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ml:4");
            ok(after)
        }
    });
    let verb = json!({"setImage": {"kind": "Deployment", "name": "ml-api", "container": "api", "image": "ml:4"}});
    let done = succeeded(api.perform(verb).await);
    assert!(done.summary.contains("runs ml:4: it took place"), "{}", done.summary);
    assert_eq!((&done.before.unwrap()["images"], &done.after.unwrap()["images"]), (&json!(["ml:3"]), &json!(["ml:4"])));
    assert_eq!(SENT.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_resume_looks_and_sends_nothing() {
    futures::future::join_all(mutating().into_iter().map(|verb| async move {
        let api = losing(|| panic!("a write on resume"));
        let _ = api.reattach(verb).await;
        assert!(api.writes().is_empty());
        assert!(!api.seen().is_empty());
    }))
    .await;
}

#[tokio::test]
async fn a_clear_no_is_a_failure_and_not_unknown() {
    for (code, reason, word) in [
        (403, "Forbidden", "forbidden"),
        (409, "Conflict", "conflict"),
        (422, "Invalid", "refused"),
        (429, "TooManyRequests", "refused"),
        (500, "InternalError", "refused"),
    ] {
        let api = Fake::new(move |seen| match seen.method.as_str() {
            "GET" => ok(deployment()),
            _ => status(code, reason, "admission webhook \"x\" denied the request: no"),
        });
        let failure = failed(api.perform(json!({"rolloutRestart": {"kind": "Deployment", "name": "ml-api"}})).await);
        assert_eq!(failure.reason, word, "{code}");
        assert!(failure.message.starts_with("deployment.apps/ml-api: admission webhook"), "{}", failure.message);
        assert_eq!(api.writes().len(), 1);
        assert_eq!(failure.done.before.unwrap()["revision"], 3);
    }
}
