//! Decide, record, apply, act; in that order and in no other.
//!
//! The two seams of the program are here: [`Journal`] towards the disk, [`Performer`] towards the world.

use std::io;

use jiff::Timestamp;

use crate::engine::{Effect, Fact};

/// A moment, twice: what a calendar says, and what cannot be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub wall: Timestamp,
    /// Milliseconds since this machine's boot, sleep included.
    pub boot_ms: u64,
}

/// Proof that facts are durable; effects start under one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The record's uid: also the `Audit-ID` of requests made under it.
    pub uid: String,
    pub sequence: u64,
    /// The chain's head after the record, 64 hex digits.
    pub head: String,
}

/// The trail, as the session sees it. Returns only once the facts would survive a crash.
pub trait Journal {
    fn append(&mut self, now: Now, facts: &[Fact]) -> io::Result<Receipt>;

    /// For the way back only: when the disk is full, into the reserve; when that is used up, to memory.
    /// Always answers; what could not be kept becomes an `audit.gap` at the next writable moment.
    fn append_reserved(&mut self, now: Now, facts: &[Fact]) -> Receipt;
}

/// The world, as the session sees it. Returns at once; the answer is an `Input::Report`.
pub trait Performer {
    fn start(&mut self, effect: Effect, under: &Receipt);
}
