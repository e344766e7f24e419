//! The file of one run: created once, locked while open, one synced line a decision.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    canonical::{canonical, hex, without_fractions},
    files::{O_NOFOLLOW, not_ours, sync_dir, write_whole},
    holder::{self, Holder, lock},
    read::{facts_of, whole},
    record::{self, Chain, Head},
    requests,
    reserve::Reserve,
};
use crate::{
    engine::{Fact, fact::Opened},
    redact::Redactor,
    session::{Journal, Now, Receipt},
};

pub(super) const BLOB: &str = "$blob";
/// A fact's field larger than this lives beside the trail.
const FIELD_BYTES: usize = 8 << 10;
pub(super) const RECORD_BYTES: usize = 64 << 10;

pub const TRAIL: &str = "trail.jsonl";

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the run is open elsewhere: {} on {}, process {}, since {}", .0.user, .0.host, .0.pid, .0.since)]
    Held(Box<Holder>),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {why}; see `ripcord trail verify`", .path.display())]
    Damaged { path: PathBuf, why: String },
    #[error("{}: the run is closed, and a closed trail is never added to; see `ripcord trail show`", .path.display())]
    Closed { path: PathBuf },
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
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
    #[cfg(test)]
    fail_next_sync: bool,
}

/// A trail read for going on: its facts and those of its reserve, and what had to be cut off.
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
        requests::make_slot(dir).map_err(OpenError::io(dir))?;
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
        let damaged = |why: String| OpenError::Damaged { path: path.clone(), why };
        if let Some(why) = not_ours(&about) {
            return Err(damaged(why.into()));
        }
        lock(&file, dir)?;
        let mut bytes = Vec::new();
        (&file).seek(SeekFrom::Start(0)).map_err(OpenError::io(&path))?;
        (&file).read_to_end(&mut bytes).map_err(OpenError::io(&path))?;
        let whole = whole(&bytes);
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| damaged("not UTF-8".into()))?;
        let (mut facts, last) = facts_of(dir, text).map_err(damaged)?;
        let Some((chain, head)) = last else { return Err(damaged("it holds no whole record".into())) };
        let Some((_, Fact::RunOpened(opened))) = facts.first() else {
            return Err(damaged("it does not begin with run.opened".into()));
        };
        if facts.iter().any(|(_, fact)| matches!(fact, Fact::RunClosed { .. })) {
            return Err(OpenError::Closed { path });
        }
        // Only now: what is damaged before its end is left as it was found.
        let torn = (whole < bytes.len()).then(|| cut_torn(dir, &file, &bytes[whole..], whole as u64)).transpose();
        let chain = Chain {
            uid: chain,
            run: opened.run.clone(),
            operator: opened.operator.name.clone(),
            host: host.to_owned(),
            boot_id: boot_id.to_owned(),
        };
        let reserve = Reserve::reopen(dir, head.sequence).map_err(OpenError::io(dir))?;
        // What was done with the disk full was done: the next record tells it, and the run knows it already.
        facts.extend(reserve.facts(facts.last().map(|(at, _)| *at).unwrap_or_default()));
        let mut trail = Self::over(dir, file, whole as u64, chain, head, redactor, reserve)?;
        // On a full disk the tear stays, for one who has room; until then only the way back can be kept.
        trail.poisoned = torn.as_ref().err().map(|error| format!("its torn tail cannot be kept: {error}"));
        let receipt = trail.receipt();
        Ok((trail, Reopened { facts, last: receipt }, torn.ok().flatten().into_iter().collect()))
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
        Ok(Self {
            dir: dir.to_owned(),
            file,
            inode,
            offset,
            chain,
            head,
            redactor,
            reserve,
            poisoned: None,
            #[cfg(test)]
            fail_next_sync: false,
        })
    }

    /// Says who holds the run, for a second console.
    fn hold(&mut self, opened: &Opened) -> Result<(), OpenError> {
        let since = opened.started_at.to_string();
        self.hold_as(opened.pid, &opened.operator.name, &since)
    }

    /// # Errors
    /// There is no room for it. The lock holds all the same, so nothing hangs on this.
    pub fn hold_as(&mut self, pid: u32, user: &str, since: &str) -> Result<(), OpenError> {
        let holder = Holder {
            pid,
            user: user.to_owned(),
            host: self.chain.host.clone(),
            since: since.to_owned(),
            boot_id: self.chain.boot_id.clone(),
        };
        holder::write(&self.dir, &holder).map_err(OpenError::io(&self.dir))
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
        without_fractions(record::clean(&self.redactor, value))
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
        if let Err(error) = self.sync() {
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
        let Some((gap, kept)) = self.reserve.told() else { return facts };
        let mut all = vec![self.stored(&gap)];
        all.extend(kept);
        all.extend(facts);
        all
    }

    /// Facts of the way back that found room neither in the trail nor in the reserve, since the last call:
    /// whoever owns stderr prints them.
    pub fn take_overflow(&mut self) -> Vec<String> {
        self.reserve.take_overflow()
    }

    /// True while facts wait for the trail to be writable again.
    pub fn has_gap(&self) -> bool {
        self.reserve.len() > 0
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.fail_next_sync {
            return Err(io::Error::other("Input/output error"));
        }
        self.file.sync_data()
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
            self.reserve.keep(now, self.head.sequence, value);
        }
        let mut receipt = self.receipt();
        receipt.uid = format!("{}-reserve-{}", receipt.uid, self.reserve.len());
        receipt
    }
}

/// Keeps a torn last line beside the trail and cuts it off.
fn cut_torn(dir: &Path, file: &File, torn: &[u8], offset: u64) -> io::Result<Fact> {
    // The record that tells of a tear may be torn itself, at the same place.
    let names = (0u32..).map(|n| if n == 0 { format!(".torn-{offset}") } else { format!(".torn-{offset}.{n}") });
    let name = names.into_iter().find(|name| fs::symlink_metadata(dir.join(name)).is_err()).unwrap_or_default();
    write_whole(&dir.join(&name), torn)?;
    sync_dir(dir)?;
    file.set_len(offset)?;
    file.sync_all()?;
    Ok(Fact::TrailRecovered { offset, bytes: torn.len() as u64, file: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Opened {
        let value = json!({
            "format": 1, "run": "r", "program": {"version": "", "hash": ""}, "runbook": {"metadata": {"name": "demo"}, "steps": []},
            "runbookHash": "", "runbookPath": "", "params": {}, "target": {}, "host": "h", "pid": 1, "workdir": "/",
            "operator": {"name": "me", "via": "console", "assurance": "system"}, "startedAt": "2026-11-23T20:14:55Z",
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_failed_sync_is_never_tried_again_on_the_same_descriptor() {
        let root = tempfile::TempDir::new().unwrap();
        let now = Now { wall: opened().started_at, boot_ms: 1 };
        let mut trail = TrailFile::create(&root.path().join("r"), &opened(), "b", Redactor::default()).unwrap();
        trail.append(now, &[Fact::RunOpened(Box::new(opened()))]).unwrap();
        let before = trail.offset;
        let note = Fact::NoteAdded { by: opened().operator, text: "x".into() };
        trail.fail_next_sync = true;
        trail.append(now, std::slice::from_ref(&note)).unwrap_err();
        trail.fail_next_sync = false;
        let error = trail.append(now, std::slice::from_ref(&note)).unwrap_err();
        assert!(error.to_string().contains("could not be synced"), "{error}");
        assert_eq!(trail.file.metadata().unwrap().len(), before, "what is not certain is taken back");
        assert!(trail.append_reserved(now, &[note]).uid.contains("reserve"));
    }
}
