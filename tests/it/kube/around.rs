//! Around the acts: who the cluster is, who holds the lock, what may be done, what would change, Helm's own records.

use std::{
    collections::HashMap,
    io::Write as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ripcord::{
    effects::{
        helm,
        kube::{
            act::{ActContext, ActOutcome, Wire},
            baseline,
            connect::Cluster,
            identity,
            lease::{self, Claim, Locked},
            permissions, preview, restored,
        },
        lock::{self, Leave, Lock},
    },
    engine::{
        fact::Opened,
        message::{Report, Ticket},
    },
    runbook::model::{Action, BaselineSpec, Helm, PickOf, Runbook, Target},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    DEPLOYMENT, deployment,
    fake::{Answer, Fake, Seen, marks, ok, status},
    server,
};

fn now() -> jiff::Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn cluster(api: &Fake) -> Cluster {
    Cluster {
        client: api.client.clone(),
        context: "prod".into(),
        namespace: "ml".into(),
        server: "https://api".into(),
        ca_hash: "cafe".into(),
        insecure: false,
        kubeconfig: None,
        helm: None,
    }
}

fn wire(api: &Fake) -> Wire {
    Wire::looking(&api.client, Duration::from_secs(5))
}

fn known_as(uid: &'static str) -> Fake {
    Fake::new(move |_| ok(json!({"metadata": {"uid": uid}})))
}

#[tokio::test]
async fn another_cluster_under_the_same_name_is_refused() {
    let (then, later) = (known_as("one"), known_as("two"));
    let first = cluster(&then);
    let known = identity::identify(&first).await.unwrap();
    assert_eq!(known.word, "uid:one");
    let pinned = identity::pin(&first, &Target::default(), &known).unwrap();
    assert!(identity::check(&first, &pinned).await.is_ok());
    let why = identity::check(&cluster(&later), &pinned).await.unwrap_err();
    assert!(why.contains("then uid:one, now uid:two") && why.contains("nothing was sent"), "{why}");
    let target = Target { cluster_uid: Some("six".into()), ..Target::default() };
    assert!(identity::pin(&first, &target, &known).unwrap_err().to_string().contains("choose another --context"));
}

#[tokio::test]
async fn where_the_uid_may_not_be_read_the_address_is_the_identity_and_a_pin_is_not_met() {
    let api = Fake::new(|_| status(403, "Forbidden", "no"));
    let here = cluster(&api);
    let known = identity::identify(&here).await.unwrap();
    assert!(known.word.starts_with("url+ca:"));
    let elsewhere = Cluster { ca_hash: "beef".into(), ..cluster(&api) };
    assert_ne!(identity::identify(&elsewhere).await.unwrap().word, known.word);
    let target = Target { cluster_uid: Some("one".into()), ..Target::default() };
    assert!(identity::pin(&here, &target, &known).is_err());
}

#[tokio::test]
async fn unchecked_tls_is_no_way_to_a_protected_target() {
    let api = known_as("one");
    let open = Cluster { insecure: true, ..cluster(&api) };
    let known = identity::identify(&open).await.unwrap();
    assert!(identity::pin(&open, &Target::default(), &known).is_ok());
    let target = Target { protected: true, ..Target::default() };
    assert!(identity::pin(&open, &target, &known).unwrap_err().to_string().contains("insecure-skip-tls-verify"));
}

/// Keeps Leases as a server does, resourceVersions and all.
fn leases() -> Fake {
    let kept: Arc<Mutex<HashMap<String, Value>>> = Arc::default();
    Fake::new(move |seen: &Seen| {
        let mut kept = kept.lock().unwrap();
        let mut body = seen.body.clone();
        let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let (_, path) = seen.what();
        let version = |one: &Value| one["metadata"]["resourceVersion"].as_str().unwrap_or("0").parse::<u64>().unwrap();
        match seen.method.as_str() {
            "GET" => kept.get(path).map_or_else(|| status(404, "NotFound", ""), |one| ok(one.clone())),
            "POST" if kept.contains_key(&format!("{path}/{name}")) => status(409, "AlreadyExists", "exists"),
            "POST" => {
                body["metadata"]["resourceVersion"] = json!("1");
                body["metadata"]["uid"] = json!("l-1");
                kept.insert(format!("{path}/{name}"), body.clone());
                ok(body)
            }
            "PUT" => {
                let there = kept.get(path).map(version).unwrap_or_default();
                if version(&body) != there {
                    return status(409, "Conflict", "the object has been modified");
                }
                body["metadata"]["resourceVersion"] = json!((there + 1).to_string());
                kept.insert(path.to_owned(), body.clone());
                ok(body)
            }
            _ => {
                kept.remove(path);
                ok(json!({}))
            }
        }
    })
}

fn claim(who: &str, run: &str) -> Claim {
    Claim {
        namespace: "ml".into(),
        key: "ml-system".into(),
        who: who.into(),
        run: run.into(),
        runbook: "canary".into(),
    }
}

#[tokio::test]
async fn the_second_operator_is_told_who_and_since_when() {
    let api = leases();
    let wire = wire(&api);
    let Locked::Ours(mut held) = lease::take(&wire, &claim("ann@a", "r-1"), now(), None).await.unwrap() else {
        panic!("not ours")
    };
    let later = now() + jiff::SignedDuration::from_secs(30);
    let Locked::Others(holder) = lease::take(&wire, &claim("bob@b", "r-2"), later, None).await.unwrap() else {
        panic!("taken twice")
    };
    assert_eq!(
        holder.to_string(),
        "the target is locked by ann@a r-1 (canary, for 30s); wait, or take it over by typing r-1"
    );
    held.renew(&wire, later).await.unwrap();
    // The wrong word does not open it, the run's id does; and the first holder then learns of it.
    assert!(matches!(lease::take(&wire, &claim("bob@b", "r-2"), later, Some("r-9")).await.unwrap(), Locked::Others(_)));
    assert!(matches!(lease::take(&wire, &claim("bob@b", "r-2"), later, Some("r-1")).await.unwrap(), Locked::Ours(_)));
    assert_eq!(held.renew(&wire, later).await.unwrap_err().code(), 409);
}

/// A run of the same runbook, pinned to the same target.
fn opened(operator: &str, run: &str) -> Opened {
    serde_json::from_value(json!({
        "format": 1, "run": run, "program": {"version": "", "hash": ""}, "runbookHash": "", "runbookPath": "c.yaml",
        "runbook": {"metadata": {"name": "canary"}, "steps": [],
            "rollback": [{"id": "back", "action": {"manual": "back"}}]},
        "params": {}, "target": {"namespace": "ml", "identity": "uid:1"}, "host": "h", "pid": 1, "workdir": "/",
        "operator": {"name": operator, "via": "console", "assurance": "system"}, "startedAt": "2026-11-23T12:00:00Z",
    }))
    .unwrap()
}

#[tokio::test]
async fn a_write_waits_for_the_other_operator_and_the_way_back_for_nobody() {
    let api = leases();
    let here = cluster(&api);
    let (ann, bob) = (opened("ann@a", "r-1"), opened("bob@b", "r-2"));
    let hers = Lock::of(&ann, None);
    let said = |leave: &Leave| format!("{leave:?}");
    let first = hers.leave(&here, &"deploy".into()).await.unwrap();
    assert!(matches!(&first, Leave::GrantedWith(note) if note.contains("is ours")), "{}", said(&first));
    assert_eq!(hers.leave(&here, &"deploy".into()).await, Ok(Leave::Granted), "it is taken once");

    let his = Lock::of(&bob, None);
    let denied = his.leave(&here, &"deploy".into()).await.unwrap();
    let Leave::Denied(why) = &denied else { panic!("{}", said(&denied)) };
    assert!(why.contains("ann@a r-1") && why.contains("--take-lock r-1") && why.contains("nothing was sent"), "{why}");
    assert_eq!(lock::is_free(&here, &bob, None).await.unwrap_err(), *why);
    let back = his.leave(&here, &"back/inner".into()).await.unwrap();
    assert!(matches!(&back, Leave::GrantedWith(note) if note.starts_with("the way back goes on without the lock")));

    // The typed word opens it; given back, it is free for everybody.
    let taken = Lock::of(&bob, Some("r-1".into()));
    assert!(matches!(taken.leave(&here, &"deploy".into()).await, Ok(Leave::GrantedWith(_))));
    assert!(matches!(Lock::of(&ann, None).leave(&here, &"deploy".into()).await, Ok(Leave::Denied(_))));
    taken.release().await;
    assert_eq!(lock::is_free(&here, &ann, None).await, Ok(()));
}

#[tokio::test]
async fn where_there_is_no_lock_the_record_says_so_once() {
    let refused = Fake::new(|_| status(403, "Forbidden", "leases is forbidden"));
    let here = cluster(&refused);
    let lock = Lock::of(&opened("ann@a", "r-1"), None);
    let first = lock.leave(&here, &"deploy".into()).await.unwrap();
    assert!(matches!(&first, Leave::GrantedWith(note) if note.contains("there is no lock here")), "{first:?}");
    assert_eq!(lock.leave(&here, &"deploy".into()).await, Ok(Leave::Granted));
}

#[tokio::test]
async fn a_silent_holder_loses_the_lock_and_a_resumed_run_finds_its_own() {
    let api = leases();
    let wire = wire(&api);
    lease::take(&wire, &claim("ann@a", "r-1"), now(), None).await.unwrap();
    let soon = now() + jiff::SignedDuration::from_secs(59);
    assert!(matches!(lease::take(&wire, &claim("ann@a", "r-1"), soon, None).await.unwrap(), Locked::Ours(_)));
    let late = soon + jiff::SignedDuration::from_secs(61);
    assert!(matches!(lease::take(&wire, &claim("bob@b", "r-2"), late, None).await.unwrap(), Locked::Ours(_)));
    let refused = Fake::new(|_| status(403, "Forbidden", "leases is forbidden"));
    let answer = lease::take(&self::wire(&refused), &claim("a", "b"), now(), None).await.unwrap();
    assert!(matches!(answer, Locked::Unavailable(_)));
}

#[tokio::test]
async fn permissions_are_asked_one_by_one_with_their_own_namespace_and_subresource() {
    let api = Fake::new(|seen| {
        let spec = &seen.body["spec"]["resourceAttributes"];
        ok(json!({"status": {"allowed": spec["verb"] != "patch", "reason": "RBAC"}}))
    });
    let book: Runbook = serde_json::from_value(json!({
        "metadata": {"name": "x"},
        "steps": [{"id": "see", "action": {"kubernetes": {"get": {"kind": "Pod", "namespace": "other"}}}}],
        "rollback": [{"id": "off", "action": {"kubernetes": {"scale": {"kind": "Deployment", "name": "c", "replicas": 0}}}}],
    }))
    .unwrap();
    let answers = permissions::ask(&wire(&api), "ml", permissions::needed(&book, Path::new("."))).await;
    let asked: Vec<Value> = api.seen().iter().map(|seen| seen.body["spec"]["resourceAttributes"].clone()).collect();
    assert_eq!(
        asked[0],
        json!({"namespace": "other", "verb": "list", "group": "", "resource": "pods", "subresource": ""})
    );
    assert_eq!(
        asked[2],
        json!({"namespace": "ml", "verb": "patch", "group": "apps", "resource": "deployments", "subresource": "scale"})
    );
    let lines: Vec<String> = answers.iter().map(permissions::Answer::line).collect();
    assert_eq!(lines[0], "list pods in other: yes");
    assert_eq!(lines[2], "patch deployments/scale.apps: no (for off, the way back too)");
}

async fn previewed(api: &Fake, action: Value) -> Vec<String> {
    let out = |_: &str| {};
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let ticket = Ticket::new("step", 1);
    let cx = ActContext::new(&api.client, "ml", marks(), ticket, ".", &out, CancellationToken::new(), deadline, now());
    let action: Action = serde_json::from_value(action).unwrap();
    preview::preview(&cx, "prod", &action).await
}

#[tokio::test]
async fn a_preview_shows_the_command_and_the_servers_own_diff_and_writes_nothing() {
    let api = Fake::new(|seen| match seen.what() {
        ("PATCH", DEPLOYMENT) => {
            assert!(seen.path.ends_with("&dryRun=All"), "{}", seen.path);
            let mut after = deployment();
            after["spec"]["template"]["spec"]["containers"][0]["image"] = json!("ml:4");
            ok(after)
        }
        (_, DEPLOYMENT) => {
            let mut before = deployment();
            before["metadata"]["managedFields"] =
                json!([{"manager": "helm"}, {"manager": "kube", "subresource": "status"}]);
            ok(before)
        }
        _ => status(404, "NotFound", ""),
    });
    let set = json!({"kubernetes": {"setImage": {"kind": "Deployment", "name": "ml-api", "container": "api", "image": "ml:4"}}});
    let lines = previewed(&api, set).await;
    assert_eq!(lines[0], "kubectl set image deployment/ml-api api=ml:4 -n ml --context prod");
    assert!(lines.contains(&"~~~ Deployment/ml-api".to_owned()), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with('+') && line.ends_with("image: ml:4")), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "also written by: helm");
}

