//! Adapters to the world: shell, http, kube, helm, prometheus. They hold no opinions and no run.

mod ending;
pub mod evidence;
pub mod helm;
mod http;
mod interactive;
pub mod kube;
pub mod loan;
pub mod lock;
pub mod metrics;
mod notify;
pub mod output;
pub mod preflight;
mod probe;
pub mod process;
pub mod prometheus;
pub mod runners;
pub mod secrets;
mod shell;
mod tail;
pub mod work;
mod world;

pub use world::World;
