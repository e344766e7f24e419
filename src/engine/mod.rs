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

pub mod analysis;
mod apply;
pub mod ask;
mod asks;
mod begin;
mod clock;
pub mod command;
mod decide;
mod draft;
pub mod fact;
mod flow;
mod gates;
mod guards;
mod limit;
pub mod message;
pub mod path;
mod people;
mod report;
mod resume;
mod ripcord;
mod scope;
pub mod state;

pub use apply::Corrupt;
pub use ask::Ask;
pub use fact::Fact;
pub use gates::{STALE_AFTER, leads};
pub use message::{Actor, Command, Decision, Effect, Input, Refusal, Report, Ticket};
pub use state::Run;

#[cfg(test)]
pub(crate) mod tests;
