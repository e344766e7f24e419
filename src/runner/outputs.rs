//! `$RIPCORD_OUTPUT`: `KEY=value` lines become the step's outputs. Which names were promised is the engine's business.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

/// More than this is not outputs but output.
const LIMIT: u64 = 256 * 1024;

/// Reads and removes the file. The later of two lines with one name holds.
///
/// # Errors
/// A text for people: which line is wrong, and what to write instead.
pub fn take(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let read = read(path);
    let _ = std::fs::remove_file(path);
    let text = read?;
    let mut outputs = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|(name, _)| is_name(name)) else {
            return Err(format!(
                "line {} written to $RIPCORD_OUTPUT is not KEY=value; write one name and one value a line, e.g. echo \"commit=$(git rev-parse HEAD)\" >> \"$RIPCORD_OUTPUT\"",
                index + 1
            ));
        };
        outputs.insert(name.to_owned(), value.to_owned());
    }
    Ok(outputs)
}

fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("what was written to $RIPCORD_OUTPUT cannot be read: {error}");
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?,
        // The script removed it: it has no outputs.
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(unreadable(error)),
    };
    if bytes.len() as u64 > LIMIT {
        return Err(format!(
            "more than {} KiB were written to $RIPCORD_OUTPUT; it is for short values, print the rest",
            LIMIT / 1024
        ));
    }
    String::from_utf8(bytes).map_err(|_| "what was written to $RIPCORD_OUTPUT is not UTF-8".to_owned())
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &[u8]) -> Result<BTreeMap<String, String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("o");
        std::fs::write(&path, text).unwrap();
        let outputs = take(&path);
        assert!(!path.exists(), "it may hold a secret and does not stay");
        outputs
    }

    #[test]
    fn names_and_values_line_by_line() {
        let outputs = taken(b"commit=abc\n\nempty=\nurl=http://x/?a=b\ncommit=def").unwrap();
        assert_eq!(outputs["commit"], "def");
        assert_eq!(outputs["empty"], "");
        assert_eq!(outputs["url"], "http://x/?a=b");
    }

    #[test]
    fn what_is_not_a_line_of_outputs_is_named() {
        assert!(taken(b"a=1\njust text\n").unwrap_err().contains("line 2"));
        assert!(taken(b"=1\n").unwrap_err().contains("line 1"));
        assert!(taken(b"a b=1\n").unwrap_err().contains("KEY=value"));
        assert!(taken(b"a=\xff\n").unwrap_err().contains("UTF-8"));
        assert!(taken(&[b'x'; 300 * 1024]).unwrap_err().contains("256 KiB"));
    }
}
