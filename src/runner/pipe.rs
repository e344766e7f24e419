//! The child's output through a pipe: where secrets must be taken out on the way, or the disk may be full.
//! A full disk never stops the child: what cannot be kept is read and let go.

use std::{
    fs::File,
    io::{PipeReader, PipeWriter, Read, Write},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use super::{beside::Beside, status::Kept};
use crate::redact::{RedactStream, Redactor};

/// Large enough that a child at full speed and the runner seldom wait for each other.
const PIPE: usize = 1024 * 1024;

pub struct Pipe {
    sink: Arc<Mutex<Sink>>,
    /// Resolves when every writer of the pipe is gone.
    end: oneshot::Receiver<()>,
    ended: bool,
}

impl Pipe {
    /// A pipe and the thread that empties it into `file`. The writer goes to the child, and must not stay here.
    pub fn new(file: Option<File>, redactor: &Redactor) -> std::io::Result<(Self, PipeWriter)> {
        let (reader, writer) = std::io::pipe()?;
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
        let sink = Arc::new(Mutex::new(Sink {
            open: true,
            file,
            filter: redactor.stream(),
            clean: Vec::with_capacity(PIPE),
            hash: Some(Beside::start()?),
            bytes: 0,
            lost: None,
        }));
        let (tell, end) = oneshot::channel();
        let into = Arc::clone(&sink);
        thread::Builder::new().name("output".into()).spawn(move || {
            pump(reader, &into);
            let _ = tell.send(());
        })?;
        Ok((Self { sink, end, ended: false }, writer))
    }

    pub fn has_ended(&mut self) -> bool {
        self.ended |= !matches!(self.end.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        self.ended
    }

    /// Takes no more, and says what was kept and what is to be said of it.
    pub fn close(mut self) -> (Option<Kept>, Vec<String>) {
        let mut notes = Vec::new();
        if !self.has_ended() {
            notes.push(
                "a process that left the step's group still holds its output; what it prints from now on is not kept"
                    .into(),
            );
        }
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        (sink.close(), {
            notes.extend(sink.lost.take());
            notes
        })
    }
}

struct Sink {
    open: bool,
    file: Option<File>,
    filter: RedactStream,
    clean: Vec<u8>,
    /// `None` once it is closed.
    hash: Option<Beside>,
    bytes: u64,
    lost: Option<String>,
}

fn pump(mut reader: PipeReader, sink: &Mutex<Sink>) {
    let mut piece = vec![0; PIPE / 2];
    loop {
        let read = match reader.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        if !sink.open {
            return;
        }
        sink.take(&piece[..read]);
    }
}

impl Sink {
    fn take(&mut self, bytes: &[u8]) {
        self.clean.clear();
        self.filter.push(bytes, &mut self.clean);
        self.keep();
    }

    fn keep(&mut self) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(&self.clean) {
            self.lost = Some(format!("the output could not be kept after {} bytes: {error}", self.bytes));
            self.file = None;
            return;
        }
        self.bytes += self.clean.len() as u64;
        if let Some(hash) = &self.hash {
            self.clean = hash.take(std::mem::take(&mut self.clean));
        }
    }

    fn close(&mut self) -> Option<Kept> {
        self.open = false;
        self.clean.clear();
        self.filter.finish(&mut self.clean);
        self.keep();
        self.file = None;
        let sha256 = self.hash.take()?.finish()?;
        self.lost.is_none().then_some(Kept { bytes: self.bytes, sha256 })
    }
}
