//! One line of the trail: an OCSF object with our facts, chained to the line before.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::canonical::{canonical, hex, with_fractions};
use crate::{engine::Fact, session::Now};

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

/// A line read back.
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
    let value: Value = serde_json::from_str(line).map_err(|error| BadRecord::NotJson(error.to_string()))?;
    if canonical(&value) != line {
        return Err(BadRecord::NotCanonical);
    }
    let text = |path: &'static str| {
        value.pointer(path).and_then(Value::as_str).map(str::to_owned).ok_or(BadRecord::Missing(path))
    };
    let number = |path: &'static str| value.pointer(path).and_then(Value::as_u64).ok_or(BadRecord::Missing(path));
    let fingerprint = text("/attestation/fingerprint")?;
    let time = value.get("time").and_then(Value::as_i64).ok_or(BadRecord::Missing("/time"))?;
    let record = Record {
        uid: text("/metadata/uid")?,
        sequence: number("/metadata/sequence")?,
        time: Timestamp::from_millisecond(time).map_err(|_| BadRecord::Missing("/time"))?,
        boot_ms: number("/unmapped/boot_ms")?,
        boot_id: text("/unmapped/boot_id")?,
        chain: text("/attestation/chain_uid")?,
        run: text("/metadata/correlation_uid")?,
        previous: (text("/attestation/prev_event/uid")?, text("/attestation/prev_event/fingerprint")?),
        facts: value.get("facts").and_then(Value::as_array).cloned().ok_or(BadRecord::Missing("/facts"))?,
        fingerprint: fingerprint.clone(),
    };
    if fingerprint_of(line, &fingerprint).as_deref() != Some(&fingerprint) {
        return Err(BadRecord::Fingerprint);
    }
    Ok(record)
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

impl Record {
    /// The facts as the engine knows them. `blob` gives the content of a field kept beside the trail.
    pub fn facts(&self, mut blob: impl FnMut(&str) -> Result<Value, String>) -> Result<Vec<Fact>, String> {
        let resolve = |fact: &Value| {
            let mut fact = fact.clone();
            for value in fact.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
                if let Some(hash) = value.get(super::trail::BLOB).and_then(Value::as_str) {
                    *value = blob(hash)?;
                }
            }
            let kind = fact.get("kind").and_then(Value::as_str).unwrap_or("?").to_owned();
            serde_json::from_value(with_fractions(fact)).map_err(|error| format!("{kind}: {error}"))
        };
        self.facts.iter().map(resolve).collect()
    }
}
