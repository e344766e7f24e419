//! What can go wrong, for which requests, and how often; and the board that says what
//! is wrong now.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::head::Head;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Kind {
    /// Open connections end, new ones are closed at once.
    Cut,
    /// Half-open: nothing passes any more, nothing is closed.
    BlackHole,
    /// The answer begins this much later.
    Delay { milliseconds: u64 },
    /// The server gets the request and acts on it; the client's connection ends unanswered.
    DropAfterRequest,
    /// The proxy answers by itself; the server sees nothing.
    Status { code: u16, retry_after: Option<u32> },
    /// The answer trickles.
    SlowBody { bytes_per_second: u32 },
    /// New handshakes show a certificate that ended yesterday.
    ExpiredCertificate,
}

/// A fault with the requests it is for: all of them, if nothing is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    #[serde(flatten)]
    pub kind: Kind,
    /// Only this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only paths (with query) that contain this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Only the next so many requests; then all is well again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl Fault {
    pub fn is_for(&self, head: &Head) -> bool {
        self.method.as_ref().is_none_or(|m| *m == head.method)
            && self.path.as_ref().is_none_or(|p| head.path.contains(p.as_str()))
    }

    /// True if it may be used before a request is known.
    fn is_for_all(&self) -> bool {
        self.method.is_none() && self.path.is_none() && self.times.is_none()
    }
}

/// Requests remembered for `GET /requests`.
const REMEMBERED: usize = 1000;

/// What is wrong now, and what passed by. Clones share it.
#[derive(Clone)]
pub struct Board {
    fault: watch::Sender<Option<Fault>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    requests: u64,
    faulted: u64,
    recent: VecDeque<String>,
}

impl Default for Board {
    fn default() -> Self {
        Board { fault: watch::Sender::new(None), seen: Arc::default() }
    }
}

impl Board {
    pub fn set(&self, fault: Option<Fault>) {
        self.fault.send_replace(fault);
    }

    pub fn current(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<Option<Fault>> {
        self.fault.subscribe()
    }

    pub async fn until_changed(&self) {
        // the sender is in `self`: it cannot be gone
        let _ = self.watch().changed().await;
    }

    /// The fault that holds for connections whose request is not known yet.
    pub fn for_connections(&self) -> Option<Kind> {
        self.fault.borrow().as_ref().filter(|f| f.is_for_all()).map(|f| f.kind.clone())
    }

    /// The fault for this request, which is counted; `times` runs down here.
    pub fn take(&self, head: &Head) -> Option<Kind> {
        let mut taken = None;
        self.fault.send_if_modified(|fault| {
            let Some(current) = fault.as_mut().filter(|f| f.is_for(head)) else { return false };
            taken = Some(current.kind.clone());
            let Some(times) = current.times.as_mut() else { return false };
            *times = times.saturating_sub(1);
            if *times == 0 {
                *fault = None;
            }
            false // running streams need not notice: they are not concerned
        });
        let mut seen = self.seen();
        seen.requests += 1;
        seen.faulted += u64::from(taken.is_some());
        seen.recent.push_back(format!("{} {}", head.method, head.path));
        if seen.recent.len() > REMEMBERED {
            seen.recent.pop_front();
        }
        taken
    }

    /// (requests, of these faulted)
    pub fn counts(&self) -> (u64, u64) {
        let seen = self.seen();
        (seen.requests, seen.faulted)
    }

    pub fn recent(&self) -> Vec<String> {
        self.seen().recent.iter().cloned().collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, path: &str) -> Head {
        Head { method: method.into(), path: path.into(), upgrade: false, bytes: vec![] }
    }

    #[test]
    fn a_fault_is_for_the_requests_it_names_and_runs_out() {
        let board = Board::default();
        let text = r#"{"fault": "status", "code": 429, "retryAfter": 1, "method": "PATCH", "times": 1}"#;
        board.set(Some(serde_json::from_str(text).unwrap()));
        assert_eq!(board.for_connections(), None);
        assert_eq!(board.take(&head("GET", "/x")), None);
        assert_eq!(board.take(&head("PATCH", "/x")), Some(Kind::Status { code: 429, retry_after: Some(1) }));
        assert_eq!(board.take(&head("PATCH", "/x")), None);
        assert_eq!(board.counts(), (3, 1));
    }

    #[test]
    fn a_fault_without_conditions_holds_for_connections_too() {
        let board = Board::default();
        board.set(Some(serde_json::from_str(r#"{"fault": "blackHole"}"#).unwrap()));
        assert_eq!(board.for_connections(), Some(Kind::BlackHole));
    }
}
