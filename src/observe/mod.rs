//! What is seen and not recorded: pods, events, logs, metrics. Names no kube and no ratatui type.

pub mod alerts;
pub mod cluster;
pub mod events;
pub mod filter;
pub mod findings;
pub mod freshness;
pub mod human;
pub mod logs;
pub mod metrics;
pub mod output;
pub mod pods;
pub mod workloads;

/// Something for the screen only. It may be dropped; what is dropped is counted and shown as dropped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// A line a step printed.
    Output(output::OutputLine),
    /// Pods, events, workloads, and how fresh they are. Not dropped: a lost delete would leave a ghost.
    Cluster(cluster::ClusterNews),
    /// Log lines and the streams they come from.
    Logs(logs::LogNews),
    /// Readings for the metrics pane, and their history.
    Metrics(metrics::MetricsNews),
    /// What fires.
    Alerts(alerts::AlertsNews),
}
