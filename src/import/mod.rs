//! A Markdown guide becomes a runbook to finish by hand.
