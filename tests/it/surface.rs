//! The public surface, key by key, as its documents say it: the binary as a black box.

mod alerts;
mod config;
mod evidence;
mod faults;
mod headless;
mod import;
mod kubeconfig;
mod local;
mod preflight;
mod told;
mod way_back;