#[tokio::test]
async fn a_preview_quotes_the_server_that_says_no() {
    let api = Fake::new(|seen| match seen.method.as_str() {
        "GET" => ok(deployment()),
        _ => status(403, "Forbidden", "exceeded quota: pods"),
    });
    let lines =
        previewed(&api, json!({"kubernetes": {"rolloutRestart": {"kind": "Deployment", "name": "ml-api"}}})).await;
    assert!(lines[1].contains("exceeded quota: pods"), "{lines:#?}");
}

fn secret(revision: i64, state: &str, image: &str, description: &str) -> Value {
    let release = json!({
        "name": "ml-system", "namespace": "ml", "version": revision,
        "chart": {"metadata": {"name": "ml-system", "version": "1.0.0"}},
        "info": {"status": state, "last_deployed": format!("2026-11-{:02}T12:00:00Z", 10 + revision), "description": description},
        "manifest": format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: ml-api}}\nspec: {{template: {{spec: {{containers: [{{image: '{image}'}}]}}}}}}\n"),
    });
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    gzip.write_all(release.to_string().as_bytes()).unwrap();
    let data = STANDARD.encode(STANDARD.encode(gzip.finish().unwrap()));
    json!({"type": "helm.sh/release.v1", "metadata": {"name": format!("sh.helm.release.v1.ml-system.v{revision}")}, "data": {"release": data}})
}

