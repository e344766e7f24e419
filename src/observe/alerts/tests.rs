use serde_json::json;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn names(alerts: &[Alert]) -> Vec<(&str, AlertState)> {
    alerts.iter().map(|alert| (alert.name.as_str(), alert.state)).collect()
}

fn prometheus() -> Vec<Alert> {
    let alert = |name: &str, state: &str, severity: &str| {
        json!({"labels": {"alertname": name, "severity": severity, "pod": "a\u{202e}b"}, "state": state,
            "annotations": {"summary": "too \u{1b}[2Jmany"}, "activeAt": "2026-11-01T10:00:00.123Z", "value": "1e+00"})
    };
    of_prometheus(&json!({"alerts": [alert("Slow", "pending", "warning"), alert("Low", "firing", "info"),
        alert("HighErrorRate", "firing", "critical")]}))
    .unwrap()
}

#[test]
fn firing_and_severe_come_first_and_nothing_in_them_is_raw() {
    let alerts = prometheus();
    let want = [("HighErrorRate", AlertState::Firing), ("Low", AlertState::Firing), ("Slow", AlertState::Pending)];
    assert_eq!(names(&alerts), want);
    assert_eq!(alerts[0].summary, "too \\u{1b}[2Jmany");
    assert_eq!(alerts[0].where_word(), "pod=a\\u{202e}b");
    assert!(of_prometheus(&json!({})).is_err());
}

#[test]
fn alertmanager_knows_what_is_silenced() {
    let body = json!([
        {"labels": {"alertname": "Low", "severity": "info", "pod": "a\u{202e}b", "cluster": "eu"}, "annotations": {},
            "startsAt": "2026-11-01T10:00:00Z", "status": {"state": "suppressed", "silencedBy": ["x"], "inhibitedBy": []}},
        {"labels": {"alertname": "Other"}, "annotations": {}, "startsAt": "2026-11-01T10:00:00Z",
            "status": {"state": "suppressed", "silencedBy": [], "inhibitedBy": ["y"]}},
    ]);
    let managed = of_alertmanager(body.to_string().as_bytes()).unwrap();
    let both = merged(prometheus(), managed);
    let want = [
        ("HighErrorRate", AlertState::Firing),
        ("Slow", AlertState::Pending),
        ("Low", AlertState::Silenced),
        ("Other", AlertState::Inhibited),
    ];
    assert_eq!(names(&both), want);
}

#[test]
fn a_webhook_body_gives_what_still_fires_in_it() {
    let body = json!({"version": "4", "status": "firing", "receiver": "r", "groupLabels": {}, "alerts": [
        {"status": "resolved", "labels": {"alertname": "Gone"}, "startsAt": "2026-11-01T10:00:00Z"},
        {"status": "firing", "labels": {"alertname": "KubePodCrashLooping", "namespace": "ml", "pod": "p-1"},
            "annotations": {"description": "x"}, "startsAt": "2026-11-01T10:00:00Z"},
    ]});
    let alerts = of_webhook(body.to_string().as_bytes()).unwrap();
    assert_eq!(names(&alerts), [("KubePodCrashLooping", AlertState::Firing)]);
    assert_eq!(alerts[0].labels["pod"], "p-1");
    let over = json!({"alerts": [{"status": "resolved", "labels": {"alertname": "Gone"}}]});
    assert!(of_webhook(over.to_string().as_bytes()).unwrap_err().to_string().contains("resolved"));
    assert!(of_webhook(b"{}").is_err() && of_webhook(b"no").is_err());
}

#[test]
fn a_list_that_could_not_be_read_is_not_an_empty_one() {
    let mut view = AlertsView::default();
    assert_eq!(view.word(at(0)), None);
    view.apply(at(0), AlertsNews::Unknown("refused".into()));
    assert_eq!(view.word(at(1)).unwrap().0, "alerts UNKNOWN");
    view.apply(at(10), AlertsNews::Now { alerts: prometheus(), trouble: None });
    assert_eq!(view.word(at(11)).unwrap().0, "2 ALERTS, HighErrorRate");
    view.apply(at(40), AlertsNews::Unknown("refused".into()));
    assert_eq!((view.freshness(at(52)).0.as_str(), view.alerts.len()), ("STALE 42s", 3));
    assert_eq!(view.word(at(200)).unwrap().0, "alerts UNKNOWN");
}
