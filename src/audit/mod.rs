//! The trail: journal file, hash chain, verifier, report for people. Decides nothing.
//!
//! ```text
//! <state>/runs/<started>-<runbook>-<4 hex>/   trail.jsonl  output/  blobs/  runbook/  requests/
//! <state>/ledger.jsonl
//! ```

pub mod canonical;
pub mod ledger;
mod record;
pub mod report;
pub mod requests;
pub mod runs;
pub mod show;
mod trail;
pub mod verify;

pub use record::Record;
pub use trail::{Holder, OpenError, Reopened, TRAIL, TrailFile, holder, is_held, read_facts, read_records};
