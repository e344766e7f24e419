use std::sync::atomic::{AtomicI64, Ordering};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Pod},
};
use kube::{
    Api,
    api::{ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};

use super::*;
use crate::demo::world::{NAMESPACE, Outage, Setting};

static SECONDS: AtomicI64 = AtomicI64::new(0);

/// A clock of the tests' own; they share it, so it only goes forward.
fn clock() -> Timestamp {
    "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap()
        + jiff::SignedDuration::from_secs(SECONDS.load(Ordering::SeqCst))
}

fn pass(server: &Embedded, seconds: i64) {
    SECONDS.fetch_add(seconds, Ordering::SeqCst);
    drop(server.now());
}

fn server() -> Embedded {
    Embedded::new(World::new(3, clock(), Setting::quiet()), clock)
}

fn pods(server: &Embedded) -> Api<Pod> {
    Api::namespaced(server.client(NAMESPACE), NAMESPACE)
}

fn deployments(server: &Embedded) -> Api<Deployment> {
    Api::namespaced(server.client(NAMESPACE), NAMESPACE)
}

#[tokio::test]
async fn the_crates_own_client_lists_reads_and_is_refused() {
    let server = server();
    let pods = pods(&server);
    let all = pods.list(&ListParams::default().labels("app=ml-api,version in (stable)")).await.unwrap();
    assert_eq!(all.items.len(), 4);
    assert!(pods.list(&ListParams::default().labels("version=canary")).await.unwrap().items.is_empty());
    let name = all.items[0].metadata.name.clone().unwrap();
    let one = pods.list(&ListParams::default().fields(&format!("metadata.name={name}"))).await.unwrap();
    assert_eq!(one.items.len(), 1);
    let missing = pods.get("no-such-pod").await.unwrap_err();
    assert!(
        matches!(&missing, kube::Error::Api(status) if status.code == 404 && status.reason == "NotFound"),
        "{missing}"
    );
    let spaces: Api<Namespace> = Api::all(server.client(NAMESPACE));
    assert!(spaces.get("kube-system").await.unwrap().metadata.uid.is_some());
    let again = spaces.create(&PostParams::default(), &spaces.get("default").await.unwrap()).await.unwrap_err();
    assert!(matches!(&again, kube::Error::Api(status) if status.code == 409), "{again}");
}

#[tokio::test]
async fn a_watch_tells_what_changes_and_ends_with_a_bookmark() {
    let server = server();
    let api = deployments(&server);
    let version = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut watch = api.watch(&WatchParams::default().timeout(1), &version).await.unwrap().boxed();
    let scale = serde_json::json!({"spec": {"replicas": 2}});
    api.patch_scale("ml-api-canary", &PatchParams::default(), &Patch::Merge(&scale)).await.unwrap();
    let Some(Ok(WatchEvent::Modified(first))) = watch.next().await else { panic!("a change is told") };
    assert_eq!(first.spec.unwrap().replicas, Some(2));
    let rest: Vec<_> = watch.try_collect().await.unwrap();
    assert!(matches!(rest.last(), Some(WatchEvent::Bookmark(_))), "{rest:?}");
}

#[tokio::test]
async fn a_watch_from_long_ago_is_gone() {
    let server = server();
    let mut watch = pods(&server).watch(&WatchParams::default(), "5").await.unwrap().boxed();
    let Some(Ok(WatchEvent::Error(status))) = watch.next().await else { panic!("410 is told") };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_dry_run_answers_and_changes_nothing() {
    let server = server();
    let api = deployments(&server);
    let before = api.get("ml-api").await.unwrap();
    let image =
        serde_json::json!({"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "x:bad"}]}}}});
    let tried = api
        .patch("ml-api", &PatchParams { dry_run: true, ..PatchParams::default() }, &Patch::Strategic(&image))
        .await
        .unwrap();
    assert_eq!(tried.spec.unwrap().template.spec.unwrap().containers[0].image.as_deref(), Some("x:bad"));
    assert_eq!(api.get("ml-api").await.unwrap(), before);
}

#[tokio::test]
async fn a_log_is_followed_while_it_is_written() {
    let server = server();
    let pods = pods(&server);
    let name = pods.list(&ListParams::default()).await.unwrap().items[0].metadata.name.clone().unwrap();
    let tail =
        pods.logs(&name, &LogParams { tail_lines: Some(3), timestamps: true, ..LogParams::default() }).await.unwrap();
    assert_eq!(tail.lines().count(), 3);
    assert!(tail.lines().all(|line| line.starts_with("2026-03-01T")), "{tail}");
    let params = LogParams { follow: true, tail_lines: Some(1), ..LogParams::default() };
    let mut lines = futures::AsyncBufReadExt::lines(pods.log_stream(&name, &params).await.unwrap());
    lines.next().await.unwrap().unwrap();
    pass(&server, 3);
    assert!(lines.next().await.unwrap().unwrap().contains("request"));
}

#[tokio::test]
async fn a_server_that_is_away_refuses_and_cuts_what_was_open() {
    let outage = Outage { after: jiff::SignedDuration::ZERO, lasts: jiff::SignedDuration::from_secs(3600) };
    let server = Embedded::new(World::new(3, clock(), Setting { outage: Some(outage), ..Setting::quiet() }), clock);
    let api = deployments(&server);
    let version = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let watch = api.watch(&WatchParams::default(), &version).await.unwrap();
    let scale = serde_json::json!({"spec": {"replicas": 1}});
    api.patch_scale("ml-api-canary", &PatchParams::default(), &Patch::Merge(&scale)).await.unwrap();
    pass(&server, 60);
    assert!(api.get("ml-api").await.unwrap_err().to_string().contains("away"));
    let cut = watch.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(format!("{cut:?}").contains("away"), "{cut:?}");
}
