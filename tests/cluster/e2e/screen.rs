//! What the screen says when the way to the cluster fails: the real console in a terminal, through a proxy of its own.
//! The faults are those of the table that the panes were built to; each is held against the words it promises.

use std::path::Path;

use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::{
    console::Console,
    proxy::Proxy,
    support::{Namespace, ours},
};

pub const WIDE: (u16, u16) = (40, 150);

pub fn watch(state: &Path, here: &Namespace, config: &Path, size: (u16, u16), more: &[&str]) -> Console {
    let words = [&["watch", "-n", &here.name], more].concat();
    Console::sized(state, state, &words, size, &[("KUBECONFIG", config.as_os_str())])
}

pub fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work);
}

/// The proxy's control address is asked by a client that blocks.
fn set(proxy: &Proxy, fault: serde_json::Value) {
    tokio::task::block_in_place(|| proxy.set(fault));
}

fn heal(proxy: &Proxy) {
    tokio::task::block_in_place(|| proxy.heal());
}

/// Waits for what is wanted while something else must never leave the screen.
async fn sees_and_keeps(console: &mut Console, wanted: &str, kept: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let is_there = |screen: &str| {
        assert!(screen.contains(kept), "«{kept}» went while «{wanted}» was waited for:\n{screen}");
        screen.contains(wanted)
    };
    assert!(console.until(is_there, deadline).await, "«{wanted}» is not on the screen:\n{}", console.text());
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn away_at_the_start_lost_and_back_and_no_row_ever_blinks() {
    let here = Namespace::new("screen-lost");
    let (proxy, state) = (Proxy::api(), tempfile::tempdir().unwrap());
    let config = proxy.kubeconfig();
    here.kubectl(["run", "one", "--image=registry.example/api:v1"]);
    block_on(async {
        set(&proxy, json!({"fault": "cut"}));
        let mut console = watch(state.path(), &here, config.path(), WIDE, &[]);
        console.sees(&format!("cannot reach {}", proxy.url)).await;
        console.sees("retry in").await;
        console.sees("api AWAY").await;
        heal(&proxy);
        console.keys("\x12").await; // Ctrl-r
        console.sees("1 of 1 in namespace").await;
        console.sees("api ok").await;
        console.press("l", "1 of 1 streams").await;
        console.sees("ready").await;
        set(&proxy, json!({"fault": "blackHole"}));
        sees_and_keeps(&mut console, "STALE", "one ").await;
        sees_and_keeps(&mut console, "cannot reach", "one ").await;
        here.kubectl(["run", "two", "--image=registry.example/api:v1"]);
        heal(&proxy);
        sees_and_keeps(&mut console, "2 of 2 in namespace", "one ").await;
        sees_and_keeps(&mut console, "live", "two ").await;
        // the log's own connection died in the same silence
        console.sees("-- stream lost").await;
        console.sees("0 lines lost --").await;
        // what is known is too old: listed anew aside
        set(&proxy, json!({"fault": "status", "code": 410, "path": "/pods?&watch=true", "times": 1}));
        console.keys("\x12").await;
        here.kubectl(["delete", "pod", "one", "--wait=false", "--grace-period=0", "--force"]);
        sees_and_keeps(&mut console, "1 of 1 in namespace", "two ").await;
        sees_and_keeps(&mut console, "live", "two ").await;
        assert!(!console.shows("410"), "{}", console.text());
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn each_answer_that_is_no_data_says_what_it_is_and_what_to_do() {
    let here = Namespace::new("screen-refused");
    let (proxy, state) = (Proxy::api(), tempfile::tempdir().unwrap());
    let config = proxy.kubeconfig();
    here.kubectl(["run", "one", "--image=registry.example/api:v1"]);
    block_on(async {
        set(&proxy, json!({"fault": "delay", "milliseconds": 3000, "path": "/pods"}));
        let mut console = watch(state.path(), &here, config.path(), WIDE, &[]);
        console.sees("loading pods ...").await;
        heal(&proxy);
        console.sees("1 of 1 in namespace").await;
        console.keys("/nothing-like-it\r").await;
        console.sees("0 of 1 match the filter").await;
        console.keys("\x1b").await;
        console.sees("1 of 1 in namespace").await;

        set(&proxy, json!({"fault": "status", "code": 429, "retryAfter": 7, "path": "/pods"}));
        console.keys("\x12").await;
        sees_and_keeps(&mut console, "throttled, next try", "one ").await;

        set(&proxy, json!({"fault": "status", "code": 403, "path": "/events"}));
        console.keys("\x12").await;
        sees_and_keeps(&mut console, &format!("may not list events in ns {}", here.name), "one ").await;
        console.sees("403").await;
        sees_and_keeps(&mut console, "live", "one ").await;

        set(&proxy, json!({"fault": "status", "code": 403, "path": "/log"}));
        console.keys("\x12l").await;
        console.sees(&format!("may not read logs in ns {}", here.name)).await;

        set(&proxy, json!({"fault": "status", "code": 500, "path": "/pods"}));
        console.keys("\x12").await;
        sees_and_keeps(&mut console, "the API server says 500", "one ").await;

        set(&proxy, json!({"fault": "status", "code": 401}));
        console.keys("\x12").await;
        sees_and_keeps(&mut console, "api LOGIN", "one ").await;
        sees_and_keeps(&mut console, "log in in another terminal, then Ctrl-r", "one ").await;
        heal(&proxy);
        console.keys("\x12").await;
        sees_and_keeps(&mut console, "api ok", "one ").await;

        console.keys(":ns empty-of-everything\r").await;
        console.sees("no pods in empty-of-everything").await;
        console.keys("q").await;
        assert_eq!(console.ended().await, 0);
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_plugin_that_fails_or_hangs_is_named_and_the_console_stays() {
    let here = Namespace::new("screen-plugins");
    let state = tempfile::tempdir().unwrap();
    let people = Path::new(&ours("RIPCORD_CLUSTER_STATE")).join("kubeconfigs");
    block_on(async {
        let open = |who: &str| watch(state.path(), &here, &people.join(who), WIDE, &[]);
        let (mut fails, mut hangs, mut asks) = (open("exec-fails"), open("exec-hangs"), open("exec-asks"));
        fails.sees("your session has expired").await;
        fails.sees("log in in another terminal, then Ctrl-r").await;
        asks.sees("nobody answered").await;
        hangs.sees("loading pods ...").await;
        hangs.sees("gave no answer in 20 s").await;
        for console in [&mut fails, &mut hangs, &mut asks] {
            console.press("?", "Keys in Pods").await;
        }
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn what_happens_to_a_pod_under_the_cursor_is_said_where_one_looks() {
    let here = Namespace::new("screen-pods");
    let state = tempfile::tempdir().unwrap();
    here.apply(&json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "api", "annotations": {"ripcord.dev/rps": "10"}},
        "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}]}}));
    here.kubectl(["create", "deployment", "api", "--image=registry.example/api:v1"]);
    here.kubectl(["run", "sick", "--labels=app=api", "--image=registry.example/api:crash"]);
    block_on(async {
        let mut console = watch(state.path(), &here, &here.kubeconfig, WIDE, &[]);
        console.sees("CrashLoopBackOff").await;
        console.sees("container sick exited with code 1").await;
        console.press("l", "pod/sick").await;
        console.sees("-- container exited 1 at").await;
        console.sees("-- container restarted; p = previous logs --").await;
        console.press("p", "PREVIOUS").await;
        console.sees("panic: model file").await;
        console.press("e", "about sick").await;
        console.keys("e3").await;
        here.kubectl(["delete", "pod", "sick", "--wait=false", "--grace-period=0", "--force"]);
        console.sees("1/1   Running").await;
        console.keys("G").await;
        console.press("l", "1 of 1 streams").await;
        console.sees("INFO request").await;
        console.keys("3").await;
        here.kubectl(["delete", "pod", "-l", "app=api", "--wait=false", "--grace-period=0", "--force"]);
        console.sees("deleted; after it came api-").await;
        console.sees("-- ended (pod deleted) --").await;
    });
}

const BOOK: &str = "\
apiVersion: ripcord/v1
kind: Runbook
metadata: {name: later, title: A cluster that comes later}
panes: {logs: {selector: app=api}}
baseline: {deployment: api}
secrets: {endpoint: {fromEnv: LATER}}
steps: [{id: look, manual: Look at the pods.}]
";

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_run_waits_for_its_cluster_and_its_secrets_are_not_in_the_logs() {
    let here = Namespace::new("screen-later");
    let (proxy, state) = (Proxy::api(), tempfile::tempdir().unwrap());
    let config = proxy.kubeconfig();
    here.apply(&json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "api", "annotations": {"ripcord.dev/rps": "10"}},
        "spec": {"selector": {"app": "api"}, "ports": [{"port": 80}]}}));
    here.kubectl(["create", "deployment", "api", "--image=registry.example/api:v1"]);
    std::fs::write(state.path().join("later.yaml"), BOOK).unwrap();
    block_on(async {
        set(&proxy, json!({"fault": "cut"}));
        let words = ["run", "later.yaml", "-n", &here.name];
        let env = [("KUBECONFIG", config.path().as_os_str()), ("LATER", "/predict".as_ref())];
        let mut console = Console::sized(state.path(), state.path(), &words, WIDE, &env);
        console.sees("waiting for the cluster (Ctrl-r asks now, q leaves)").await;
        console.sees("Look at the pods.").await;
        console.press("r", "nothing can be run or recorded").await;
        assert!(!state.path().join("runs").exists(), "nothing is recorded before the target is known");
        heal(&proxy);
        console.keys("\x12").await;
        console.sees("back to: revision 1").await;
        console.sees("run.opened").await;
        console.press("6", "1 of 1 streams").await;
        console.sees("path=[redacted:endpoint]").await;
        assert!(!console.shows("/predict"), "{}", console.text());
    });
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn small_monochrome_and_ascii_say_the_same() {
    let here = Namespace::new("screen-small");
    let state = tempfile::tempdir().unwrap();
    here.kubectl(["run", "one", "--image=registry.example/api:noimage"]);
    block_on(async {
        let more = ["--ascii", "--no-color"];
        let own = state.path().join("kubeconfig");
        std::fs::copy(&here.kubeconfig, &own).unwrap();
        let mut console = watch(state.path(), &here, &own, (24, 80), &more);
        console.sees("[3 Pods !1]").await;
        console.sees("ImagePull").await;
        assert!(console.text().is_ascii(), "{}", console.text());
        assert!(console.is_monochrome());
        console.press("4", "[4 Events").await;
        console.sees("Failed").await;
        console.resize(14, 58);
        console.sees("terminal 58x14, need 60x15").await;
        console.resize(40, 150);
        console.sees("LAST SEEN").await;
        console.sees("1 of 1 in namespace").await;
        for argv in [["config", "set-context", "elsewhere"], ["config", "use-context", "elsewhere"]] {
            let mut kubectl = here.command("kubectl");
            crate::support::output(kubectl.env("KUBECONFIG", &own).args(argv)).unwrap();
        }
        console.sees("the kubeconfig changed (current context: elsewhere); this stays on").await;
    });
}
