//! What is written, and what happens when it cannot be.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use ripcord::{
    audit::{Follow, OpenError, TrailFile, holder, is_held, ledger, read_facts, read_records},
    engine::{Fact, Run},
    redact::Redactor,
    session::Journal as _,
};
use serde_json::{Value, json};

use super::lab::*;

fn reopen(lab: &Lab) -> Result<(TrailFile, ripcord::audit::Reopened, Vec<Fact>), OpenError> {
    TrailFile::reopen(&lab.dir(), "laptop", BOOT, Redactor::default())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_record_has_the_names_a_siem_reads() {
    let lab = Lab::whole();
    let lines = lab.lines();
    let record: Value = serde_json::from_slice(&lines[2]).unwrap();
    assert_eq!(record["activity_name"], "step.intent");
    assert_eq!(record["actor"]["user"]["name"], "oncall@corp");
    assert_eq!(record["device"]["hostname"], "laptop");
    assert_eq!(record["time"], 1_800_000_002_000i64);
    assert_eq!(record["status_id"], 1);
    assert_eq!(record["metadata"]["sequence"], 3);
    assert_eq!(record["metadata"]["correlation_uid"], RUN);
    assert_eq!(record["metadata"]["product"]["name"], "ripcord");
    let before: Value = serde_json::from_slice(&lines[1]).unwrap();
    assert_eq!(record["attestation"]["prev_event"]["uid"], before["metadata"]["uid"]);
    assert_eq!(record["attestation"]["prev_event"]["fingerprint"], before["attestation"]["fingerprint"]);
    assert_eq!(record["attestation"]["chain_uid"].as_str().unwrap().len(), 64);
    assert!(record["facts"].as_array().unwrap().iter().all(|fact| fact["kind"].is_string()));
}

#[test]
fn folders_are_0700_files_0600_and_no_line_is_longer_than_64_kib() {
    let lab = Lab::new();
    let mut trail = lab.open();
    let long = "0123456789abcdef".repeat(20_000);
    trail.append(at(1), &[note(&long)]).unwrap();
    trail.append(at(2), &(0..40).map(|n| note(&format!("{n} {}", "x".repeat(4000)))).collect::<Vec<_>>()).unwrap();
    for line in lab.lines() {
        assert!(line.len() <= 64 << 10, "{}", line.len());
    }
    assert_eq!(mode(&lab.dir()), 0o700);
    for entry in fs::read_dir(lab.dir()).unwrap().flatten() {
        let expected = if entry.path().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&entry.path()), expected, "{}", entry.path().display());
    }
    for blob in fs::read_dir(lab.dir().join("blobs")).unwrap().flatten() {
        assert_eq!(mode(&blob.path()), 0o600);
    }
    assert_eq!(mode(&lab.state().join(ledger::LEDGER)), 0o600);
    let texts = read_facts(&lab.dir()).unwrap();
    assert!(texts.iter().any(|(_, fact)| *fact == note(&long)), "a field kept beside the trail is put back");
    assert_eq!(texts.len(), 42);
}

#[test]
fn no_secret_and_nothing_raw_reaches_the_disk() {
    let secret = "hunter2-\"and\"-more";
    let lab = Lab::new();
    let mut trail = lab.open_with(Redactor::new([("pw", secret)]).unwrap());
    let outputs = json!({"outputs": {secret: "x", "clean": format!("\u{1b}[2J{secret}\u{202e}\u{e0041}")}});
    trail
        .append(
            at(1),
            &[entered("a"), intent("a"), outcome("a", outputs), note(&format!("{secret} {}", "y".repeat(9000)))],
        )
        .unwrap();
    let mut all = lab.bytes();
    for blob in fs::read_dir(lab.dir().join("blobs")).unwrap().flatten() {
        all.extend(fs::read(blob.path()).unwrap());
    }
    let text = String::from_utf8(all).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("[redacted:pw]"));
    assert!(text.chars().all(|c| c == '\n' || (!c.is_control() && c.is_ascii())), "a trail can be printed as it is");
    assert!(text.contains("\\\\u{1b}[2J") && text.contains("\\\\u{202e}"));
}

#[test]
fn a_second_console_is_told_who_where_and_since_when() {
    let lab = Lab::new();
    let trail = lab.open();
    assert!(is_held(&lab.dir()));
    let Err(OpenError::Held(who)) = reopen(&lab) else { panic!("two writers") };
    assert_eq!((who.pid, &*who.user, &*who.host), (std::process::id(), "oncall@corp", "laptop"));
    assert_eq!(who.since, at(0).wall.to_string());
    assert_eq!(*who, holder(&lab.dir()));
    assert_eq!(read_facts(&lab.dir()).unwrap().len(), 1, "looking on is always possible");
    drop(trail);
    assert!(!is_held(&lab.dir()));
    reopen(&lab).unwrap();
}

