//! One line of the trail: an OCSF object with our facts, chained to the line before.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    canonical::{canonical, hex, with_fractions},
    scan,
};
use crate::{engine::Fact, redact::Redactor, session::Now, visible};

/// In a stored fact: when it happened, in milliseconds, where that was before its record could be written.
pub(super) const LATE: &str = "$late";

/// What every record of a run has in common.
#[derive(Clone, Debug)]
pub struct Chain {
    /// 32 random bytes, 64 hex digits: the chain's name.
    pub uid: String,
    pub run: String,
    pub operator: String,
    pub host: String,
    pub boot_id: String,
}

/// What is kept and what is printed of a fact: secrets out, nothing raw. Trail and `-o json` cannot differ in it.
pub fn clean(redactor: &Redactor, value: Value) -> Value {
    let text = |text: String| visible::text(&redactor.redact(&text)).into_owned();
    match value {
        Value::String(raw) => Value::String(text(raw)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| clean(redactor, item)).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (text(key), clean(redactor, value))).collect())
        }
        other => other,
    }
}

/// Where the chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub uid: String,
    pub sequence: u64,
    pub fingerprint: String,
}

/// What the first record is chained to: everything that must not change under the run.
pub fn genesis(chain: &str, runbook_hash: &str, program_hash: &str, identity: &str, previous: &str) -> Head {
    let seed = json!({
        "chain": chain, "runbook": runbook_hash, "program": program_hash, "target": identity, "previous": previous,
    });
    Head { uid: chain.to_owned(), sequence: 0, fingerprint: hex(&Sha256::digest(canonical(&seed))) }
}

/// The next line, without its newline, and the head it makes.
pub fn line(chain: &Chain, head: &Head, now: Now, facts: &[Value]) -> (String, Head) {
    let sequence = head.sequence + 1;
    let uid = format!("{}-{sequence}", &chain.uid[..16.min(chain.uid.len())]);
    let failed = facts.iter().any(is_failure);
    let kind = facts.first().and_then(|fact| fact.get("kind")).and_then(Value::as_str).unwrap_or("none");
    let mut record = json!({
        "activity_name": kind,
        "actor": { "user": { "name": chain.operator } },
        "attestation": { "chain_uid": chain.uid, "prev_event": { "uid": head.uid, "fingerprint": head.fingerprint } },
        "device": { "hostname": chain.host },
        "facts": facts,
        "metadata": {
            "correlation_uid": chain.run, "product": { "name": "ripcord", "version": env!("CARGO_PKG_VERSION") },
            "sequence": sequence, "uid": uid, "version": "1.3.0",
        },
        "status_id": if failed { 2 } else { 1 },
        "time": now.wall.as_millisecond(),
        "unmapped": { "boot_id": chain.boot_id, "boot_ms": now.boot_ms },
    });
    let fingerprint = hex(&Sha256::digest(canonical(&record)));
    record["attestation"]["fingerprint"] = json!(fingerprint);
    (canonical(&record), Head { uid, sequence, fingerprint })
}

fn is_failure(fact: &Value) -> bool {
    let failed = |key: &str| {
        matches!(fact.get(key).and_then(Value::as_str), Some("failed" | "unknown" | "error" | "rollbackIncomplete"))
    };
    failed("outcome") || failed("status")
}

/// A line read back, for printing.
#[derive(Clone, Debug)]
pub struct Record {
    pub uid: String,
    pub sequence: u64,
    pub time: Timestamp,
    pub boot_ms: u64,
    pub boot_id: String,
    pub chain: String,
    pub run: String,
    pub previous: (String, String),
    pub fingerprint: String,
    /// As stored: blobs unresolved, fractions as text.
    pub facts: Vec<Value>,
}

/// Why a line is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("no field {0}")]
    Missing(&'static str),
    #[error("not in canonical form")]
    NotCanonical,
    #[error("its fingerprint does not fit its content")]
    Fingerprint,
}

/// Parses a line strictly, and holds its fingerprint against its bytes.
pub fn parse(line: &str) -> Result<Record, BadRecord> {
    let line = Line::parse(line)?;
    let facts = line.facts.iter().map(|fact| serde_json::from_str(fact));
    let facts = facts.collect::<Result<_, _>>().map_err(|error| BadRecord::NotJson(error.to_string()))?;
    Ok(Record {
        uid: line.uid.into_owned(),
        sequence: line.sequence,
        time: line.time,
        boot_ms: line.boot_ms,
        boot_id: line.boot_id.into_owned(),
        chain: line.chain.into_owned(),
        run: line.run.into_owned(),
        previous: (line.previous.0.into_owned(), line.previous.1.into_owned()),
        fingerprint: line.fingerprint.into_owned(),
        facts,
    })
}

/// A record where it lies: checked, its parts borrowed from the line. What a million of are read quickly.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub uid: Cow<'a, str>,
    pub sequence: u64,
    pub time: Timestamp,
    pub boot_ms: u64,
    pub boot_id: Cow<'a, str>,
    pub chain: Cow<'a, str>,
    pub run: Cow<'a, str>,
    /// Uid and fingerprint of the record before.
    pub previous: (Cow<'a, str>, Cow<'a, str>),
    pub fingerprint: Cow<'a, str>,
    /// The text of each fact, as stored.
    pub facts: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    attestation: Attestation<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    time: i64,
    #[serde(borrow)]
    unmapped: Unmapped<'a>,
}

