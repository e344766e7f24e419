//! One GET whose answer is read piece by piece, each piece within a limit. Neither retries nor parses.

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::{Client, client::Body};

use super::trouble::Failure;

/// Error bodies are read up to here.
const ERROR_BODY: usize = 64 * 1024;

/// What a request is for, in the words of a refusal: «may not `what`».
#[derive(Clone)]
pub struct Source {
    pub client: Client,
    pub server: String,
    pub what: String,
}

pub struct Answer {
    body: Body,
    server: String,
    /// The server's clock at the answer.
    pub date: Option<Timestamp>,
}

impl Source {
    /// Waits at most `limit` for the head of the answer.
    pub async fn get(&self, path: &str, limit: Duration) -> Result<Answer, Failure> {
        let request = Request::get(path).body(Body::empty()).map_err(|error| Failure::of(&error, &self.server))?;
        let response = match tokio::time::timeout(limit, self.client.send(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Failure::of(&error, &self.server)),
            Err(_) => return Err(Failure::away(&self.server, &format!("no answer in {} s", limit.as_secs()))),
        };
        let date = response.headers().get(http::header::DATE).and_then(|v| http_date(v.to_str().ok()?));
        let (head, body) = response.into_parts();
        let mut answer = Answer { body, server: self.server.clone(), date };
        if head.status.is_success() {
            return Ok(answer);
        }
        let mut text = Vec::new();
        while text.len() < ERROR_BODY {
            match answer.piece(limit).await {
                Ok(Some(piece)) => text.extend_from_slice(&piece),
                _ => break,
            }
        }
        Err(Failure::status(head.status, &head.headers, &text, &self.what))
    }
}

impl Answer {
    /// The next piece, `None` at the end.
    pub async fn piece(
        &mut self,
        limit: Duration,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Failure> {
        loop {
            let frame = match tokio::time::timeout(limit, self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(Failure::of(&error, &self.server)),
                Ok(None) => return Ok(None),
                Err(_) => return Err(Failure::away(&self.server, &format!("silent for {} s", limit.as_secs()))),
            };
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_date_of_an_answer_is_understood() {
        assert_eq!(super::http_date("Sun, 06 Nov 1994 08:49:37 GMT"), "1994-11-06T08:49:37Z".parse().ok());
        assert_eq!(super::http_date("yesterday"), None);
    }
}
