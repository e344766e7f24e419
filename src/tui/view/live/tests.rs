//! The panes on a small screen: what is live, what is stale, and three kinds of nothing, without colour.

use jiff::Timestamp;
use ratatui::{Terminal, backend::TestBackend};
use serde_json::{Value, json};

use super::*;
use crate::observe::{
    cluster::{Change, ClusterNews, Pane},
    events::ClusterEvent,
    freshness::{FeedState, Trouble, TroubleKind},
    logs::{LineKind, LogLine, LogNews, StreamId},
    pods::PodRow,
    workloads::WorkloadRow,
};

fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T14:03:00Z".parse().unwrap();
    start + jiff::SignedDuration::from_secs(second)
}

struct Screen {
    cluster: ClusterView,
    logs: LogView,
    state: LiveState,
    now: Timestamp,
}

fn pod(name: &str, state: Value, restarts: u32) -> PodRow {
    let ready = state.get("running").is_some();
    PodRow::new(&serde_json::from_value(json!({
        "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T13:22:00Z"}, "spec": {"containers": [{"name": "api"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "api", "ready": ready, "restartCount": restarts, "state": state,
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T14:02:12Z", "message": "weights checksum mismatch"}}}]}}))
    .unwrap())
}

impl Screen {
    fn loaded() -> Self {
        let mut screen =
            Self { cluster: ClusterView::default(), logs: LogView::default(), state: LiveState::default(), now: at(0) };
        screen.news(ClusterNews::Target { namespace: "ml-system".into(), pods: None });
        let rows = vec![
            pod("ml-api-7d9f6c5b8-2xk4q", json!({"running": {}}), 0),
            pod("ml-api-canary-66c4d9-hw8zt", json!({"waiting": {"reason": "CrashLoopBackOff"}}), 6),
        ];
        screen.news(ClusterNews::Pods(Change::Begin));
        screen.news(ClusterNews::Pods(Change::Listed(rows)));
        screen.news(ClusterNews::Pods(Change::End));
        let event = json!({"involvedObject": {"kind": "Pod", "name": "ml-api-canary-66c4d9-hw8zt", "uid": "ml-api-canary-66c4d9-hw8zt"}, "reason": "BackOff", "type": "Warning",
            "message": "Back-off restarting failed container", "count": 14, "firstTimestamp": "2026-01-01T13:54:00Z", "lastTimestamp": "2026-01-01T14:02:48Z"});
        screen.news(ClusterNews::Events(Change::Listed(vec![ClusterEvent::new(
            &serde_json::from_value(event).unwrap(),
        )])));
        screen.news(ClusterNews::Events(Change::End));
        for pane in [Pane::Pods, Pane::Events] {
            screen.news(ClusterNews::Feed { pane, state: FeedState::Watching });
        }
        screen
    }

    fn news(&mut self, news: ClusterNews) {
        self.cluster.apply(self.now, news);
    }

    fn show(&self, pane: LivePane, width: u16, height: u16) -> String {
        let theme = Theme { colour: false, ascii: true };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let live = Live {
            cluster: &self.cluster,
            logs: &self.logs,
            state: &self.state,
            theme: &theme,
            now: self.now,
            focused: Some(pane),
        };
        terminal.draw(|frame| draw(frame, frame.area(), &live, pane, 3)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let rows = (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>());
        rows.map(|row| row.trim_end().to_owned() + "\n").collect()
    }
}

#[test]
fn pods_as_kubectl_prints_them_and_why_the_sick_one_is() {
    let mut screen = Screen::loaded();
    screen.now = at(1);
    insta::assert_snapshot!(screen.show(LivePane::Pods, 76, 12), @r"
+ 3 Pods ========================================================= live 1s +
|  NAME                         READY STATUS           RESTARTS    AGE     |
|> ml-api-canary-66c4d9-hw8zt   0/1   CrashLoopBackOff 6 (49s ago) 41m     |
|  ml-api-7d9f6c5b8-2xk4q       1/1   Running          0           41m     |
|                                                                          |
|                                                                          |
|                                                                          |
|                                                                          |
| why  container api exited with code 1, 6 restarts, last 49s ago          |
|      weights checksum mismatch                                           |
| 2 of 2 in namespace   unhealthy first   w wide   no filter               |
+==========================================================================+
");
}

#[test]
fn events_as_kubectl_prints_them() {
    insta::assert_snapshot!(Screen::loaded().show(LivePane::Events, 90, 6), @r"
+ 3 Events ===================================================== Warning 1 of 1, live 0s +
| LAST SEEN         TYPE    REASON  OBJECT            MESSAGE                            |
| 12s (x14 over 9m) Warning BackOff Pod/ml-a..9-hw8zt Back-off restarting failed contai..|
|                                                                                        |
|                                                                                        |
+========================================================================================+
");
}

#[test]
fn three_kinds_of_nothing_and_trouble_are_told_apart() {
    let mut screen =
        Screen { cluster: ClusterView::default(), logs: LogView::default(), state: LiveState::default(), now: at(0) };
    screen.news(ClusterNews::Target { namespace: "shop".into(), pods: None });
    assert!(screen.show(LivePane::Pods, 60, 6).contains("loading pods ..."));
    screen.news(ClusterNews::Pods(Change::Begin));
    screen.news(ClusterNews::Pods(Change::End));
    screen.news(ClusterNews::Feed { pane: Pane::Pods, state: FeedState::Watching });
    assert!(screen.show(LivePane::Pods, 60, 6).contains("no pods in shop"));
    let mut screen = Screen::loaded();
    screen.state.type_filter(LivePane::Pods, "nothing-like-it");
    let shown = screen.show(LivePane::Pods, 60, 8);
    assert!(shown.contains("0 of 2 match the filter") && shown.contains("0 of 2 match filter, live 0s"), "{shown}");
    let mut screen =
        Screen { cluster: ClusterView::default(), logs: LogView::default(), state: LiveState::default(), now: at(0) };
    let why =
        Trouble { kind: TroubleKind::Forbidden, why: "may not list pods in ns shop".into(), retry_at: Some(at(60)) };
    screen.news(ClusterNews::Feed { pane: Pane::Pods, state: FeedState::Failed(why) });
    let shown = screen.show(LivePane::Pods, 70, 6);
    assert!(shown.contains("may not list pods in ns shop, retry in 60s") && shown.contains("403"), "{shown}");
}

#[test]
fn rows_stay_when_the_cluster_is_lost_and_the_title_says_how_old_they_are() {
    let mut screen = Screen::loaded();
    let why = Trouble { kind: TroubleKind::Away, why: "cannot reach https://x: timeout".into(), retry_at: None };
    screen.news(ClusterNews::Feed { pane: Pane::Pods, state: FeedState::Failed(why.clone()) });
    screen.news(ClusterNews::Missed(why));
    screen.now = at(42);
    let shown = screen.show(LivePane::Pods, 76, 10);
    assert!(shown.contains("STALE 42s") && shown.contains("hw8zt") && shown.contains("2xk4q"), "{shown}");
}

#[test]
fn the_cursor_stays_on_its_pod_while_rows_move() {
    let mut screen = Screen::loaded();
    screen.state.step(LivePane::Pods, 1, &screen.cluster, &screen.logs);
    assert_eq!(screen.state.pod(&screen.cluster), Some("ml-api-7d9f6c5b8-2xk4q"));
    screen.news(ClusterNews::Pods(Change::Put(vec![(
        pod("a-new-sick-one", json!({"waiting": {"reason": "ErrImagePull"}}), 0),
        true,
    )])));
    assert_eq!(screen.state.pod(&screen.cluster), Some("ml-api-7d9f6c5b8-2xk4q"));
    screen.news(ClusterNews::Pods(Change::Gone(vec!["ml-api-7d9f6c5b8-2xk4q".into()])));
    assert!(screen.show(LivePane::Pods, 80, 14).contains("deleted"));
}

#[test]
fn logs_follow_until_one_scrolls_up() {
    let mut screen = Screen::loaded();
    screen.logs.apply(LogNews::Begin { title: "deploy/ml-api".into(), previous: false });
    screen.logs.apply(LogNews::Opened {
        stream: StreamId(1),
        pod: "ml-api-canary-66c4d9-hw8zt".into(),
        container: "api".into(),
    });
    screen.logs.apply(LogNews::Wanted { streams: 4 });
    let line = |text: &str, kind| LogLine { stream: StreamId(1), at: None, text: text.into(), kind };
    let said: Vec<LogLine> = (0..9).map(|i| line(&format!("line {i}"), LineKind::Said)).collect();
    screen.logs.apply(LogNews::Lines(said));
    screen.logs.apply(LogNews::Lines(vec![
        line(r#"{"level":"error","msg":"no weights","path":"/m"}"#, LineKind::Said),
        line("-- container exited 1 at 14:02:34 --", LineKind::Marker),
    ]));
    screen.logs.apply(LogNews::Dropped { count: 7 });
    insta::assert_snapshot!(screen.show(LivePane::Logs, 84, 6), @r"
+ 3 Logs  deploy/ml-api  1 of 4 streams  FOLLOW ============== 11 lines, 7 dropped +
|hw8zt api | line 7                                                                |
|hw8zt api | line 8                                                                |
|hw8zt api | ERROR no weights  path=/m                                             |
|hw8zt api | -- container exited 1 at 14:02:34 --                                  |
+==================================================================================+
");
    screen.state.step(LivePane::Logs, -5, &screen.cluster, &screen.logs);
    let shown = screen.show(LivePane::Logs, 84, 6);
    assert!(shown.contains("+5 new") && shown.contains("line 5") && !shown.contains("line 6"), "{shown}");
    screen.state.step(LivePane::Logs, 5, &screen.cluster, &screen.logs);
    assert!(screen.show(LivePane::Logs, 84, 6).contains("FOLLOW"));
}

#[test]
fn nothing_raw_reaches_the_screen() {
    let mut screen = Screen::loaded();
    let hostile = "x\u{1b}]0;owned\u{7}\u{202e}\u{200b}\u{e0041}";
    screen.news(ClusterNews::Pods(Change::Put(vec![(
        pod(hostile, json!({"waiting": {"reason": hostile, "message": hostile}}), 0),
        true,
    )])));
    let workload =
        WorkloadRow::new("Deployment", &serde_json::from_value(json!({"metadata": {"name": hostile}})).unwrap());
    screen.news(ClusterNews::Workloads { kind: "Deployment", change: Change::Put(vec![(workload, true)]) });
    let shown = screen.show(LivePane::Pods, 120, 20);
    assert!(shown.contains("x\\u{1b}]0;owned\\u{7}\\u{202e}\\u{200b}\\u{e0041}"), "{shown}");
}
