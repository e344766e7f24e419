//! The trail: journal file, hash chain, verifier, report for people. Decides nothing.
//!
//! ```text
//! <state>/runs/<started>-<runbook>-<4 hex>/   trail.jsonl  output/  blobs/  runbook/  requests/
//! <state>/ledger.jsonl
//! ```

pub mod approved;
pub mod canonical;
#[cfg(feature = "app")]
pub mod export;
mod files;
mod holder;
pub mod ledger;
mod read;
mod record;
pub mod report;
pub mod requests;
mod reserve;
pub mod runs;
mod scan;
pub mod show;
mod trail;
pub mod verify;

pub use holder::{Holder, holder, is_held};
pub use read::{Follow, read_facts, read_records};
pub use record::{Record, clean};
pub use trail::{OpenError, Reopened, TRAIL, TrailFile};
