//! The program's clocks: the wall, and the time since boot that counts sleep.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::session::Now;

/// This moment, on both clocks.
#[expect(clippy::disallowed_methods, reason = "the one place that asks the clock for the session")]
pub fn now() -> Now {
    let boot = clock_gettime(ClockId::Boottime);
    let millis = boot.tv_sec.unsigned_abs() * 1000 + boot.tv_nsec.unsigned_abs() / 1_000_000;
    // Milliseconds are what the trail keeps; the engine lives by the same grain.
    let wall = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH);
    Now { wall, boot_ms: millis }
}

/// Names this boot of this machine.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".into(), |id| id.trim().to_owned())
}
