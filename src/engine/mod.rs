//! The engine: a pure function from (run, input, time) to facts and effects.
//!
//! ```text
//!  Input ──► Run::decide(now) ──► Decision { facts, effects }     (nothing has happened yet)
//!                                     │ written and synced by the session
//!  Run ◄──── Run::apply(at, fact) ◄───┘                           (the only mutation)
//! ```
//!
//! **Invariants.** No clock, no disk, no thread, no randomness. At most one attempt is in flight per lane.
//! A report counts only if its ticket is in flight and it answers what was asked. No data never passes a
//! gate. A decision is legal by construction: the draft applies each fact as it is drafted.

pub mod ask;
pub mod fact;
pub mod message;
pub mod path;
pub mod state;

pub use ask::Ask;
pub use fact::Fact;
pub use message::{Actor, Command, Decision, Effect, Input, Report, Ticket};
pub use state::Run;
