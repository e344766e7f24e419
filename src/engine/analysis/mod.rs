//! The rules of a metric gate, pure: slots, judgement of a reading, verdict. Argo's vocabulary and defaults,
//! with rules on top that cannot be fooled by missing data. Nothing is measured here.

pub mod guard;
mod plan;
mod rule;
mod verdict;

pub use plan::{Due, Plan};
pub use rule::Rule;
pub use verdict::{Progress, RuleProgress, Verdict};
