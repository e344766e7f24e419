//! Files of ours: plain, own, 0600, never through a link, synced. Knows nothing of records.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Do not follow a symbolic link in the last place of a path. Every kernel has its own number.
pub(super) const O_NOFOLLOW: i32 = if cfg!(any(target_os = "macos", target_os = "freebsd")) {
    0x100
} else if cfg!(any(target_arch = "aarch64", target_arch = "arm")) {
    0o100_000
} else {
    0o400_000
};
/// A pipe put in a file's place must not hang us.
const O_NONBLOCK: i32 = if cfg!(any(target_os = "macos", target_os = "freebsd")) { 0x4 } else { 0o4_000 };

/// Opens for reading what must be a plain file.
pub(super) fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a plain file")) }
}

pub(super) fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut open_plain(path)?, &mut bytes)?;
    Ok(bytes)
}

/// Why a file that we mean to write to is not ours alone.
pub(super) fn not_ours(about: &fs::Metadata) -> Option<&'static str> {
    // The core has no libc; the owner of our own /proc entry is who we are.
    let other_owner = fs::metadata("/proc/self").is_ok_and(|me| me.uid() != about.uid());
    match () {
        () if !about.is_file() => Some("not a plain file"),
        () if about.nlink() != 1 => Some("it has more than one name, or none"),
        () if other_owner => Some("it belongs to another user"),
        () => None,
    }
}

/// Writes a new 0600 file whole and synced; an older one is replaced. What could not be finished goes away.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(O_NOFOLLOW).open(&draft)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// Makes names in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
