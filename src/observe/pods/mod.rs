//! Pods: kubectl's row exactly, from a type that parses no more than the row needs.

mod print;
mod rule;
mod row;
mod selector;
mod sick;
mod slim;
mod table;

pub use print::{Printed, print};
pub use row::{ContainerRow, Health, PodRow, Wide};
pub use rule::{PodCount, RestartTally, restarts_since};
pub use selector::{BadSelector, Selector};
pub use sick::{Ended, SickContainer, Sickness, Unmet};
pub(crate) use slim::or_default;
pub use table::{CAP, Entry, PodFilter, PodTable};
pub use slim::{Condition, ContainerStatus, Meta, Owner, SlimPod, Spec, SpecContainer, State, Status, Terminated, Waiting};

#[cfg(test)]
mod tests;
