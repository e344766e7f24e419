//! What a step prints: whole and redacted into its file, the newest lines to the screen.
//! Scripts do not come through here (the step-runner writes their file); native verbs do.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use tokio::sync::mpsc;

use crate::{
    engine::message::{OutputRef, Ticket},
    observe::{
        Observation,
        output::{LineCutter, OutputLine},
    },
    redact::{RedactStream, Redactor},
    runner::digest::Digest,
};

/// The folder of outputs inside a run's folder.
pub const FOLDER: &str = "output";

/// Lines for the screen: bounded, never waited for; what does not fit is counted.
#[derive(Debug)]
pub struct LineSender {
    ticket: Ticket,
    to: mpsc::Sender<Observation>,
    cutter: LineCutter,
    missed: u64,
    last: Option<String>,
}

impl LineSender {
    pub fn new(ticket: &Ticket, to: mpsc::Sender<Observation>) -> Self {
        Self { ticket: ticket.clone(), to, cutter: LineCutter::default(), missed: 0, last: None }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        let Self { ticket, to, cutter, missed, last } = self;
        cutter.push(bytes, |text| send(ticket, to, missed, last, text));
    }

    /// So many bytes went by unread.
    pub fn skip(&mut self, bytes: u64) {
        self.missed += bytes;
        self.cutter.gap();
    }

    pub fn finish(&mut self) {
        let Self { ticket, to, cutter, missed, last } = self;
        cutter.finish(|text| send(ticket, to, missed, last, text));
    }

    /// The last line that says something, for a failure's message.
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }
}

fn send(ticket: &Ticket, to: &mpsc::Sender<Observation>, missed: &mut u64, last: &mut Option<String>, text: String) {
    if !text.trim().is_empty() {
        *last = Some(text.chars().take(300).collect());
    }
    let size = text.len() as u64 + 1;
    let line = OutputLine { step: ticket.step.to_string(), attempt: ticket.attempt, text, missed: *missed };
    match to.try_send(Observation::Output(line)) {
        Ok(()) => *missed = 0,
        Err(_) => *missed += size,
    }
}

/// The output of one attempt of a native verb. Writing never fails the step: what cannot be kept
/// (a full disk on the way back) is let go, and [`OutputSink::finish`] then names no file.
#[derive(Debug)]
pub struct OutputSink {
    file: Option<File>,
    name: String,
    hash: Digest,
    bytes: u64,
    lines: LineSender,
    redact: RedactStream,
}

impl OutputSink {
    /// Creates the file (0600) under `run_dir`.
    pub fn create(run_dir: &Path, ticket: &Ticket, redactor: &Redactor, screen: mpsc::Sender<Observation>) -> Self {
        let (file, name) = match create(run_dir, ticket) {
            Ok((file, path)) => (Some(file), relative(run_dir, &path)),
            Err(error) => {
                tracing::warn!(%error, step = %ticket.step, "the output of this step cannot be kept");
                (None, String::new())
            }
        };
        Self {
            file,
            name,
            hash: Digest::default(),
            bytes: 0,
            lines: LineSender::new(ticket, screen),
            redact: redactor.stream(),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        let mut clean = Vec::with_capacity(bytes.len());
        self.redact.push(bytes, &mut clean);
        self.keep(&clean);
    }

    /// A line of text; the newline is added.
    pub fn line(&mut self, text: &str) {
        self.write(text.as_bytes());
        self.write(b"\n");
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(bytes) {
            tracing::warn!(%error, file = self.name, "the output of this step cannot be kept");
            self.file = None;
            return;
        }
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Syncs the file and says what is in it.
    pub fn finish(mut self) -> Option<OutputRef> {
        let mut rest = Vec::new();
        self.redact.finish(&mut rest);
        self.keep(&rest);
        self.lines.finish();
        self.file.take()?.sync_data().ok()?;
        Some(OutputRef { file: self.name, bytes: self.bytes, sha256: self.hash.finish() })
    }
}

/// `output/<step>.<attempt>.log`; a second look under the same ticket (reads repeat after a resume) gets a name of its own.
pub fn create(run_dir: &Path, ticket: &Ticket) -> io::Result<(File, PathBuf)> {
    let folder = folder(run_dir)?;
    let stem = stem(ticket);
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for again in 1..100 {
        let name = if again == 1 { format!("{stem}.log") } else { format!("{stem}-{again}.log") };
        let path = folder.join(name);
        match create_private(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// `<step>.<attempt>`, as in file names.
pub fn stem(ticket: &Ticket) -> String {
    format!("{}.{}", ticket.step.file_name(), ticket.attempt)
}

/// The folder of outputs, made (0700) if it is not there.
pub fn folder(run_dir: &Path) -> io::Result<PathBuf> {
    let folder = run_dir.join(FOLDER);
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(folder),
    }
}

/// A new file of our own: 0600, never one that was there before, never through a link.
pub fn create_private(path: &Path) -> io::Result<File> {
    File::options().read(true).append(true).create_new(true).mode(0o600).open(path)
}

/// The path as facts name it.
pub fn relative(run_dir: &Path, path: &Path) -> String {
    path.strip_prefix(run_dir).unwrap_or(path).to_string_lossy().into_owned()
}