#[test]
fn a_torn_last_line_is_cut_kept_and_recorded_wherever_it_was_torn() {
    let lab = Lab::left();
    let bytes = lab.bytes();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in (last + 1..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        lab.put(&bytes[..cut]);
        let (mut trail, reopened, told) = reopen(&lab).unwrap();
        assert_eq!(reopened.last.sequence, 4);
        let [Fact::TrailRecovered { offset, bytes: torn, file }] = &told[..] else { panic!("{told:?}") };
        assert_eq!((*offset, *torn), (last as u64, (cut - last) as u64));
        assert_eq!(fs::read(lab.dir().join(file)).unwrap(), &bytes[last..cut]);
        assert!(file.starts_with(&format!(".torn-{last}")));
        trail.append(at(9), &told).unwrap();
        drop(trail);
        assert_eq!(lab.exit(), 2, "{}", lab.verdict().render());
    }
    let (trail, ..) = reopen(&lab).unwrap();
    lab.close(trail, 10);
    assert_eq!(lab.exit(), 3, "recovered stays recovered when the run is closed later: {}", lab.verdict().render());
}

#[test]
fn damage_before_the_end_is_refused_and_left_as_it_was_found() {
    let lab = Lab::left();
    let mut bytes = lab.bytes();
    bytes[700] ^= 1;
    bytes.truncate(bytes.len() - 20);
    lab.put(&bytes);
    assert!(matches!(reopen(&lab), Err(OpenError::Damaged { .. })));
    assert_eq!(lab.bytes(), bytes);
    lab.put(b"{\"torn");
    assert!(matches!(reopen(&lab), Err(OpenError::Damaged { .. })), "nothing whole in it");
    assert_eq!(lab.bytes(), b"{\"torn");
}

#[test]
fn a_closed_trail_is_never_added_to() {
    let lab = Lab::whole();
    assert!(matches!(reopen(&lab), Err(OpenError::Closed { .. })));
}

#[test]
fn a_run_goes_on_where_it_was_left() {
    let lab = Lab::left();
    let (mut trail, reopened, told) = reopen(&lab).unwrap();
    assert!(told.is_empty());
    assert_eq!(Run::replay(&reopened.facts).unwrap().current().map(ToString::to_string), Some("b".into()));
    assert_eq!(trail.append(at(7), &[note("on")]).unwrap().sequence, 6);
    lab.close(trail, 8);
    assert_eq!(lab.exit(), 0, "{}", lab.verdict().render());
}

#[test]
fn nothing_goes_forward_once_the_file_is_not_ours_and_the_way_back_does() {
    type Harm = fn(&Lab);
    let harms: [(&str, Harm); 6] = [
        ("deleted", |lab| fs::remove_file(lab.trail()).unwrap()),
        ("moved away with its folder", |lab| fs::rename(lab.dir(), lab.state().join("away")).unwrap()),
        ("replaced", |lab| {
            let copy = lab.state().join("copy");
            fs::copy(lab.trail(), &copy).unwrap();
            fs::rename(&copy, lab.trail()).unwrap();
        }),
        ("a second name", |lab| fs::hard_link(lab.trail(), lab.state().join("second")).unwrap()),
        ("a link", |lab| {
            let away = lab.state().join("away.jsonl");
            fs::rename(lab.trail(), &away).unwrap();
            std::os::unix::fs::symlink(&away, lab.trail()).unwrap();
        }),
        ("written to", |lab| fs::write(lab.trail(), [lab.bytes(), b"{}\n".to_vec()].concat()).unwrap()),
    ];
    for (what, harm) in harms {
        let lab = Lab::new();
        let mut trail = lab.open();
        lab.step_a(&mut trail);
        harm(&lab);
        assert!(trail.append(at(6), &[note("forward")]).is_err(), "{what}");
        let receipt =
            trail.append_reserved(at(7), &[fact(json!({"kind": "rollback.began", "by": me(), "why": "now"}))]);
        assert!(receipt.uid.contains("reserve"), "{what}");
        assert!(trail.has_gap());
    }
}

