//! `ripcord doctor RUNBOOK`: the preflight alone. Tools, cluster, permissions forward and back, the baseline,
//! Prometheus and each metric's query, disk. Opens no run and changes nothing.

use super::{Fault, clock, drive, open, prepare, state};
use crate::{
    cli::{self, Common},
    effects::{
        kube::baseline,
        preflight::{self, Check},
    },
    engine::{Run, message::Reading},
    headless::answers::Answers,
    runbook::model::BaselineSpec,
    visible,
};

pub fn examine(common: &Common, args: &cli::Doctor) -> Result<u8, Fault> {
    let flags = cli::Run {
        runbook: args.runbook.clone(),
        param: args.param.clone(),
        params: args.params.clone(),
        dry_run: true,
        ..cli::Run::default()
    };
    let prepared = prepare::prepare(common, &flags, &Answers::default())?;
    let state_dir = state::state_dir(common)?.value;
    let checks = drive::runtime()?.block_on(all(common, prepared, &state_dir))?;
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0).min(48);
    for check in &checks {
        let word = match check.ok {
            Some(true) => "ok",
            Some(false) => "FAIL",
            None => "UNKNOWN",
        };
        outln!("{word:<8} {:<width$}  {}", visible::line(&check.name), visible::line(&check.detail));
    }
    let bad = checks.iter().filter(|check| check.ok == Some(false)).count();
    let unknown = checks.iter().filter(|check| check.ok.is_none()).count();
    outln!("{} looked at, {bad} failed, {unknown} unknown", checks.len());
    Ok(u8::from(bad > 0))
}

async fn all(common: &Common, prepared: prepare::Prepared, state_dir: &std::path::Path) -> Result<Vec<Check>, Fault> {
    let opened = prepared.opened.clone();
    let book = &opened.runbook;
    let mut checks = preflight::tools(book).await;
    checks.push(preflight::disk(state_dir));
    checks.extend(prepared.missing.iter().map(|missing| Check::new("secret", Some(false), missing.as_str())));
    let doors = open::Doors { terminal: false, kubeconfig: common.kubeconfig.clone(), ..Default::default() };
    let (world, _ends) = open::wire(&prepared.dir(), &opened, prepared.secrets, &prepared.redactor, &doors)?;
    if prepare::needs_cluster(book) {
        match world.cluster().await {
            Ok(cluster) => {
                let (check, pinned) = preflight::cluster(&cluster, book).await;
                checks.push(check);
                if pinned.is_some() {
                    checks.extend(preflight::permissions(&cluster, book, opened.workdir.as_ref()).await);
                }
                if let Some(spec) = book.baseline.as_ref().filter(|spec| !matches!(spec, BaselineSpec::None(_))) {
                    checks.push(match baseline::capture(&cluster, spec, clock::now().wall).await {
                        Ok(found) => {
                            let detail = format!("revision {} {}", found.revision, found.images.join(", "));
                            Check::new("baseline", Some(true), detail)
                        }
                        Err(error) => Check::new("baseline", Some(false), format!("{error:#}")),
                    });
                }
            }
            Err(error) => checks.push(Check::new("cluster", Some(false), format!("{error:#}"))),
        }
    }
    let run = Run::open(opened.started_at, opened.clone());
    for (metric, what) in run.pane_metrics() {
        let name = format!("metric {}", what.metric);
        checks.push(match world.read_metric(clock::now().wall, &what).await {
            Reading::Value { value, .. } => Check::new(name, Some(true), metric.unit.show(value.0)),
            Reading::NoData { why } => Check::new(name, None, format!("no data: {why}")),
            Reading::Error { why } | Reading::Unreachable { why } | Reading::Forgotten { why } => {
                Check::new(name, Some(false), why)
            }
        });
    }
    Ok(checks)
}
