//! Decide, record, apply, act; in that order and in no other.
//!
//! The two seams of the program are here: [`Journal`] towards the disk, [`Performer`] towards the world.
//! Both frontends are loops around [`Session::handle`], or around its two halves where the writing must keep nobody
//! waiting; it knows no terminal, no cluster, no runtime.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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

/// Decided and not yet durable. It may be written on another thread; until it is [taken](Session::take) back, the
/// session decides nothing else.
pub struct Unwritten<J> {
    journal: Arc<Mutex<J>>,
    now: Now,
    at: Timestamp,
    facts: Vec<Fact>,
    effects: Vec<Effect>,
    /// It leads back, so a full disk does not stop it.
    back: bool,
}

/// What became of it.
pub struct Written {
    at: Timestamp,
    facts: Vec<Fact>,
    effects: Vec<Effect>,
    receipt: io::Result<Receipt>,
    reserved: bool,
}

impl<J: Journal> Unwritten<J> {
    /// Returns only once it would survive a crash, or cannot be written.
    pub fn write(self) -> Written {
        let Self { journal, now, at, facts, effects, back } = self;
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        let (receipt, reserved) = match journal.append(now, &facts) {
            Err(_) if back => (Ok(journal.append_reserved(now, &facts)), true),
            written => (written, false),
        };
        Written { at, facts, effects, receipt, reserved }
    }
}

/// A live run: its state, its trail, its hands.
pub struct Session<J, P> {
    run: Run,
    journal: Arc<Mutex<J>>,
    /// A decision is out to be written.
    unwritten: bool,
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
        let journal = Arc::new(Mutex::new(journal));
        Self { run, journal, unwritten: false, performer, last, anchor: now, steady, halted: None, bound_back: false }
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

