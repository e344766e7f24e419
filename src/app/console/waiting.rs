//! A cluster that is away when a run is begun: the screen is there, the runbook can be read, and it is asked again
//! until it answers. Only then is there a run; nothing is recorded or done before.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use super::{eyes, looking::Looking};
use crate::{
    app::{
        Fault,
        open::Doors,
        prepare::{self, Prepared, Unfit},
    },
    engine::fact::Opened,
    tui::{
        look::Look,
        state::{Act, Ui},
        theme::Theme,
    },
};

const AGAIN: Duration = Duration::from_secs(5);

/// Looks on until the preflight passes; answers what the run may be opened with.
///
/// # Errors
/// The preflight refuses for good, or the operator leaves.
pub async fn until_fit(prepared: &Prepared, doors: &Doors, theme: Theme, why: String) -> Result<Opened, Fault> {
    let mut looking = Looking::new(prepared, doors, theme)?;
    looking.ui.has_cluster = eyes::has_cluster(&looking.run);
    let fit = wait(&mut looking, prepared, doors, why).await;
    looking.screen.leave();
    fit
}

async fn wait(looking: &mut Looking, prepared: &Prepared, doors: &Doors, mut why: String) -> Result<Opened, Fault> {
    loop {
        say(&mut looking.ui, &why);
        looking.draw()?;
        match ask_again(looking, prepared, doors, &why).await? {
            Ok(opened) => return Ok(opened),
            Err(Unfit::Refused(fault)) => return Err(fault),
            Err(Unfit::Away(again)) => why = again,
        }
    }
}

/// One more try, after a while or at Ctrl-r; keys are heard meanwhile.
async fn ask_again(
    looking: &mut Looking,
    prepared: &Prepared,
    doors: &Doors,
    why: &str,
) -> Result<Result<Opened, Unfit>, Fault> {
    let now = tokio::sync::Notify::new();
    let mut trying: Pin<&mut _> = pin!(async {
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = now.notified() => {}
        }
        let mut opened = prepared.opened.clone();
        prepare::preflight(&mut opened, doors).await.map(|()| opened)
    });
    loop {
        let acts = tokio::select! {
            fit = &mut trying => return Ok(fit),
            acts = looking.next() => acts?,
        };
        for act in acts.unwrap_or_else(|| vec![Act::Quit]) {
            match act {
                Act::Quit => return Err(Fault::failed(format!("nothing was begun or recorded: {why}"))),
                Act::Suspend => looking.suspend()?,
                Act::Copy(text) => drop(looking.screen.copy(&text)),
                Act::Look(look) => {
                    if look == Look::Reconnect {
                        now.notify_one();
                    }
                    looking.eyes.look(look);
                }
                _ => looking.ui.status = Some("the cluster is not there yet: nothing can be run or recorded".into()),
            }
        }
        looking.draw()?;
    }
}

/// Stands where the last record will: it stays whatever key is pressed.
fn say(ui: &mut Ui, why: &str) {
    ui.halted = Some(format!("waiting for the cluster (Ctrl-r asks now, q leaves); nothing is recorded yet: {why}"));
}
