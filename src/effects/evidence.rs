//! A file as evidence: its length and SHA-256. Does not keep or copy it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::runner::digest::Digest;

/// Reads the whole file once, in pieces. Returns its SHA-256 as 64 hex digits.
///
/// # Errors
/// The file cannot be read, or is not a regular file (a pipe would never end).
pub fn hash_file(path: &Path) -> io::Result<String> {
    // Asked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file; name a file as evidence"));
    }
    let mut file = File::open(path)?;
    let mut hash = Digest::default();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finish()),
            n => hash.update(&piece[..n]),
        }
    }
}
