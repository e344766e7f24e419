//! The program's clocks: the wall, and the time since boot that counts sleep.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::{pace, session::Now};

/// This moment, on both clocks.
pub fn now() -> Now {
    let boot = clock_gettime(ClockId::Boottime);
    let millis = boot.tv_sec.unsigned_abs() * 1000 + boot.tv_nsec.unsigned_abs() / 1_000_000 + pace::ahead_ms();
    // Milliseconds are what the trail keeps; the engine lives by the same grain.
    let wall = Timestamp::from_millisecond(pace::now().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH);
    Now { wall, boot_ms: millis }
}

/// How long to sleep until a moment of the session's time; an hour where there is none.
pub fn sleep_until(now: Timestamp, deadline: Option<Timestamp>) -> Duration {
    let wait = |at: Timestamp| pace::real(Duration::try_from(at.duration_since(now)).unwrap_or_default());
    deadline.map_or(Duration::from_secs(3600), wait)
}

/// Names this boot of this machine.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".into(), |id| id.trim().to_owned())
}
