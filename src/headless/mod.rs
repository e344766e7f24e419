//! The frontend without a terminal: policies to commands, facts to lines. Knows no cluster and draws nothing.

pub mod answers;
mod fitting;
mod policy;
mod report;

pub use policy::{Policy, Reply};
pub use report::Reporter;
