//! Is this trail whole, unchanged and closed? Says what was checked and what was not; never OK for less.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    canonical::hex,
    ledger::{self, Entry},
    record::{self, Record},
    trail::{self, TRAIL},
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
    let dir = state_dir.join("runs").join(run);
    let mut verdict = Verdict { run: run.to_owned(), ..Verdict::default() };
    let file = match File::open(dir.join(TRAIL)) {
        Ok(file) => file,
        Err(error) => {
            verdict.find(4, format!("the trail cannot be read: {error}"));
            return verdict.settle();
        }
    };
    let mut walk = Walk { dir: dir.clone(), verdict, before: None, run: None };
    walk.lines(BufReader::with_capacity(1 << 20, file));
    let Walk { mut verdict, before, run: told, .. } = walk;
    verdict.closed = told.as_ref().is_some_and(Run::is_closed);
    let Some(last) = before else {
        if verdict.findings.is_empty() {
            verdict.find(1, "the trail is empty");
        }
        return verdict.settle();
    };
    verdict.records = last.sequence;
    verdict.head.clone_from(&last.fingerprint);
    against_ledger(state_dir, run, &last, &mut verdict);
    if !verdict.closed {
        verdict.find(2, "the run is open: records after the last one, if any were cut off, cannot be missed");
    }
    if std::fs::read_dir(&dir)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(".torn-")))
        && !verdict.findings.iter().any(|finding| finding.exit == 3)
    {
        verdict.find(3, "a torn piece is kept beside the trail");
    }
    verdict.not_checked.push("anchors outside this machine (cluster, release description, sink)".into());
    verdict.settle()
}

struct Walk {
    dir: PathBuf,
    verdict: Verdict,
    before: Option<Record>,
    run: Option<Run>,
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
                let exit = if self.run.as_ref().is_some_and(Run::is_closed) { 1 } else { 2 };
                return self.verdict.find(exit, what);
            }
            line.pop();
            if let Err(what) = self.record(&line) {
                return self.verdict.find(what.0, format!("record {number} at byte {offset}: {}", what.1));
            }
            offset += read as u64;
        }
    }

    fn record(&mut self, line: &[u8]) -> Result<(), (u8, String)> {
        let broken = |what: String| (1, what);
        let text = std::str::from_utf8(line).map_err(|_| broken("not UTF-8".into()))?;
        let record = record::parse(text).map_err(|error| broken(error.to_string()))?;
        match &self.before {
            Some(before) => follows(before, &record).map_err(broken)?,
            None if record.sequence != 1 => return Err(broken("the first record is not number 1".into())),
            None => {}
        }
        let dir = self.dir.clone();
        let facts = record.facts(|hash| trail::read_blob(&dir, hash));
        let facts = facts.map_err(|why| if why.contains("No such file") { (4, why) } else { (1, why) })?;
        for fact in &facts {
            self.story(&record, fact).map_err(broken)?;
            self.outputs(fact);
        }
        self.before = Some(Record { facts: Vec::new(), ..record });
        Ok(())
    }

    /// The story must be one that the engine could have told.
    fn story(&mut self, record: &Record, fact: &Fact) -> Result<(), String> {
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
                if (genesis.uid, genesis.fingerprint) != record.previous {
                    return Err("it is not chained to this run's beginning".into());
                }
                if opened.run != record.run || self.dir.file_name().is_none_or(|name| name != opened.run.as_str()) {
                    return Err(format!("it is a record of the run {}", opened.run));
                }
                self.run = Some(Run::open(record.time, (**opened).clone()));
                Ok(())
            }
            (None, _) => Err("the trail does not begin with run.opened".into()),
            (Some(run), fact) => {
                match fact {
                    Fact::TrailRecovered { offset, bytes, .. } => {
                        self.verdict
                            .find(3, format!("a torn tail of {bytes} bytes at byte {offset} was cut off and kept"));
                    }
                    Fact::AuditGap { records, .. } => {
                        self.verdict
                            .find(2, format!("{records} facts of the way back were written late: the disk was full"));
                    }
                    _ => {}
                }
                run.apply(record.time, fact).map_err(|corrupt| corrupt.0)
            }
        }
    }

    /// Every referenced output has the length and hash the trail says.
    fn outputs(&mut self, fact: &Fact) {
        let Fact::StepOutcome(end) = fact else { return };
        let Some(output) = &end.done.output else { return };
        let path = self.dir.join(&output.file);
        match hash_file(&path) {
            Ok((bytes, sha256)) if bytes == output.bytes && sha256 == output.sha256 => {}
            Ok(_) => self.verdict.find(1, format!("{} was changed after the step ended", output.file)),
            Err(error) => self.verdict.find(4, format!("{}: {error}", output.file)),
        }
    }
}

fn follows(before: &Record, record: &Record) -> Result<(), String> {
    if record.chain != before.chain {
        return Err("it belongs to another chain".into());
    }
    if record.sequence != before.sequence + 1 {
        return Err(format!("its number is {}, after {}", record.sequence, before.sequence));
    }
    if record.previous != (before.uid.clone(), before.fingerprint.clone()) {
        return Err("it is not chained to the record before it".into());
    }
    if record.boot_id == before.boot_id && record.boot_ms < before.boot_ms {
        return Err("its boot clock runs backwards".into());
    }
    Ok(())
}

fn hash_file(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
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

fn against_ledger(state_dir: &Path, run: &str, last: &Record, verdict: &mut Verdict) {
    let entries = match ledger::read(state_dir) {
        Ok(entries) => entries,
        Err(why) => return verdict.find(4, why),
    };
    let mine: Vec<&Entry> = entries.iter().filter(|entry| entry.run() == run).collect();
    let opened = mine.iter().find_map(|entry| match entry {
        Entry::Opened { chain, .. } => Some(chain),
        Entry::Closed { .. } => None,
    });
    match opened {
        None => verdict.find(4, "the ledger does not know this run"),
        Some(chain) if *chain != last.chain => {
            verdict.find(1, "the ledger knows this run with another chain: the trail was written anew")
        }
        Some(_) => {}
    }
    let closed = mine.iter().rev().find_map(|entry| match entry {
        Entry::Closed { head, sequence, .. } => Some((head, *sequence)),
        Entry::Opened { .. } => None,
    });
    match closed {
        Some((head, sequence)) if *head == last.fingerprint && sequence == last.sequence => {
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

/// A JSON value for `-o json`.
pub fn to_json(verdicts: &[Verdict]) -> Value {
    serde_json::to_value(verdicts).unwrap_or_default()
}