    pub fn journal(&self) -> MutexGuard<'_, J> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
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
        match self.decide(now, input)? {
            Some(unwritten) => self.take(unwritten.write()),
            None => Ok(Recorded::default()),
        }
    }

    /// The first half: what must be written before anything is done. `None`: there is nothing to record.
    pub fn decide(&mut self, now: Now, input: &Input) -> Result<Option<Unwritten<J>>, SessionError> {
        if self.unwritten {
            return Err(SessionError::Unrecorded(io::Error::other("an earlier record is not written yet")));
        }
        let at = self.steady(now);
        let decision = self.run.decide(at, input)?;
        self.run.asked(&decision.effects);
        if decision.facts.is_empty() {
            let receipt = self.last.clone();
            self.act(decision.effects, &receipt);
            return Ok(None);
        }
        let back = self.leads_back(input, &decision.facts);
        // A person's word or a report tries again: the disk may have been freed. A clock does not.
        if !back
            && matches!(input, Input::Clock)
            && let Some(why) = &self.halted
        {
            return Err(SessionError::Unrecorded(io::Error::other(why.clone())));
        }
        self.unwritten = true;
        let (journal, facts, effects) = (Arc::clone(&self.journal), decision.facts, decision.effects);
        Ok(Some(Unwritten { journal, now, at, facts, effects, back }))
    }

    /// The second half: what is durable is applied and acted on; what is not changes nothing.
    pub fn take(&mut self, written: Written) -> Result<Recorded, SessionError> {
        self.unwritten = false;
        let receipt = match written.receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                self.halted = Some(error.to_string());
                return Err(SessionError::Unrecorded(error));
            }
        };
        if !written.reserved {
            self.halted = None;
        }
        for fact in &written.facts {
            self.run.apply(written.at, fact)?;
        }
        self.run.asked(&written.effects);
        self.last = receipt.clone();
        self.act(written.effects, &receipt);
        Ok(Recorded { facts: written.facts, receipt: Some(receipt) })
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
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{
        Actor, Ask, Report,
        message::Via,
        tests::gate::{answer, guarded, value},
    };

    /// A journal that keeps nothing, and hands that do nothing.
    struct Nothing;

    impl Journal for Nothing {
        fn append(&mut self, _: Now, _: &[Fact]) -> io::Result<Receipt> {
            Ok(Receipt::default())
        }

        fn append_reserved(&mut self, _: Now, _: &[Fact]) -> Receipt {
            Receipt::default()
        }
    }

    impl Performer for Nothing {
        fn start(&mut self, _: Effect, _: &Receipt) {}
    }

    const HOUR: i64 = 3600;

    /// A run that soaks for an hour, begun at its opening.
    fn soaking() -> (Session<Nothing, Nothing>, Timestamp) {
        let opened: Opened = serde_json::from_value(json!({
            "format": 1, "run": "r", "program": {"version": "", "hash": ""}, "runbookHash": "", "runbookPath": "",
            "runbook": {"metadata": {"name": "t"}, "steps": [{"id": "soak", "action": {"wait": "1h"}}]},
            "params": {}, "target": {}, "host": "h", "pid": 1, "workdir": "/", "startedAt": "2026-11-23T20:14:55Z",
            "operator": {"name": "me", "via": "console", "assurance": "system"},
        }))
        .unwrap();
        let began = opened.started_at;
        let now = Now { wall: began, boot_ms: 0 };
        let mut session = Session::open(now, opened, Nothing, Nothing).unwrap();
        let start = Input::Command { by: Actor::system("me", Via::Console), command: Command::Start };
        session.handle(now, &start).unwrap();
        (session, began)
    }

    /// The clock strikes so long after the boot, and the wall says something of its own.
    fn struck(session: &mut Session<Nothing, Nothing>, boot_secs: i64, wall: Timestamp) -> bool {
        let now = Now { wall, boot_ms: u64::try_from(boot_secs).unwrap() * 1000 };
        session.handle(now, &Input::Clock).unwrap();
        session.run().is_closed()
    }

    #[test]
    fn a_wall_clock_set_back_delays_nothing_and_no_fact_goes_back_in_time() {
        let (mut session, began) = soaking();
        let yesterday = began - SignedDuration::from_secs(24 * HOUR);
        assert!(!struck(&mut session, HOUR - 1, yesterday));
        assert!(struck(&mut session, HOUR, yesterday), "an hour is an hour");
        assert_eq!(session.run().closed_at(), Some(began + SignedDuration::from_secs(HOUR)));
    }

    #[test]
    fn what_is_being_written_has_not_happened_yet() {
        let (mut session, began) = soaking();
        let now = Now { wall: began, boot_ms: u64::try_from(HOUR).unwrap() * 1000 };
        let unwritten = session.decide(now, &Input::Clock).unwrap().unwrap();
        assert!(!session.run().is_closed());
        assert!(matches!(session.decide(now, &Input::Clock), Err(SessionError::Unrecorded(_))), "one at a time");
        session.take(unwritten.write()).unwrap();
        assert!(session.run().is_closed());
    }

    #[test]
    fn a_machine_that_slept_uncounted_is_believed() {
        let (mut session, began) = soaking();
        assert!(struck(&mut session, 1, began + SignedDuration::from_secs(HOUR)));
    }

    /// A disk, and whether it is full.
    struct Disk(bool);

    impl Journal for Disk {
        fn append(&mut self, _: Now, _: &[Fact]) -> io::Result<Receipt> {
            if self.0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(Receipt::default()) }
        }

        fn append_reserved(&mut self, _: Now, _: &[Fact]) -> Receipt {
            Receipt::default()
        }
    }

    #[test]
    fn a_trip_is_recorded_before_it_is_shown() {
        let mut bottle = guarded("offerRollback");
        answer(&mut bottle, |_| value(0.02));
        bottle.later(15);
        let Some(Effect::Measure { ticket, slot, .. }) = bottle.effects.pop() else { panic!("nothing is read") };
        let report = Report::Sample { metric: "err".into(), slot, reading: value(0.02) };
        let bad = Input::Report { ticket, report };
        let now = Now { wall: bottle.now, boot_ms: 0 };
        let mut session = Session::take_up(now, bottle.run, Receipt::default(), Disk(true), Nothing);
        let offers = |session: &Session<Disk, Nothing>| matches!(session.run().asks(None)[0], Ask::Guard { .. });
        assert!(matches!(session.handle(now, &bad), Err(SessionError::Unrecorded(_))));
        assert!(!offers(&session), "nobody sees what no trail has");
        session.journal().0 = false;
        session.handle(now, &bad).unwrap();
        assert!(offers(&session));
    }
}
