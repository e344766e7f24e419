//! What became of a helm nobody saw the end of, by the release's own records. Asks by GET only and starts nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Release,
    job::{fill, standing},
    pending,
};
use crate::{
    effects::kube::act::ActContext,
    engine::message::{Done, Report},
    runbook::model::Helm,
};

/// `why` nobody saw it; `since` the step was begun; `may_run`: its helm may live still.
pub async fn settle(cx: &ActContext<'_>, helm: &Helm, why: &str, since: Option<Timestamp>, may_run: bool) -> Report {
    // What became of it must be known also of one that is being stopped.
    let wire = cx.wire.steadfast(Duration::from_secs(30));
    let all = match standing(&wire, cx, helm).await {
        Ok(all) => all,
        Err(fault) => return Report::Unknown { message: format!("{why}; the release cannot be read: {fault}") },
    };
    match came(helm, &format!("{} ", cx.cause_prefix()), &all, since, cx.now) {
        Came::Made(release) => {
            let summary =
                format!("{why}; revision {} is {} ({})", release.revision, release.status, release.description);
            let mut done = Done { summary, ..Done::default() };
            fill(&mut done, None, Some(release));
            Report::Succeeded(done)
        }
        Came::Nothing if !may_run => Report::NeverBegan {
            message: "the console went before helm made a revision, and none came since; nothing was done".into(),
        },
        Came::Nothing => Report::Unknown { message: format!("{why}; no revision came since it began") },
        Came::Unclear(seen) => Report::Unknown { message: format!("{why}; {seen}") },
    }
}

#[derive(Debug, PartialEq)]
enum Came<'a> {
    /// This act's own revision, to its good end.
    Made(&'a Release),
    /// No revision since it began.
    Nothing,
    Unclear(String),
}

/// An upgrade leaves its mark in the description of a revision that came to its end. A rollback can leave none, so
/// one to the same revision since the step began will do: the release is where the step leads.
fn came<'a>(helm: &Helm, mark: &str, all: &'a [Release], since: Option<Timestamp>, now: Timestamp) -> Came<'a> {
    let since_then =
        || all.iter().rev().filter(|one| since.is_none_or(|since| one.updated.is_none_or(|at| at >= since)));
    let is_done = |one: &&Release| matches!(one.status.as_str(), "deployed" | "superseded");
    let made = match helm {
        Helm::Upgrade(_) => all.iter().rev().find(|one| one.description.starts_with(mark)),
        Helm::Rollback(rollback) => {
            let words = format!("Rollback to {}", rollback.revision.value().unwrap_or_default());
            since_then().find(|one| one.description == words)
        }
        _ => None,
    };
    match (made.filter(is_done), since_then().next()) {
        (Some(made), _) => Came::Made(made),
        (None, None) => Came::Nothing,
        (None, Some(last)) => Came::Unclear(pending(all, now).unwrap_or_else(|| {
            let Release { revision, status, description, .. } = last;
            format!("revision {revision} is {status} ({description}); whether this step made it nobody can say")
        })),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BEGAN: &str = "2026-11-23T10:00:00Z";

    fn revision(revision: i64, status: &str, description: &str, at: &str) -> Release {
        Release {
            name: "ml".into(),
            namespace: "ml".into(),
            revision,
            status: status.into(),
            chart: "ml-1".into(),
            app_version: String::new(),
            images: vec!["v1".into()],
            updated: Some(at.parse().unwrap()),
            description: description.into(),
            manifest: String::new(),
            manager: "helm".into(),
        }
    }

    /// What came of an upgrade or a rollback to 1 that began at ten, of which the last revision is this.
    fn of(act: &str, last: Release) -> String {
        let helm = match act {
            "upgrade" => json!({"upgrade": {"release": "ml", "chart": "./c"}}),
            _ => json!({"rollback": {"release": "ml", "revision": 1}}),
        };
        let all = [revision(1, "superseded", "Install complete", "2026-11-20T10:00:00Z"), last];
        let (since, now) = (BEGAN.parse().unwrap(), "2026-11-23T10:05:00Z".parse().unwrap());
        match came(&serde_json::from_value(helm).unwrap(), "ripcord run-1 back.1 ", &all, Some(since), now) {
            Came::Made(release) => format!("made {}", release.revision),
            Came::Nothing => "nothing".into(),
            Came::Unclear(seen) => seen,
        }
    }

    #[test]
    fn the_release_says_what_came_of_it() {
        let (before, after) = ("2026-11-23T09:59:59Z", "2026-11-23T10:00:01Z");
        for (act, status, description, at, want) in [
            ("upgrade", "deployed", "ripcord run-1 back.1 head 00", after, "made 7"),
            ("upgrade", "superseded", "ripcord run-1 back.1 head 00", after, "made 7"),
            // Another attempt's, from before this one began.
            ("upgrade", "deployed", "ripcord run-1 back.11 head 00", before, "nothing"),
            ("upgrade", "deployed", "Upgrade complete", before, "nothing"),
            ("upgrade", "deployed", "Upgrade complete", after, "nobody can say"),
            ("upgrade", "pending-upgrade", "Preparing upgrade", after, "is pending-upgrade"),
            ("upgrade", "failed", "Upgrade \"ml\" failed: timed out", after, "nobody can say"),
            ("rollback", "deployed", "Rollback to 1", after, "made 7"),
            ("rollback", "deployed", "Rollback to 1", before, "nothing"),
            ("rollback", "deployed", "Rollback to 12", after, "nobody can say"),
            ("rollback", "pending-rollback", "Rollback to 1", after, "is pending-rollback"),
        ] {
            let seen = of(act, revision(7, status, description, at));
            assert!(seen.contains(want), "{act}, {status}, {description}, {at}: {seen}");
        }
    }
}
