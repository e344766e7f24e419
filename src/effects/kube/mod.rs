//! The cluster: connecting, watching, and the native verbs. Nothing here draws, and nothing here decides.

pub mod act;
pub mod connect;
pub mod describe;
pub mod forward;
pub mod logs;
pub mod reading;
pub mod shell;
pub mod watch;
