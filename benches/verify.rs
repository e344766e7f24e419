//! `trail verify` of a long trail beside `sha256sum` of the same file, and the memory it takes.
//!
//! `cargo bench --bench verify -- [RECORDS]` (default one million). The records are written by the journal itself,
//! as a run would leave them, on `/dev/shm` where a sync costs nothing. Nothing is asserted: it prints a ratio.
#![expect(clippy::print_stdout, reason = "a bench reports to its caller")]

use std::{
    error::Error,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ripcord::{
    audit::{
        TrailFile,
        ledger::{self, Entry},
        verify::verify,
    },
    engine::Fact,
    redact::Redactor,
    session::{Journal as _, Now},
};
use serde_json::{Value, json};

const RUN: &str = "20261123T201455Z-bench-00aa";

fn main() -> Result<(), Box<dyn Error>> {
    let records = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000u64);
    for records in [records / 10, records] {
        let state = Path::new("/dev/shm").join(format!("ripcord-bench-{}", std::process::id()));
        let measured = measure(&state, records);
        fs::remove_dir_all(&state)?;
        measured?;
    }
    Ok(())
}

fn measure(state: &Path, records: u64) -> Result<(), Box<dyn Error>> {
    let written = write(state, records)?;
    let trail = state.join("runs").join(RUN).join("trail.jsonl");
    let bytes = fs::metadata(&trail)?.len();
    let hashing = best(|| Command::new("sha256sum").arg(&trail).output().map(|_| ()))?;
    let before = memory("VmRSS");
    let verifying = best(|| match verify(state, RUN) {
        verdict if verdict.exit == 0 => Ok(()),
        verdict => Err(std::io::Error::other(verdict.render())),
    })?;
    println!(
        "{records} records, {} MB, written in {written:.1?}: sha256sum {hashing:.2?}, verify {verifying:.2?}, ratio {:.2}, memory {} MB before, {} MB at its highest",
        bytes >> 20,
        verifying.as_secs_f64() / hashing.as_secs_f64(),
        before >> 10,
        memory("VmHWM") >> 10,
    );
    Ok(())
}

/// The best of three: other work on the machine only ever adds.
fn best(mut work: impl FnMut() -> std::io::Result<()>) -> std::io::Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let begin = Instant::now();
        work()?;
        best = best.min(begin.elapsed());
    }
    Ok(best)
}

/// In KiB.
fn memory(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn fact(value: Value) -> Result<Fact, serde_json::Error> {
    serde_json::from_value(value)
}

fn write(state: &Path, records: u64) -> Result<Duration, Box<dyn Error>> {
    let begin = Instant::now();
    let me = json!({"name": "oncall@corp", "via": "console", "assurance": "system"});
    let step = |id: &str| json!({"id": id, "action": {"run": "kubectl get pods -n ml-serving -l app=ml-api"}});
    let Fact::RunOpened(opened) = fact(json!({
        "kind": "run.opened", "format": 1, "run": RUN, "program": {"version": "0.1.0", "hash": ""}, "runbookHash": "ab", "runbookPath": "b.yaml",
        "runbook": {"metadata": {"name": "bench"}, "steps": [step("check-pods"), step("check-again")]},
        "params": {}, "target": {}, "operator": me, "host": "laptop", "pid": 1, "workdir": "/", "startedAt": "2026-11-23T20:14:55Z",
    }))?
    else {
        return Err("no run.opened".into());
    };
    let at = |n: u64| {
        Ok::<_, jiff::Error>(Now {
            wall: Timestamp::from_millisecond(1_800_000_000_000 + i64::try_from(n).unwrap_or(0))?,
            boot_ms: n,
        })
    };
    let dir = state.join("runs").join(RUN);
    let mut trail = TrailFile::create(&dir, &opened, "boot", Redactor::default())?;
    trail.append(at(0)?, &[Fact::RunOpened(opened)])?;
    ledger::append(state, 0, &Entry::Opened { run: RUN.into(), chain: trail.chain_uid().into() })?;
    let mut attempt = 1;
    for n in (1..records - 3).step_by(4) {
        let step = if attempt % 2 == 0 { "check-pods" } else { "check-again" };
        let command = "kubectl get pods -n ml-serving -l app=ml-api";
        let story = [
            vec![
                json!({"kind": "step.entered", "step": step}),
                json!({"kind": "step.intent", "step": step, "attempt": attempt, "risk": "read", "action": {"run": command}, "command": command}),
            ],
            vec![
                json!({"kind": "step.started", "step": step, "attempt": attempt, "pid": 4242, "startTime": 918_273, "bootId": "boot"}),
            ],
            vec![json!({"kind": "note.added", "by": me, "text": "latency is still above what it was yesterday"})],
            vec![json!({
                "kind": "step.outcome", "step": step, "attempt": attempt, "outcome": "succeeded", "exitCode": 0, "durationMs": 812,
                "summary": "exit 0", "outputs": {"code": 0},
            })],
        ];
        for (index, facts) in story.into_iter().enumerate() {
            let facts = facts.into_iter().map(fact).collect::<Result<Vec<_>, _>>()?;
            trail.append(at(n + index as u64)?, &facts)?;
        }
        attempt += 1;
    }
    let last = trail.append(at(records)?, &[fact(json!({"kind": "run.closed", "status": "succeeded"}))?])?;
    ledger::append(state, 1, &Entry::Closed { run: RUN.into(), head: last.head, sequence: last.sequence })?;
    Ok(begin.elapsed())
}
