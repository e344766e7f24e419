//! ripcord's own pod row against the server's, which `kubectl get pods` prints: each
//! sample is one answer that holds both the printed cells and the object they are of.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use ripcord::observe::pods::{PodRow, SlimPod};
use serde_json::{Value, json};

use crate::support::Namespace;

const FATES: [&str; 9] = ["v1", "crash", "oom", "noimage", "noconfig", "unready", "slow", "evicted", "stuck"];

/// Statuses that must have been seen, else the comparison proves little.
const SEEN: [&str; 13] = [
    "Running",
    "ContainerCreating",
    "Error",
    "CrashLoopBackOff",
    "OOMKilled",
    "ErrImagePull",
    "ImagePullBackOff",
    "CreateContainerConfigError",
    "Evicted",
    "Terminating",
    "Completed",
    "Pending",
    "Init:CrashLoopBackOff",
];

fn everything(here: &Namespace) {
    for fate in FATES {
        here.kubectl(["run", fate, &format!("--image=r.example/api:{fate}")]);
    }
    here.kubectl(["create", "job", "job", "--image=r.example/job:v1"]);
    let pod =
        |name: &str, spec: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
    let one = |name: &str, tag: &str| json!({"name": name, "image": format!("r.example/{name}:{tag}")});
    let sidecar = json!({"name": "mesh", "image": "r.example/mesh:v1", "restartPolicy": "Always"});
    here.apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
        pod("init", json!({"initContainers": [one("a", "v1"), sidecar, one("b", "v1")], "containers": [one("c", "v1")]})),
        pod("init-crash", json!({"initContainers": [one("a", "v1"), one("b", "crash")], "containers": [one("c", "v1")]})),
        pod("init-lost", json!({"initContainers": [one("a", "noimage")], "containers": [one("c", "v1")]})),
        pod("mixed", json!({"containers": [one("c", "v1"), one("d", "crash"), one("e", "oom")]})),
        pod("gates", json!({"readinessGates": [{"conditionType": "a.example/b"}], "containers": [one("c", "v1")]})),
        pod("gated", json!({"schedulingGates": [{"name": "a.example/b"}], "containers": [one("c", "v1")]})),
        pod("big", json!({"containers": [{"name": "c", "image": "r.example/c:v1", "resources": {"requests": {"cpu": "100"}}}]})),
    ]}));
}

/// The list as a table, with the whole object in each row.
async fn table(client: &kube::Client, namespace: &str) -> Value {
    let request = http::Request::get(format!("/api/v1/namespaces/{namespace}/pods?includeObject=Object"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())
        .unwrap();
    serde_json::from_str(&client.request_text(request).await.unwrap()).unwrap()
}

fn text(cell: &Value) -> String {
    cell.as_str().map_or_else(|| cell.to_string(), str::to_owned)
}

/// Ages are computed at a moment that is not in the answer: any within a few seconds will do.
fn agree(row: &PodRow, cells: &[String], now: Timestamp) -> bool {
    let fits = |at: Timestamp| {
        let ours: Vec<String> = row.cells(at).into_iter().chain(row.wide_cells()).collect();
        ours == cells
    };
    (-3..=3).any(|seconds| fits(now + SignedDuration::from_secs(seconds)))
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn every_row_is_the_servers_at_every_moment() {
    let here = Namespace::new("rows");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let config = kube::config::Kubeconfig::read_from(&here.kubeconfig).unwrap();
        let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
        kube::Client::try_from(config).unwrap()
    });
    everything(&here);
    let (mut seen, mut compared) = (BTreeSet::new(), 0);
    let (began, mut deleted) = (Instant::now(), false);
    while began.elapsed() < Duration::from_secs(40) {
        let table = runtime.block_on(table(&client, &here.name));
        #[expect(clippy::disallowed_methods, reason = "the cluster's clock is this machine's")]
        let now = Timestamp::now();
        for row in table["rows"].as_array().unwrap() {
            let cells: Vec<String> = row["cells"].as_array().unwrap().iter().map(text).collect();
            let pod: SlimPod = serde_json::from_value(row["object"].clone()).unwrap();
            let ours = PodRow::new(&pod);
            assert!(agree(&ours, &cells, now), "server {cells:?}\nours {:?} {:?}", ours.cells(now), ours.wide_cells());
            seen.insert(cells[2].clone());
            compared += 1;
        }
        if !deleted && began.elapsed() > Duration::from_secs(35) {
            here.kubectl(["delete", "pod", "stuck", "v1", "evicted", "crash", "--wait=false"]);
            deleted = true;
        }
        std::thread::sleep(Duration::from_millis(150));
    }
    println!("{compared} rows compared, statuses: {seen:?}");
    let missing: Vec<_> = SEEN.iter().filter(|s| !seen.contains(**s)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?} among {seen:?}");
    here.kubectl(["delete", "pod", "stuck", "--force", "--grace-period=0"]);
}
