//! One file for all runs of a machine: a line when a run opens, one when it closes, chained.
//! A deleted run leaves a hole in it; a run's `closed` line is a local anchor of its head.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    canonical::{canonical, hex},
    files::{O_NOFOLLOW, not_ours, read_plain, sync_dir, write_whole},
    read::whole,
    scan,
};

pub const LEDGER: &str = "ledger.jsonl";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Opened { run: String, chain: String },
    Closed { run: String, head: String, sequence: u64 },
}

impl Entry {
    pub fn run(&self) -> &str {
        match self {
            Self::Opened { run, .. } | Self::Closed { run, .. } => run,
        }
    }
}

/// Why the ledger says nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("the ledger cannot be read: {0}")]
    Gone(#[source] io::Error),
    /// A line was changed, taken out or put in.
    #[error("ledger line {line}: {why}")]
    Broken { line: usize, why: String },
}

/// Adds a line, under a lock, synced. A torn last line is kept beside the ledger and cut off first.
pub fn append(state_dir: &Path, time_ms: i64, entry: &Entry) -> io::Result<()> {
    let path = state_dir.join(LEDGER);
    let is_new = !path.exists();
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(O_NOFOLLOW).open(&path)?;
    file.lock()?;
    if let Some(why) = not_ours(&file.metadata()?) {
        return Err(io::Error::other(format!("{}: {why}", path.display())));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let end = whole(&bytes);
    if end < bytes.len() {
        write_whole(&state_dir.join(format!("{LEDGER}.torn-{end}")), &bytes[end..])?;
        file.set_len(end as u64)?;
    }
    let last = bytes[..end].split(|byte| *byte == b'\n').rev().find(|line| !line.is_empty());
    let previous = last.map_or_else(|| "0".repeat(64), |line| hex(&Sha256::digest(line)));
    let mut line = match entry {
        Entry::Opened { run, chain } => json!({ "event": "opened", "run": run, "chain": chain }),
        Entry::Closed { run, head, sequence } => {
            json!({ "event": "closed", "run": run, "head": head, "sequence": sequence })
        }
    };
    line["previous"] = json!(previous);
    line["time"] = json!(time_ms);
    line["fingerprint"] = json!(hex(&Sha256::digest(canonical(&line))));
    write_line(&mut file, end as u64, &format!("{}\n", canonical(&line)))?;
    if is_new { sync_dir(state_dir) } else { Ok(()) }
}

fn write_line(file: &mut File, end: u64, line: &str) -> io::Result<()> {
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        // A short write must not stand where the next line will.
        let _ = file.set_len(end);
    }
    written
}

/// The entries, or why the ledger itself cannot be believed. A torn last line was never promised to anybody.
pub fn read(state_dir: &Path) -> Result<Vec<Entry>, Unread> {
    let bytes = read_plain(&state_dir.join(LEDGER)).map_err(Unread::Gone)?;
    let mut previous = "0".repeat(64);
    let mut entries = Vec::new();
    for (number, line) in bytes[..whole(&bytes)].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = &line[..line.len() - 1];
        let entry = entry(line, &previous).map_err(|why| Unread::Broken { line: number + 1, why: why.to_owned() })?;
        previous = hex(&Sha256::digest(line));
        entries.push(entry);
    }
    Ok(entries)
}

/// Runs that were opened and whose end the ledger was not told.
pub fn unclosed(entries: &[Entry]) -> Vec<String> {
    let closed: BTreeSet<&str> =
        entries.iter().filter(|entry| matches!(entry, Entry::Closed { .. })).map(Entry::run).collect();
    entries.iter().map(Entry::run).filter(|run| !closed.contains(run)).map(str::to_owned).collect()
}

fn entry(line: &[u8], previous: &str) -> Result<Entry, &'static str> {
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    let mut value: Value = serde_json::from_str(text).map_err(|_| "not JSON")?;
    if scan::facts(text).is_none() {
        return Err("not in canonical form");
    }
    // The last line has none behind it that would hold it.
    let fingerprint = value.as_object_mut().and_then(|line| line.remove("fingerprint")).ok_or("a field is missing")?;
    if fingerprint != json!(hex(&Sha256::digest(canonical(&value)))) {
        return Err("its fingerprint does not fit its content");
    }
    if value["previous"] != json!(previous) {
        return Err("does not follow the line before it");
    }
    let text = |key: &str| value[key].as_str().map(str::to_owned).ok_or("a field is missing");
    match value["event"].as_str() {
        Some("opened") => Ok(Entry::Opened { run: text("run")?, chain: text("chain")? }),
        Some("closed") => {
            let sequence = value["sequence"].as_u64().ok_or("a field is missing")?;
            Ok(Entry::Closed { run: text("run")?, head: text("head")?, sequence })
        }
        _ => Err("an unknown event"),
    }
}
