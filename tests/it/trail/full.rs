//! A disk that is full, in a process of its own whose files may not grow.

use std::{env, process::Command};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use ripcord::{audit::read_facts, session::Journal as _};
use serde_json::json;

use super::lab::*;

const CHILD: &str = "RIPCORD_TEST_FULL_DISK";
const LIMIT: u64 = 80 << 10;

#[test]
fn on_a_full_disk_nothing_goes_forward_and_the_way_back_does() {
    if env::var_os(CHILD).is_some() {
        return fill();
    }
    // The limit holds for a whole process, and its signal must be ignored before the program starts, as main does.
    let me = env::current_exe().unwrap();
    let test = "trail::full::on_a_full_disk_nothing_goes_forward_and_the_way_back_does";
    let script = "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture";
    let child = Command::new("bash").args(["-c", script]).arg(me).arg(test).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

fn fill() {
    let lab = Lab::new();
    let mut trail = lab.open();
    lab.step_a(&mut trail);
    let before = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(LIMIT), maximum: before.maximum }).unwrap();
    let mut written = 5;
    let error = loop {
        match trail.append(at(6), &[note(&"x".repeat(5000))]) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "the limit does not hold");
    };
    assert_eq!(error.raw_os_error(), Some(27), "file too large: {error}");
    assert_eq!(lab.lines().len(), written, "the half line was taken back");
    assert!(lab.bytes().ends_with(b"\n"));
    trail.append(at(7), &[note(&"y".repeat(5000))]).unwrap_err();

    let began = fact(json!({"kind": "rollback.began", "by": me(), "why": "the disk is full"}));
    trail.append_reserved(at(8), &[began]);
    assert!(trail.take_overflow().is_empty(), "the reserve was there before");
    assert_eq!(lab.exit(), 2, "{}", lab.verdict().render());

    setrlimit(Resource::Fsize, before).unwrap();
    trail.append(at(9), &[entered("back")]).unwrap();
    drop(trail);
    let kinds: Vec<String> =
        read_facts(&lab.dir()).unwrap().iter().rev().take(3).map(|(_, fact)| fact.kind()).collect();
    assert_eq!(kinds, ["step.entered", "rollback.began", "audit.gap"]);
}
