//! Is this trail whole, unchanged and closed? Says what was checked and what was not; never OK for less.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Component, Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    approved,
    canonical::hex,
    files::{open_plain, read_plain},
    ledger::{self, Entry, Unread},
    read::{GONE, read_blob},
    record::{self, Head, Line},
    reserve,
    trail::{BLOB, RECORD_BYTES, TRAIL},
};
use crate::engine::{Fact, Run};

/// What `ripcord trail verify` says of a run.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    pub run: String,
    /// 0 closed, anchored, complete · 1 tampered or broken · 2 open or unanchored · 3 a torn tail was recovered
    /// · 4 cannot verify.
    pub exit: u8,
    pub records: u64,
    /// Outputs and recordings held against their length and hash.
    pub files: u64,
    /// Files of the approved runbook, held together against the hash the run was opened with.
    pub runbook_files: u64,
    pub head: String,
    pub closed: bool,
    /// Where the head stands outside the trail.
    pub anchors: Vec<String>,
    pub findings: Vec<Finding>,
    pub not_checked: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub exit: u8,
    pub what: String,
}

impl Verdict {
    fn find(&mut self, exit: u8, what: impl Into<String>) {
        self.findings.push(Finding { exit, what: what.into() });
    }

    /// Of a run that cannot even be found.
    pub fn unread(run: &str, why: String) -> Self {
        let mut verdict = Self { run: run.to_owned(), ..Self::default() };
        verdict.find(4, why);
        verdict.settle()
    }

    /// The worst wins: 1 > 4 > 2 > 3 > 0.
    fn settle(mut self) -> Self {
        let worst = [1, 4, 2, 3].into_iter().find(|exit| self.findings.iter().any(|finding| finding.exit == *exit));
        self.exit = worst.unwrap_or(0);
        self
    }

    /// For people.
    pub fn render(&self) -> String {
        let word = match self.exit {
            0 => "OK: closed, anchored, complete",
            1 => "BROKEN: do not rely on it",
            2 => "VALID so far, but open or with an unanchored tail",
            3 => "RECOVERED: a torn tail was cut off",
            _ => "CANNOT VERIFY: something it needs is missing",
        };
        let mut out = format!("{}  {word}\n", self.run);
        let head = self.head.get(..16).unwrap_or(&self.head);
        out.push_str(&format!("  verified   records 1 to {}, head {head}\n", self.records));
        if self.files > 0 {
            out.push_str(&format!("  verified   {} output files, length and hash\n", self.files));
        }
        if self.runbook_files > 0 {
            out.push_str(&format!("  verified   {} files of the runbook, as they were approved\n", self.runbook_files));
        }
        for anchor in &self.anchors {
            out.push_str(&format!("  anchored   {anchor}\n"));
        }
        for finding in &self.findings {
            out.push_str(&format!(
                "  {:<10} {}\n",
                if finding.exit == 1 { "BROKEN" } else { "note" },
                crate::visible::line(&finding.what)
            ));
        }
        for what in &self.not_checked {
            out.push_str(&format!("  unchecked  {what}\n"));
        }
        out
    }
}

/// Verifies one run of a state directory.
pub fn verify(state_dir: &Path, run: &str) -> Verdict {
    let mut verdict = Verdict { run: run.to_owned(), ..Verdict::default() };
    if !is_name(run) {
        verdict.find(4, "this is not a run's name");
        return verdict.settle();
    }
    let dir = state_dir.join("runs").join(run);
    let entries = ledger::read(state_dir);
    let file = match open_plain(&dir.join(TRAIL)) {
        Ok(file) => file,
        Err(error) => {
            let never = error.kind() == std::io::ErrorKind::NotFound && dir.is_dir();
            let (exit, tail) = match knows(&entries, run) {
                true => (1, ", and the ledger knows this run: it was taken away"),
                false if never => (2, STILLBORN),
                false => (4, ""),
            };
            verdict.find(exit, format!("the trail cannot be read: {error}{tail}"));
            return verdict.settle();
        }
    };
    let mut walk = Walk { dir: dir.clone(), verdict, before: None, run: None, story_lost: false };
    walk.lines(BufReader::with_capacity(1 << 20, file));
    let Walk { mut verdict, before, run: told, .. } = walk;
    let Some(last) = before else {
        if verdict.findings.is_empty() {
            match &entries {
                Ok(_) if knows(&entries, run) => verdict.find(1, "the trail is empty"),
                Ok(_) => verdict.find(2, format!("the trail is empty{STILLBORN}")),
                // The first run of all may have died before it: nothing here says which.
                Err(_) => verdict.find(4, "the trail is empty, and there is no ledger to say whether it ever was more"),
            }
        }
        return verdict.settle();
    };
    verdict.records = last.head.sequence;
    verdict.head.clone_from(&last.head.fingerprint);
    if let Some(told) = told {
        against_approved(&dir, &told.opened().runbook_hash, &mut verdict);
    }
    against_ledger(entries, run, &last, &mut verdict);
    if !verdict.closed {
        verdict.find(2, "the run is open: records after the last one, if any were cut off, cannot be missed");
    }
    if has_torn_piece(&dir) && !verdict.findings.iter().any(|finding| finding.exit == 3) {
        verdict.find(3, "a torn piece is kept beside the trail");
    }
    verdict.not_checked.push("anchors outside this machine (cluster, release description, sink)".into());
    verdict.settle()
}

