//! The file of one run: created once, locked while open, one synced line a decision.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    canonical::{canonical, hex, without_fractions},
    record::{self, Chain, Head, Record},
};
use crate::{
    engine::{Fact, fact::Opened},
    redact::Redactor,
    session::{Journal, Now, Receipt},
    visible,
};

pub(super) const BLOB: &str = "$blob";
/// A fact's field larger than this lives beside the trail.
const FIELD_BYTES: usize = 8 << 10;
const RECORD_BYTES: usize = 64 << 10;
const RESERVE_BYTES: u64 = 64 << 10;
/// The most a record of the way back may take in the reserve.
const RESERVE_RECORD: usize = 1 << 10;
const O_NOFOLLOW: i32 = 0o400_000;

pub const TRAIL: &str = "trail.jsonl";
const RESERVE: &str = "reserve";
const HOLDER: &str = "holder.json";

/// Who holds a run open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub user: String,
    pub host: String,
    /// RFC 3339.
    pub since: String,
    pub boot_id: String,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the run is open elsewhere: {} on {}, process {}, since {}", .0.user, .0.host, .0.pid, .0.since)]
    Held(Box<Holder>),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {why}; see `ripcord trail verify`", .path.display())]
    Damaged { path: PathBuf, why: String },
}

impl OpenError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// The journal on disk.
pub struct TrailFile {
    dir: PathBuf,
    file: File,
    inode: (u64, u64),
    offset: u64,
    chain: Chain,
    head: Head,
    redactor: Redactor,
    reserve: Reserve,
    /// A sync that failed is never tried again on this descriptor.
    poisoned: Option<String>,
}

/// What the way back wrote while the trail could not be written.
struct Reserve {
    file: Option<File>,
    used: u64,
    pending: Vec<Value>,
    digest: Sha256,
    count: u64,
}

/// A trail read for going on: its facts, and what had to be cut off.
pub struct Reopened {
    pub facts: Vec<(jiff::Timestamp, Fact)>,
    pub last: Receipt,
}

impl TrailFile {
    /// Makes the run's folder and its empty trail. The first `append` writes `run.opened`.
    pub fn create(dir: &Path, opened: &Opened, boot_id: &str, redactor: Redactor) -> Result<Self, OpenError> {
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        if let Some(parent) = dir.parent() {
            builder.recursive(true).create(parent).map_err(OpenError::io(parent))?;
        }
        builder.recursive(false).create(dir).map_err(OpenError::io(dir))?;
        for name in ["output", "blobs", "runbook", "requests"] {
            builder.create(dir.join(name)).map_err(OpenError::io(dir))?;
        }
        let path = dir.join(TRAIL);
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(&path);
        let file = file.map_err(OpenError::io(&path))?;
        let mut random = [0u8; 32];
        getrandom::fill(&mut random)
            .map_err(|error| OpenError::Damaged { path: path.clone(), why: format!("no randomness: {error}") })?;
        let chain = Chain {
            uid: hex(&random),
            run: opened.run.clone(),
            operator: opened.operator.name.clone(),
            host: opened.host.clone(),
            boot_id: boot_id.to_owned(),
        };
        let previous = opened.previous.as_ref().map_or("", |previous| previous.head.as_str());
        let head =
            record::genesis(&chain.uid, &opened.runbook_hash, &opened.program.hash, &opened.target.identity, previous);
        let reserve = Reserve::create(dir).map_err(OpenError::io(dir))?;
        sync_dir(dir).map_err(OpenError::io(dir))?;
        if let Some(parent) = dir.parent() {
            sync_dir(parent).map_err(OpenError::io(parent))?;
        }
        let mut trail = Self::over(dir, file, 0, chain, head, redactor, reserve)?;
        trail.hold(opened)?;
        Ok(trail)
    }

