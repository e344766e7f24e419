//! Follows an output file for the screen. Far behind, it skips: the file has all.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use super::{output::LineSender, work::Work};

/// Further behind than this, what lies between is passed over.
const BEHIND: u64 = 256 * 1024;
/// How much of the end is read then.
const SHOWN: u64 = 64 * 1024;

pub struct Tail {
    path: PathBuf,
    name: Option<String>,
    file: Option<File>,
    at: u64,
    lines: LineSender,
}

impl Tail {
    /// `name`: relative to the run's folder; `None` where no output is kept.
    pub fn new(work: &Work, name: Option<&str>) -> Self {
        let path = work.run_dir().join(name.unwrap_or_default());
        Self { path, name: name.map(str::to_owned), file: None, at: 0, lines: work.lines() }
    }

    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Reads what has come since the last time.
    pub fn catch_up(&mut self) {
        if self.file.is_none() && self.name.is_some() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return };
        let length = file.metadata().map_or(0, |meta| meta.len());
        if length <= self.at {
            return;
        }
        if length - self.at > BEHIND {
            let skipped = length - SHOWN - self.at;
            self.lines.skip(skipped);
            self.at += skipped;
            let _ = file.seek(SeekFrom::Start(self.at));
        }
        let mut piece = Vec::new();
        if file.take(length - self.at).read_to_end(&mut piece).is_ok() {
            self.at += piece.len() as u64;
            self.lines.push(&piece);
        }
    }

    pub fn finish(&mut self) {
        self.catch_up();
        self.lines.finish();
    }

    /// The last line that says something, for a failure's message.
    pub fn last(&self) -> Option<&str> {
        self.lines.last()
    }
}
