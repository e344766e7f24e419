//! Why a key means nothing now, in words: said at once, before anything is typed. The engine refuses for itself; what is
//! allowed at all is not decided here.

use crate::{
    engine::{Run, fact::RunStatus, state::Lane},
    tui::{keymap::Cmd, state::Ui, theme::run_word},
};

/// `None`: the key means something. The key bar shows only those.
pub fn why_not(ui: &Ui, run: &Run, cmd: Cmd) -> Option<String> {
    match cmd {
        _ if ui.watching => watching(ui, cmd).map(str::to_owned),
        _ if run.is_closed() => over(run, cmd),
        Cmd::Skip if !run.is_started() => Some("the run has not begun: press r to start".into()),
        Cmd::Ripcord if run.lane() == Lane::Rollback => Some(match run.current() {
            Some(step) => format!("the way back is under way, at {step}; r answers what it asks"),
            None => "the way back is under way".into(),
        }),
        Cmd::Ripcord if run.writes_begun() && !run.has_lane() => {
            Some("this runbook has no way back (no rollback:, no baseline); :abort stops it".into())
        }
        _ => None,
    }
}

fn watching(ui: &Ui, cmd: Cmd) -> Option<&'static str> {
    match cmd {
        Cmd::Run | Cmd::Skip | Cmd::Mark => Some("nothing is run while one only looks on; `ripcord run RUNBOOK` does"),
        Cmd::Ripcord => Some(
            "nothing was done here, so nothing is led back; `ripcord rollback --release NAME` goes back with no earlier run",
        ),
        Cmd::Copy if ui.focus.live().is_none() => Some("there is no step here whose command could be copied"),
        _ => None,
    }
}

fn over(run: &Run, cmd: Cmd) -> Option<String> {
    let (status, _) = run_word(run.status());
    let id = &run.opened().run;
    match cmd {
        Cmd::Run | Cmd::Skip | Cmd::Mark | Cmd::Note => {
            Some(format!("the run is over ({status}) and its trail is closed; q leaves"))
        }
        Cmd::Ripcord => Some(match run.status() {
            RunStatus::RolledBack => format!("it was rolled back; `ripcord trail show {id}` says how"),
            _ if !run.writes_begun() => {
                format!("the run is over ({status}) and wrote nothing: nothing to lead back from")
            }
            _ if !run.has_lane() => format!("the run is over ({status}); this runbook has no way back"),
            _ => format!("the run is over ({status}); `ripcord rollback {id}` opens its way back"),
        }),
        _ => None,
    }
}
