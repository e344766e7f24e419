//! A look at the world: `verify` and checklist items. Answers yes, no, or that it could not look; changes nothing.

use std::time::Duration;

use indexmap::IndexMap;

use super::{http, work::Work, world};
use crate::{
    engine::message::{Look, Report},
    runbook::{
        expr,
        model::{Action, Probe},
        value::Tpl,
    },
};

const LIMIT: Duration = Duration::from_secs(30);

pub async fn look(work: &Work, probe: &Probe, env: &IndexMap<String, String>) -> Look {
    let limit = probe.timeout.as_ref().and_then(Tpl::value).map_or(LIMIT, |dur| dur.get());
    let mut work = work.clone();
    work.timeout = Some(limit);
    let report = match (&probe.http, &probe.run, &probe.kubernetes, &probe.helm, &probe.query) {
        (Some(http), ..) => http::perform(&work, http).await,
        // As the step itself would: led to the run's own cluster, not to what the shell's kubeconfig says.
        (_, Some(run), ..) => world::act(&work, &Action::Run(run.clone()), env).await,
        (_, _, Some(verb), ..) => world::kubernetes(&work, verb).await,
        (_, _, _, Some(helm), _) => world::act(&work, &Action::Helm((**helm).clone()), env).await,
        (.., Some(query)) => super::metrics::probe(&work, query).await,
        _ => super::work::failed("render", "a probe that looks at nothing"),
    };
    judge(&work, probe, report)
}

fn judge(work: &Work, probe: &Probe, report: Report) -> Look {
    match report {
        Report::Succeeded(done) => match &probe.success_condition {
            None => Look { passed: Some(true), detail: work.clean(&done.summary) },
            Some(condition) => {
                let scope = serde_json::to_value(&done.outputs).unwrap_or_default();
                match expr::truth(condition, &scope, &[]) {
                    Ok(passed) => {
                        Look { passed: Some(passed), detail: work.clean(&format!("{condition}: {}", done.summary)) }
                    }
                    Err(error) => Look { passed: None, detail: work.clean(&error.to_string()) },
                }
            }
        },
        Report::Failed(failure) => {
            // What could not even be tried has not been seen to be otherwise.
            let blind = matches!(
                failure.reason.as_str(),
                "unsupported" | "render" | "refused" | "notFound" | "timeout" | "cancelled" | "target"
            );
            Look { passed: (!blind).then_some(false), detail: work.clean(&failure.message) }
        }
        Report::Unknown { message } => Look { passed: None, detail: work.clean(&message) },
        _ => Look { passed: None, detail: "it gave no answer".into() },
    }
}
