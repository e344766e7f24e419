//! The figures of the program, side by side with what one would use instead. `cargo bench` prints them all;
//! `cargo bench --bench figures -- verify` one of `engine`, `replay`, `verify`, `steps`, `output`.
//!
//! Ratios within one run; nothing here is a test, and nothing fails for being slow.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that prints figures")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use ripcord::{
    audit::{
        TrailFile, approved,
        ledger::{self, Entry},
        verify::verify,
    },
    engine::{
        Actor, Command as Word, Effect, Fact, Input, Report, Run,
        fact::Opened,
        message::{Done, Via},
    },
    redact::Redactor,
    session::{Journal as _, Now},
};
use serde_json::{Value, json};

const RUN: &str = "20261123T201455Z-figures-00aa";
const BOOK: &str = "metadata: {name: figures}\n";

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let figures: [(&str, fn()); 5] =
        [("engine", engine), ("replay", replay), ("steps", steps), ("output", output), ("verify", verification)];
    for (name, figure) in figures {
        if wanted.is_empty() || wanted.iter().any(|want| want == name) {
            figure();
        }
    }
}

fn tell(what: &str, figure: String) {
    println!("{what:<58} {figure}");
}

fn opened(steps: Value) -> Opened {
    let opened = json!({
        "format": 1, "run": RUN, "program": {"version": "", "hash": ""},
        "runbook": {"metadata": {"name": "figures"}, "steps": steps},
        "runbookHash": approved::hash([BOOK.as_bytes()]), "runbookPath": "figures.yaml", "params": {}, "target": {},
        "host": "h", "pid": 1, "workdir": "/", "operator": {"name": "me", "via": "console", "assurance": "system"},
        "startedAt": "2026-11-23T20:14:55Z",
    });
    serde_json::from_value(opened).unwrap()
}

/// A run driven by hand: every effect succeeds at once.
struct Drive {
    run: Run,
    now: Timestamp,
    facts: Vec<(Timestamp, Fact)>,
    decisions: u32,
}

impl Drive {
    fn new(steps: Value) -> Self {
        let opened = opened(steps);
        let now = opened.started_at;
        let facts = vec![(now, Fact::RunOpened(Box::new(opened.clone())))];
        Self { run: Run::open(now, opened), now, facts, decisions: 0 }
    }

    fn put(&mut self, input: &Input) {
        self.now = self.now.checked_add(SignedDuration::from_millis(1)).unwrap();
        let decision = self.run.decide(self.now, input).unwrap();
        self.decisions += 1;
        for fact in decision.facts {
            self.run.apply(self.now, &fact).unwrap();
            self.facts.push((self.now, fact));
        }
        for effect in decision.effects {
            if let Effect::Perform { ticket, .. } = effect {
                self.put(&Input::Report { ticket, report: Report::Succeeded(Done::default()) });
            }
        }
    }

    fn say(&mut self, command: Word) {
        self.put(&Input::Command { by: Actor::system("me", Via::Console), command });
    }
}

/// Decide and apply, without a disk: at most 20 µs a decision.
fn engine() {
    let steps: Vec<Value> =
        (0..100).map(|n| json!({"id": format!("s{n}"), "confirm": "none", "action": {"run": "true"}})).collect();
    let rounds: u32 = 50;
    let begun = Instant::now();
    let decisions: u32 = (0..rounds)
        .map(|_| {
            let mut drive = Drive::new(Value::Array(steps.clone()));
            drive.say(Word::Start);
            assert!(drive.run.is_closed());
            drive.decisions
        })
        .sum();
    let each = begun.elapsed() / decisions;
    tell("decide + apply, a run of 100 steps (at most 20 µs)", format!("{each:?} a decision, {decisions} of them"));
}

/// Folding 100,000 facts: under a second.
fn replay() {
    let mut drive = Drive::new(json!([
        {"id": "act", "confirm": "none", "action": {"run": "true"}},
        {"id": "ask", "action": {"decision": {"prompt": "again?", "options": [{"id": "again", "goto": "act"}, {"id": "done", "goto": "end"}]}}},
    ]));
    drive.say(Word::Start);
    while drive.facts.len() < 100_000 {
        drive.say(Word::Choose { step: "ask".into(), option: "again".into(), reason: None, typed: None });
    }
    let begun = Instant::now();
    let run = Run::replay(&drive.facts).unwrap();
    let took = begun.elapsed();
    assert!(!run.is_closed());
    tell("replay of 100,000 facts (under 1 s)", format!("{took:?}, {} facts", drive.facts.len()));
}

