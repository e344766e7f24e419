//! One writer: the lock on the trail, and the words that say who holds it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    OpenError, TRAIL,
    files::{self, O_NOFOLLOW, open_plain},
};

const HOLDER: &str = "holder.json";
/// Always as long, so that another name can be written over it when there is no room for a file.
const BYTES: usize = 1 << 10;

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

/// Takes the lock, or says who has it.
pub(super) fn lock(file: &File, dir: &Path) -> Result<(), OpenError> {
    // Somebody who only asks whether the run is held has the lock for an instant; a console has it for good.
    for _ in 0..5 {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(4)),
            Err(TryLockError::Error(source)) => return Err(OpenError::Io { path: dir.join(TRAIL), source }),
        }
    }
    Err(OpenError::Held(Box::new(holder(dir))))
}

/// Leaves word of who holds the run. On a full disk the old word is written over, and goes away where even that
/// fails: a wrong name would have the wrong process ended.
pub(super) fn write(dir: &Path, holder: &Holder) -> io::Result<()> {
    let path = dir.join(HOLDER);
    let mut text = serde_json::to_vec(holder)?;
    text.resize(text.len().max(BYTES), b' ');
    files::write_whole(&path, &text).or_else(|error| {
        let over = OpenOptions::new().write(true).custom_flags(O_NOFOLLOW).open(&path);
        over.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_data())).map_err(|_| {
            let _ = fs::remove_file(&path);
            error
        })
    })
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
    open_plain(&dir.join(TRAIL)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
