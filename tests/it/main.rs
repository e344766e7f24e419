//! One test binary: everything that needs nothing but cargo.

mod books;
#[cfg(feature = "app")]
mod effects;
#[cfg(feature = "app")]
mod kube;
#[cfg(feature = "app")]
mod runner;
