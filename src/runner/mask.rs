//! Stand-in until `redact` is there: declared values, raw, across chunks.

use std::borrow::Cow;

#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<(String, String)>,
}

pub struct RedactStream {
    redactor: Redactor,
    held: Vec<u8>,
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { secrets: secrets.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect() }
    }

    pub fn stream(&self) -> RedactStream {
        RedactStream { redactor: self.clone(), held: Vec::new() }
    }

    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut out = Cow::Borrowed(text);
        for (name, value) in &self.secrets {
            if out.contains(value.as_str()) {
                out = Cow::Owned(out.replace(value.as_str(), &format!("[redacted:{name}]")));
            }
        }
        out
    }
}

impl RedactStream {
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        let longest = self.redactor.secrets.iter().map(|(_, value)| value.len()).max().unwrap_or(1);
        self.flush(longest.saturating_sub(1), out);
    }

    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(0, out);
    }

    fn flush(&mut self, keep: usize, out: &mut Vec<u8>) {
        let mut at = 0;
        let end = self.held.len().saturating_sub(keep);
        'bytes: while at < end {
            for (name, value) in &self.redactor.secrets {
                if self.held[at..].starts_with(value.as_bytes()) {
                    out.extend_from_slice(format!("[redacted:{name}]").as_bytes());
                    at += value.len();
                    continue 'bytes;
                }
            }
            out.push(self.held[at]);
            at += 1;
        }
        self.held.drain(..at);
    }
}