    /// Opens an unfinished run for going on. A torn last line is cut off, kept and told; damage before it is refused.
    pub fn reopen(
        dir: &Path,
        host: &str,
        boot_id: &str,
        redactor: Redactor,
    ) -> Result<(Self, Reopened, Vec<Fact>), OpenError> {
        let path = dir.join(TRAIL);
        let mut options = OpenOptions::new();
        let file =
            options.read(true).append(true).custom_flags(O_NOFOLLOW).open(&path).map_err(OpenError::io(&path))?;
        let about = file.metadata().map_err(OpenError::io(&path))?;
        if !about.is_file() || about.nlink() != 1 {
            return Err(OpenError::Damaged { path, why: "not a plain file with one link".into() });
        }
        lock(&file, dir)?;
        let mut bytes = Vec::new();
        (&file).seek(SeekFrom::Start(0)).map_err(OpenError::io(&path))?;
        (&file).read_to_end(&mut bytes).map_err(OpenError::io(&path))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut told = Vec::new();
        if whole < bytes.len() {
            told.push(cut_torn(dir, &file, &bytes[whole..], whole as u64).map_err(OpenError::io(&path))?);
        }
        let damaged = |why: String| OpenError::Damaged { path: path.clone(), why };
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| damaged("not UTF-8".into()))?;
        let (facts, records) = facts_of(dir, text).map_err(damaged)?;
        let Some(last) = records.last() else { return Err(damaged("empty".into())) };
        let Some((_, Fact::RunOpened(opened))) = facts.first() else {
            return Err(damaged("it does not begin with run.opened".into()));
        };
        let chain = Chain {
            uid: last.chain.clone(),
            run: opened.run.clone(),
            operator: opened.operator.name.clone(),
            host: host.to_owned(),
            boot_id: boot_id.to_owned(),
        };
        let head = Head { uid: last.uid.clone(), sequence: last.sequence, fingerprint: last.fingerprint.clone() };
        let reserve = Reserve::reopen(dir).map_err(OpenError::io(dir))?;
        let trail = Self::over(dir, file, whole as u64, chain, head, redactor, reserve)?;
        let receipt = trail.receipt();
        Ok((trail, Reopened { facts, last: receipt }, told))
    }

    fn over(
        dir: &Path,
        file: File,
        offset: u64,
        chain: Chain,
        head: Head,
        redactor: Redactor,
        reserve: Reserve,
    ) -> Result<Self, OpenError> {
        lock(&file, dir)?;
        let about = file.metadata().map_err(OpenError::io(dir))?;
        let inode = (about.dev(), about.ino());
        Ok(Self { dir: dir.to_owned(), file, inode, offset, chain, head, redactor, reserve, poisoned: None })
    }

    /// Says who holds the run, for a second console.
    fn hold(&mut self, opened: &Opened) -> Result<(), OpenError> {
        let since = opened.started_at.to_string();
        self.hold_as(opened.pid, &opened.operator.name, &since)
    }

    pub fn hold_as(&mut self, pid: u32, user: &str, since: &str) -> Result<(), OpenError> {
        let holder = Holder {
            pid,
            user: user.to_owned(),
            host: self.chain.host.clone(),
            since: since.to_owned(),
            boot_id: self.chain.boot_id.clone(),
        };
        let text = serde_json::to_string(&holder).unwrap_or_default();
        write_whole(&self.dir.join(HOLDER), text.as_bytes()).map_err(OpenError::io(&self.dir))
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn chain_uid(&self) -> &str {
        &self.chain.uid
    }

    pub fn receipt(&self) -> Receipt {
        Receipt { uid: self.head.uid.clone(), sequence: self.head.sequence, head: self.head.fingerprint.clone() }
    }

    /// Prompted secrets come after the run was opened.
    pub fn set_redactor(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// A fact as it is stored: secrets out, nothing raw, no fractions.
    fn stored(&self, fact: &Fact) -> Value {
        let value = serde_json::to_value(fact)
            .unwrap_or_else(|error| json!({ "kind": "note.added", "text": error.to_string() }));
        without_fractions(self.clean(value))
    }

    fn clean(&self, value: Value) -> Value {
        match value {
            Value::String(text) => {
                let text = self.redactor.redact(&text);
                Value::String(visible::text(&text).into_owned())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.clean(item)).collect()),
            Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| (key, self.clean(value))).collect()),
            other => other,
        }
    }

    /// Moves large fields out until the record fits.
    fn fit(&self, facts: &mut [Value]) -> io::Result<()> {
        let mut limit = FIELD_BYTES;
        loop {
            for fact in facts.iter_mut() {
                for value in fact.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
                    let text = canonical(value);
                    if text.len() > limit && value.get(BLOB).is_none() {
                        let hash = self.blob(text.as_bytes())?;
                        *value = json!({ BLOB: hash, "bytes": text.len() });
                    }
                }
            }
            let whole: usize = facts.iter().map(|fact| canonical(fact).len() + 1).sum();
            if whole + 2048 <= RECORD_BYTES || limit < 128 {
                return Ok(());
            }
            limit /= 2;
        }
    }

    fn blob(&self, bytes: &[u8]) -> io::Result<String> {
        let hash = hex(&Sha256::digest(bytes));
        let path = self.dir.join("blobs").join(&hash);
        if !path.exists() {
            write_whole(&path, bytes)?;
            sync_dir(&self.dir.join("blobs"))?;
        }
        Ok(hash)
    }

    /// The descriptor is still that file, with one link, at the expected length.
    fn still_ours(&self) -> io::Result<()> {
        let path = self.dir.join(TRAIL);
        let there = fs::symlink_metadata(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{} is gone: {error}", path.display())))?;
        let open = self.file.metadata()?;
        if (there.dev(), there.ino()) != self.inode || open.nlink() != 1 {
            return Err(io::Error::other(format!("{} was replaced underneath", path.display())));
        }
        if open.len() != self.offset {
            let message = format!(
                "{} is {} bytes long and should be {}: somebody else wrote to it",
                path.display(),
                open.len(),
                self.offset
            );
            return Err(io::Error::other(message));
        }
        Ok(())
    }

    fn write(&mut self, now: Now, facts: &[Value]) -> io::Result<Receipt> {
        if let Some(why) = &self.poisoned {
            return Err(io::Error::other(why.clone()));
        }
        self.still_ours()?;
        let (line, head) = record::line(&self.chain, &self.head, now, facts);
        let bytes = [line.as_bytes(), b"\n"].concat();
        if let Err(error) = self.file.write_all(&bytes) {
            // A short write must not look like a record.
            if self.file.set_len(self.offset).is_err() {
                self.poisoned = Some(format!("a short write could not be taken back: {error}"));
            }
            return Err(error);
        }
        if let Err(error) = self.file.sync_data() {
            self.poisoned = Some(format!("the trail could not be synced ({error}); what it holds is not certain"));
            let _ = self.file.set_len(self.offset);
            return Err(error);
        }
        self.offset += bytes.len() as u64;
        self.head = head;
        Ok(self.receipt())
    }

    /// Tells the trail what the reserve holds, together with the facts themselves.
    fn with_gap(&self, facts: Vec<Value>) -> Vec<Value> {
        if self.reserve.count == 0 {
            return facts;
        }
        let digest = hex(&self.reserve.digest.clone().finalize());
        let gap = Fact::AuditGap { records: self.reserve.count, digest };
        let mut all = vec![self.stored(&gap)];
        all.extend(self.reserve.pending.iter().cloned());
        all.extend(facts);
        all
    }
}

