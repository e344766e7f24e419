//! Faults at run time, and words from other terminals: what is said, what is kept, how it goes on.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use super::super::{desk::Desk, said::words as said};

/// A desk whose operator is somebody else than the user of this machine.
fn with_operator(name: &str) -> Desk {
    let desk = Desk::new();
    fs::create_dir_all(desk.path(".config/ripcord")).unwrap();
    fs::write(desk.path(".config/ripcord/config.yaml"), format!("operator: {name}\n")).unwrap();
    desk
}

/// A run whose step `a` waits for the file `go`.
pub(super) fn live(desk: &Desk, more: &str) -> (Child, String) {
    let book = desk.book(&format!(
        "steps:\n- {{id: a, confirm: none, run: 'until [ -e go ]; do sleep 0.02; done'}}\n- {{id: b, confirm: none, run: touch b}}\n{more}"
    ));
    let mut command = desk.command(&["run", &book, "--headless", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("step.started")));
    (child, desk.only_run())
}

#[test]
fn a_state_directory_that_cannot_be_one_is_told() {
    let desk = Desk::new();
    let file = desk.write("state", "I am a file\n");
    let book = desk.book("steps: [{id: a, confirm: none, run: touch done}]\n");
    // A file in its place, and a place where nobody may make anything.
    for place in [file.as_str(), "/proc/state"] {
        let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--state-dir", place]);
        assert!(exit == 4 && out.contains(place) && out.contains("--state-dir"), "{exit} {out}");
        assert!(!desk.path("done").exists(), "nothing is done without a trail");
    }
}

#[test]
fn a_second_console_is_told_who_where_and_since_when() {
    let desk = with_operator("ann@corp");
    let (child, run) = live(&desk, "");
    let (exit, out) = desk.ripcord(&["resume", &run, "--headless"]);
    assert_eq!(exit, 3, "{out}");
    for word in ["ann@corp", &child.id().to_string(), "since 20", "ripcord attach"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (_, runs) = desk.ripcord(&["runs"]);
    assert!(runs.contains("live at a"), "{runs}");
    fs::write(desk.path("go"), "").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn a_trail_taken_away_or_replaced_underneath_stops_everything_new() {
    for replaced in [false, true] {
        let desk = Desk::new();
        let (child, run) = live(&desk, "");
        let trail = desk.path("state/runs").join(run).join("trail.jsonl");
        let bytes = fs::read(&trail).unwrap();
        fs::remove_file(&trail).unwrap();
        if replaced {
            fs::write(&trail, bytes).unwrap();
        }
        fs::write(desk.path("go"), "").unwrap();
        let output = child.wait_with_output().unwrap();
        let out = said(&output);
        assert_eq!(output.status.code(), Some(4), "{out}");
        assert!(out.contains("nothing new goes forward"), "{out}");
        assert!(!desk.path("b").exists(), "nothing new goes forward");
    }
}

/// Under a file-size limit of 64 KiB: the reserve fits, the trail does not grow past it.
fn cramped(desk: &Desk, args: &[&str]) -> (i32, String) {
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -f 64; exec \"$@\"", "bash", env!("CARGO_BIN_EXE_ripcord")]).args(args);
    let output = command
        .current_dir(desk.path(""))
        .env("RIPCORD_STATE_DIR", desk.path("state"))
        .env("HOME", desk.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code().unwrap(), said(&output))
}

#[test]
fn a_full_disk_stops_the_way_forward_and_not_the_way_back() {
    let desk = Desk::new();
    let padding = format!("true {}", "x".repeat(2900));
    let steps: String =
        (0..20).map(|n| format!("- {{id: s{n}, confirm: none, run: 'echo s{n} >> ran; {padding}'}}\n")).collect();
    let book = desk.book(&format!("steps:\n{steps}rollback:\n- {{id: back, run: touch back}}\n"));
    let (exit, out) = cramped(&desk, &["run", &book, "--headless"]);
    assert_eq!(exit, 4, "{out}");
    assert!(out.contains("the trail cannot be written") && out.contains("still leads back"), "{out}");
    let run = desk.only_run();
    let ran = fs::read_to_string(desk.path("ran")).unwrap().lines().count();
    assert!((2..20).contains(&ran), "{ran}");

    let (exit, out) = cramped(&desk, &["rollback", &run, "--headless"]);
    assert!(desk.path("back").exists(), "{out}");
    assert_eq!(exit, 4, "what was done is not in the trail yet: {out}");

    // Room again: the next writable moment tells what the reserve kept.
    let (exit, out) = desk.ripcord(&["resume", &run, "--headless"]);
    assert!(exit == 1 && out.contains("tells it all now"), "{exit} {out}");
    let (_, shown) = desk.ripcord(&["trail", "show", &run]);
    assert!(shown.contains("audit.gap") && shown.contains("rollback.began"), "{shown}");
    let (exit, said) = desk.ripcord(&["trail", "verify", &run]);
    assert!(exit == 2 && said.contains("written late"), "{exit} {said}");
    assert_eq!(fs::read_to_string(desk.path("ran")).unwrap().lines().count(), ran, "nothing ran twice");
}

