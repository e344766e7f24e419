//! The command line under `:`. Nothing in it acts on the target but what a key does too.

use super::{ask_line, pods, quit, ripcord, show};
use crate::{
    engine::{Command, Run},
    tui::{
        dialog::{Kind, Line, TrailLook},
        edit::Edit,
        look::Look,
        state::{Act, Pane, Ui},
    },
};

/// Every command with what it takes.
pub const COMMANDS: [(&str, &str); 16] = [
    ("note", " TEXT"),
    ("rollback", ""),
    ("abort", " WHY"),
    ("ns", " NAME"),
    ("describe", " KIND/NAME"),
    ("yaml", " KIND/NAME"),
    ("logs", " SELECTOR"),
    ("since", " 10m"),
    ("forward", " PORT"),
    ("ctx", ""),
    ("runbook", ""),
    ("alerts", ""),
    ("trail", ""),
    ("help", ""),
    ("quit", ""),
    ("q", ""),
];

/// `note TEXT, rollback, …`.
pub fn words() -> String {
    COMMANDS.map(|(name, takes)| format!("{name}{takes}")).join(", ")
}

/// Tab: the rest of the only command that begins so, else what there is.
pub fn complete(ui: &mut Ui, text: &mut Edit) {
    let typed = text.text.trim_start();
    if typed.contains(' ') {
        return; // what a command takes nobody knows better than who types
    }
    let like: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).filter(|name| name.starts_with(typed)).collect();
    match like.as_slice() {
        [one] | [one, "q"] => *text = Edit::of(format!("{one} ")),
        [] => ui.status = Some(format!("«{typed}» is no command; there are {}", words())),
        many => ui.status = Some(many.join("  ")),
    }
}

pub fn run(ui: &mut Ui, run: &Run, text: &str) -> Vec<Act> {
    let (word, rest) = text.split_once(' ').map_or((text, ""), |(word, rest)| (word, rest.trim()));
    if let Some(acts) = pods::words(ui, word, rest) {
        return acts;
    }
    match (word, rest) {
        ("q" | "quit", _) => return quit(ui, run),
        ("rollback" | "z", _) => ripcord(ui, run, "the operator pulled the ripcord"),
        ("note", "") => ask_line(ui, Line::Note),
        ("note", text) => return vec![Act::Command(Command::Note { text: text.to_owned() })],
        ("abort", "") => ask_line(ui, Line::Abort),
        ("abort", why) => return vec![Act::Command(Command::Abort { why: why.to_owned() })],
        ("trail", _) => show(ui, Kind::Trail(TrailLook::default())),
        ("alerts", _) => ui.open_over(Pane::Alerts),
        ("help", _) => show(ui, Kind::Help),
        ("ns", _) if !ui.has_cluster => ui.status = Some("this run looks at no cluster".into()),
        ("ns", "") => ui.status = Some(format!("the panes look at {}; :ns NAME", ui.seen.cluster.namespace)),
        ("ns", name) => return vec![Act::Look(Look::Namespace(name.to_owned()))],
        ("ctx", _) => {
            ui.status = Some(format!(
                "the run is pinned to {}; another context is another run: ripcord run --context NAME",
                run.opened().target.context
            ));
        }
        ("runbook", _) => {
            ui.status = Some(format!("{}; another runbook is another run: q, then ripcord", run.opened().runbook_path));
        }
        (other, _) => ui.status = Some(format!("«{other}» is no command; there are {}", words())),
    }
    Vec::new()
}