/// Somewhere that syncs cost nothing, so that a million records can be written at all.
fn scratch() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { tempfile::tempdir_in(shm).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// `trail verify` of a million records beside `sha256sum` of the same file: at most four times as long.
fn verification() {
    let records: u64 = std::env::var("RECORDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let state = scratch();
    let dir = state.path().join("runs").join(RUN);
    let steps = json!([
        {"id": "act", "confirm": "none", "action": {"run": "echo \"building $TAG\"; make all"}},
        {"id": "ask", "action": {"decision": {"prompt": "again?", "options": [{"id": "again", "goto": "act"}, {"id": "done", "goto": "end"}]}}},
    ]);
    let mut drive = Drive::new(steps.clone());
    let mut trail = TrailFile::create(&dir, &opened(steps), "boot", Redactor::default()).unwrap();
    fs::write(dir.join("runbook/figures.yaml"), BOOK).unwrap();
    let chain = trail.chain_uid().to_owned();
    ledger::append(state.path(), 0, &Entry::Opened { run: RUN.into(), chain }).unwrap();
    let mut written = 0;
    drive.say(Word::Start);
    while written < records {
        let facts = std::mem::take(&mut drive.facts);
        // One record for what one moment decided, as the session writes them.
        for decided in facts.chunk_by(|one, other| one.0 == other.0) {
            let facts: Vec<Fact> = decided.iter().map(|(_, fact)| fact.clone()).collect();
            let now = Now { wall: decided[0].0, boot_ms: written };
            trail.append(now, &facts).unwrap();
            written += 1;
        }
        drive.say(Word::Choose { step: "ask".into(), option: "again".into(), reason: None, typed: None });
    }
    drop(trail);
    let file = dir.join("trail.jsonl");
    let bytes = fs::metadata(&file).unwrap().len();
    let sum = least(3, || done(Command::new("sha256sum").arg(&file).stdout(Stdio::null())));
    let before = peak();
    let begun = Instant::now();
    let verdict = verify(state.path(), RUN);
    let took = begun.elapsed();
    assert_eq!((verdict.exit, verdict.records), (2, written), "{}", verdict.render());
    let ratio = took.as_secs_f64() / sum.as_secs_f64();
    tell(
        &format!("verify of {written} records, {} MB (at most 4 × sha256sum)", bytes >> 20),
        format!("{took:.2?}, sha256sum {sum:.2?}: {ratio:.1} ×; peak {before} → {} MB", peak()),
    );
}

/// The most memory this process ever held, MB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) >> 10
}

fn done(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
    begun.elapsed()
}

fn least(times: usize, mut what: impl FnMut() -> Duration) -> Duration {
    (0..times).map(|_| what()).min().unwrap_or_default()
}

/// The binary over a runbook of these steps, in a fresh state directory.
fn headless(head: &str, steps: &str) -> Duration {
    let desk = tempfile::tempdir().unwrap();
    let book = format!("apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: figures}}\n{head}steps:\n{steps}");
    fs::write(desk.path().join("book.yaml"), book).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
    command.args(["run", "book.yaml", "--headless", "-o", "json"]).current_dir(desk.path());
    command.env("RIPCORD_STATE_DIR", desk.path().join("state")).env("HOME", desk.path());
    command.env("FIGURES_SECRET", "s3cr3t-of-the-figures/+").stdin(Stdio::null()).stdout(Stdio::null());
    done(&mut command)
}

/// What one step costs over `bash -c` of the same script, 50 in a row; beside it what one sync costs here.
fn steps() {
    let script = "x=1; test \"$x\" = 1";
    let list = |count: usize| -> String {
        (0..count).map(|n| format!("- {{id: s{n}, confirm: none, run: '{script}'}}\n")).collect()
    };
    let bash = least(5, || {
        let begun = Instant::now();
        for _ in 0..50 {
            done(Command::new("bash").args(["-euo", "pipefail", "-c", script]).stdin(Stdio::null()));
        }
        begun.elapsed()
    });
    let one = least(5, || headless("", &list(1)));
    let many = least(5, || headless("", &list(51)));
    let each = many.saturating_sub(one).saturating_sub(bash) / 50;
    tell("a headless step over `bash -c`, 50 in a row", format!("{each:.2?} (bash {:.2?})", bash / 50));
    tell("  of which one fdatasync of a small append costs", format!("{:.2?}", sync()));
    tell("  a run of one step, from start to end", format!("{one:.2?}"));
}

fn sync() -> Duration {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let mut file = fs::File::create(folder.path().join("f")).unwrap();
    let begun = Instant::now();
    for _ in 0..100 {
        file.write_all(&[b'x'; 600]).unwrap();
        file.sync_data().unwrap();
    }
    begun.elapsed() / 100
}

/// A step that prints a gigabyte, beside the same into a file by the shell: at most 1.2 times as long.
fn output() {
    let line = "2026-11-23T20:14:55.123Z INFO request done path=/predict status=200 took=12ms";
    let log = format!("yes \"{line}\" | head -c 1G");
    let secret = "secrets: {key: {fromEnv: FIGURES_SECRET}}\n";
    let nothing = headless("", "- {id: prints, confirm: none, run: 'true'}\n");
    for (kind, script) in [("zeros", "head -c 1G /dev/zero"), ("log lines", &log)] {
        let shell = || {
            let folder = tempfile::tempdir().unwrap();
            done(Command::new("bash").args(["-c", &format!("{script} > out")]).current_dir(folder.path()))
        };
        let step = format!("- {{id: prints, confirm: none, run: '{script} || true'}}\n");
        let file = least(3, shell);
        for (what, head) in [("without a secret", ""), ("with a declared secret", secret)] {
            let took = least(3, || headless(head, &step)).saturating_sub(nothing);
            let ratio = took.as_secs_f64() / file.as_secs_f64();
            tell(
                &format!("1 GB of {kind}, {what} (at most 1.2 ×)"),
                format!("{took:.2?}, the shell's `> file` {file:.2?}: {ratio:.2} ×"),
            );
        }
    }
}
