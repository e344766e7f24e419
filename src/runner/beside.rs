//! The hash of what is written, made by a thread beside the writing: one takes about as long as the other.

use std::{
    io,
    sync::mpsc::{self, Receiver, SyncSender},
    thread::{self, JoinHandle},
};

use super::digest::Digest;

/// So many pieces may wait to be hashed; more would be memory and no speed.
const WAITING: usize = 4;

pub struct Beside {
    to: SyncSender<Vec<u8>>,
    used: Receiver<Vec<u8>>,
    thread: JoinHandle<Digest>,
}

impl Beside {
    pub fn start() -> io::Result<Self> {
        let (to, pieces) = mpsc::sync_channel::<Vec<u8>>(WAITING);
        let (back, used) = mpsc::channel();
        let thread = thread::Builder::new().name("hash".into()).spawn(move || {
            let mut hash = Digest::default();
            for piece in pieces {
                hash.update(&piece);
                let _ = back.send(piece);
            }
            hash
        })?;
        Ok(Self { to, used, thread })
    }

    /// Takes a piece; gives an empty buffer for the next one.
    pub fn take(&self, piece: Vec<u8>) -> Vec<u8> {
        let _ = self.to.send(piece); // a thread that is gone is told at the end
        let mut empty = self.used.try_recv().unwrap_or_default();
        empty.clear();
        empty
    }

    /// The hash of all pieces; `None` where the thread failed.
    pub fn finish(self) -> Option<String> {
        drop(self.to);
        self.thread.join().ok().map(Digest::finish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_pieces_make_the_hash_of_the_whole() {
        let (beside, mut whole, mut piece) = (Beside::start().unwrap(), Digest::default(), Vec::new());
        for n in 0..100u8 {
            piece.resize(1000 + usize::from(n), n);
            whole.update(&piece);
            piece = beside.take(piece);
            assert!(piece.is_empty());
        }
        assert_eq!(beside.finish().unwrap(), whole.finish());
    }
}
