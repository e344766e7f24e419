//! Whole screens at the sizes people have, without colour. A person has read each snapshot.

use jiff::{SignedDuration, Timestamp};
use ratatui::{Terminal, backend::TestBackend};
use serde_json::{Value, json};

use super::*;
use crate::{
    engine::{
        Command,
        message::Reading,
        tests::{
            Bottle, baseline, book,
            gate::{answer as read, guarded, value},
            opened,
        },
    },
    observe::{
        cluster::{Change, ClusterNews, Pane as Watch},
        events::ClusterEvent,
        freshness::FeedState,
        metrics::{Limit, MetricInfo, MetricsNews, Point, Seen, Unit, Verdict},
        output::OutputLine,
        pods::PodRow,
    },
    tui::{
        dialog::{Choosing, Dialog, Evidence, Kind, Line as Asked, TrailLook},
        edit::Edit,
        state::{TrailLine, WayBack},
    },
};

fn start() -> Timestamp {
    "2026-01-01T14:03:00Z".parse().unwrap()
}

fn pod(name: &str, state: Value, restarts: u32) -> PodRow {
    let ready = state.get("running").is_some();
    PodRow::new(&serde_json::from_value(json!({
        "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T13:22:00Z"}, "spec": {"containers": [{"name": "api"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "api", "ready": ready, "restartCount": restarts, "state": state,
            "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T14:02:12Z"}}}]}}))
    .unwrap())
}

fn event(name: &str, reason: &str, message: &str) -> ClusterEvent {
    ClusterEvent::new(
        &serde_json::from_value(json!({
        "metadata": {"name": name, "uid": name}, "type": "Warning", "reason": reason, "message": message, "count": 14,
        "firstTimestamp": "2026-01-01T13:54:00Z", "lastTimestamp": "2026-01-01T14:02:48Z",
        "involvedObject": {"kind": "Pod", "name": "ml-api-canary-66c4d9-hw8zt"}}))
        .unwrap(),
    )
}

/// A canary that goes bad, seen from the console.
fn canary() -> (Ui, Bottle) {
    let mut runbook = book(
        json!([
            {"id": "budget", "title": "error budget check", "manual": "look"},
            {"id": "canary", "title": "canary 10 %", "run": "./canary.sh\n  --weight 10"},
            {"id": "promote", "title": "promote canary", "run": "./promote.sh"},
            {"id": "verify", "title": "verify rollout", "manual": "verify"},
        ]),
        json!([{"id": "back", "title": "rollback (helm)", "helm": {"rollback": {"release": "ml-system", "revision": 12}}}]),
    );
    runbook.metadata.name = "canary-rollout".into();
    runbook.metadata.version = Some("1.4".into());
    let mut all = opened(runbook, json!({}));
    all.target.context = "prod-eu-1".into();
    all.target.namespace = "ml-system-production".into();
    all.target.protected = true;
    all.baseline =
        Some(crate::engine::fact::Baseline { images: vec!["ml-api:v1.3.9".into()], age: "3d".into(), ..baseline(12) });
    let mut bottle = Bottle::of(all);
    bottle.now = start() - SignedDuration::from_secs(300);
    bottle.tell(Command::Start).unwrap();
    bottle.tell(Command::Done { step: "budget".into(), evidence: None }).unwrap();
    let mut ui = Ui::new(start());
    (ui.has_cluster, ui.has_metrics, ui.boot_ms) = (true, true, 10_000);
    see_cluster(&mut ui);
    see_metrics(&mut ui);
    for n in 0..30 {
        ui.seen.output.push(&OutputLine {
            step: "canary".into(),
            attempt: 1,
            text: format!("line {n} of the canary"),
            missed: 0,
        });
    }
    let text = "#57  13:59:58  step.intent        canary ./canary.sh --weight 10".to_owned();
    ui.remember(TrailLine { sequence: 57, text, reads: false });
    (ui, bottle)
}

fn see_cluster(ui: &mut Ui) {
    let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let running = json!({"running": {}});
    let rows = vec![
        pod("ml-api-canary-66c4d9-hw8zt", waiting, 6),
        pod("ml-api-7d9f6c5b8-2xk4q", running.clone(), 0),
        pod("ml-api-7d9f6c5b8-9pl2m", running, 0),
    ];
    let events = vec![
        event("a", "BackOff", "Back-off restarting failed container api"),
        event("b", "Unhealthy", "Readiness probe failed"),
    ];
    let mut news = |news| ui.seen.cluster.apply(start() - SignedDuration::from_secs(1), news);
    news(ClusterNews::Target { namespace: "ml-system-production".into(), pods: None });
    for pane in [Watch::Pods, Watch::Events, Watch::Workloads] {
        news(ClusterNews::Feed { pane, state: FeedState::Watching });
    }
    [Change::Begin, Change::Listed(rows), Change::End].into_iter().for_each(|change| news(ClusterNews::Pods(change)));
    [Change::Begin, Change::Listed(events), Change::End]
        .into_iter()
        .for_each(|change| news(ClusterNews::Events(change)));
    news(ClusterNews::Beat { skew: None });
}

