//! End-to-end tests on a real Kubernetes API: `tests/cluster/run`, or any cluster by
//! `RIPCORD_E2E_KUBECONFIG=… cargo test --test cluster -- --ignored any_cluster`.
//! All are `#[ignore]`d: plain `cargo test` needs no cluster, and says so per test.
//! Each test works in a namespace of its own, in a cluster that has opted in.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::too_many_lines,
    reason = "these tests live in real time and say what they expect"
)]

mod any_cluster;
mod canary;
#[path = "../../shared/console.rs"]
mod console;
mod corpus;
mod fates;
mod faults;
mod gates;
mod hostile;
mod live;
mod once;
mod people;
mod production;
mod proxy;
mod pulled;
mod refused;
mod rows;
mod runbook;
#[path = "../../shared/said.rs"]
mod said;
mod screen;
mod streams;
mod support;
mod system;
mod target;
mod traffic;
mod verbs;