#[test]
fn an_approval_from_another_login_is_taken_by_the_run_that_waits() {
    let desk = with_operator("ann@corp");
    let book = desk.book("steps:\n- {id: go, approval: {prompt: on?}}\n- {id: b, confirm: none, run: touch b}\n");
    assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 3);
    let run = desk.only_run();
    let (exit, out) = desk.ripcord(&["approve", &run, "b"]);
    assert!(exit == 2 && out.contains("does not wait for an approval of b"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["approve", &run, "go", "--note", "I looked"]);
    assert!(exit == 0 && out.contains("left for"), "{exit} {out}");
    let requests = desk.path("state/runs").join(&run).join("requests");
    assert_eq!(fs::read_dir(&requests).unwrap().count(), 1, "one request");
    fs::write(requests.join("nonsense.json"), "{").unwrap();
    let (exit, out) = desk.ripcord(&["resume", "--headless"]);
    assert_eq!(exit, 0, "{out}");
    assert!(desk.path("b").exists());
    let (_, shown) = desk.ripcord(&["trail", "show", &run]);
    let given = shown.lines().find(|line| line.contains("approval.given")).unwrap();
    assert!(given.contains("I looked") && !given.contains("claimed"), "{given}");
    assert!(requests.join("nonsense.bad").exists(), "what is no request is set aside");
}

#[test]
fn nobody_approves_his_own_run_from_another_terminal() {
    let desk = Desk::new();
    let book = desk.book("steps:\n- {id: go, approval: {prompt: on?}}\n");
    assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 3);
    let (exit, out) = desk.ripcord(&["approve", &desk.only_run(), "go"]);
    assert!(exit == 1 && out.contains("somebody else must approve"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["refuse", &desk.only_run(), "go", "--why", "not tonight"]);
    assert_eq!(exit, 0, "anybody may refuse: {out}");
    let (exit, out) = desk.ripcord(&["resume", "--headless"]);
    assert!(exit == 3 && out.contains("refused"), "{exit} {out}");
}

#[test]
fn the_ripcord_is_pulled_from_another_terminal() {
    let desk = Desk::new();
    let (child, run) = live(&desk, "rollback:\n- {id: back, run: touch back}\n");
    let (exit, out) = desk.ripcord(&["rollback", &run, "--why", "errors at 3 %"]);
    assert!(exit == 1 && out.contains("rollback.began"), "{exit} {out}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    assert!(desk.path("back").exists() && !desk.path("b").exists());
    let (_, shown) = desk.ripcord(&["trail", "show", &run]);
    assert!(shown.contains("errors at 3 %"), "{shown}");
    assert_eq!(desk.ripcord(&["trail", "verify", "--all"]).0, 0);
}

#[test]
fn a_signal_leaves_the_run_open_and_its_step_goes_on() {
    let desk = Desk::new();
    let (child, run) = live(&desk, "");
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    fs::write(desk.path("go"), "").unwrap();
    let (exit, out) = desk.ripcord(&["resume", &run, "--headless"]);
    assert_eq!(exit, 0, "{out}");
    assert!(desk.path("b").exists());
}

#[test]
fn a_signal_while_a_run_is_opened_leaves_it_open() {
    let desk = Desk::new();
    let book = desk.book("steps: [{id: a, wait: 1h}]\n");
    let mut command = desk.command(&["run", &book, "--headless"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while fs::read_dir(desk.path("state/runs")).map_or(0, Iterator::count) == 0 {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    let (exit, out) = desk.ripcord(&["trail", "verify", "--all"]);
    assert_eq!(exit, 2, "open, and whole: {out}");
    let (_, shown) = desk.ripcord(&["trail", "show", &desk.only_run()]);
    assert!(shown.contains("run.detached"), "{shown}");
}

#[test]
fn the_way_back_of_a_closed_run_is_a_run_of_its_own_with_its_reason() {
    let desk = Desk::new();
    let book = desk.book("steps: [{id: a, confirm: none, run: touch a}]\nrollback: [{id: b, run: rm a}]\n");
    assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 0);
    let first = desk.only_run();
    let (exit, out) = desk.ripcord(&["rollback", &first, "--why", "p95 is up"]);
    assert!(exit == 1 && out.contains("p95 is up") && !desk.path("a").exists(), "{exit} {out}");
    assert!(out.contains(&format!("the way back of {first}")), "{out}");
    assert_eq!(desk.ripcord(&["trail", "verify", "--all"]).0, 0);
    let (exit, out) = desk.ripcord(&["rollback", &first, "--read-only"]);
    assert!(exit == 2 && out.contains("--read-only"), "{exit} {out}");
}
