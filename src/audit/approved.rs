//! The bytes that were approved: every file a runbook was read from, kept under `runbook/` of its run.
//! Names carry the order they were read in, because the hash is over the files in that order.

use std::{fs, io, path::Path};

use sha2::{Digest as _, Sha256};

use super::{canonical::hex, files::read_plain};

/// The folder of the run they lie in.
pub const FOLDER: &str = "runbook";

/// The name of the file that was read as number `index`, the runbook itself being 0.
pub fn name(index: usize, path: &Path) -> String {
    let name = path.file_name().map_or_else(|| "runbook.yaml".into(), |name| name.to_string_lossy().into_owned());
    match (index, number(&name)) {
        (0, Some(_)) => "runbook.yaml".into(), // it must not look like one that was read later
        (0, None) => name,
        _ => format!("{index}-{name}"),
    }
}

/// The other way round: what [`name`] was made of.
pub fn original(name: &str) -> &str {
    name.split_once('-').filter(|_| number(name).is_some()).map_or(name, |(_, rest)| rest)
}

fn number(name: &str) -> Option<usize> {
    name.split_once('-')?.0.parse().ok()
}

/// The kept files in the order they were read.
///
/// # Errors
/// The folder, or one of the files, cannot be read.
pub fn read(run_dir: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut names: Vec<String> = fs::read_dir(run_dir.join(FOLDER))?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<_>>()?;
    names.sort_by_key(|name| number(name).unwrap_or(0));
    names.into_iter().map(|name| read_plain(&run_dir.join(FOLDER).join(&name)).map(|bytes| (name, bytes))).collect()
}

/// SHA-256 over files, each behind its length; what `runbook::load` gives for the same bytes.
pub fn hash<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for bytes in files {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runbook_whose_name_begins_with_a_number_does_not_meet_an_included_file() {
        assert_eq!(name(0, Path::new("a/tour.yaml")), "tour.yaml");
        assert_ne!(name(0, Path::new("1-part.yaml")), name(1, Path::new("part.yaml")));
    }
}
