//! Pods: kubectl's row exactly, from a type that parses no more than the row needs.

mod print;
mod row;
mod rule;
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
pub use slim::{
    Condition, ContainerStatus, Meta, Owner, SlimPod, Spec, SpecContainer, State, Status, Terminated, Waiting,
};
pub use table::{CAP, Entry, PodFilter, PodTable};

#[cfg(test)]
mod tests;
