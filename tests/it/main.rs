//! One test binary: everything that needs nothing but cargo.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::too_many_lines, reason = "tests say what they expect")]

mod books;
mod both_ways;
mod cli;
#[path = "../shared/console.rs"]
mod console;
#[cfg(feature = "app")]
mod demo;
#[cfg(feature = "app")]
mod demo_console;
mod desk;
mod desk_console;
#[cfg(feature = "app")]
mod effects;
#[cfg(feature = "app")]
mod firing;
#[cfg(feature = "app")]
mod gates;
#[cfg(feature = "app")]
mod guides;
#[cfg(feature = "app")]
mod killed;
#[cfg(feature = "app")]
mod kube;
#[cfg(feature = "app")]
mod metrics;
mod reference;
#[cfg(feature = "app")]
mod runner;
#[cfg(feature = "app")]
#[path = "../shared/said.rs"]
mod said;
#[cfg(feature = "app")]
mod scenarios;
mod shipped;
#[cfg(feature = "app")]
mod surface;
mod trail;
mod walls;
