//! The target's lock as a run holds it: taken before its first write, renewed while this program lives, given back
//! when the run is closed. It tells two operators of each other and fences nothing; the way back goes on without it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kube::Client;
use tokio::{sync::Mutex, task::AbortHandle};

use super::kube::{
    act::Wire,
    connect::Cluster,
    lease::{self, Claim, Held, Holder, Locked, RENEW_EVERY},
};
use crate::{engine::fact::Opened, pace, runbook::value::StepId};

const LIMIT: Duration = Duration::from_secs(10);

/// What a write may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    Granted,
    /// It may, and the record says this of the lock.
    GrantedWith(String),
    /// Somebody else is at it; nothing may be sent.
    Denied(String),
}

pub struct Lock {
    /// `None`: nothing here is locked (a demo, or no cluster is pinned).
    claim: Option<Claim>,
    /// The steps of the way back.
    lane: BTreeSet<StepId>,
    take_over: Option<String>,
    state: Mutex<State>,
}

enum State {
    Free,
    Ours {
        client: Client,
        held: Arc<Mutex<Held>>,
        renewal: AbortHandle,
    },
    /// It cannot be had here, which was said once.
    Without,
}

impl Lock {
    pub fn of(opened: &Opened, take_over: Option<String>) -> Self {
        let lane = opened.runbook.rollback.iter().map(|step| step.id().clone()).collect();
        Self { claim: claim(opened), lane, take_over, state: Mutex::new(State::Free) }
    }

    /// For a place where nothing is locked.
    pub fn none() -> Self {
        Self { claim: None, lane: BTreeSet::new(), take_over: None, state: Mutex::new(State::Without) }
    }

    /// Asked before everything that changes something.
    ///
    /// # Errors
    /// The cluster cannot be asked who holds it.
    pub async fn leave(&self, cluster: &Cluster, step: &StepId) -> Result<Leave, String> {
        let Some(claim) = &self.claim else { return Ok(Leave::Granted) };
        let mut state = self.state.lock().await;
        match &*state {
            State::Without => return Ok(Leave::Granted),
            State::Ours { renewal, .. } if !renewal.is_finished() => return Ok(Leave::Granted),
            State::Ours { .. } | State::Free => {}
        }
        let way_back = self.is_way_back(step);
        let wire = Wire::looking(&cluster.client, LIMIT);
        match lease::take(&wire, claim, pace::now(), self.take_over.as_deref()).await {
            Ok(Locked::Ours(held)) => {
                let held = Arc::new(Mutex::new(held));
                let renewal = tokio::spawn(renew(cluster.client.clone(), held.clone())).abort_handle();
                *state = State::Ours { client: cluster.client.clone(), held, renewal };
                Ok(Leave::GrantedWith(format!("the lock «{}» of {} is ours", claim.key, claim.namespace)))
            }
            Ok(Locked::Others(holder)) if way_back => {
                *state = State::Without;
                Ok(Leave::GrantedWith(format!("the way back goes on without the lock: {}", who(&holder))))
            }
            Ok(Locked::Others(holder)) => Ok(Leave::Denied(denied(&holder))),
            Ok(Locked::Unavailable(why)) => {
                *state = State::Without;
                Ok(Leave::GrantedWith(format!("there is no lock here, so nobody else is kept out: {why}")))
            }
            Err(why) if way_back => {
                *state = State::Without;
                Ok(Leave::GrantedWith(format!("the way back goes on without the lock: {why}")))
            }
            Err(why) => Err(format!("nobody can say whether somebody else is at this target: {why}")),
        }
    }

    fn is_way_back(&self, step: &StepId) -> bool {
        let outermost = step.0.split('/').next().unwrap_or_default();
        self.lane.contains(&StepId(outermost.to_owned()))
    }

    /// Gives it back, if it is ours. One that was lost stays whose it is. Takes two seconds at the most.
    pub async fn release(&self) {
        let before = std::mem::replace(&mut *self.state.lock().await, State::Free);
        if let State::Ours { client, held, renewal } = before {
            renewal.abort();
            let wire = Wire::looking(&client, Duration::from_secs(2));
            held.lock().await.clone().release(&wire).await;
        }
    }
}

/// Whether somebody else holds it now; nothing is taken.
///
/// # Errors
/// Somebody else does, and is named.
pub async fn is_free(cluster: &Cluster, opened: &Opened, take_over: Option<&str>) -> Result<(), String> {
    let Some(claim) = claim(opened) else { return Ok(()) };
    let wire = Wire::looking(&cluster.client, LIMIT);
    match lease::holder_of(&wire, &claim, pace::now(), take_over).await {
        Ok(Some(holder)) => Err(denied(&holder)),
        // What cannot be asked now is asked again before the first write.
        Ok(None) | Err(_) => Ok(()),
    }
}

fn claim(opened: &Opened) -> Option<Claim> {
    let target = &opened.target;
    let pinned = !target.identity.is_empty() && !target.namespace.is_empty();
    pinned.then(|| Claim {
        namespace: target.namespace.clone(),
        key: opened.runbook.target.lock_key.clone().unwrap_or_else(|| opened.runbook.metadata.name.clone()),
        who: opened.operator.name.clone(),
        run: opened.run.clone(),
        runbook: opened.runbook.metadata.name.clone(),
    })
}

fn who(holder: &Holder) -> String {
    format!("{} holds it ({}, for {})", holder.holder, holder.runbook, holder.since)
}

fn denied(holder: &Holder) -> String {
    format!(
        "{}; wait until that run is over, or take the lock over with `--take-lock {}`; nothing was sent",
        who(holder),
        holder.id
    )
}

/// Ends when somebody took it over; the next write then asks anew.
async fn renew(client: Client, held: Arc<Mutex<Held>>) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let wire = Wire::looking(&client, LIMIT);
        if let Err(fault) = held.lock().await.renew(&wire, pace::now()).await
            && matches!(fault.code(), 404 | 409)
        {
            return;
        }
    }
}
