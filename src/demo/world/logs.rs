//! What the containers say: kept by container id, the newest thousand lines of each. Nothing runs; the lines are made
//! up to fit what the pod's requests come to.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::fate::{Conduct, Fate};

const KEPT: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Timestamp,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Log {
    lines: VecDeque<Line>,
    /// Lines that are no longer kept.
    gone: usize,
    served: u64,
}

impl Log {
    /// Lines from this number on; the numbers go on counting when old lines are dropped.
    pub fn from(&self, number: usize) -> impl Iterator<Item = &Line> {
        self.lines.iter().skip(number.saturating_sub(self.gone))
    }

    pub fn end(&self) -> usize {
        self.gone + self.lines.len()
    }

    fn say(&mut self, at: Timestamp, text: String) {
        self.lines.push_back(Line { at, text });
        if self.lines.len() > KEPT {
            self.lines.pop_front();
            self.gone += 1;
        }
    }
}

#[derive(Debug, Default)]
pub struct Logs {
    by: BTreeMap<String, Log>,
    /// Grows with every line: followers wait on it.
    pub written: u64,
}

const PATHS: [(&str, &str); 4] =
    [("POST", "/v1/predict"), ("POST", "/v1/predict"), ("GET", "/v1/models"), ("POST", "/v1/embed")];

impl Logs {
    pub fn of(&self, id: &str) -> Option<&Log> {
        self.by.get(id)
    }

    fn say(&mut self, id: &str, at: Timestamp, text: String) {
        self.written += 1;
        self.by.entry(id.to_owned()).or_default().say(at, text);
    }

    pub fn started(&mut self, id: &str, image: &str, at: Timestamp) {
        self.say(id, at, format!(r#"{{"level":"info","msg":"starting","image":"{image}"}}"#));
        if !image.contains("/ml-api:") {
            return;
        }
        self.say(
            id,
            at,
            r#"{"level":"info","msg":"loading model","model":"sentiment","path":"/models/current"}"#.into(),
        );
    }

    pub fn crashed(&mut self, id: &str, fate: Fate, at: Timestamp) {
        if fate == Fate::OutOfMemory {
            return; // the kernel leaves no last word
        }
        self.say(
            id,
            at,
            r#"{"level":"error","msg":"model file is missing","path":"/models/current/model.onnx"}"#.into(),
        );
        self.say(id, at, "panic: cannot serve without a model: /models/current/model.onnx: no such file".into());
    }

    /// One request in the log, ended as the pod's requests end.
    pub fn request(&mut self, id: &str, conduct: Conduct, at: Timestamp, chance: f64) {
        let log = self.by.entry(id.to_owned()).or_default();
        log.served += 1;
        let (method, path) = PATHS[(log.served % PATHS.len() as u64) as usize];
        let millis = (conduct.p95 * 1000.0 * (0.25 + 0.7 * chance)).round();
        // Errors are what one reads a log for: they show more often than they happen.
        let text = if chance < conduct.errors * 8.0 && conduct.errors > 0.001 {
            format!(
                r#"{{"level":"error","msg":"request","method":"{method}","path":"{path}","status":500,"ms":{millis},"error":"input shape [1,512] does not fit the model's [1,768]"}}"#
            )
        } else {
            format!(
                r#"{{"level":"info","msg":"request","method":"{method}","path":"{path}","status":200,"ms":{millis}}}"#
            )
        };
        log.say(at, text);
        self.written += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_numbers_when_old_lines_go() {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut log = Log::default();
        (0..KEPT + 10).for_each(|n| log.say(at, n.to_string()));
        assert_eq!(log.end(), KEPT + 10);
        assert_eq!(log.from(0).next().unwrap().text, "10");
        assert_eq!(log.from(KEPT + 9).map(|line| line.text.as_str()).collect::<Vec<_>>(), [(KEPT + 9).to_string()]);
        assert_eq!(log.from(KEPT + 10).count(), 0);
    }
}
