//! What is known to be missing refuses a run before it begins; `doctor` says all of it and begins nothing.

use super::super::desk::Desk;

const BOOK: &str =
    "requires: {tools: {bash: '>=3', no-such-tool-here: ''}}\nsteps: [{id: a, confirm: none, run: touch done}]\n";

#[test]
fn a_missing_tool_refuses_the_run_with_one_and_leaves_none_behind() {
    let desk = Desk::new();
    let book = desk.book(BOOK);
    let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
    assert!(exit == 1 && out.contains("no-such-tool-here") && out.contains("not installed"), "{exit} {out}");
    assert!(!out.contains("tool bash"), "what is there is not complained of: {out}");
    assert!(!desk.path("done").exists());
    let (_, runs) = desk.ripcord(&["runs", "-o", "json"]);
    assert!(!runs.contains("\"run\""), "nothing was opened: {runs}");
}

#[test]
fn a_dry_run_goes_without_a_secret_that_a_run_would_want() {
    let desk = Desk::new();
    let book = desk.book("secrets: {token: {fromEnv: NOT_SET_HERE}}\nsteps: [{id: a, confirm: none, env: {T: '${{ secrets.token }}'}, run: touch done}]\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--dry-run"]);
    assert!(exit == 0 && out.contains("a run would be refused") && out.contains("NOT_SET_HERE"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
    assert!(exit == 2 && out.contains("NOT_SET_HERE"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["doctor", &book]);
    assert!(exit == 1 && out.contains("FAIL") && out.contains("NOT_SET_HERE"), "{exit} {out}");
    assert!(!desk.path("done").exists());
}

#[test]
fn doctor_looks_at_everything_and_its_exit_says_whether_it_would_do() {
    let desk = Desk::new();
    let book = desk.book(BOOK);
    let (exit, out) = desk.ripcord(&["doctor", &book]);
    assert_eq!(exit, 1, "{out}");
    for line in ["ok       tool bash", "FAIL     tool no-such-tool-here", "ok       disk", "1 failed"] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let fit = desk.book("requires: {tools: {bash: ''}}\nsteps: [{id: a, confirm: none, run: touch done}]\n");
    let (exit, out) = desk.ripcord(&["doctor", &fit]);
    assert!(exit == 0 && !desk.path("done").exists(), "{exit} {out}");
}
