//! Reading a trail: export, follow, attach, and what `verify` says when things are gone.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use super::super::desk::Desk;

/// A finished run of one step.
fn told() -> (Desk, String) {
    let desk = Desk::new();
    let book = desk.book("steps:\n- {id: a, confirm: none, run: 'echo it is so'}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
    assert_eq!(exit, 0, "{out}");
    let run = desk.only_run();
    (desk, run)
}

#[test]
fn an_archive_verifies_in_another_place_and_is_never_written_over() {
    let (desk, run) = told();
    let (exit, out) = desk.ripcord(&["trail", "export", &run]);
    assert_eq!(exit, 0, "{out}");
    let archive = format!("{run}.tar.gz");
    let unpacked = Command::new("tar").args(["xzf", &archive]).current_dir(desk.path("")).status().unwrap();
    assert!(unpacked.success());
    let (exit, out) = desk.ripcord(&["trail", "verify", &run, "--state-dir", &run]);
    assert_eq!(exit, 0, "{out}");
    let (exit, out) = desk.ripcord(&["trail", "export", &run]);
    assert!(exit == 2 && out.contains("--to"), "{exit} {out}");
    let whole = desk.command(&["trail", "export", &run, "--to", "-"]).output().unwrap();
    assert_eq!(whole.stdout, fs::read(desk.path(&archive)).unwrap());
    assert_eq!(desk.ripcord(&["trail", "export", "nope"]).0, 2);
}

#[test]
fn a_run_that_was_taken_away_is_missed_by_name_and_by_all() {
    let (desk, run) = told();
    fs::remove_dir_all(desk.path("state/runs").join(&run)).unwrap();
    for args in [vec!["trail", "verify", &run], vec!["trail", "verify", "--all"], vec!["trail", "verify", &run[17..]]] {
        let (exit, out) = desk.ripcord(&args);
        assert!(exit == 1 && out.contains("taken away"), "{args:?}: {exit} {out}");
    }
}

#[test]
fn nothing_to_verify_is_not_ok() {
    let desk = Desk::new();
    let (exit, out) = desk.ripcord(&["trail", "verify", "--all"]);
    assert!(exit == 4 && out.contains("there is no run"), "{exit} {out}");
    for args in [vec!["trail", "verify", "nope"], vec!["trail", "verify"], vec!["trail", "verify", "--frob"]] {
        assert_eq!(desk.ripcord(&args).0, 4, "{args:?}");
    }
}

#[test]
fn the_runbook_beside_the_trail_is_the_one_that_was_approved() {
    let (desk, run) = told();
    let kept = desk.path("state/runs").join(&run).join("runbook/t.yaml");
    let bytes = fs::read(&kept).unwrap();
    assert_eq!(bytes, fs::read(desk.path("t.yaml")).unwrap());
    fs::write(&kept, [bytes.as_slice(), b"# and more\n"].concat()).unwrap();
    let (exit, out) = desk.ripcord(&["trail", "verify", &run]);
    assert!(exit == 1 && out.contains("not the one that was approved"), "{exit} {out}");
    fs::remove_file(&kept).unwrap();
    assert_eq!(desk.ripcord(&["trail", "verify", &run]).0, 4);
}

#[test]
fn an_end_that_the_ledger_was_not_told_is_told_at_the_next_start() {
    let (desk, run) = told();
    let ledger = desk.path("state/ledger.jsonl");
    let lines: Vec<String> = fs::read_to_string(&ledger).unwrap().lines().map(str::to_owned).collect();
    fs::write(&ledger, format!("{}\n", lines[0])).unwrap();
    assert_eq!(desk.ripcord(&["trail", "verify", &run]).0, 2);
    let (exit, out) = desk.ripcord(&["run", "t.yaml", "--headless"]);
    assert_eq!(exit, 0, "{out}");
    assert_eq!(desk.ripcord(&["trail", "verify", "--all"]).0, 0);
}

/// A run that waits for the file `go` in its step.
fn live(desk: &Desk) -> (Child, String) {
    let book = desk.book("steps:\n- {id: a, confirm: none, run: 'until [ -e go ]; do sleep 0.02; done'}\n");
    let mut child = desk
        .command(&["run", &book, "--headless", "-o", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("step.started")));
    (child, desk.only_run())
}

#[test]
fn a_live_run_is_looked_at_from_another_terminal_until_it_ends() {
    let desk = Desk::new();
    let (mut child, run) = live(&desk);
    let looking: Vec<Child> = [vec!["attach", &run], vec!["trail", "show", &run, "-f"]]
        .iter()
        .map(|args| desk.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let mut looking = looking.into_iter();
    let mut first = looking.next().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("step.started")), "attach tells what was before");
    fs::write(desk.path("go"), "").unwrap();
    assert!(lines.any(|line| line.unwrap().contains("run.closed")));
    assert!(first.wait().unwrap().success());
    let followed = looking.next().unwrap().wait_with_output().unwrap();
    assert!(followed.status.success());
    assert!(String::from_utf8(followed.stdout).unwrap().lines().last().unwrap().contains("run.closed"));
    assert!(child.wait().unwrap().success());
    let (exit, out) = desk.ripcord(&["attach", &run]);
    assert!(exit == 2 && out.contains("is closed"), "{exit} {out}");
}
