//! Helm: releases read from their own Secrets, changes made by the operator's own `helm` as argv.
//! Status, history and diff need no change; upgrade and rollback are only described here and run elsewhere.

mod argv;
pub mod diff;
mod job;
mod release;
mod settle;
mod show;
mod stand_in;

pub use argv::argv;
pub use job::{HelmJob, finish, job, ready};
pub use release::{Release, decode, encode, pending, releases};
pub use settle::settle;
pub use show::{perform, render};
pub use stand_in::{StandIn, change};
