//! The step-runner: a real process and its status file.