fn helm_history() -> Fake {
    Fake::new(|seen| match seen.what() {
        (_, "/api/v1/namespaces/ml/secrets") => {
            assert!(seen.path.contains("owner%3Dhelm%2Cname%3Dml-system"), "{}", seen.path);
            ok(json!({"items": [
                secret(12, "deployed", "ml:2", "ripcord run-1 step.1 head 00"), secret(10, "superseded", "ml:1", "Install complete"),
                secret(11, "superseded", "ml:2", "ripcord run-1 canary.1 head 00"),
            ]}))
        }
        (_, DEPLOYMENT) => ok(deployment()),
        _ => Answer::Json(404, json!({})),
    })
}

#[tokio::test]
async fn the_way_back_after_a_promotion_is_not_the_canary_of_the_same_image() {
    let api = helm_history();
    let here = cluster(&api);
    let of = PickOf { helm_release: Some("ml-system".into()), deployment: None };
    let listed = baseline::revisions(&here, &of, now()).await.unwrap();
    assert_eq!(listed.iter().map(|one| one.revision).collect::<Vec<_>>(), [12, 11, 10]);
    let why = listed[2].suggested.as_ref().unwrap();
    assert_eq!(why, "the last that ran another image (ml:1) and was replaced while deployed, live for 24h");
    assert!(listed[0].suggested.is_none() && listed[1].suggested.is_none());
    let captured = baseline::capture(&here, &BaselineSpec::HelmRelease("ml-system".into()), now()).await.unwrap();
    assert_eq!(
        (captured.revision, captured.images.as_slice(), captured.age.as_str()),
        (12, ["ml:2".to_owned()].as_slice(), "24h")
    );
    let earlier = ripcord::engine::fact::Baseline { revision: 10, ..captured };
    assert!(baseline::since(&here, &earlier, "run-1", now()).await.unwrap().is_empty());
    let others = baseline::since(&here, &earlier, "run-2", now()).await.unwrap();
    assert!(others[0].contains("revision 12 (ml:2) came 24h ago by ripcord run run-1"), "{others:?}");
}

