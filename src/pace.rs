//! How fast this process lives: once, unless a demo asked for more. The program's clocks and the adapters' pauses
//! go through here, so that a gate of ten minutes takes thirty seconds at a pace of twenty.
//!
//! Only waits, their limits and the wall are scaled; limits on how long a request may take stay real.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// When the pace was set, and to what.
struct Pace {
    began: Instant,
    wall: Timestamp,
    speed: f64,
}

static PACE: OnceLock<Pace> = OnceLock::new();

/// The fastest a demo may run.
pub const FASTEST: f64 = 1000.0;

/// Sets the pace of this process from now on; a second call changes nothing.
pub fn set(speed: f64) {
    let speed = if speed.is_finite() { speed.clamp(1.0, FASTEST) } else { 1.0 };
    PACE.get_or_init(|| Pace { began: Instant::now(), wall: real_now(), speed });
}

/// This moment, as this process lives it.
pub fn now() -> Timestamp {
    let Some(pace) = PACE.get() else { return real_now() };
    let passed = SignedDuration::try_from(pace.began.elapsed().mul_f64(pace.speed)).unwrap_or_default();
    pace.wall.checked_add(passed).unwrap_or(pace.wall)
}

/// What is added to a clock that counts milliseconds since boot.
pub fn ahead_ms() -> u64 {
    let more = |pace: &Pace| pace.began.elapsed().mul_f64((pace.speed - 1.0).max(0.0)).as_millis();
    PACE.get().map_or(0, |pace| u64::try_from(more(pace)).unwrap_or(0))
}

/// What a stretch of real time is to this process.
pub fn lived(real: Duration) -> Duration {
    PACE.get().map_or(real, |pace| real.mul_f64(pace.speed))
}

/// How long a wait of this process really takes.
pub fn real(wait: Duration) -> Duration {
    PACE.get().map_or(wait, |pace| wait.div_f64(pace.speed))
}

/// The least that a wait's limit is given, however fast the process lives: a busy machine must not miss it.
const LEAST_LIMIT: Duration = Duration::from_secs(10);

/// How long a wait that a runbook limits may really take.
pub fn limit(wait: Duration) -> Duration {
    real(wait).max(wait.min(LEAST_LIMIT))
}

#[expect(clippy::disallowed_methods, reason = "the clock that the pace is measured against")]
fn real_now() -> Timestamp {
    Timestamp::now()
}
