//! Somebody else touched it: every single change is found, and nothing less than whole is called OK.

use std::fs;

use ripcord::{
    audit::{
        ledger::{self, Entry},
        verify::{holes, verify_all, worst},
    },
    session::{Journal as _, Now},
};
use serde_json::json;

use super::lab::*;

#[test]
fn a_closed_trail_cut_at_any_byte_is_broken() {
    let lab = Lab::whole();
    let bytes = lab.bytes();
    for cut in 0..bytes.len() {
        lab.put(&bytes[..cut]);
        assert_eq!(lab.exit(), 1, "cut at {cut}: {}", lab.verdict().render());
    }
}

#[test]
fn an_open_trail_cut_at_any_byte_is_never_ok() {
    let lab = Lab::left();
    let bytes = lab.bytes();
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    for cut in 0..bytes.len() {
        lab.put(&bytes[..cut]);
        let expected = if cut <= first { 1 } else { 2 };
        assert_eq!(lab.exit(), expected, "cut at {cut}: {}", lab.verdict().render());
    }
}

#[test]
fn any_flipped_byte_is_found() {
    let small = Lab::new();
    small.close(small.open(), 1);
    assert_eq!(small.exit(), 0);
    for (lab, step) in [(small, 1), (Lab::whole(), 11)] {
        let bytes = lab.bytes();
        for at in (0..bytes.len()).step_by(step) {
            let bit = [0x01, 0x20, 0x80][at % 3];
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            lab.put(&changed);
            assert_eq!(lab.exit(), 1, "byte {at} ^ {bit:#x}: {}", lab.verdict().render());
        }
    }
}

#[test]
fn any_flipped_byte_of_what_the_trail_points_at_is_found() {
    let lab = Lab::whole();
    let blob = fs::read_dir(lab.dir().join("blobs")).unwrap().next().unwrap().unwrap().path();
    for path in [lab.dir().join("output/a.1.log"), blob] {
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len().min(64) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert_eq!(lab.exit(), 1, "{} byte {at}", path.display());
        }
        fs::remove_file(&path).unwrap();
        // The chain is followed to its end all the same.
        assert_eq!(lab.verdict().records, 7);
        assert_eq!(lab.exit(), 4, "{} is gone: {}", path.display(), lab.verdict().render());
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(lab.exit(), 0);
}

#[test]
fn any_flipped_byte_of_the_ledger_is_found() {
    let lab = Lab::whole();
    let path = lab.state().join(ledger::LEDGER);
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        // Without its end the last line is a torn one, and so no anchor.
        let expected = if at + 1 == bytes.len() { 2 } else { 1 };
        assert_eq!(lab.exit(), expected, "byte {at}: {}", lab.verdict().render());
    }
}

#[test]
fn a_record_taken_out_put_in_twice_or_in_another_place_is_found() {
    let lab = Lab::whole();
    let lines = lab.lines();
    let check = |lines: Vec<Vec<u8>>, what: String| {
        lab.put(&lines.concat());
        assert_eq!(lab.exit(), 1, "{what}: {}", lab.verdict().render());
    };
    for one in 0..lines.len() {
        let mut less = lines.clone();
        less.remove(one);
        check(less, format!("without {one}"));
        let mut twice = lines.clone();
        twice.insert(one, lines[one].clone());
        check(twice, format!("{one} twice"));
        for other in one + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(one, other);
            check(swapped, format!("{one} and {other} swapped"));
        }
    }
}

#[test]
fn records_of_another_run_are_found_one_and_all() {
    let (lab, other) = (Lab::whole(), Lab::whole());
    let (lines, theirs) = (lab.lines(), other.lines());
    for at in 0..lines.len() {
        let mut spliced = lines.clone();
        spliced[at] = theirs[at].clone();
        lab.put(&spliced.concat());
        assert_eq!(lab.exit(), 1, "their record {at}");
        lab.put(&[&lines[..at], &theirs[at..]].concat().concat());
        assert_eq!(lab.exit(), 1, "theirs from {at} on: a chain written anew, if from the first");
    }
}

