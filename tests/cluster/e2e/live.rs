//! The live panes beside kubectl on the same cluster: the same rows, events and lines, also while things are cut.

use std::{collections::BTreeSet, path::Path, time::Duration};

use jiff::Timestamp;
use ripcord::{
    effects::kube::{
        connect::{Cluster, ConnectOptions, connect},
        forward,
        logs::{LogHub, LogOf, LogQuery, LogSpec},
        watch::{PaneSpec, WatchHub, WorkloadChoice},
    },
    observe::{
        Observation,
        cluster::{ClusterView, Pane},
        filter::Filter,
        findings::{Cause, findings},
        freshness::FeedState,
        logs::{LineKind, LogView},
        pods::PodFilter,
    },
    runbook::{model::PortForward, value::Tpl},
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    proxy::Proxy,
    support::{Namespace, http},
};

struct Seen {
    cluster: ClusterView,
    logs: LogView,
    news: mpsc::Receiver<Observation>,
    words: Vec<String>,
}

impl Seen {
    /// Takes reports until the panes are as wanted.
    async fn until<T>(
        &mut self,
        what: &str,
        seconds: u64,
        mut wanted: impl FnMut(&ClusterView, &LogView) -> Option<T>,
    ) -> T {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
        loop {
            if let Some(found) = wanted(&self.cluster, &self.logs) {
                return found;
            }
            // every second also without news, since ages make words
            match tokio::time::timeout(Duration::from_millis(500), self.news.recv()).await {
                Ok(Some(Observation::Cluster(news))) => self.cluster.apply(Timestamp::now(), news),
                Ok(Some(Observation::Logs(news))) => self.logs.apply(news),
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => panic!("the watches ended"),
            }
            self.words.push(self.cluster.feed(Pane::Pods).word(Timestamp::now()).0);
            assert!(tokio::time::Instant::now() < deadline, "not seen in {seconds} s: {what}\n{:#?}", self.rows());
        }
    }

    fn rows(&self) -> BTreeSet<String> {
        let now = self.cluster.cluster_now(Timestamp::now());
        self.cluster
            .pods
            .shown(&PodFilter::default())
            .filter(|e| e.gone.is_none())
            .map(|e| e.row.cells(now)[..3].join(" "))
            .collect()
    }
}

async fn cluster(here: &Namespace, kubeconfig: &Path) -> Cluster {
    let options = ConnectOptions {
        kubeconfig: Some(kubeconfig.to_owned()),
        namespace: Some(here.name.clone()),
        ..ConnectOptions::default()
    };
    connect(options).await.unwrap()
}

fn watch(cluster: &Cluster) -> (WatchHub, Seen) {
    let (sender, news) = mpsc::channel(256);
    let spec = PaneSpec { namespace: cluster.namespace.clone(), pods: None, workloads: WorkloadChoice::All };
    let hub = WatchHub::start(cluster, spec, sender);
    (hub, Seen { cluster: ClusterView::default(), logs: LogView::default(), news, words: Vec::new() })
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work);
}

