//! The console over a live run.

use super::{Fault, open::Live};
use crate::engine::Command;

pub async fn drive(_live: Live, _command: Option<Command>) -> Result<u8, Fault> {
    Err(Fault::usage("the console is not built yet"))
}
