//! One file for all runs of a machine: a line when a run opens, one when it closes, chained.
//! A deleted run leaves a hole in it; a run's `closed` line is a local anchor of its head.

use std::{
    fs::OpenOptions,
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::canonical::{canonical, hex};

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

/// Adds a line, under a lock, synced.
pub fn append(state_dir: &Path, time_ms: i64, entry: &Entry) -> io::Result<()> {
    let path = state_dir.join(LEDGER);
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(0o400_000).open(&path)?;
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let previous = text.lines().last().map_or_else(|| "0".repeat(64), |line| hex(&Sha256::digest(line)));
    let mut line = match entry {
        Entry::Opened { run, chain } => json!({ "event": "opened", "run": run, "chain": chain }),
        Entry::Closed { run, head, sequence } => {
            json!({ "event": "closed", "run": run, "head": head, "sequence": sequence })
        }
    };
    line["previous"] = json!(previous);
    line["time"] = json!(time_ms);
    let torn = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    file.write_all(format!("{torn}{}\n", canonical(&line)).as_bytes())?;
    file.sync_data()
}

/// The entries, or why the ledger itself cannot be believed.
pub fn read(state_dir: &Path) -> Result<Vec<Entry>, String> {
    let text = std::fs::read_to_string(state_dir.join(LEDGER))
        .map_err(|error| format!("the ledger cannot be read: {error}"))?;
    let mut previous = "0".repeat(64);
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let broken = |why: &str| format!("ledger line {}: {why}", number + 1);
        let value: Value = serde_json::from_str(line).map_err(|_| broken("not JSON"))?;
        if canonical(&value) != line {
            return Err(broken("not in canonical form"));
        }
        if value["previous"] != json!(previous) {
            return Err(broken("does not follow the line before it"));
        }
        previous = hex(&Sha256::digest(line));
        let text = |key: &str| value[key].as_str().map(str::to_owned).ok_or_else(|| broken(&format!("no {key}")));
        entries.push(match value["event"].as_str() {
            Some("opened") => Entry::Opened { run: text("run")?, chain: text("chain")? },
            Some("closed") => Entry::Closed {
                run: text("run")?,
                head: text("head")?,
                sequence: value["sequence"].as_u64().ok_or_else(|| broken("no sequence"))?,
            },
            _ => return Err(broken("an unknown event")),
        });
    }
    Ok(entries)
}
