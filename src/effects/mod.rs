//! Adapters to the world: shell, http, kube, helm, prometheus. They hold no opinions and no run.

pub mod evidence;
pub mod helm;
pub mod kube;
pub mod output;