fn kubectl_rows(here: &Namespace) -> BTreeSet<String> {
    let text = here.kubectl(["get", "pods", "--no-headers"]);
    text.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn every_fate_reads_as_kubectl_prints_it_and_has_its_cause() {
    let here = Namespace::new("live-fates");
    let fates = ["v1", "crash", "oom", "noimage", "noconfig", "unready", "evicted", "slow"];
    block_on(async {
        let (_hub, mut seen) = watch(&cluster(&here, &here.kubeconfig).await);
        seen.until("an empty namespace", 20, |view, _| view.feed(Pane::Pods).loaded.then_some(())).await;
        for fate in fates {
            here.kubectl(["run", fate, &format!("--image=registry.example/api:{fate}")]);
        }
        let wanted = [
            ("crash", Cause::CrashLoop),
            ("oom", Cause::OutOfMemory),
            ("noimage", Cause::ImagePull),
            ("noconfig", Cause::Config),
            ("unready", Cause::Unready),
            ("evicted", Cause::Evicted),
        ];
        for (name, cause) in wanted {
            let says = seen
                .until(&format!("{name}: {cause:?}"), 60, |view, _| {
                    let row = &view.pods.get(name)?.row;
                    findings(row, &view.events, Timestamp::now()).into_iter().find(|found| found.cause == cause)
                })
                .await;
            println!("{name}: {} {:?}", says.says, says.evidence);
        }
        // two looks at moving things: they must agree at some moment
        seen.until("kubectl's rows", 60, |view, _| {
            let ours: BTreeSet<String> =
                view.pods.shown(&PodFilter::default()).map(|e| e.row.cells(Timestamp::now())[..3].join(" ")).collect();
            (ours == kubectl_rows(&here)).then_some(())
        })
        .await;
        let events = here.kubectl(["events", "--no-headers"]);
        let theirs: BTreeSet<String> = events
            .lines()
            .filter(|line| line.contains("Pod/noimage"))
            .map(|line| squeeze(line.split_once("Normal").or(line.split_once("Warning")).unwrap().1))
            .collect();
        let ours: BTreeSet<String> = seen
            .cluster
            .events
            .iter()
            .filter(|g| &*g.newest.name == "noimage")
            .map(|g| squeeze(&format!("{} {}/{} {}", g.newest.reason, g.newest.kind, g.newest.name, g.newest.message)))
            .collect();
        assert!(ours.is_subset(&theirs), "kubectl {theirs:#?}\nours {ours:#?}");
        here.kubectl(["delete", "pod", "v1", "--wait=false"]);
        seen.until("the deleted row struck", 60, |view, _| view.pods.get("v1")?.gone).await;
    });
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_lost_cluster_is_stale_within_ten_seconds_and_comes_back_by_itself() {
    let here = Namespace::new("live-lost");
    here.kubectl(["run", "one", "--image=registry.example/api:v1"]);
    let proxy = Proxy::api();
    let config = proxy.kubeconfig();
    block_on(async {
        let (_hub, mut seen) = watch(&cluster(&here, config.path()).await);
        seen.until("live", 30, |view, _| (view.feed(Pane::Pods).state == FeedState::Watching).then_some(())).await;
        tokio::task::block_in_place(|| proxy.set(json!({"fault": "blackHole"})));
        let began = Timestamp::now();
        seen.until("STALE", 20, |view, _| {
            view.feed(Pane::Pods).word(Timestamp::now()).0.starts_with("STALE").then_some(())
        })
        .await;
        let took = Timestamp::now().duration_since(began).as_secs();
        assert!(took <= 12, "{took} s");
        assert!(seen.cluster.pods.get("one").is_some(), "rows stay");
        here.kubectl(["run", "two", "--image=registry.example/api:v1"]);
        tokio::task::block_in_place(|| proxy.heal());
        seen.until("what happened meanwhile", 30, |view, _| view.pods.get("two").map(|_| ())).await;
        seen.until("live again", 30, |view, _| {
            view.feed(Pane::Pods).word(Timestamp::now()).0.starts_with("live").then_some(())
        })
        .await;
        assert!(!seen.words.iter().any(|word| word.is_empty()));
    });
}

/// The counter in each line, as kwok's kubelet writes it.
fn numbers(logs: &LogView) -> Vec<u64> {
    let lines = logs.window(&Filter::All, logs.end(), 5_000);
    let said = lines.iter().filter(|(_, line)| line.kind == LineKind::Said);
    said.filter_map(|(_, line)| serde_json::from_str::<serde_json::Value>(&line.text).ok()?["n"].as_u64()).collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_log_that_is_cut_again_and_again_loses_and_repeats_nothing() {
    let here = Namespace::new("live-logs");
    here.install("v1.4.1");
    let proxy = Proxy::api();
    let config = proxy.kubeconfig();
    let pod = here
        .kubectl(["get", "pods", "-l", "app=ml-api", "-o", "name"])
        .lines()
        .next()
        .unwrap()
        .trim_start_matches("pod/")
        .to_owned();
    block_on(async {
        let through = cluster(&here, config.path()).await;
        let (sender, news) = mpsc::channel(256);
        let spec = LogSpec {
            namespace: here.name.clone(),
            of: LogOf::Pod(pod),
            container: None,
            query: LogQuery::default(),
            title: "pod".into(),
        };
        let _hub = LogHub::start(&through, spec, sender);
        let mut seen = Seen { cluster: ClusterView::default(), logs: LogView::default(), news, words: Vec::new() };
        for cut in 1..=3u64 {
            let so_far = numbers(&seen.logs).len();
            seen.until("more lines", 60, |_, logs| (numbers(logs).len() >= so_far + 3).then_some(())).await;
            tokio::task::block_in_place(|| {
                proxy.set(json!({"fault": "cut", "path": "/log"}));
                proxy.heal();
            });
            seen.until(&format!("cut {cut} marked"), 60, |_, logs| {
                let marks = logs.window(&Filter::parse("stream lost"), logs.end(), 100).len();
                (marks as u64 >= cut).then_some(())
            })
            .await;
        }
        let so_far = numbers(&seen.logs).len();
        seen.until("lines after the last cut", 60, |_, logs| (numbers(logs).len() >= so_far + 2).then_some(())).await;
        let all = numbers(&seen.logs);
        assert!(all.windows(2).all(|pair| pair[1] == pair[0] + 1), "{all:?}");
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_forward_leads_to_a_pod() {
    let here = Namespace::new("live-forward");
    here.install("v1.4.1");
    block_on(async {
        let direct = cluster(&here, &here.kubeconfig).await;
        let model =
            PortForward { service: Some("ml-api".into()), port: Some(Tpl::Value(80)), ..PortForward::default() };
        let forward = forward::open(&direct, &model).await.unwrap();
        let url = format!("http://{}/ns/{}/health", forward.local, here.name);
        let answer = tokio::task::spawn_blocking(move || http("GET", &url, None)).await.unwrap();
        assert!(
            answer.as_ref().is_ok_and(|(code, body)| *code == 200 && body.contains("v1.4.1")),
            "{answer:?} {:?}",
            forward.state()
        );
    });
}
