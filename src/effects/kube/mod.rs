//! The cluster: connecting, watching, and the native verbs. Nothing here draws, and nothing here decides.

pub mod act;
pub mod connect;
pub mod watch;
