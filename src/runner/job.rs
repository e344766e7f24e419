//! What the step-runner is told, on its stdin. Secrets travel here and nowhere else: never in argv, never on disk.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// One child to run. Paths are absolute.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Program and arguments, as they are; no shell reads them.
    pub argv: Vec<String>,
    pub cwd: PathBuf,
    /// Over what the runner inherits; names that begin with `RIPCORD_` are not inherited.
    pub env: Vec<(String, String)>,
    /// From the child's start. Past it the ladder begins.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    pub ladder: Vec<Rung>,
    /// An existing file of our own. `None`: what the child prints is let go.
    #[serde(default)]
    pub output: Option<PathBuf>,
    /// Where the child may write `KEY=value`; given to it as `$RIPCORD_OUTPUT`, read and removed at the end.
    #[serde(default)]
    pub outputs: Option<PathBuf>,
    /// Removed at the end: a script too long for an argument.
    #[serde(default)]
    pub remove: Vec<PathBuf>,
    /// Name and value, to be taken out of everything the child prints.
    #[serde(default)]
    pub secrets: Vec<(String, String)>,
}

/// One step of stopping: a signal to the child's whole group, then so long until the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rung {
    pub signal: Stop,
    pub wait_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Stop {
    Int,
    Term,
    Kill,
}

impl Rung {
    pub const fn new(signal: Stop, wait: Duration) -> Self {
        Self { signal, wait_ms: wait.as_millis() as u64 }
    }

    /// Scripts: TERM, 10 s, KILL.
    pub fn for_scripts() -> Vec<Self> {
        vec![Self::new(Stop::Term, Duration::from_secs(10)), Self::new(Stop::Kill, Duration::ZERO)]
    }

    /// Helm cleans up after INT: INT, 30 s, TERM, 10 s, KILL.
    pub fn for_helm() -> Vec<Self> {
        let mut ladder = vec![Self::new(Stop::Int, Duration::from_secs(30))];
        ladder.extend(Self::for_scripts());
        ladder
    }
}
