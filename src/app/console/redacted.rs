//! What is seen loses the values of the run's secrets before it is shown. Escapes were made visible where it came in.

use crate::{
    observe::{
        Observation,
        cluster::{Change, ClusterNews},
        events::ClusterEvent,
        logs::LogNews,
        pods::PodRow,
    },
    redact::Redactor,
};

/// Costs nothing where a run has no secrets.
pub fn redact(seen: &mut Observation, secrets: &Redactor) {
    if secrets.is_idle() {
        return;
    }
    match seen {
        Observation::Logs(LogNews::Lines(lines)) => lines.iter_mut().for_each(|line| hide(secrets, &mut line.text)),
        Observation::Cluster(ClusterNews::Events(change)) => each(change, |event: &mut ClusterEvent| {
            hide(secrets, &mut event.message);
        }),
        Observation::Cluster(ClusterNews::Pods(change)) => each(change, |row: &mut PodRow| pod(secrets, row)),
        _ => {}
    }
}

fn each<T>(change: &mut Change<T>, hide: impl Fn(&mut T)) {
    match change {
        Change::Listed(rows) => rows.iter_mut().for_each(hide),
        Change::Put(rows) => rows.iter_mut().for_each(|(row, _)| hide(row)),
        Change::Begin | Change::End | Change::Gone(_) | Change::Nothing => {}
    }
}

/// A termination message is the container's own last words.
fn pod(secrets: &Redactor, row: &mut PodRow) {
    let Some(sick) = &mut row.sick else { return };
    let unmet = sick.unmet.iter_mut().map(|unmet| &mut unmet.message);
    let containers = sick.containers.iter_mut().flat_map(|container| {
        let waiting = container.waiting.as_mut().map(|(_, message)| message);
        let ended = [&mut container.ended, &mut container.last].into_iter().flatten().map(|ended| &mut ended.message);
        waiting.into_iter().chain(ended)
    });
    for text in std::iter::once(&mut sick.message).chain(unmet).chain(containers) {
        if let std::borrow::Cow::Owned(clean) = secrets.redact(text) {
            *text = clean;
        }
    }
}

fn hide(secrets: &Redactor, text: &mut Box<str>) {
    if let std::borrow::Cow::Owned(clean) = secrets.redact(text) {
        *text = clean.into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observe::logs::{LineKind, LogLine, StreamId};

    #[test]
    fn a_log_line_an_event_and_last_words_lose_a_secrets_value() {
        let secrets = Redactor::new([("DB", "hunter22")]).unwrap();
        let text = "login with hunter22 failed, aHVudGVyMjI=";
        let line = LogLine { stream: StreamId(1), at: None, text: text.into(), kind: LineKind::Said };
        let event = serde_json::from_value(json!({"metadata": {}, "message": text})).unwrap();
        let pod = serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]},
            "status": {"phase": "Running", "message": text, "conditions": [{"type": "Ready", "status": "False", "message": text}],
                "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "X", "message": text}},
                    "lastState": {"terminated": {"exitCode": 1, "message": text}}}]}})).unwrap();
        let seen = [
            Observation::Logs(LogNews::Lines(vec![line])),
            Observation::Cluster(ClusterNews::Events(Change::Put(vec![(ClusterEvent::new(&event), true)]))),
            Observation::Cluster(ClusterNews::Pods(Change::Listed(vec![PodRow::new(&pod)]))),
        ];
        for (mut seen, hidden) in seen.into_iter().zip([2, 2, 8]) {
            redact(&mut seen, &secrets);
            let said = format!("{seen:?}");
            assert!(!said.contains("hunter22") && !said.contains("aHVudGVyMjI"), "{said}");
            assert_eq!(said.matches("[redacted:DB]").count(), hidden, "{said}");
        }
    }
}
