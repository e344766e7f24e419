//! 64 KiB set aside while there was room: what the way back writes when the trail cannot be written.
//!
//! Short records go into the reserve, longer ones with their texts clipped; when it is used up they stay
//! in memory. The next record of the trail tells them all, whole, behind an `audit.gap`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    canonical::{canonical, hex},
    files::{O_NOFOLLOW, read_plain},
    record::{self, LATE},
};
use crate::{engine::Fact, session::Now};

const RESERVE: &str = "reserve";
const BYTES: u64 = 64 << 10;
/// The most a record may take in the reserve.
const RECORD_BYTES: usize = 1 << 10;

pub(super) struct Reserve {
    file: Option<File>,
    used: u64,
    pending: Vec<Value>,
    /// What found no room on the disk, for stderr.
    overflow: Vec<String>,
}

impl Reserve {
    pub fn create(dir: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(dir.join(RESERVE))?;
        file.write_all(&vec![0u8; usize::try_from(BYTES).unwrap_or(65_536)])?;
        file.sync_all()?;
        Ok(Self::over(Some(file)))
    }

    fn over(file: Option<File>) -> Self {
        Self { file, used: 0, pending: Vec::new(), overflow: Vec::new() }
    }

    /// Takes up what an earlier process left there after record `sequence`. What was left after an older
    /// record is in the trail already: each record takes the reserve with it.
    pub fn reopen(dir: &Path, sequence: u64) -> io::Result<Self> {
        let path = dir.join(RESERVE);
        if !path.exists() {
            // Gone, or never made. The way back must go on without, should the disk be full.
            return Ok(Self::create(dir).unwrap_or_else(|_| Self::over(None)));
        }
        let bytes = read_plain(&path)?;
        let file = OpenOptions::new().read(true).write(true).custom_flags(O_NOFOLLOW).open(&path)?;
        let mut reserve = Self::over(Some(file));
        for line in bytes.split(|byte| *byte == b'\n').take_while(|line| line.first() == Some(&b'{')) {
            let Ok(mut value) = serde_json::from_slice::<Value>(line) else { break };
            if value["after"] != json!(sequence) {
                break;
            }
            reserve.used += line.len() as u64 + 1;
            reserve.pending.push(value["fact"].take());
        }
        Ok(reserve)
    }

    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Into the reserve while it lasts, else to memory. Never fails: the way back is not blocked.
    pub fn keep(&mut self, now: Now, sequence: u64, mut fact: Value) {
        if let Some(map) = fact.as_object_mut() {
            map.insert(LATE.into(), json!(now.wall.as_millisecond()));
        }
        let line = short(&fact, sequence);
        let written = line.as_ref().is_some_and(|line| self.write(line).is_ok());
        if !written {
            self.overflow.push(canonical(&fact));
        }
        self.pending.push(fact);
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let room = self.used + line.len() as u64 <= BYTES;
        let Some(file) = self.file.as_mut().filter(|_| room) else { return Err(io::Error::other("no room")) };
        file.seek(SeekFrom::Start(self.used))?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        self.used += line.len() as u64;
        Ok(())
    }

    /// What was kept, as facts with their times: the run is the fold of these too.
    pub fn facts(&self, since: jiff::Timestamp) -> Vec<(jiff::Timestamp, Fact)> {
        let kept = self.pending.iter().filter_map(|fact| record::kept(fact).ok());
        kept.map(|(at, fact)| (at.unwrap_or(since), fact)).collect()
    }

    /// What was kept, behind the fact that says so.
    pub fn told(&self) -> Option<(Fact, Vec<Value>)> {
        let gap = Fact::AuditGap { records: self.pending.len() as u64, digest: digest(&self.pending) };
        (!self.pending.is_empty()).then(|| (gap, self.pending.clone()))
    }

    /// It is in the trail now.
    pub fn clear(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        if let Some(file) = &mut self.file {
            let zeros = vec![0u8; usize::try_from(self.used).unwrap_or(0)];
            let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&zeros)).and_then(|()| file.sync_data());
        }
        self.used = 0;
        self.pending.clear();
    }

    pub fn take_overflow(&mut self) -> Vec<String> {
        std::mem::take(&mut self.overflow)
    }
}

/// Over the facts of a gap, one a line, in canonical form, before large fields moved out.
pub(super) fn digest<'a>(facts: impl IntoIterator<Item = &'a Value>) -> String {
    let mut digest = Sha256::new();
    for fact in facts {
        digest.update(canonical(fact));
        digest.update(b"\n");
    }
    hex(&digest.finalize())
}

/// A line of at most 1 KiB: the fact with its long texts clipped. None where even that is too long.
fn short(fact: &Value, sequence: u64) -> Option<String> {
    let line = |fact: &Value| format!("{}\n", canonical(&json!({ "after": sequence, "fact": fact })));
    let whole = line(fact);
    if whole.len() <= RECORD_BYTES {
        return Some(whole);
    }
    // Names of this program and of Kubernetes are at most 63 long and stay whole.
    [256, 128, 64].into_iter().map(|most| line(&clipped(fact, most))).find(|line| line.len() <= RECORD_BYTES)
}

fn clipped(value: &Value, most: usize) -> Value {
    match value {
        Value::String(text) if text.chars().count() > most => {
            Value::String(text.chars().take(most).chain(['…']).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| clipped(item, most)).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), clipped(value, most))).collect())
        }
        other => other.clone(),
    }
}
