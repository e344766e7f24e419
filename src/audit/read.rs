//! A trail read back: its facts for going on and looking on, its records for printing.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    OpenError, TRAIL,
    canonical::{hex, with_fractions},
    files::{open_plain, read_plain},
    record::{self, Head, Record},
    trail::BLOB,
};
use crate::engine::Fact;

/// Facts with the times of their records.
pub type Story = Vec<(Timestamp, Fact)>;
/// Records with their facts resolved, and why reading stopped, if it did.
pub type Stored = (Vec<(Record, Vec<Value>)>, Option<String>);

/// A blob's content, held against its name.
pub(super) fn read_blob(dir: &Path, hash: &str) -> Result<Value, String> {
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("{hash} is not a blob's name"));
    }
    let bytes = read_plain(&dir.join("blobs").join(hash)).map_err(|error| format!("blob {hash} {GONE}: {error}"))?;
    if hex(&Sha256::digest(&bytes)) != hash {
        return Err(format!("blob {hash} was changed"));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("blob {hash}: {error}"))
}

/// The word by which the verifier knows a missing blob from a changed one.
pub(super) const GONE: &str = "cannot be read";

/// Every fact of a trail's text and the head they lead to, with the chain held from line to line.
pub(super) fn facts_of(dir: &Path, text: &str) -> Result<(Story, Option<(String, Head)>), String> {
    let (mut facts, mut last): (Vec<_>, Option<(String, Head)>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        let line = record::Line::parse(line).map_err(|error| format!("record {}: {error}", number + 1))?;
        let follows = match &last {
            Some((chain, before)) => line.follows(chain, before),
            None => line.sequence == 1,
        };
        if !follows {
            return Err(format!("record {} does not follow the one before it", number + 1));
        }
        for fact in line.facts(|hash| read_blob(dir, hash)) {
            facts.push(fact.map_err(|error| format!("record {}: {error}", number + 1))?);
        }
        last = Some((line.chain.to_string(), line.head()));
    }
    Ok((facts, last))
}

/// The facts of a run, for looking on; a torn last line is left out.
pub fn read_facts(dir: &Path) -> Result<Vec<(Timestamp, Fact)>, OpenError> {
    let path = dir.join(TRAIL);
    let bytes = read_plain(&path).map_err(OpenError::io(&path))?;
    let text = std::str::from_utf8(&bytes[..whole(&bytes)])
        .map_err(|_| OpenError::Damaged { path: path.clone(), why: "not UTF-8".into() })?;
    facts_of(dir, text).map(|(facts, _)| facts).map_err(|why| OpenError::Damaged { path, why })
}

/// The first fact of a run, without reading the rest.
pub(super) fn first_fact(dir: &Path) -> Result<Fact, String> {
    let file = open_plain(&dir.join(TRAIL)).map_err(|error| error.to_string())?;
    let mut line = String::new();
    BufReader::new(file).take(4 << 20).read_line(&mut line).map_err(|error| error.to_string())?;
    let line = record::Line::parse(line.trim_end_matches('\n')).map_err(|error| error.to_string())?;
    let first = line.facts(|hash| read_blob(dir, hash)).next();
    first.ok_or("no fact")?.map(|(_, fact)| fact)
}

/// How much of it is whole lines.
pub(super) fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// Records as they are stored, for printing: what can be read, and where it stops.
pub fn read_records(dir: &Path) -> io::Result<Stored> {
    let mut follow = Follow::new(dir);
    let records = follow.more()?;
    let stopped =
        follow.stopped.or_else(|| (follow.torn > 0).then(|| format!("the last {} bytes are torn", follow.torn)));
    Ok((records, stopped))
}

/// Reads a trail as it grows. Asked again it answers what came since; it never waits itself.
#[derive(Debug)]
pub struct Follow {
    dir: PathBuf,
    file: Option<File>,
    offset: u64,
    lines: u64,
    /// Bytes of a line whose end is not there yet.
    torn: usize,
    /// Why nothing more will come: a line that is not a record.
    pub stopped: Option<String>,
}

impl Follow {
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), file: None, offset: 0, lines: 0, torn: 0, stopped: None }
    }

    /// The records written since the last call, with their large fields put back.
    pub fn more(&mut self) -> io::Result<Vec<(Record, Vec<Value>)>> {
        let mut records = Vec::new();
        if self.stopped.is_some() {
            return Ok(records);
        }
        let mut bytes = Vec::new();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open_plain(&self.dir.join(TRAIL))?),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        file.read_to_end(&mut bytes)?;
        let end = whole(&bytes);
        self.torn = bytes.len() - end;
        for line in bytes[..end].split_inclusive(|byte| *byte == b'\n') {
            self.lines += 1;
            let parsed = std::str::from_utf8(&line[..line.len() - 1]).map_err(|error| error.to_string());
            match parsed.and_then(|line| record::parse(line).map_err(|error| error.to_string())) {
                Ok(record) => {
                    let facts = record.facts.iter().map(|fact| resolved(&self.dir, fact)).collect();
                    records.push((record, facts));
                }
                Err(why) => {
                    self.stopped = Some(format!("line {}: {why}", self.lines));
                    return Ok(records);
                }
            }
            self.offset += line.len() as u64;
        }
        Ok(records)
    }

    /// True once the run is closed: no record follows `run.closed`.
    pub fn is_over(records: &[(Record, Vec<Value>)]) -> bool {
        records.last().is_some_and(|(_, facts)| facts.iter().any(|fact| fact["kind"] == "run.closed"))
    }
}

fn resolved(dir: &Path, fact: &Value) -> Value {
    let mut fact = fact.clone();
    for value in fact.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        if let Some(hash) = value.get(BLOB).and_then(Value::as_str)
            && let Ok(content) = read_blob(dir, hash)
        {
            *value = content;
        }
    }
    with_fractions(fact)
}