/// Of a run without a record that the ledger was never told of.
const STILLBORN: &str = "; its process died before the first record, so nothing was done in this run";

fn knows(entries: &Result<Vec<Entry>, Unread>, run: &str) -> bool {
    entries.as_ref().is_ok_and(|entries| entries.iter().any(|entry| entry.run() == run))
}

/// A run's folder lies directly in `runs/`.
fn is_name(run: &str) -> bool {
    let mut parts = Path::new(run).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

fn has_torn_piece(dir: &Path) -> bool {
    let is_torn = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".torn-");
    std::fs::read_dir(dir).is_ok_and(|entries| entries.flatten().any(is_torn))
}

struct Walk {
    dir: PathBuf,
    verdict: Verdict,
    before: Option<Before>,
    run: Option<Run>,
    /// A part of the story lies in a blob that is gone; what follows can be held to the chain only.
    story_lost: bool,
}

/// What the next record is held against.
struct Before {
    head: Head,
    chain: String,
    boot_id: String,
    boot_ms: u64,
}

impl Walk {
    fn lines(&mut self, mut reader: BufReader<File>) {
        let mut line = Vec::new();
        let (mut number, mut offset) = (0u64, 0u64);
        loop {
            line.clear();
            // A line of a trail is at most 64 KiB; a longer one is read no further than that shows.
            let read = match (&mut reader).take(4 << 20).read_until(b'\n', &mut line) {
                Ok(read) => read,
                Err(error) => return self.verdict.find(4, format!("reading stopped at byte {offset}: {error}")),
            };
            if read == 0 {
                return;
            }
            number += 1;
            if line.last() != Some(&b'\n') {
                let what = format!("record {number} at byte {offset} is torn: {} bytes without an end", line.len());
                // A torn last line of an open run is what a crash leaves; the record was never acknowledged.
                let exit = if self.verdict.closed || self.before.is_none() { 1 } else { 2 };
                return self.verdict.find(exit, what);
            }
            line.pop();
            if let Err((exit, what)) = self.record(&line) {
                return self.verdict.find(exit, format!("record {number} at byte {offset}: {what}"));
            }
            offset += read as u64;
        }
    }

    fn record(&mut self, line: &[u8]) -> Result<(), (u8, String)> {
        let broken = |what: String| (1, what);
        let text = std::str::from_utf8(line).map_err(|_| broken("not UTF-8".into()))?;
        let record = Line::parse(text).map_err(|error| broken(error.to_string()))?;
        match &self.before {
            Some(before) => follows(before, &record).map_err(broken)?,
            None if record.sequence != 1 => return Err(broken("the first record is not number 1".into())),
            None => {}
        }
        let dir = self.dir.clone();
        for (index, fact) in record.facts(|hash| read_blob(&dir, hash)).enumerate() {
            match fact {
                Ok((_, fact)) => {
                    self.story(&record, &fact).map_err(broken)?;
                    self.beside(&record, index, &fact);
                }
                Err(why) if why.contains(GONE) => self.lose(record.sequence, why),
                Err(why) => return Err(broken(why)),
            }
        }
        if self.dir.file_name().is_none_or(|name| name != &*record.run) {
            return Err(broken(format!("it is a record of the run {}", record.run)));
        }
        if line.len() > RECORD_BYTES && !text.contains("\"audit.gap\"") {
            return Err(broken(format!("it is {} bytes long; no record is longer than 64 KiB", line.len())));
        }
        self.before = Some(Before {
            head: record.head(),
            chain: record.chain.into_owned(),
            boot_id: record.boot_id.into_owned(),
            boot_ms: record.boot_ms,
        });
        Ok(())
    }