impl Journal for TrailFile {
    fn append(&mut self, now: Now, facts: &[Fact]) -> io::Result<Receipt> {
        let facts = facts.iter().map(|fact| self.stored(fact)).collect();
        let mut facts = self.with_gap(facts);
        self.fit(&mut facts)?;
        let receipt = self.write(now, &facts)?;
        self.reserve.clear();
        Ok(receipt)
    }

    fn append_reserved(&mut self, now: Now, facts: &[Fact]) -> Receipt {
        for fact in facts {
            let value = self.stored(fact);
            self.reserve.keep(now, value);
        }
        let mut receipt = self.receipt();
        receipt.uid = format!("{}-reserve-{}", receipt.uid, self.reserve.count);
        receipt
    }
}

impl Reserve {
    fn create(dir: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(O_NOFOLLOW)
            .open(dir.join(RESERVE))?;
        (&file).write_all(&vec![0u8; usize::try_from(RESERVE_BYTES).unwrap_or(65_536)])?;
        file.sync_all()?;
        Ok(Self { file: Some(file), used: 0, pending: Vec::new(), digest: Sha256::new(), count: 0 })
    }

    /// What an earlier process left there comes first into the trail.
    fn reopen(dir: &Path) -> io::Result<Self> {
        let path = dir.join(RESERVE);
        let file = OpenOptions::new().read(true).write(true).custom_flags(O_NOFOLLOW).open(&path).ok();
        let bytes = fs::read(&path).unwrap_or_default();
        let mut reserve = Self { file, used: 0, pending: Vec::new(), digest: Sha256::new(), count: 0 };
        for line in bytes.split(|byte| *byte == b'\n').take_while(|line| line.first() == Some(&b'{')) {
            let Ok(value) = serde_json::from_slice::<Value>(line) else { break };
            reserve.digest.update(line);
            reserve.used += line.len() as u64 + 1;
            reserve.count += 1;
            reserve.pending.extend(value.get("fact").cloned());
        }
        Ok(reserve)
    }

    /// Into the reserve while it lasts, else to memory. Never fails: the way back is not blocked.
    fn keep(&mut self, now: Now, fact: Value) {
        let line = canonical(&json!({ "time": now.wall.as_millisecond(), "fact": fact }));
        self.digest.update(line.as_bytes());
        self.count += 1;
        if line.len() < RESERVE_RECORD.max(4 * RESERVE_RECORD) && self.used + (line.len() as u64) < RESERVE_BYTES {
            let written = self.file.as_mut().map(|file| {
                file.seek(SeekFrom::Start(self.used))?;
                file.write_all(line.as_bytes())?;
                file.write_all(b"\n")?;
                file.sync_data()
            });
            if matches!(written, Some(Ok(()))) {
                self.used += line.len() as u64 + 1;
            }
        }
        self.pending.push(fact);
    }