fn see_metrics(ui: &mut Ui) {
    let info = |name: &str, title: &str, unit, success: &str, needs| MetricInfo {
        name: name.into(),
        title: title.into(),
        unit,
        limits: Limit::of(success, false),
        window: Some("2m".into()),
        needs,
        has_baseline: false,
    };
    let metrics = vec![
        info("err", "error rate", Unit::Percent, "result < 0.001", Some(3000)),
        info("p95", "p95 latency", Unit::Seconds, "result < 0.5", None),
    ];
    let view = &mut ui.seen.metrics;
    view.apply(MetricsNews::Declared { server: "prometheus.monitoring:9090".into(), every: 15, metrics });
    for (metric, value, verdict) in [("err", 0.0031, Verdict::Fail), ("p95", 0.412, Verdict::Ok)] {
        let points = (-120..0).map(|n| Point {
            at: start() + SignedDuration::from_secs(n * 15),
            value: value * (1.0 + n as f64 / 150.0),
        });
        view.apply(MetricsNews::History { metric: metric.into(), points: points.collect(), baseline: vec![] });
        let seen = Seen::Value { value, baseline: None, samples: Some(412.0) };
        view.apply(MetricsNews::Sample {
            metric: metric.into(),
            at: start() - SignedDuration::from_secs(9),
            seen,
            verdict,
        });
    }
}

fn screen(ui: &Ui, bottle: &Bottle, ascii: bool, columns: u16, rows: u16) -> String {
    let theme = Theme { colour: false, ascii };
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let nobody = |_: &Alert| Vec::new();
    let scene = Scene { ui, run: &bottle.run, theme: &theme, answers: &nobody };
    terminal.draw(|frame| _ = draw(frame, &scene)).unwrap();
    if columns == 0 { String::new() } else { terminal.backend().to_string() }
}

#[test]
fn the_full_layout_shows_steps_pods_events_metrics_and_output() {
    let (mut ui, bottle) = canary();
    insta::assert_snapshot!(screen(&ui, &bottle, false, 120, 35));
    ui.focus_on(Pane::Pods);
    insta::assert_snapshot!(screen(&ui, &bottle, true, 120, 35));
}

#[test]
fn a_small_screen_shows_one_pane_with_the_others_as_tabs() {
    let (mut ui, bottle) = canary();
    insta::assert_snapshot!(screen(&ui, &bottle, true, 80, 24));
    ui.focus_on(Pane::Pods);
    insta::assert_snapshot!(screen(&ui, &bottle, false, 80, 24));
    insta::assert_snapshot!(screen(&ui, &bottle, true, 58, 12));
}

#[test]
fn ascii_is_ascii() {
    let (mut ui, bottle) = canary();
    for pane in [Pane::Runbook, Pane::Metrics, Pane::Output, Pane::Page, Pane::Alerts] {
        ui.focus_on(pane);
        let drawn = screen(&ui, &bottle, true, 120, 35);
        assert!(drawn.is_ascii(), "{pane:?}: {:?}", drawn.chars().find(|c| !c.is_ascii()));
    }
}

fn dialogs() -> Vec<(Kind, &'static str)> {
    let edit = Edit::default;
    let step = || "canary".into();
    vec![
        (Kind::Confirm { step: step(), word: None, typed: edit(), yes: false, selected: None }, "[ Cancel ]"),
        (
            Kind::Confirm {
                step: step(),
                word: Some("prod-eu-1".into()),
                typed: Edit::of("pro"),
                yes: false,
                selected: None,
            },
            "pro_",
        ),
        (Kind::Line { line: Asked::Note, text: Edit::of("a note") }, "a note_"),
        (Kind::Manual { step: "budget".into(), text: edit(), wants: Evidence::Nothing }, "Enter says it is done"),
        (Kind::Approval { step: step(), who: Edit::of("lead"), note: edit(), field: 0 }, "lead_"),
        (
            Kind::Decision {
                step: step(),
                row: 0,
                answer: Some(Choosing {
                    word: Some(("prod-eu-1".into(), Edit::of("pr"))),
                    at_word: true,
                    ..Choosing::default()
                }),
            },
            "pr_",
        ),
        (Kind::Unknown { step: step(), row: 0 }, "not yet"),
        (Kind::Ripcord { why: "bad".into(), yes: false }, "[ Cancel ]"),
        (Kind::Quit { yes: false }, "[ Stay ]"),
        (Kind::Help, "Esc back"),
        (Kind::Trail(TrailLook::default()), "#57"),
    ]
}

