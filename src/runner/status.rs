//! The runner's own file: a line per phase, appended. Whoever finds it can tell what became of the child.
//!
//! The runner holds an exclusive lock on the file for as long as it lives. So: `ended` is there → that is how it
//! ended; else locked → it still runs; else only `accepted`, in this boot → it was never started; else nobody knows.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Phase {
    /// Written by the console before there is a runner.
    Accepted {
        boot_id: Option<String>,
    },
    /// The runner is there; the next thing it does is to start the child.
    Starting {
        runner: Process,
    },
    Started {
        child: Process,
    },
    Ended(Box<Ended>),
}

/// A process, named for good: a pid alone is given out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    pub pid: u32,
    /// Clock ticks since boot, as `/proc/<pid>/stat` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
}

impl Process {
    pub fn of(pid: u32) -> Self {
        Self { pid, start_time: start_time(pid), boot_id: boot_id() }
    }

    /// Whether this very process still lives.
    pub fn is_alive(&self) -> bool {
        self.boot_id == boot_id() && self.start_time.is_some() && start_time(self.pid) == self.start_time
    }
}

/// How it ended. At most one of `exit_code`, `signal`, `not_started` is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ended {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The program could not be started: a word and a text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_started: Option<NotStarted>,
    pub timed_out: bool,
    pub cancelled: bool,
    pub duration_ms: u64,
    /// Absent where the output could not be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Kept>,
    pub outputs: BTreeMap<String, String>,
    /// What is wrong with the outputs file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs_problem: Option<String>,
    /// What a reader of the output should know.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotStarted {
    /// `notFound` or `refused`.
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    pub bytes: u64,
    pub sha256: String,
}

/// Appends one line. `sync`: returns only once it would survive a power loss.
pub fn append(file: &mut File, phase: &Phase, sync: bool) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(phase)?;
    line.push(b'\n');
    let written = file.write_all(&line).and_then(|()| if sync { file.sync_data() } else { Ok(()) });
    written.map(|()| line)
}

/// All whole lines of a status file; a torn last one is left out.
pub fn read(path: &Path) -> io::Result<Vec<Phase>> {
    let mut text = Vec::new();
    File::open(path)?.read_to_end(&mut text)?;
    Ok(text
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"\n"))
        .map_while(|line| serde_json::from_slice(line).ok())
        .collect())
}

/// When a process started, in clock ticks since boot. `None` where there is no `/proc`, or no such process.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields after it are fixed. Field 22, the 20th after the name.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// This boot. `None` where the system does not say.
pub fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let mut file = File::create(&path).unwrap();
        append(&mut file, &Phase::Accepted { boot_id: Some("b".into()) }, true).unwrap();
        append(&mut file, &Phase::Starting { runner: Process::of(1) }, false).unwrap();
        file.write_all(br#"{"phase":"ended","exitCode":0"#).unwrap();
        let phases = read(&path).unwrap();
        assert_eq!(phases.len(), 2);
        assert!(matches!(phases[1], Phase::Starting { .. }));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_known_by_more_than_its_pid() {
        let me = Process::of(std::process::id());
        assert!(me.is_alive());
        assert!(!Process { start_time: me.start_time.map(|t| t + 1), ..me.clone() }.is_alive());
        assert!(!Process { boot_id: Some("another".into()), ..me }.is_alive());
    }
}
