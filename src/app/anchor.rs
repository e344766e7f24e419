//! The end of a run goes into the ledger; also that of a run whose process died between the two.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use super::{Fault, clock};
use crate::audit::{TRAIL, is_held, ledger, read_records, verify};

/// More than the longest record.
const LAST_BYTES: u64 = 128 << 10;

/// Tells the ledger that a run began.
pub fn open(state_dir: &Path, run: &str, chain: String) -> Result<(), Fault> {
    let entry = ledger::Entry::Opened { run: run.to_owned(), chain };
    ledger::append(state_dir, clock::now().wall.as_millisecond(), &entry)
        .map_err(|error| Fault::trail(format!("the ledger cannot be written: {error}")))
}

/// Tells the ledger how a run ended.
pub fn close(state_dir: &Path, run: &str, head: String, sequence: u64) -> Result<(), Fault> {
    let entry = ledger::Entry::Closed { run: run.to_owned(), head, sequence };
    ledger::append(state_dir, clock::now().wall.as_millisecond(), &entry)
        .map_err(|error| Fault::trail(format!("the end is not in the ledger: {error}")))
}

/// Anchors every run that is closed, whole, held by nobody, and that the ledger still takes for open.
/// What cannot be anchored stays as it is: `trail verify` says what is wrong with it.
pub fn what_was_left(state_dir: &Path) {
    let entries = match ledger::read(state_dir) {
        Ok(entries) => entries,
        Err(ledger::Unread::Gone(_)) => Vec::new(),
        Err(ledger::Unread::Broken { .. }) => return,
    };
    adopt_newborn(state_dir, &entries);
    for run in ledger::unclosed(&entries) {
        let dir = state_dir.join("runs").join(&run);
        if !looks_closed(&dir).unwrap_or(false) || is_held(&dir) {
            continue;
        }
        let verdict = verify::verify(state_dir, &run);
        // Open or unanchored (2) and a mended tear (3) are no reason against an anchor; anything else is.
        if verdict.closed && verdict.findings.iter().all(|finding| matches!(finding.exit, 2 | 3)) {
            let _ = close(state_dir, &run, verdict.head, verdict.records);
        }
    }
}

/// A process may die between a run's first record and the ledger's line of it: that line is written now.
/// Only for a run of one record; a longer one that the ledger does not know came from elsewhere.
fn adopt_newborn(state_dir: &Path, entries: &[ledger::Entry]) {
    let folders = std::fs::read_dir(state_dir.join("runs")).into_iter().flatten().flatten();
    for run in folders.map(|entry| entry.file_name().to_string_lossy().into_owned()) {
        let dir = state_dir.join("runs").join(&run);
        let known = entries.iter().any(|entry| entry.run() == run);
        let small = dir.join(TRAIL).metadata().is_ok_and(|file| (1..LAST_BYTES).contains(&file.len()));
        if known || !small || is_held(&dir) {
            continue;
        }
        let Ok((records, None)) = read_records(&dir) else { continue };
        if let [(only, _)] = records.as_slice() {
            let _ = open(state_dir, &run, only.chain.clone());
        }
    }
}

/// Cheaply: the last bytes speak of an end.
fn looks_closed(dir: &Path) -> io::Result<bool> {
    let mut file = File::open(dir.join(TRAIL))?;
    let start = file.metadata()?.len().saturating_sub(LAST_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut last = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut last)?;
    let line = last.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).contains("run.closed"))
}