#[test]
fn no_dialog_hides_its_buttons_or_what_is_typed_and_says_what_is_below() {
    let (mut ui, mut bottle) = canary();
    let script: String = (0..60).map(|n| format!("kubectl do --number {n}\n")).collect();
    let mut all = bottle.run.opened().clone();
    all.runbook.steps[1] = book(json!([{"id": "canary", "run": script}]), json!([])).steps.remove(0);
    bottle = Bottle::of(all);
    for (kind, must) in dialogs() {
        for (columns, rows) in [(60, 15), (80, 24), (120, 35)] {
            ui.dialog = Some(Dialog { kind: kind.clone(), opened: 0, raised: false, down: 0, read: 0 });
            let drawn = screen(&ui, &bottle, true, columns, rows);
            assert!(drawn.contains(must), "{must} at {columns}x{rows}\n{drawn}");
            if matches!(kind, Kind::Confirm { .. }) {
                assert!(drawn.contains("more lines, PgDn"), "{drawn}");
            }
        }
    }
}

#[test]
fn the_ripcord_and_a_preview_read_well() {
    let (mut ui, mut bottle) = canary();
    let show = |kind| Some(Dialog { kind, opened: 0, raised: false, down: 0, read: 0 });
    ui.dialog = show(Kind::Confirm {
        step: "canary".into(),
        word: Some("prod-eu-1".into()),
        typed: Edit::of("prod"),
        yes: false,
        selected: None,
    });
    insta::assert_snapshot!(screen(&ui, &bottle, true, 80, 24));
    bottle.tell(Command::Confirm { step: "canary".into(), typed: Some("prod-eu-1".into()), selected: None }).unwrap();
    let lines = [
        "! revision 13 (ml-api:v1.5.0) came 4m ago by helm: Upgrade complete",
        "last time it took 31s, on 2025-12-04 11:20Z",
        "  now: revision 14 (deployed), ml-system-1.5.0, ml-api:v1.5.0",
    ];
    ui.way_back = WayBack { lines: lines.map(str::to_owned).into(), whole: true };
    ui.dialog = show(Kind::Ripcord { why: "err 0.31 % over 0.1 %".into(), yes: false });
    insta::assert_snapshot!(screen(&ui, &bottle, true, 80, 24));
}

#[test]
fn a_guard_that_cannot_read_says_so_and_why() {
    let mut bottle = guarded("offerRollback");
    read(&mut bottle, |_| value(0.0));
    let drawn = |bottle: &Bottle, late: i64| {
        let mut ui = Ui::new(bottle.now + SignedDuration::from_secs(late));
        (ui.has_cluster, ui.has_metrics) = (true, true);
        screen(&ui, bottle, true, 120, 35)
    };
    assert!(drawn(&bottle, 0).contains("guards  err ok"));
    assert!(drawn(&bottle, 120).contains("guards  err UNKNOWN"), "nothing was heard for two minutes");
    bottle.later(15);
    read(&mut bottle, |_| Reading::Unreachable { why: "prometheus:9090: refused".into() });
    let silent = drawn(&bottle, 3);
    assert!(
        silent.contains("guards  err UNKNOWN") && silent.contains("guard UNKNOWN: err: prometheus:9090:"),
        "{silent}"
    );
    for _ in 0..2 {
        bottle.later(15);
        read(&mut bottle, |_| value(0.02));
    }
    assert!(drawn(&bottle, 0).contains("guards  err TRIPPED"));
    bottle.tell(Command::DismissGuard { guard: 0, why: "known".into() }).unwrap();
    assert!(drawn(&bottle, 0).contains("guards  err FAIL"), "put aside is not well");
    bottle.tell(Command::Rollback { why: "enough".into() }).unwrap();
    assert!(drawn(&bottle, 0).contains("guards  err off"));
}

#[test]
fn no_size_breaks_a_screen() {
    let (mut ui, bottle) = canary();
    for dialog in [None, Some(Kind::Help), Some(Kind::Ripcord { why: String::new(), yes: false })] {
        ui.dialog = dialog.map(|kind| Dialog { kind, opened: 0, raised: false, down: 3, read: 0 });
        for (columns, rows) in
            [(0, 0), (1, 1), (59, 15), (60, 15), (61, 16), (109, 30), (110, 29), (110, 30), (300, 90)]
        {
            screen(&ui, &bottle, false, columns, rows);
        }
    }
}

fn first_row(ui: &Ui, bottle: &Bottle, columns: u16) -> String {
    screen(ui, bottle, true, columns, 24).lines().next().unwrap().trim_matches('"').to_owned()
}

