//! The rules of a metric gate, pure: slots, judgement of a reading, verdict. Argo's vocabulary and defaults,
//! with rules on top that cannot be fooled by missing data. Nothing is measured here.

pub mod guard;
mod plan;
mod progress;
mod rule;
#[cfg(test)]
mod tests;
mod verdict;

pub use plan::{Plan, Work};
pub use progress::{Progress, RuleProgress};
pub use rule::Rule;
pub use verdict::{Standing, Verdict, words};