#[test]
fn a_chain_written_anew_is_told_by_the_ledger_alone() {
    let (lab, forged) = (Lab::whole(), Lab::whole());
    fs::remove_dir_all(lab.dir()).unwrap();
    fs::rename(forged.dir(), lab.dir()).unwrap();
    let verdict = lab.verdict();
    assert_eq!(verdict.exit, 1);
    assert!(verdict.findings.iter().all(|finding| finding.what.contains("ledger")), "{}", verdict.render());
    // A second closed line, to fit the forged head, does not help.
    let last = Entry::Closed { run: RUN.into(), head: verdict.head, sequence: verdict.records };
    ledger::append(lab.state(), 2, &last).unwrap();
    assert_eq!(lab.exit(), 1);
}

#[test]
fn what_is_missing_is_not_ok() {
    let lab = Lab::whole();
    lab.put(b"");
    assert_eq!(lab.exit(), 1, "an empty file");
    fs::remove_dir_all(lab.dir()).unwrap();
    assert_eq!(lab.exit(), 1, "a deleted run leaves a hole in the ledger");
    assert_eq!(holes(lab.state()), [RUN]);
    assert_eq!(worst(&verify_all(lab.state())), 1);
    let lab = Lab::whole();
    fs::remove_file(lab.state().join(ledger::LEDGER)).unwrap();
    assert_eq!(lab.exit(), 4, "no ledger");
    for unknown in ["20200101T000000Z-x-0000", "", "..", "../runs", "/etc"] {
        assert_eq!(ripcord::audit::verify::verify(lab.state(), unknown).exit, 4, "{unknown:?}");
    }
    assert_eq!(worst(&[]), 4, "nothing to verify");
}

#[test]
fn an_end_without_an_anchor_is_not_ok() {
    let lab = Lab::new();
    let mut trail = lab.open();
    lab.step_a(&mut trail);
    trail.append(at(6), &[closed()]).unwrap();
    drop(trail);
    assert_eq!(lab.exit(), 2);
}

#[test]
fn a_story_the_engine_cannot_tell_is_broken_though_its_chain_is_whole() {
    let stories = [
        vec![entered("a"), outcome("a", json!({"outcome": "succeeded"})), outcome("a", json!({}))],
        vec![entered("a"), intent("a"), intent("a")],
        vec![entered("nowhere")],
        vec![intent("a")],
        vec![entered("a"), intent("a"), outcome("a", json!({"outcome": "unknown"})), intent("a")],
        vec![entered("back")],
        vec![closed(), note("after the end")],
    ];
    for (index, story) in stories.into_iter().enumerate() {
        let lab = Lab::new();
        let mut trail = lab.open();
        for (n, fact) in story.into_iter().enumerate() {
            trail.append(at(n as i64 + 1), &[fact]).unwrap();
        }
        assert_eq!(lab.exit(), 1, "story {index}: {}", lab.verdict().render());
    }
}

#[test]
fn the_wall_clock_may_be_set_back_the_boot_clock_may_not() {
    let lab = Lab::new();
    let mut trail = lab.open();
    lab.step_a(&mut trail);
    let back = Now { wall: at(-5000 + 5000).wall, boot_ms: at(5).boot_ms };
    trail.append(back, &[note("somebody set the clock back")]).unwrap();
    lab.close(trail, 6);
    assert_eq!(lab.exit(), 0, "{}", lab.verdict().render());

    let lab = Lab::new();
    let mut trail = lab.open();
    lab.step_a(&mut trail);
    let back = Now { wall: at(5).wall, boot_ms: 3 };
    trail.append(back, &[note("this cannot be")]).unwrap();
    drop(trail);
    assert_eq!(lab.exit(), 1, "{}", lab.verdict().render());
}

#[test]
fn a_trail_behind_a_link_is_not_believed() {
    let lab = Lab::whole();
    let elsewhere = lab.state().join("elsewhere.jsonl");
    fs::rename(lab.trail(), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, lab.trail()).unwrap();
    assert_eq!(lab.exit(), 1, "{}", lab.verdict().render());
}
