//! Keys about the pod under the cursor, and commands about an object by name. What they open only looks; a shell and
//! a port-forward ask or are recorded first.

use super::show;
use crate::{
    engine::Run,
    tui::{
        dialog::Kind,
        keymap::Cmd,
        look::{self, LogsOf, Look, Named},
        state::{Act, Pane, Ui},
    },
};

/// `l p d y x T`.
pub fn command(ui: &mut Ui, run: &Run, cmd: Cmd) -> Vec<Act> {
    let Some(name) = ui.live.pod(&ui.shown().cluster).map(str::to_owned) else {
        let why =
            if ui.has_cluster { "there is no pod under the cursor (pane 3)" } else { "this run looks at no cluster" };
        ui.status = Some(why.into());
        return Vec::new();
    };
    match cmd {
        Cmd::Logs | Cmd::PreviousLogs => {
            ui.focus_on(Pane::Logs);
            ui.live.logs_end = None;
            return vec![Act::Look(Look::Logs { of: LogsOf::Pod(name), previous: cmd == Cmd::PreviousLogs })];
        }
        Cmd::Describe => return vec![Act::Look(Look::Describe(Named::pod(name)))],
        Cmd::Yaml => return vec![Act::Look(Look::Yaml(Named::pod(name)))],
        Cmd::Shell => shell(ui, run, name),
        Cmd::Troubleshoot if ui.watching => return vec![Act::Troubleshoot(name)],
        Cmd::Troubleshoot => {
            let namespace = &ui.seen.cluster.namespace;
            let words = format!("ripcord run troubleshooting -n {namespace} -p namespace={namespace}");
            ui.status = Some(format!("a run of its own; copied for another terminal: {words}"));
            return vec![Act::Copy(words)];
        }
        _ => {}
    }
    Vec::new()
}

/// A shell can change things: it asks, as a write does, and in which container.
fn shell(ui: &mut Ui, run: &Run, pod: String) {
    if run.is_read_only() {
        ui.status = Some("this session is read-only: a shell could write".into());
        return;
    }
    let Some(entry) = ui.shown().cluster.pods.get(&pod) else { return };
    let running = entry.row.containers.iter().filter(|container| container.running);
    let mut containers: Vec<_> = running.map(|container| (container.init, container.name.to_string())).collect();
    containers.sort_by_key(|(init, _)| *init); // a sidecar is rarely meant
    let containers: Vec<String> = containers.into_iter().map(|(_, name)| name).collect();
    if containers.is_empty() {
        ui.status = Some(format!("no container of {pod} runs; p shows what the last one said"));
        return;
    }
    show(ui, Kind::Shell { pod, containers, at: 0, yes: false });
}

/// `R` on a page with masked values.
pub fn reveal(ui: &mut Ui) -> Vec<Act> {
    match ui.live.page.as_ref().filter(|page| page.masked).and_then(|page| page.of.clone()) {
        Some(of) => vec![Act::Reveal(of)],
        None => {
            ui.status = Some("nothing is masked here".into());
            Vec::new()
        }
    }
}

/// `:describe :yaml :logs :since :forward`; `None`: it is none of these.
pub fn words(ui: &mut Ui, word: &str, rest: &str) -> Option<Vec<Act>> {
    let known = matches!(word, "describe" | "yaml" | "logs" | "since" | "forward");
    if known && !ui.has_cluster {
        ui.status = Some("this run looks at no cluster".into());
        return Some(Vec::new());
    }
    let pod = ui.live.pod(&ui.shown().cluster).map(str::to_owned);
    let named = || match rest {
        "" => pod.clone().map(Named::pod),
        text => Named::parse(text),
    };
    let act = match word {
        "describe" => named().map(|of| Act::Look(Look::Describe(of))).ok_or("write :describe KIND/NAME".to_owned()),
        "yaml" => named().map(|of| Act::Look(Look::Yaml(of))).ok_or("write :yaml KIND/NAME".to_owned()),
        "logs" => logs(rest.trim_start_matches("-l").trim(), pod.as_deref()),
        "since" => look::since(rest).map(|seconds| Act::Look(Look::Since(seconds))),
        "forward" if rest == "off" => Ok(Act::CloseForwards),
        "forward" => look::forward(rest, pod.as_deref()).map(|model| Act::Forward(Box::new(model))),
        _ => return None,
    };
    if matches!(word, "logs" | "since") && act.is_ok() {
        ui.focus_on(Pane::Logs);
        ui.live.logs_end = None;
    }
    Some(match act {
        Ok(act) => vec![act],
        Err(why) => {
            ui.status = Some(why);
            Vec::new()
        }
    })
}

fn logs(selector: &str, pod: Option<&str>) -> Result<Act, String> {
    let of = match (selector, pod) {
        ("", None) => return Err("write :logs SELECTOR, for example :logs app=ml-api".into()),
        ("", Some(pod)) => LogsOf::Pod(pod.to_owned()),
        (selector, _) => {
            crate::observe::pods::Selector::parse(selector).map_err(|bad| bad.to_string())?;
            LogsOf::Selector(selector.to_owned())
        }
    };
    Ok(Act::Look(Look::Logs { of, previous: false }))
}
