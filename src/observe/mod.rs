//! What is seen and not recorded: pods, events, logs, metrics. Names no kube and no ratatui type.
