//! A word from another terminal: a file in the run's folder that the console holding the run takes.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    canonical::hex,
    files::{O_NOFOLLOW, sync_dir},
};
use crate::engine::{Actor, Command};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub by: Actor,
    pub command: Command,
}

/// Leaves a request; synced before this returns. Answers the file, which goes away once it is taken.
pub fn leave(run_dir: &Path, request: &Request) -> io::Result<PathBuf> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let folder = run_dir.join("requests");
    let path = folder.join(format!("{}.json", hex(&random)));
    let draft = folder.join(format!("{}.draft", hex(&random)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(&draft)?;
    file.write_all(serde_json::to_string(request)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    sync_dir(&folder)?;
    Ok(path)
}

/// Takes every request that waits, oldest first. What is not one is set aside, not looped on.
pub fn take(run_dir: &Path) -> Vec<Request> {
    let Ok(entries) = fs::read_dir(run_dir.join("requests")) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "json"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let mut requests = Vec::new();
    for (_, path) in files {
        let parsed = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match parsed {
            Some(request) => {
                if fs::remove_file(&path).is_ok() {
                    requests.push(request);
                }
            }
            None => {
                let _ = fs::rename(&path, path.with_extension("bad"));
            }
        }
    }
    requests
}