#[test]
fn the_target_never_leaves_the_first_row_nor_does_frozen() {
    let (mut ui, bottle) = canary();
    let firing =
        |name: &str| json!({"status": "firing", "labels": {"alertname": name}, "startsAt": "2026-01-01T14:00:00Z"});
    let body = json!({"alerts": [firing("KubePodCrashLooping"), firing("HighErrorRate")]}).to_string();
    let alerts = crate::observe::alerts::of_webhook(body.as_bytes()).unwrap();
    ui.seen.alerts.apply(start(), crate::observe::alerts::AlertsNews::Now { alerts, trouble: None });
    ui.frozen = Some(Box::new((start(), ui.seen.clone())));
    for columns in 60..=160 {
        let row = first_row(&ui, &bottle, columns);
        assert!(row.contains("PROD prod-eu-1/ml-system-production "), "{columns}: {row}");
        assert!(row.contains(" FROZEN ") && row.contains(" WRITE "), "{columns}: {row}");
    }
    let rows: Vec<String> = [60, 80, 100, 120, 150].map(|columns| first_row(&ui, &bottle, columns)).into();
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn a_guard_that_was_put_aside_stays_in_sight_with_its_key_whatever_fills_the_screen() {
    let mut bottle = crate::engine::tests::gate::guarded("offerRollback");
    for _ in 0..2 {
        crate::engine::tests::gate::answer(&mut bottle, |_| crate::engine::tests::gate::value(0.02));
        bottle.later(15);
    }
    let mut ui = Ui::new(bottle.now);
    (ui.has_cluster, ui.has_metrics) = (true, true);
    for (columns, rows) in [(60, 15), (80, 24), (120, 35)] {
        for (pane, full) in [(Pane::Runbook, false), (Pane::Metrics, true), (Pane::Page, false), (Pane::Alerts, false)]
        {
            (ui.focus, ui.full) = (pane, full);
            let drawn = screen(&ui, &bottle, true, columns, rows);
            assert!(
                drawn.contains("GUARD offers the way back") && drawn.contains("r answers  z leads back"),
                "{drawn}"
            );
            assert!(drawn.lines().next().unwrap().contains(" GUARD "), "{drawn}");
        }
    }
}

#[test]
fn the_key_bar_shows_what_means_something_now_and_always_the_way_out() {
    let (mut ui, mut bottle) = canary();
    let bar =
        |ui: &Ui, bottle: &Bottle, columns| screen(ui, bottle, true, columns, 24).lines().last().unwrap().to_owned();
    for columns in [60, 80, 120] {
        let bar = bar(&ui, &bottle, columns);
        assert!(["r run", "z rollback", "? help", "q quit", "Tab pane"].iter().all(|key| bar.contains(key)), "{bar}");
    }
    bottle.tell(Command::Abort { why: "enough".into() }).unwrap();
    let over = bar(&ui, &bottle, 120);
    assert!(over.contains("q quit") && !over.contains("r run") && !over.contains("z roll"), "{over}");
    ui.watching = true;
    assert!(!bar(&ui, &bottle, 120).contains("s skip"));
}

#[test]
fn what_the_steps_are_counted_as_adds_up() {
    let (ui, mut bottle) = canary();
    let counts = |bottle: &Bottle| {
        let drawn = screen(&ui, bottle, true, 120, 35);
        drawn.lines().find(|line| line.contains(" ok  ") && line.contains(" left")).unwrap().to_owned()
    };
    assert!(counts(&bottle).contains(" 1 ok  1 waits for you  2 left "), "{}", counts(&bottle));
    let typed = Some("prod-eu-1".into());
    bottle.tell(Command::Confirm { step: "canary".into(), typed, selected: None }).unwrap();
    assert!(counts(&bottle).contains(" 1 ok  1 running  2 left "), "{}", counts(&bottle));
    bottle.tell(Command::Abort { why: "enough".into() }).unwrap();
    let cancelled = crate::engine::message::Failure {
        reason: "cancelled".into(),
        message: String::new(),
        done: Default::default(),
    };
    bottle.report("canary", crate::engine::Report::Failed(cancelled));
    let drawn = screen(&ui, &bottle, true, 120, 35);
    assert!(drawn.contains("over  ABORTED"), "{drawn}");
}

#[test]
fn an_answer_that_is_longer_than_a_row_is_read_to_its_end() {
    let (mut ui, bottle) = canary();
    ui.status = Some("nothing was done here, so nothing is led back; `ripcord rollback` goes back with no run".into());
    for columns in [60, 80, 120] {
        let drawn = screen(&ui, &bottle, true, columns, 24);
        let foot: String = drawn.lines().skip(22).map(|line| line.trim_matches(['"', ' ']).to_owned() + " ").collect();
        assert!(foot.contains("goes back with no run"), "{foot}");
    }
}
