//! The cluster: connecting, watching, and the native verbs. Nothing here draws, and nothing here decides.

pub mod act;
pub mod baseline;
pub mod connect;
pub mod describe;
pub mod forward;
pub mod identity;
pub mod lease;
pub mod logs;
pub mod permissions;
pub mod preview;
pub mod private_kubeconfig;
pub mod reading;
pub mod restored;
pub mod shell;
pub mod watch;
