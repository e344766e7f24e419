//! What the operator can do now: the line a tired person looks for. `r` is right in every pane, so it is named.

use super::Scene;
use crate::{
    engine::{
        Ask,
        ask::FailureChoices,
        fact::RunStatus,
        state::{Lane, Phase},
    },
    runbook::model::Risk,
    tui::{theme::run_word, update::can_be_pulled},
};

/// `None`: nothing waits, and nothing is at work.
pub fn words(scene: &Scene<'_>) -> Option<String> {
    let run = scene.run;
    if run.is_closed() {
        return Some(over(scene));
    }
    let asks = run.asks(scene.ui.selection().as_ref());
    let Some(ask) = asks.first() else { return at_work(scene) };
    let words = match ask {
        Ask::Start if run.opened().rollback_of.is_some() => "press r to begin the way back".to_owned(),
        Ask::Start => "press r to begin".to_owned(),
        Ask::Confirm { intent, .. } if run.opened().read_only && intent.risk >= Risk::Write => {
            "it writes, and this session is read-only; c copies its command".into()
        }
        Ask::Confirm { typed: Some(word), .. } => format!("r shows the preview; it asks for {word} typed"),
        Ask::Confirm { .. } => "r shows the preview, then one key".into(),
        Ask::Select { reason, .. } => format!("put the cursor on a pod (3, j k), then r: {reason}"),
        Ask::Checklist { .. } => "m ticks the items".into(),
        Ask::Manual { .. } => "do it, then m".into(),
        Ask::Approval { step } => format!("somebody else: ripcord approve {} {step}; or r", run.opened().run),
        Ask::Decision { .. } => "r chooses".into(),
        Ask::Input { .. } => "r asks for the values".into(),
        Ask::Failure { reason, choices, .. } => format!("it failed ({reason}): r for {}", open(choices)),
        Ask::Unknown { .. } => "UNKNOWN, verify before retry: r says what became of it".into(),
        Ask::Guard { detail, .. } => format!("a guard offers the way back: r answers, z leads back. {detail}"),
        Ask::Calendar { reason } => format!("the calendar is closed ({reason}): r to break the glass"),
    };
    Some(format!("next  {words}"))
}

fn open(choices: &FailureChoices) -> String {
    let all = [(choices.retry, "RETRY"), (choices.skip, "SKIP"), (choices.rollback, "ROLLBACK"), (true, "ABORT")];
    all.into_iter().filter(|(open, _)| *open).map(|(_, word)| word).collect::<Vec<_>>().join(" / ")
}

fn at_work(scene: &Scene<'_>) -> Option<String> {
    let run = scene.run;
    Some(match run.phase() {
        Phase::Busy(_) if can_be_pulled(scene.ui, run) => "it runs; z stops it and leads back".into(),
        Phase::Busy(_) if run.lane() == Lane::Rollback => "it runs, on the way back".into(),
        Phase::Busy(_) if run.writes_begun() => "it runs; :abort stops it".into(),
        Phase::Busy(_) => "it runs; z stops it and ends the run: nothing was written yet".into(),
        Phase::Verifying { .. } => "done; its check is looking".into(),
        Phase::Cancelling { .. } => "it was told to stop".into(),
        Phase::Capturing => "reading the baseline".into(),
        Phase::Comparing(_) => "the way back is through; the target is held against the baseline".into(),
        Phase::RetryAt(_) => "it will be tried again by itself; s skips it".into(),
        _ => return None,
    })
}

/// How it ended, and what there is still to do.
fn over(scene: &Scene<'_>) -> String {
    let run = scene.run;
    let (word, _) = run_word(run.status());
    let left = match run.left() {
        [] => String::new(),
        left => format!(" ({})", left.join(", ")),
    };
    let id = &run.opened().run;
    let further = match run.status() {
        RunStatus::Succeeded | RunStatus::RolledBack => String::new(),
        _ if run.writes_begun() && run.has_lane() => format!("  back: ripcord rollback {id}"),
        _ => String::new(),
    };
    format!("over  {word}{left}  q leaves{further}  report: ripcord trail report {id}")
}