#[test]
fn what_the_way_back_kept_is_in_the_trail_at_the_next_writable_moment_once() {
    let lab = Lab::new();
    let mut trail = lab.open();
    lab.step_a(&mut trail);
    let began = fact(json!({"kind": "rollback.began", "by": me(), "why": "the disk is full ".repeat(200)}));
    let moved = lab.dir().with_extension("moved");
    fs::rename(lab.trail(), &moved).unwrap();
    trail.append(at(6), std::slice::from_ref(&began)).unwrap_err();
    trail.append_reserved(at(6), std::slice::from_ref(&began));
    trail.append_reserved(at(7), &[entered("back"), intent("back")]);
    assert!(trail.take_overflow().is_empty(), "there was room for all of it");
    let reserve = fs::read(lab.dir().join("reserve")).unwrap();
    assert_eq!(reserve.len(), 64 << 10, "it does not grow");
    for line in reserve.split(|byte| *byte == b'\n') {
        assert!(line[0] == 0 || line.len() < 1 << 10, "{}", line.len());
    }
    fs::rename(&moved, lab.trail()).unwrap();
    trail.append(at(9), &[outcome("back", json!({}))]).unwrap();
    assert!(!trail.has_gap());
    drop(trail);
    let facts = read_facts(&lab.dir()).unwrap();
    let tail: Vec<_> = facts[facts.len() - 5..]
        .iter()
        .map(|(when, fact)| (when.as_second() - at(0).wall.as_second(), fact.kind()))
        .collect();
    let expected =
        [(9, "audit.gap"), (6, "rollback.began"), (7, "step.entered"), (7, "step.intent"), (9, "step.outcome")];
    assert_eq!(tail, expected.map(|(when, kind)| (when, kind.to_owned())), "each with its own time");
    assert_eq!(facts[facts.len() - 4].1, began, "and whole");
    assert_eq!(lab.exit(), 2, "{}", lab.verdict().render());

    // Killed before the reserve was wiped: what is in the trail is not told again.
    fs::write(lab.dir().join("reserve"), &reserve).unwrap();
    let (trail, ..) = reopen(&lab).unwrap();
    assert!(!trail.has_gap());
}

#[test]
fn a_process_that_died_with_the_disk_full_leaves_its_reserve_to_the_next() {
    let lab = Lab::new();
    let mut trail = lab.open();
    lab.step_a(&mut trail);
    trail.append_reserved(at(6), &[fact(json!({"kind": "rollback.began", "by": me(), "why": "now"}))]);
    drop(trail);
    let (mut trail, ..) = reopen(&lab).unwrap();
    assert!(trail.has_gap());
    trail.append(at(8), &[note("back again")]).unwrap();
    let kinds: Vec<String> =
        read_facts(&lab.dir()).unwrap().iter().rev().take(3).map(|(_, fact)| fact.kind()).collect();
    assert_eq!(kinds, ["note.added", "rollback.began", "audit.gap"]);
    drop(trail);
    assert_eq!(lab.exit(), 2, "{}", lab.verdict().render());
}

#[test]
fn a_used_up_reserve_blocks_nothing_and_says_what_it_could_not_keep() {
    let lab = Lab::new();
    let mut trail = lab.open();
    for n in 0..100 {
        trail.append_reserved(at(n), &[note(&"x".repeat(800))]);
    }
    let lost = trail.take_overflow().len();
    assert!((20..80).contains(&lost), "{lost}");
    trail.append(at(200), &[note("room again")]).unwrap();
    drop(trail);
    assert_eq!(read_facts(&lab.dir()).unwrap().len(), 103, "all hundred are told all the same");
    assert_eq!(lab.exit(), 2, "{}", lab.verdict().render());
}

#[test]
fn records_are_read_as_they_come() {
    let lab = Lab::new();
    let mut follow = Follow::new(&lab.dir());
    assert!(follow.more().is_err(), "not there yet");
    let mut trail = lab.open();
    assert_eq!(follow.more().unwrap().len(), 1);
    assert_eq!(follow.more().unwrap().len(), 0);
    lab.step_a(&mut trail);
    let more = follow.more().unwrap();
    assert_eq!(more.len(), 4);
    assert!(!Follow::is_over(&more));
    lab.close(trail, 9);
    assert!(Follow::is_over(&follow.more().unwrap()));
    let mut bytes = lab.bytes();
    bytes.extend(b"{\"half");
    lab.put(&bytes);
    let (records, stopped) = read_records(&lab.dir()).unwrap();
    assert_eq!(records.len(), 6);
    assert!(stopped.unwrap().contains("torn"));
}

#[test]
fn the_ledger_outlives_a_torn_line_and_many_writers() {
    let lab = Lab::whole();
    let path = lab.state().join(ledger::LEDGER);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"chain\":\"ab"].concat()).unwrap();
    assert_eq!(lab.exit(), 0, "a line nobody was promised takes nothing away");
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let state = lab.state();
            scope.spawn(move || {
                for n in 0..10 {
                    let entry = ledger::Entry::Opened { run: format!("{worker}-{n}"), chain: "c".into() };
                    ledger::append(state, 0, &entry).unwrap();
                }
            });
        }
    });
    assert_eq!(ledger::read(lab.state()).unwrap().len(), 82);
    assert_eq!(lab.exit(), 0);
}
