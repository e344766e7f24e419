//! The trail's promises, each with somebody who breaks it.

#[cfg(feature = "app")]
mod archive;
#[cfg(feature = "app")]
mod full;
mod lab;
mod tampered;
mod writing;
