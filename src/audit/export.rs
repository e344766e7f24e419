//! One archive of a run that verifies elsewhere: unpacked, it is a state directory of its own.
//!
//! Trail, outputs, blobs, runbook and torn pieces of the run; the whole ledger, because its lines hold only as a
//! chain (it names this machine's other runs, their heads and times, and nothing of what they did); `SHA256SUMS`
//! over all of it. Draws no conclusion: `trail verify` does that.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

use super::{canonical::hex, files::open_plain, ledger::LEDGER, trail::TRAIL};

/// What of a run's folder is evidence; locks, the reserve and requests are not.
const FOLDERS: [&str; 3] = ["output", "blobs", "runbook"];

/// Writes the archive (tar, gzip). The same run gives the same bytes.
pub fn export(state_dir: &Path, run: &str, out: impl Write) -> io::Result<()> {
    let dir = state_dir.join("runs").join(run);
    let mut archive =
        Archive { tar: tar::Builder::new(GzEncoder::new(out, Compression::default())), run, sums: BTreeMap::new() };
    archive.file(&format!("runs/{run}/{TRAIL}"), &dir.join(TRAIL))?;
    let ledger = state_dir.join(LEDGER);
    // Without it the archive cannot be verified to the end, and `verify` says so there as it does here.
    if ledger.exists() {
        archive.file(LEDGER, &ledger)?;
    }
    for folder in FOLDERS {
        for file in files(&dir.join(folder))? {
            let name = file.strip_prefix(&dir).unwrap_or(&file).to_string_lossy().into_owned();
            archive.file(&format!("runs/{run}/{name}"), &file)?;
        }
    }
    for entry in sorted(&dir)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(".torn-") {
            archive.file(&format!("runs/{run}/{name}"), &entry)?;
        }
    }
    let list: String = archive.sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    archive.text("SHA256SUMS", &list)?;
    archive.text("README", &readme(run))?;
    archive.tar.into_inner()?.finish()?.flush()
}

struct Archive<'a, W: Write> {
    tar: tar::Builder<W>,
    run: &'a str,
    sums: BTreeMap<String, String>,
}

impl<W: Write> Archive<'_, W> {
    /// A file as long as it is now: the output of a live run may grow meanwhile.
    fn file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let file = open_plain(path)?;
        let size = file.metadata()?.len();
        let mut hashing = Hashing { inner: file.take(size), digest: Sha256::new() };
        self.tar.append_data(&mut header(size), format!("{}/{name}", self.run), &mut hashing)?;
        self.sums.insert(name.to_owned(), hex(&hashing.digest.finalize()));
        Ok(())
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.tar.append_data(&mut header(text.len() as u64), format!("{}/{name}", self.run), text.as_bytes())
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(0);
    header
}

/// Reads and hashes in one pass.
struct Hashing<R> {
    inner: R,
    digest: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

fn sorted(dir: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut paths: Vec<_> =
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// Every plain file below, folders within folders too; nothing through a link.
fn files(dir: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let paths = match sorted(&folder) {
            Ok(paths) => paths,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for path in paths {
            let kind = fs::symlink_metadata(&path)?.file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn readme(run: &str) -> String {
    format!(
        "The trail of the run {run}, as ripcord wrote it.\n\n\
         Unpacked, this folder is a state directory: `ripcord trail verify {run} --state-dir <this folder>`.\n\
         `sha256sum -c SHA256SUMS` says whether the files arrived whole; only `verify` says whether they are true.\n"
    )
}
