//! What is seen and not recorded: pods, events, logs, metrics. Names no kube and no ratatui type.

pub mod output;

/// Something for the screen only. It may be dropped; what is dropped is counted and shown as dropped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// A line a step printed.
    Output(output::OutputLine),
}