    fn clear(&mut self) {
        if self.count == 0 {
            return;
        }
        if let Some(file) = &mut self.file {
            let zeros = vec![0u8; usize::try_from(self.used).unwrap_or(0)];
            let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&zeros)).and_then(|()| file.sync_data());
        }
        (self.used, self.count, self.digest) = (0, 0, Sha256::new());
        self.pending.clear();
    }
}

fn lock(file: &File, dir: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held(Box::new(holder(dir)))),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path: dir.join(TRAIL), source }),
    }
}

/// Who says to hold a run; only the lock tells whether it is so.
pub fn holder(dir: &Path) -> Holder {
    let text = fs::read_to_string(dir.join(HOLDER)).unwrap_or_default();
    let unknown = || "?".to_owned();
    serde_json::from_str(&text).unwrap_or_else(|_| Holder {
        pid: 0,
        user: unknown(),
        host: unknown(),
        since: unknown(),
        boot_id: unknown(),
    })
}

/// True while some process holds the run open.
pub fn is_held(dir: &Path) -> bool {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(dir.join(TRAIL));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn cut_torn(dir: &Path, file: &File, torn: &[u8], offset: u64) -> io::Result<Fact> {
    let name = format!(".torn-{offset}");
    write_whole(&dir.join(&name), torn)?;
    file.set_len(offset)?;
    file.sync_all()?;
    sync_dir(dir)?;
    Ok(Fact::TrailRecovered { offset, bytes: torn.len() as u64, file: name })
}

/// Writes a new 0600 file whole and synced; an older one is replaced.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A blob's content, held against its name.
pub(super) fn read_blob(dir: &Path, hash: &str) -> Result<Value, String> {
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("{hash} is not a blob's name"));
    }
    let bytes = fs::read(dir.join("blobs").join(hash)).map_err(|error| format!("blob {hash}: {error}"))?;
    if hex(&Sha256::digest(&bytes)) != hash {
        return Err(format!("blob {hash} was changed"));
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("blob {hash}: {error}"))
}

/// Facts with the times of their records.
pub type Story = Vec<(jiff::Timestamp, Fact)>;
/// Records with their facts resolved, and why reading stopped, if it did.
pub type Stored = (Vec<(Record, Vec<Value>)>, Option<String>);

/// Every fact of a trail's text, with the chain held from line to line.
pub(super) fn facts_of(dir: &Path, text: &str) -> Result<(Story, Vec<Record>), String> {
    let (mut facts, mut records): (Vec<_>, Vec<Record>) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let record = record::parse(line).map_err(|error| format!("record {}: {error}", number + 1))?;
        if let Some(before) = records.last()
            && (record.previous != (before.uid.clone(), before.fingerprint.clone())
                || record.sequence != before.sequence + 1)
        {
            return Err(format!("record {} does not follow the one before it", number + 1));
        }
        for fact in
            record.facts(|hash| read_blob(dir, hash)).map_err(|error| format!("record {}: {error}", number + 1))?
        {
            facts.push((record.time, fact));
        }
        records.push(Record { facts: Vec::new(), ..record });
    }
    Ok((facts, records))
}

/// The facts of a run, for looking on; a torn last line is left out.
pub fn read_facts(dir: &Path) -> Result<Vec<(jiff::Timestamp, Fact)>, OpenError> {
    let path = dir.join(TRAIL);
    let bytes = fs::read(&path).map_err(OpenError::io(&path))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let text = std::str::from_utf8(&bytes[..whole])
        .map_err(|_| OpenError::Damaged { path: path.clone(), why: "not UTF-8".into() })?;
    facts_of(dir, text).map(|(facts, _)| facts).map_err(|why| OpenError::Damaged { path, why })
}

/// Records as they are stored, for printing: what can be read, and where it stops.
pub fn read_records(dir: &Path) -> io::Result<Stored> {
    let bytes = fs::read(dir.join(TRAIL))?;
    let mut records = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        match std::str::from_utf8(line)
            .map_err(|error| error.to_string())
            .and_then(|line| record::parse(line).map_err(|error| error.to_string()))
        {
            Ok(record) => {
                let facts = record.facts.iter().map(|fact| resolved(dir, fact)).collect();
                records.push((record, facts));
            }
            Err(why) => return Ok((records, Some(format!("line {}: {why}", number + 1)))),
        }
    }
    Ok((records, None))
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
    super::canonical::with_fractions(fact)
}
