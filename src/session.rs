//! Decide, record, apply, act; in that order and in no other.
//!
//! The two seams of the program are here: [`Journal`] towards the disk, [`Performer`] towards the world.
//! Both frontends are loops around [`Session::handle`]; it knows no terminal, no cluster, no runtime.

use std::io;

use jiff::{SignedDuration, Timestamp};

use crate::engine::{
    Corrupt, Effect, Fact, Input, Refusal, Run,
    fact::Opened,
    message::Command,
    state::{Lane, Phase, Wishes},
};

/// A moment, twice: what a calendar says, and what cannot be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub wall: Timestamp,
    /// Milliseconds since this machine's boot, sleep included.
    pub boot_ms: u64,
}

/// Proof that facts are durable; effects start under one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Not allowed now; nothing changed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The trail cannot be written, so nothing new goes forward.
    #[error(
        "the trail cannot be written ({0}); nothing new goes forward. Free the disk or check the state directory; z still leads back"
    )]
    Unrecorded(#[source] io::Error),
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
}

/// What a handled input left behind.
#[derive(Debug, Default)]
pub struct Recorded {
    pub facts: Vec<Fact>,
    pub receipt: Option<Receipt>,
}

/// A live run: its state, its trail, its hands.
pub struct Session<J, P> {
    run: Run,
    journal: J,
    performer: P,
    last: Receipt,
    /// The wall clock may be set back; the engine's time never goes back.
    anchor: Now,
    steady: Timestamp,
    /// Why nothing new goes forward.
    halted: Option<String>,
    /// It is taken up for its way back alone.
    bound_back: bool,
}

impl<J: Journal, P: Performer> Session<J, P> {
    /// Opens a new run: its first record is durable when this returns.
    pub fn open(now: Now, opened: Opened, mut journal: J, performer: P) -> Result<Self, SessionError> {
        let fact = Fact::RunOpened(Box::new(opened.clone()));
        let last = journal.append(now, &[fact]).map_err(SessionError::Unrecorded)?;
        Ok(Self::over(now, Run::open(now.wall, opened), last, journal, performer))
    }

    /// Takes up a run that its trail has told; `last` is the trail's last record.
    pub fn take_up(now: Now, run: Run, last: Receipt, journal: J, performer: P) -> Self {
        Self::over(now, run, last, journal, performer)
    }

    fn over(now: Now, run: Run, last: Receipt, journal: J, performer: P) -> Self {
        let steady = now.wall.max(run.last_at());
        Self { run, journal, performer, last, anchor: now, steady, halted: None, bound_back: false }
    }

    /// While a run is taken up only to be led back, that it was may stand in the reserve too.
    pub fn bind_back(&mut self, bound: bool) {
        self.bound_back = bound;
    }

    /// What the frontend wants to be asked before it is done.
    pub fn wish(&mut self, wishes: Wishes) {
        self.run.wish(wishes);
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    pub fn last(&self) -> &Receipt {
        &self.last
    }

    pub fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    pub fn journal(&mut self) -> &mut J {
        &mut self.journal
    }

    pub fn performer(&mut self) -> &mut P {
        &mut self.performer
    }

    /// The engine's time: it runs with the boot clock, so that a clock set back stops nothing.
    pub fn steady(&mut self, now: Now) -> Timestamp {
        let passed = i64::try_from(now.boot_ms.saturating_sub(self.anchor.boot_ms)).unwrap_or(i64::MAX);
        let steady = self.anchor.wall.checked_add(SignedDuration::from_millis(passed)).unwrap_or(now.wall);
        // A wall clock that was set forward (a machine that slept without counting it) is believed.
        self.steady = self.steady.max(steady).max(now.wall);
        self.steady
    }

    /// One input, whole: decide, record, apply, act.
    pub fn handle(&mut self, now: Now, input: &Input) -> Result<Recorded, SessionError> {
        let at = self.steady(now);
        let decision = self.run.decide(at, input)?;
        self.run.asked(&decision.effects);
        if decision.facts.is_empty() {
            let receipt = self.last.clone();
            self.act(decision.effects, &receipt);
            return Ok(Recorded::default());
        }
        let receipt = self.record(now, input, &decision.facts)?;
        for fact in &decision.facts {
            self.run.apply(at, fact)?;
        }
        self.run.asked(&decision.effects);
        self.last = receipt.clone();
        self.act(decision.effects, &receipt);
        Ok(Recorded { facts: decision.facts, receipt: Some(receipt) })
    }

    fn record(&mut self, now: Now, input: &Input, facts: &[Fact]) -> Result<Receipt, SessionError> {
        let back = self.leads_back(input, facts);
        // A person's word or a report tries again: the disk may have been freed. A clock does not.
        if !back
            && matches!(input, Input::Clock)
            && let Some(why) = &self.halted
        {
            return Err(SessionError::Unrecorded(io::Error::other(why.clone())));
        }
        match self.journal.append(now, facts) {
            Ok(receipt) => {
                self.halted = None;
                Ok(receipt)
            }
            Err(_) if back => Ok(self.journal.append_reserved(now, facts)),
            Err(error) => {
                self.halted = Some(error.to_string());
                Err(SessionError::Unrecorded(error))
            }
        }
    }

    /// Abort, rollback and everything inside the lane go on with a full disk; nothing else does.
    fn leads_back(&self, input: &Input, facts: &[Fact]) -> bool {
        let pulled = matches!(input, Input::Command { command: Command::Rollback { .. } | Command::Abort { .. }, .. });
        let stopping = matches!(self.run.phase(), Phase::Cancelling { .. });
        let began = facts.iter().any(|fact| matches!(fact, Fact::RollbackBegan { .. }));
        self.bound_back || pulled || stopping || began || self.run.lane() == Lane::Rollback
    }

    fn act(&mut self, effects: Vec<Effect>, under: &Receipt) {
        for effect in effects {
            self.performer.start(effect, under);
        }
    }

    /// Gives the parts back, for the next run or for closing.
    pub fn into_parts(self) -> (Run, J, P) {
        (self.run, self.journal, self.performer)
    }
}