    fn lose(&mut self, sequence: u64, why: String) {
        if !self.story_lost {
            self.verdict.not_checked.push(format!("the story from record {sequence} on: a part of it is missing"));
        }
        self.story_lost = true;
        self.verdict.find(4, format!("record {sequence}: {why}"));
    }

    /// The story must be one that the engine could have told.
    fn story(&mut self, record: &Line<'_>, fact: &Fact) -> Result<(), String> {
        self.verdict.closed |= matches!(fact, Fact::RunClosed { .. });
        if self.story_lost {
            return Ok(());
        }
        match (&mut self.run, fact) {
            (None, Fact::RunOpened(opened)) => {
                let previous = opened.previous.as_ref().map_or("", |previous| previous.head.as_str());
                let genesis = record::genesis(
                    &record.chain,
                    &opened.runbook_hash,
                    &opened.program.hash,
                    &opened.target.identity,
                    previous,
                );
                if record.previous.0 != genesis.uid || record.previous.1 != genesis.fingerprint {
                    return Err("it is not chained to this run's beginning".into());
                }
                if opened.run != record.run {
                    return Err(format!("it opens the run {}", opened.run));
                }
                self.run = Some(Run::open(record.time, (**opened).clone()));
                Ok(())
            }
            (None, _) => Err("the trail does not begin with run.opened".into()),
            (Some(run), fact) => run.apply(record.time, fact).map_err(|corrupt| corrupt.0),
        }
    }

    /// What a fact points at: outputs, recordings, torn pieces, the facts that were kept in the reserve.
    fn beside(&mut self, record: &Line<'_>, index: usize, fact: &Fact) {
        match fact {
            Fact::StepOutcome(end) => {
                if let Some(output) = &end.done.output {
                    self.file(&output.file, Some(output.bytes), &output.sha256);
                }
            }
            Fact::ShellRecorded { file, sha256, .. } => self.file(file, None, sha256),
            Fact::TrailRecovered { offset, bytes, file } => {
                self.verdict.find(3, format!("a torn tail of {bytes} bytes at byte {offset} was cut off and kept"));
                let kept = if is_name(file) {
                    read_plain(&self.dir.join(file))
                } else {
                    Err(std::io::Error::other("no name of ours"))
                };
                match kept {
                    Ok(kept) if kept.len() as u64 == *bytes => {}
                    Ok(_) => self.verdict.find(1, format!("{file} was changed after it was cut off")),
                    Err(error) => self.verdict.find(4, format!("{file}: {error}")),
                }
            }
            Fact::AuditGap { records, digest } => {
                self.verdict.find(
                    2,
                    format!("{records} facts of the way back were written late: the trail could not be written"),
                );
                if gap_digest(&self.dir, record, index, *records).as_ref() != Some(digest) {
                    self.verdict.find(
                        1,
                        format!("record {}: the facts of the gap are not those that were kept", record.sequence),
                    );
                }
            }
            _ => {}
        }
    }

    /// A referenced file has the length and hash the trail says.
    fn file(&mut self, name: &str, bytes: Option<u64>, sha256: &str) {
        let is_inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside {
            return self.verdict.find(1, format!("{name} does not lie in the run's folder"));
        }
        match hash_file(&self.dir.join(name)) {
            Ok((length, hash)) if bytes.is_none_or(|bytes| bytes == length) && hash == sha256 => {
                self.verdict.files += 1;
            }
            Ok(_) => self.verdict.find(1, format!("{name} was changed after the step ended")),
            Err(error) => self.verdict.find(4, format!("{name}: {error}")),
        }
    }
}

fn follows(before: &Before, record: &Line<'_>) -> Result<(), String> {
    if record.chain != before.chain {
        return Err("it belongs to another chain".into());
    }
    if record.sequence != before.head.sequence + 1 {
        return Err(format!("its number is {}, after {}", record.sequence, before.head.sequence));
    }
    if !record.follows(&before.chain, &before.head) {
        return Err("it is not chained to the record before it".into());
    }
    if record.boot_id == before.boot_id && record.boot_ms < before.boot_ms {
        return Err("its boot clock runs backwards".into());
    }
    Ok(())
}

