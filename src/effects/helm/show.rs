//! `status`, `history` and `diff`: read natively; only `diff` renders the chart with `helm template`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Release, argv, diff, job::standing, pending};
use crate::{
    effects::kube::act::{ActContext, ActOutcome, aligned},
    engine::message::{Done, Failure},
    observe::human,
    runbook::{
        model::{Helm, HelmDiff},
        value::Tpl,
    },
    visible,
};

/// Does what changes nothing. `None`: upgrade and rollback are jobs ([`super::job()`]).
pub async fn perform(cx: &ActContext<'_>, helm: &Helm) -> Option<ActOutcome> {
    if matches!(helm, Helm::Upgrade(_) | Helm::Rollback(_)) {
        return None;
    }
    let began = Instant::now();
    let mut outcome = match standing(&cx.wire, cx, helm).await {
        Ok(all) => show(cx, helm, &all).await,
        Err(fault) => failed("unreachable", format!("the release cannot be read: {fault}")),
    };
    if let Some(done) = outcome.done_mut() {
        done.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    Some(outcome)
}

fn failed(reason: &str, message: String) -> ActOutcome {
    ActOutcome::Failed(Failure { reason: reason.to_owned(), message, done: Done::default() })
}

async fn show(cx: &ActContext<'_>, helm: &Helm, all: &[Release]) -> ActOutcome {
    if let Some(line) = pending(all, cx.now) {
        (cx.out)(&line);
    }
    let Some(last) = all.last() else {
        return match helm {
            Helm::Diff(of) => diff_of(cx, of, "").await,
            _ => failed("notFound", "no such release in this namespace (Helm's Secrets were read)".into()),
        };
    };
    match helm {
        Helm::Diff(of) => diff_of(cx, of, &last.manifest).await,
        Helm::History(history) => {
            let max = history.max.as_ref().and_then(Tpl::value).map_or(256, |max| max as usize);
            let shown = &all[all.len().saturating_sub(max)..];
            table(cx, shown).iter().for_each(|line| (cx.out)(line));
            succeeded(
                all,
                last,
                format!("{} revisions", shown.len()),
                json!(shown.iter().map(entry).collect::<Vec<_>>()),
            )
        }
        _ => {
            status(cx, last);
            succeeded(all, last, format!("revision {} is {}", last.revision, last.status), entry(last))
        }
    }
}

fn entry(release: &Release) -> Value {
    let mut value = release.evidence();
    value["updated"] = json!(release.updated);
    value
}

fn succeeded(all: &[Release], last: &Release, summary: String, json: Value) -> ActOutcome {
    let outputs = [
        // Those that can be gone back to still.
        ("revisions", json!(all.iter().map(|one| one.revision).collect::<Vec<_>>())),
        ("revision", json!(last.revision)),
        ("status", json!(last.status)),
        ("chart", json!(last.chart)),
        ("images", json!(last.images)),
        ("description", json!(last.description)),
        ("json", json),
    ];
    let outputs = outputs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    ActOutcome::Succeeded(Done { summary, outputs, ..Done::default() })
}

fn status(cx: &ActContext<'_>, last: &Release) {
    let age = human::since(cx.now, last.updated);
    for line in [
        format!("NAME: {}", last.name),
        format!("LAST DEPLOYED: {age} ago"),
        format!("NAMESPACE: {}", last.namespace),
        format!("STATUS: {}", last.status),
        format!("REVISION: {}", last.revision),
        format!("CHART: {}", last.chart),
        format!("IMAGES: {}", last.images.join(", ")),
        format!("DESCRIPTION: {}", last.description),
    ] {
        (cx.out)(&line);
    }
}

fn table(cx: &ActContext<'_>, all: &[Release]) -> Vec<String> {
    let head =
        ["REVISION", "UPDATED", "STATUS", "CHART", "APP VERSION", "IMAGES", "DESCRIPTION"].map(str::to_owned).to_vec();
    let row = |one: &Release| {
        let age = format!("{} ago", human::since(cx.now, one.updated));
        let (chart, app) = (one.chart.clone(), one.app_version.clone());
        vec![
            one.revision.to_string(),
            age,
            one.status.clone(),
            chart,
            app,
            one.images.join(","),
            one.description.clone(),
        ]
    };
    aligned(std::iter::once(head).chain(all.iter().map(row)).collect())
}

async fn diff_of(cx: &ActContext<'_>, of: &HelmDiff, manifest: &str) -> ActOutcome {
    if let Some(simulated) = cx.helm {
        (cx.out)(simulated.label);
    }
    let rendered = match template(cx, of).await {
        Ok(rendered) => rendered,
        Err((reason, message)) => return failed(reason, message),
    };
    let lines = match diff::manifests(manifest, &rendered) {
        Ok(lines) => lines,
        Err(why) => return failed("unsupported", visible::line(&why).into_owned()),
    };
    lines.iter().for_each(|line| (cx.out)(line));
    let changed = lines.iter().filter(|line| ["+++", "---", "~~~"].iter().any(|mark| line.starts_with(mark))).count();
    let summary = if changed == 0 { "no difference".to_owned() } else { format!("{changed} objects differ") };
    (cx.out)(&summary);
    let outputs = [("count".to_owned(), json!(changed))].into_iter().collect();
    ActOutcome::Succeeded(Done { summary, outputs, ..Done::default() })
}

/// The chart as it would be rendered.
///
/// # Errors
/// No `helm` here, or a chart that does not render; says why.
pub async fn render(cx: &ActContext<'_>, of: &HelmDiff) -> Result<String, String> {
    template(cx, of).await.map_err(|(_, why)| why)
}

/// `helm template` asks no cluster, so it gets none.
async fn template(cx: &ActContext<'_>, of: &HelmDiff) -> Result<String, (&'static str, String)> {
    if let Some(simulated) = cx.helm {
        return (simulated.render)(cx, of).await.map_err(|why| ("refused", why));
    }
    let Some(words) = argv(&Helm::Diff(of.clone()), "", &cx.namespace, "", "") else {
        return Err(("unsupported", "nothing to render".into()));
    };
    let mut command = tokio::process::Command::new(&words[0]);
    command.args(&words[1..]).current_dir(&cx.workdir).env("KUBECONFIG", "/dev/null");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            ("unsupported", "rendering the chart needs `helm`, which is not here; install it".to_owned())
        }
        _ => ("unsupported", format!("helm cannot be started: {error}")),
    })?;
    let Ok(output) = tokio::time::timeout_at(cx.wire.deadline(), child.wait_with_output()).await else {
        return Err(("timeout", "helm template did not finish in time".into()));
    };
    let output = output.map_err(|error| ("unsupported", format!("helm: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(("refused", format!("helm template: {}", visible::line(last))))
}