#[tokio::test]
async fn a_deployment_is_a_baseline_too_and_being_back_is_seen() {
    let api = server();
    let here = cluster(&api);
    let captured = baseline::capture(&here, &BaselineSpec::Deployment("ml-api".into()), now()).await.unwrap();
    assert_eq!((captured.revision, captured.images.as_slice()), (3, ["ml:3".to_owned()].as_slice()));
    assert_eq!((captured.details["templateHash"].as_str(), captured.details["replicas"].as_str()), ("h3", "2"));
    assert_eq!(restored::restored(&here, &captured).await.passed, Some(true));
    let other = ripcord::engine::fact::Baseline { images: vec!["ml:9".into()], ..captured };
    let look = restored::restored(&here, &other).await;
    assert_eq!((look.passed, look.detail.as_str()), (Some(false), "Deployment ml-api runs ml:3, not ml:9"));
}

#[tokio::test]
async fn helm_is_read_natively_and_what_nobody_saw_is_told_from_its_records() {
    let api = helm_history();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&lines);
    let out = move |line: &str| heard.lock().unwrap().push(line.to_owned());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let ticket = Ticket::new("step", 1);
    let cx = ActContext::new(&api.client, "ml", marks(), ticket, ".", &out, CancellationToken::new(), deadline, now());
    let verb = |value: Value| serde_json::from_value::<Helm>(value).unwrap();
    let outcome = helm::perform(&cx, &verb(json!({"history": {"release": "ml-system", "max": 2}}))).await.unwrap();
    let ActOutcome::Succeeded(done) = outcome else { panic!("{outcome:?}") };
    assert_eq!((&done.outputs["revision"], &done.outputs["status"]), (&json!(12), &json!("deployed")));
    assert_eq!(lines.lock().unwrap().len(), 3);
    // This run's own upgrade carries its mark; nothing came since this noon, so a rollback was never begun.
    let upgrade = verb(json!({"upgrade": {"release": "ml-system", "chart": "./c"}}));
    let why = "the console went";
    assert!(matches!(helm::settle(&cx, &upgrade, why, Some(now()), false).await, Report::Succeeded(_)));
    let back = verb(json!({"rollback": {"release": "ml-system", "revision": 10}}));
    assert!(matches!(helm::settle(&cx, &back, why, Some(now()), false).await, Report::NeverBegan { .. }));
    assert!(matches!(helm::settle(&cx, &back, why, Some(now()), true).await, Report::Unknown { .. }));
    assert!(helm::ready(&cx, &back).await.is_ok());
    let pruned = verb(json!({"rollback": {"release": "ml-system", "revision": 3}}));
    let failure = helm::ready(&cx, &pruned).await.unwrap_err();
    assert!(
        failure.message.contains("there are 10, 11, 12") && failure.message.contains("snapshot"),
        "{}",
        failure.message
    );
    assert!(api.writes().is_empty());
}