#[derive(Deserialize)]
struct Attestation<'a> {
    #[serde(borrow)]
    chain_uid: Cow<'a, str>,
    #[serde(borrow)]
    fingerprint: Cow<'a, str>,
    #[serde(borrow)]
    prev_event: PrevEvent<'a>,
}

#[derive(Deserialize)]
struct PrevEvent<'a> {
    #[serde(borrow)]
    fingerprint: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    correlation_uid: Cow<'a, str>,
    sequence: u64,
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Unmapped<'a> {
    #[serde(borrow)]
    boot_id: Cow<'a, str>,
    boot_ms: u64,
}

impl<'a> Line<'a> {
    pub fn parse(line: &'a str) -> Result<Self, BadRecord> {
        let bad = |error: serde_json::Error| BadRecord::NotJson(error.to_string());
        let Some(facts) = scan::facts(line) else {
            // Say which: no JSON at all, or another spelling of it.
            return Err(
                serde_json::from_str::<serde::de::IgnoredAny>(line).map_or_else(bad, |_| BadRecord::NotCanonical)
            );
        };
        let Envelope { attestation, metadata, time, unmapped } = serde_json::from_str(line).map_err(bad)?;
        if facts.is_empty() {
            return Err(BadRecord::Missing("/facts"));
        }
        if fingerprint_of(line, &attestation.fingerprint).as_deref() != Some(&*attestation.fingerprint) {
            return Err(BadRecord::Fingerprint);
        }
        Ok(Self {
            uid: metadata.uid,
            sequence: metadata.sequence,
            time: Timestamp::from_millisecond(time).map_err(|_| BadRecord::Missing("/time"))?,
            boot_ms: unmapped.boot_ms,
            boot_id: unmapped.boot_id,
            chain: attestation.chain_uid,
            run: metadata.correlation_uid,
            previous: (attestation.prev_event.uid, attestation.prev_event.fingerprint),
            fingerprint: attestation.fingerprint,
            facts: facts.into_iter().map(|span| &line[span]).collect(),
        })
    }

    pub fn head(&self) -> Head {
        Head { uid: self.uid.to_string(), sequence: self.sequence, fingerprint: self.fingerprint.to_string() }
    }

    /// It stands right behind `before`, in the same chain.
    pub fn follows(&self, chain: &str, before: &Head) -> bool {
        let previous = self.previous.0 == before.uid && self.previous.1 == before.fingerprint;
        previous && self.sequence == before.sequence + 1 && self.chain == chain
    }

    /// The facts as the engine knows them, each with its time. `blob` gives a field kept beside the trail.
    pub fn facts(
        &self,
        mut blob: impl FnMut(&str) -> Result<Value, String>,
    ) -> impl Iterator<Item = Result<(Timestamp, Fact), String>> {
        self.facts.iter().map(move |text| {
            // Our own marks begin with a dollar; without one the text is the fact.
            if text.contains("\"$") {
                return marked(text, &mut blob).map(|(late, fact)| (late.unwrap_or(self.time), fact));
            }
            serde_json::from_str(text).map(|fact| (self.time, fact)).map_err(|error| error.to_string())
        })
    }
}

/// A fact as the reserve keeps it, with the time it was decided at.
pub(super) fn kept(fact: &Value) -> Result<(Option<Timestamp>, Fact), String> {
    marked(&fact.to_string(), |hash| Err(format!("the reserve points at the blob {hash}")))
}

/// A fact with large fields elsewhere, fractions as text, or a time of its own.
fn marked(
    text: &str,
    mut blob: impl FnMut(&str) -> Result<Value, String>,
) -> Result<(Option<Timestamp>, Fact), String> {
    let mut fact: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let late = fact.as_object_mut().and_then(|map| map.remove(LATE)).and_then(|late| late.as_i64());
    for value in fact.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        if let Some(hash) = value.get(super::trail::BLOB).and_then(Value::as_str) {
            *value = blob(hash)?;
        }
    }
    let kind = fact.get("kind").and_then(Value::as_str).unwrap_or("?").to_owned();
    let fact = serde_json::from_value(with_fractions(fact)).map_err(|error| format!("{kind}: {error}"))?;
    Ok((late.and_then(|late| Timestamp::from_millisecond(late).ok()), fact))
}

/// The hash of the line without its fingerprint; canonical order puts that field where it can be cut out.
fn fingerprint_of(line: &str, fingerprint: &str) -> Option<String> {
    let field = format!("\"fingerprint\":\"{fingerprint}\",\"prev_event\"");
    let at = line.find(&field)?;
    let mut digest = Sha256::new();
    digest.update(&line.as_bytes()[..at]);
    digest.update(&line.as_bytes()[at + field.len() - "\"prev_event\"".len()..]);
    Some(hex(&digest.finalize()))
}
