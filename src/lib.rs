//! ripcord steps an on-call engineer through a YAML runbook and records every act before it happens.
//!
//! The map, from the middle outwards:
//!
//! | module | holds | must never |
//! |---|---|---|
//! | [`runbook`] | what the author wrote: parsed, checked, typed | know that runs exist |
//! | [`engine`] | a run: `decide` and `apply`, pure | ask a clock, a disk, a terminal, a network |
//! | [`audit`] | the trail: append, verify, report | decide anything |
//! | [`observe`] | what is seen and not recorded | be recorded |
//! | [`redact`], [`visible`] | secrets out by value; nothing raw from outside | know where the text goes |
//! | [`session`] | decide, record, apply, act; in that order | know a terminal, a cluster, a runtime |
//!
//! Everything above builds without the feature `app`. With it come the adapters (`effects`, `runner`),
//! the frontends (`headless`, `tui`), the embedded cluster (`demo`), the pace of the clocks (`pace`) and the one place that joins them (`app`).
//!
//! **Invariants.** A fact is durable before its effect starts. The run *is* the fold of its facts.
//! Time is an argument. No data never passes a gate. The way back is never blocked.

pub mod audit;
pub mod engine;
pub mod observe;
pub mod redact;
pub mod runbook;
pub mod session;
pub mod visible;

#[cfg(feature = "app")]
pub mod app;
#[cfg(feature = "app")]
pub mod cli;
#[cfg(feature = "app")]
pub mod demo;
#[cfg(feature = "app")]
pub mod effects;
#[cfg(feature = "app")]
pub mod headless;
#[cfg(feature = "app")]
pub mod import;
#[cfg(feature = "app")]
pub mod pace;
#[cfg(feature = "app")]
pub mod runner;
#[cfg(feature = "app")]
pub mod tui;
