//! A state directory of its own, and one small run told in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use ripcord::{
    audit::{
        TrailFile, approved,
        ledger::{self, Entry},
        verify::{Verdict, verify},
    },
    engine::{
        Actor, Fact,
        fact::{Opened, TargetIdentity},
        message::Via,
    },
    redact::Redactor,
    session::{Journal as _, Now},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub const BOOT: &str = "boot-1";
/// What was approved: only its hash counts here.
pub const BOOK: &str = "metadata: {name: demo}\n";
pub const RUN: &str = "20261123T201455Z-demo-00aa";

/// Second `n` of the story, on both clocks.
pub fn at(n: i64) -> Now {
    Now { wall: Timestamp::from_second(1_800_000_000 + n).unwrap(), boot_ms: 1000 * u64::try_from(n).unwrap() }
}

pub fn me() -> Actor {
    Actor::system("oncall@corp", Via::Console)
}

pub fn fact(value: Value) -> Fact {
    serde_json::from_value(value).unwrap()
}

pub fn note(text: &str) -> Fact {
    Fact::NoteAdded { by: me(), text: text.to_owned() }
}

pub fn opened(run: &str) -> Opened {
    let steps: Vec<Value> = ["a", "b"].iter().map(|id| json!({"id": id, "action": {"run": "make it so"}})).collect();
    let back = json!([{"id": "back", "action": {"run": "make it not so"}}]);
    Opened {
        format: 1,
        run: run.to_owned(),
        program: Default::default(),
        runbook: serde_json::from_value(json!({"metadata": {"name": "demo"}, "steps": steps, "rollback": back}))
            .unwrap(),
        runbook_hash: approved::hash([BOOK.as_bytes()]),
        runbook_path: "demo.yaml".into(),
        params: Default::default(),
        target: TargetIdentity { context: "prod".into(), ..Default::default() },
        operator: me(),
        host: "laptop".into(),
        pid: std::process::id(),
        workdir: "/".into(),
        started_at: at(0).wall,
        rollback_of: None,
        previous: None,
        carried: Default::default(),
        read_only: false,
        baseline: None,
    }
}

pub fn entered(step: &str) -> Fact {
    fact(json!({"kind": "step.entered", "step": step}))
}

pub fn intent(step: &str) -> Fact {
    fact(
        json!({"kind": "step.intent", "step": step, "attempt": 1, "risk": "write", "action": {"run": "make it so"}, "command": "make it so"}),
    )
}

pub fn outcome(step: &str, more: Value) -> Fact {
    let mut value = json!({"kind": "step.outcome", "step": step, "attempt": 1, "outcome": "succeeded", "exitCode": 0, "durationMs": 12});
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fact(value)
}

pub fn closed() -> Fact {
    fact(json!({"kind": "run.closed", "status": "succeeded"}))
}

pub struct Lab {
    pub root: TempDir,
}

impl Lab {
    pub fn new() -> Self {
        Self { root: TempDir::new().unwrap() }
    }

    pub fn state(&self) -> &Path {
        self.root.path()
    }

    pub fn dir(&self) -> PathBuf {
        self.state().join("runs").join(RUN)
    }

    pub fn trail(&self) -> PathBuf {
        self.dir().join("trail.jsonl")
    }

    /// A new run with its first record and its line in the ledger.
    pub fn open(&self) -> TrailFile {
        self.open_with(Redactor::default())
    }

    pub fn open_with(&self, redactor: Redactor) -> TrailFile {
        let opened = opened(RUN);
        let mut trail = TrailFile::create(&self.dir(), &opened, BOOT, redactor).unwrap();
        fs::write(self.dir().join("runbook/demo.yaml"), BOOK).unwrap();
        trail.append(at(0), &[Fact::RunOpened(Box::new(opened))]).unwrap();
        let entry = Entry::Opened { run: RUN.into(), chain: trail.chain_uid().into() };
        ledger::append(self.state(), 0, &entry).unwrap();
        trail
    }

    /// Step `a`, whole, with an output file.
    pub fn step_a(&self, trail: &mut TrailFile) {
        let output = b"it is so\n";
        fs::write(self.dir().join("output/a.1.log"), output).unwrap();
        let sha256: String = Sha256::digest(output).iter().map(|byte| format!("{byte:02x}")).collect();
        let output = json!({"output": {"file": "output/a.1.log", "bytes": output.len(), "sha256": sha256}});
        trail.append(at(1), &[fact(json!({"kind": "run.started", "by": me()})), entered("a")]).unwrap();
        trail.append(at(2), &[intent("a")]).unwrap();
        trail.append(at(3), &[fact(json!({"kind": "step.started", "step": "a", "attempt": 1, "pid": 7}))]).unwrap();
        trail.append(at(4), &[outcome("a", output), entered("b")]).unwrap();
    }

    /// The end, anchored in the ledger.
    pub fn close(&self, mut trail: TrailFile, when: i64) {
        let last = trail.append(at(when), &[closed()]).unwrap();
        let entry = Entry::Closed { run: RUN.into(), head: last.head, sequence: last.sequence };
        ledger::append(self.state(), 1, &entry).unwrap();
    }

    /// A whole run: closed and anchored.
    pub fn whole() -> Self {
        let lab = Self::new();
        let mut trail = lab.open();
        lab.step_a(&mut trail);
        trail.append(at(5), &[note(&"a long word ".repeat(1000))]).unwrap();
        lab.close(trail, 6);
        assert_eq!(lab.verdict().exit, 0, "{}", lab.verdict().render());
        lab
    }

    /// A run that was left open, its process gone.
    pub fn left() -> Self {
        let lab = Self::new();
        let mut trail = lab.open();
        lab.step_a(&mut trail);
        lab
    }

    pub fn verdict(&self) -> Verdict {
        verify(self.state(), RUN)
    }

    pub fn exit(&self) -> u8 {
        self.verdict().exit
    }

    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.trail()).unwrap()
    }

    pub fn put(&self, bytes: &[u8]) {
        fs::write(self.trail(), bytes).unwrap();
    }

    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.bytes().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }
}
