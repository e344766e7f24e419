//! What went wrong with a read, in words an operator can use. Retries nothing itself.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use crate::{
    effects::kube::connect::PluginError,
    observe::freshness::{Trouble, TroubleKind},
    visible,
};

/// A read that failed: why, and how long the server asked us to wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub kind: TroubleKind,
    pub why: String,
    pub wait: Option<Duration>,
    /// 410: what we know is too old, list again. Not shown as trouble.
    pub is_gone: bool,
}

impl Failure {
    /// The server answered with an error.
    pub fn status(status: StatusCode, headers: &HeaderMap, body: &[u8], what: &str) -> Self {
        let said = said(body);
        let wait =
            headers.get(http::header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let (kind, why) = match status {
            StatusCode::FORBIDDEN => (TroubleKind::Forbidden, format!("may not {what}")),
            StatusCode::UNAUTHORIZED => (
                TroubleKind::Login,
                "the API server refuses this login (401); log in in another terminal, then Ctrl-r".to_owned(),
            ),
            StatusCode::TOO_MANY_REQUESTS => (TroubleKind::Throttled, "the API server throttles us (429)".to_owned()),
            _ => (TroubleKind::Refused, format!("the API server says {}: {said}", status.as_u16())),
        };
        Self { kind, why, wait, is_gone: status == StatusCode::GONE }
    }

    /// An `ERROR` line of a watch.
    pub fn in_watch(code: u16, message: &str, what: &str) -> Self {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::json!({ "message": message }).to_string();
        Self::status(status, &HeaderMap::new(), body.as_bytes(), what)
    }

    pub fn away(server: &str, why: &str) -> Self {
        Self {
            kind: TroubleKind::Away,
            why: format!("cannot reach {server}: {}", visible::line(why)),
            wait: None,
            is_gone: false,
        }
    }

    /// The request did not get an answer.
    pub fn of(error: &(dyn std::error::Error + 'static), server: &str) -> Self {
        let mut deepest = error;
        let mut next = Some(error);
        while let Some(inner) = next {
            if let Some(plugin) = inner.downcast_ref::<PluginError>() {
                return Self { kind: TroubleKind::Login, why: plugin.to_string(), wait: None, is_gone: false };
            }
            deepest = inner;
            next = inner.source();
        }
        let said = deepest.to_string();
        Self::away(server, if said.is_empty() { "no answer" } else { &said })
    }

    pub fn trouble(&self, retry_at: Option<Timestamp>) -> Trouble {
        Trouble { kind: self.kind, why: self.why.clone(), retry_at }
    }
}

fn said(body: &[u8]) -> String {
    let text = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|status| status.get("message")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let short: String = text.trim().chars().take(300).collect();
    visible::line(&short).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_told_apart() {
        let status = |code: u16| {
            Failure::status(
                StatusCode::from_u16(code).unwrap(),
                &HeaderMap::new(),
                br#"{"message":"no\u001b[2J"}"#,
                "list pods in ns a",
            )
        };
        assert_eq!((status(403).kind, status(403).why.as_str()), (TroubleKind::Forbidden, "may not list pods in ns a"));
        assert_eq!(status(401).kind, TroubleKind::Login);
        assert_eq!(status(500).why, "the API server says 500: no\\u{1b}[2J");
        assert!(status(410).is_gone && !status(500).is_gone);
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "6".parse().unwrap());
        let slow = Failure::status(StatusCode::TOO_MANY_REQUESTS, &headers, b"", "x");
        assert_eq!((slow.kind, slow.wait), (TroubleKind::Throttled, Some(Duration::from_secs(6))));
    }

    #[test]
    fn a_plugin_behind_a_request_is_a_matter_of_logging_in() {
        let plugin = PluginError::Failed { name: "aws".into(), said: "expired".into() };
        let failure = Failure::of(&kube::Error::Service(Box::new(plugin)), "https://x");
        assert_eq!(failure.kind, TroubleKind::Login);
        assert!(failure.why.contains("aws") && failure.why.contains("expired"));
        let refused = Failure::of(&std::io::Error::other("connection refused"), "https://x");
        assert_eq!(refused.why, "cannot reach https://x: connection refused");
    }
}
