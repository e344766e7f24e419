//! A word from another terminal: a file in the run's folder that the console holding the run takes.
//! On a full disk it goes into a slot that was set aside while there was room. Who may say what is not judged here.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    canonical::hex,
    files::{O_NOFOLLOW, sync_dir},
};
use crate::engine::{Actor, Command};

const SLOT: &str = "request.slot";
const SLOT_BYTES: usize = 4 << 10;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub by: Actor,
    pub command: Command,
}

/// Where a request was left; it is gone from there once it is taken.
#[derive(Debug)]
pub enum Left {
    File(PathBuf),
    Slot(PathBuf),
}

impl Left {
    pub fn is_taken(&self) -> bool {
        match self {
            Self::File(path) => !path.exists(),
            Self::Slot(path) => open_slot(path).and_then(|mut slot| read_slot(&mut slot)).is_ok_and(|it| it.is_empty()),
        }
    }

    /// Nobody took it: it is not to be found by one who comes later.
    pub fn withdraw(&self) {
        let _ = match self {
            Self::File(path) => fs::remove_file(path),
            Self::Slot(path) => {
                open_slot(path).and_then(|mut slot| slot.lock().and_then(|()| fill_slot(&mut slot, b"")))
            }
        };
    }
}

/// Leaves a request; synced before this returns.
pub fn leave(run_dir: &Path, request: &Request) -> io::Result<Left> {
    let text = serde_json::to_string(request)?;
    // The slot is for when there is no room; what else is wrong with the folder is told as it is.
    leave_file(run_dir, text.as_bytes()).or_else(|error| leave_in_slot(run_dir, text.as_bytes()).map_err(|_| error))
}

fn leave_file(run_dir: &Path, text: &[u8]) -> io::Result<Left> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let folder = run_dir.join("requests");
    let path = folder.join(format!("{}.json", hex(&random)));
    let draft = folder.join(format!("{}.draft", hex(&random)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(&draft)?;
    let written = file.write_all(text).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, &path));
    if let Err(error) = written {
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    sync_dir(&folder)?;
    Ok(Left::File(path))
}

/// Sets the slot aside, for a disk that is full later.
pub(super) fn make_slot(run_dir: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW);
    let mut slot = options.open(run_dir.join(SLOT))?;
    slot.write_all(&[0; SLOT_BYTES])?;
    slot.sync_all()
}

fn leave_in_slot(run_dir: &Path, text: &[u8]) -> io::Result<Left> {
    let path = run_dir.join(SLOT);
    let mut slot = open_slot(&path)?;
    slot.lock()?;
    if !read_slot(&mut slot)?.is_empty() {
        return Err(io::Error::other("another request waits in the slot"));
    }
    fill_slot(&mut slot, text)?;
    Ok(Left::Slot(path))
}

fn open_slot(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(O_NOFOLLOW).open(path)
}

/// What stands in the slot, without what fills it up.
fn read_slot(slot: &mut File) -> io::Result<Vec<u8>> {
    slot.rewind()?;
    let mut bytes = Vec::new();
    slot.take(SLOT_BYTES as u64).read_to_end(&mut bytes)?;
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    Ok(bytes)
}

/// Overwritten in place and never longer, so that it needs no room.
fn fill_slot(slot: &mut File, text: &[u8]) -> io::Result<()> {
    let mut bytes = text.to_vec();
    if bytes.len() > SLOT_BYTES {
        return Err(io::Error::other("the request is too long for the slot"));
    }
    bytes.resize(SLOT_BYTES, 0);
    slot.rewind()?;
    slot.write_all(&bytes)?;
    slot.sync_data()
}

/// Takes every request that waits, oldest first. What is not one is set aside, not looped on.
pub fn take(run_dir: &Path) -> Vec<Request> {
    let mut requests = take_files(run_dir);
    requests.extend(take_from_slot(run_dir));
    requests
}

fn take_from_slot(run_dir: &Path) -> Option<Request> {
    let mut slot = open_slot(&run_dir.join(SLOT)).ok()?;
    // Somebody writes it this moment: the next look finds it whole.
    slot.try_lock().ok()?;
    let bytes = read_slot(&mut slot).ok().filter(|bytes| !bytes.is_empty())?;
    fill_slot(&mut slot, b"").ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn take_files(run_dir: &Path) -> Vec<Request> {
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
