//! The child writes its file itself, at full speed; the hash is made beside it by reading along.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{digest::Digest, status::Kept};

/// Reads `path` while it grows; [`Follower::finish`] reads the rest.
pub struct Follower {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Kept>>>,
}

impl Follower {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), ended: Arc::default(), thread: None }
    }

    /// Begins to read along: worth a thread once the child has run for a while.
    pub fn begin(&mut self) {
        if self.thread.is_some() {
            return;
        }
        let (path, ended) = (self.path.clone(), Arc::clone(&self.ended));
        self.thread = thread::Builder::new().name("hash".into()).spawn(move || read_along(&path, &ended)).ok();
    }

    /// The child is gone: what is in the file now is the output.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn finish(self) -> io::Result<Kept> {
        self.ended.store(true, Ordering::Release);
        match self.thread {
            None => read_along(&self.path, &self.ended),
            Some(thread) => {
                thread.thread().unpark();
                thread.join().unwrap_or_else(|_| Err(io::Error::other("the hash of the output was not finished")))
            }
        }
    }
}

fn read_along(path: &Path, ended: &AtomicBool) -> io::Result<Kept> {
    let mut file = File::open(path)?;
    let mut hash = Digest::default();
    let mut bytes = 0;
    let mut piece = vec![0; 256 * 1024];
    loop {
        // Asked before reading: an empty read after the end is the end.
        let last = ended.load(Ordering::Acquire);
        match file.read(&mut piece)? {
            0 if last => return Ok(Kept { bytes, sha256: hash.finish() }),
            0 => thread::park_timeout(Duration::from_millis(10)),
            read => {
                hash.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}

/// A process that left the group still writes to the file: gives the record a file of its own, so that what was
/// hashed stays what it was. Too much to copy stays as it is; its first `kept.bytes` bytes are the record.
pub fn detach(path: &Path, kept: &Kept) -> io::Result<()> {
    const COPIED: u64 = 64 * 1024 * 1024;
    if kept.bytes > COPIED {
        return Ok(());
    }
    let beside = path.with_extension("log.part");
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(options.write(true).create_new(true), 0o600);
    let mut copy = options.open(&beside)?;
    io::copy(&mut File::open(path)?.take(kept.bytes), &mut copy)?;
    copy.sync_data()?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn reading_along_and_reading_at_the_end_see_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("o");
        let mut file = File::create(&path).unwrap();
        let mut along = Follower::new(&path);
        along.begin();
        for _ in 0..50 {
            file.write_all(&[b'x'; 10_000]).unwrap();
        }
        let along = along.finish().unwrap();
        assert_eq!(along.bytes, 500_000);
        assert_eq!(along, Follower::new(&path).finish().unwrap());
    }

    #[test]
    fn a_detached_record_no_longer_grows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("o.log");
        let mut held = File::create(&path).unwrap();
        held.write_all(b"the record").unwrap();
        let kept = Follower::new(&path).finish().unwrap();
        detach(&path, &kept).unwrap();
        held.write_all(b" and more").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"the record");
    }
}