/// The digest of the `records` facts behind the gap's own, as they stood in the reserve.
fn gap_digest(dir: &Path, record: &Line<'_>, index: usize, records: u64) -> Option<String> {
    let facts = record.facts.get(index + 1..)?.get(..usize::try_from(records).ok()?)?;
    let whole = facts.iter().map(|text| {
        let mut fact: Value = serde_json::from_str(text).ok()?;
        for value in fact.as_object_mut()?.values_mut() {
            if let Some(hash) = value.get(BLOB).and_then(Value::as_str) {
                *value = read_blob(dir, hash).ok()?;
            }
        }
        Some(fact)
    });
    Some(reserve::digest(&whole.collect::<Option<Vec<Value>>>()?))
}

fn hash_file(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = open_plain(path)?;
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0u64, vec![0u8; 1 << 20]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&digest.finalize())));
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// The runbook's bytes are those the run was opened with.
fn against_approved(dir: &Path, hash: &str, verdict: &mut Verdict) {
    match approved::read(dir) {
        Ok(files) if files.is_empty() => verdict.find(4, "the approved runbook is not there"),
        Ok(files) if approved::hash(files.iter().map(|(_, bytes)| bytes.as_slice())) == hash => {
            verdict.runbook_files = files.len() as u64;
        }
        Ok(_) => verdict.find(1, "the runbook beside the trail is not the one that was approved"),
        Err(error) => verdict.find(4, format!("the approved runbook cannot be read: {error}")),
    }
}

fn against_ledger(entries: Result<Vec<Entry>, Unread>, run: &str, last: &Before, verdict: &mut Verdict) {
    let entries = match entries {
        Ok(entries) => entries,
        Err(why @ Unread::Gone(_)) => return verdict.find(4, why.to_string()),
        Err(why @ Unread::Broken { .. }) => return verdict.find(1, why.to_string()),
    };
    let mut known = false;
    let mut closed: Option<(&str, u64)> = None;
    for entry in entries.iter().filter(|entry| entry.run() == run) {
        match entry {
            Entry::Opened { chain, .. } if *chain != last.chain => {
                verdict.find(1, "the ledger knows this run with another chain: the trail was written anew");
            }
            Entry::Opened { .. } if known => verdict.find(1, "the ledger opens this run twice"),
            Entry::Opened { .. } => {}
            Entry::Closed { head, sequence, .. } => {
                if closed.is_some_and(|closed| closed != (head, *sequence)) {
                    verdict.find(1, "the ledger closes this run twice, with two heads");
                }
                closed.get_or_insert((head, *sequence));
            }
        }
        known = true;
    }
    if !known {
        verdict.find(4, "the ledger does not know this run");
    }
    match closed {
        Some((head, sequence)) if head == last.head.fingerprint && sequence == last.head.sequence => {
            verdict
                .anchors
                .push(format!("ledger of this machine: record {sequence}, head {}", &head[..16.min(head.len())]));
        }
        Some((_, sequence)) => {
            verdict.find(
                1,
                format!(
                    "the ledger closed this run at record {sequence} with another head: records were cut off or changed"
                ),
            );
        }
        None if verdict.closed => verdict.find(2, "the end of the run is not anchored in the ledger"),
        None => {}
    }
}

/// Runs the ledger knows and the disk does not.
pub fn holes(state_dir: &Path) -> Vec<String> {
    let entries = ledger::read(state_dir).unwrap_or_default();
    let mut runs: Vec<String> = entries.iter().map(|entry| entry.run().to_owned()).collect();
    runs.sort();
    runs.dedup();
    runs.retain(|run| !state_dir.join("runs").join(run).join(TRAIL).exists());
    runs
}

/// Every run of a state directory, those the ledger knows and the disk does not among them.
pub fn verify_all(state_dir: &Path) -> Vec<Verdict> {
    let entries = std::fs::read_dir(state_dir.join("runs"));
    let mut runs: Vec<String> =
        entries.into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    runs.extend(holes(state_dir));
    runs.sort();
    runs.dedup();
    runs.iter().map(|run| verify(state_dir, run)).collect()
}

/// The exit code for several runs: the worst, in the order 1 > 4 > 2 > 3 > 0. None at all cannot be verified.
pub fn worst(verdicts: &[Verdict]) -> u8 {
    let has = |exit: &u8| verdicts.iter().any(|verdict| verdict.exit == *exit);
    if verdicts.is_empty() { 4 } else { [1, 4, 2, 3].into_iter().find(has).unwrap_or(0) }
}

/// A JSON value for `-o json`.
pub fn to_json(verdicts: &[Verdict]) -> Value {
    serde_json::to_value(verdicts).unwrap_or_default()
}
