//! The way back as it is pulled from outside a run: with no room on the disk, of a run that is over, refused in time.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use super::{
    super::{desk::Desk, said::words as said},
    faults::live,
};

/// No new file can be made for a request, as on a full disk: not even root makes one in what is no folder.
fn no_room_for_requests(run: &Path) {
    fs::remove_dir(run.join("requests")).unwrap();
    fs::write(run.join("requests"), "").unwrap();
}

/// Under a limit that lets no file grow at all: neither trail, nor holder, nor reserve can be written.
fn without_room(desk: &Desk, args: &[&str]) -> (i32, String) {
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -f 0; exec \"$@\"", "bash", env!("CARGO_BIN_EXE_ripcord")]).args(args);
    command.current_dir(desk.path("")).env("RIPCORD_STATE_DIR", desk.path("state")).env("HOME", desk.path(""));
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), said(&output))
}

/// A lane that needs no file: it posts to somebody who answers with what was posted.
fn posting_lane() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let lane = format!(
        "rollback:\n- {{id: back, http: {{url: 'http://{}/back', method: POST}}}}\n",
        listener.local_addr().unwrap()
    );
    let (hears, heard) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        hears.send(String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned()).unwrap();
    });
    (lane, heard)
}

/// It was posted before the program ended; this only keeps a red test from hanging.
const PATIENCE: Duration = Duration::from_secs(10);

const BACK: &str = "rollback:\n- {id: back, run: touch back}\n";

#[test]
fn a_request_finds_its_way_where_no_file_can_be_made() {
    let desk = Desk::new();
    let (child, run) = live(&desk, BACK);
    no_room_for_requests(&desk.path("state/runs").join(&run));
    let (exit, out) = desk.ripcord(&["rollback", &run, "--why", "the disk is full"]);
    assert!(exit == 1 && out.contains("has taken it"), "{exit} {out}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    assert!(desk.path("back").exists() && !desk.path("b").exists());
    let (_, shown) = desk.ripcord(&["trail", "show", &run]);
    assert!(shown.contains("the disk is full"), "{shown}");
}

#[test]
fn where_no_request_can_be_left_the_holder_is_named_and_can_be_taken_over() {
    let desk = Desk::new();
    let (lane, heard) = posting_lane();
    let (child, run) = live(&desk, &lane);
    let (exit, out) = without_room(&desk, &["rollback", &run, "--headless"]);
    let pid = format!("process {}", child.id());
    assert!(exit == 3 && out.contains("cannot be left") && out.contains(&pid) && out.contains("--take-over"), "{out}");
    let (exit, out) = without_room(&desk, &["rollback", &run, "--headless", "--take-over"]);
    assert_eq!(heard.recv_timeout(PATIENCE).as_deref(), Ok("POST /back HTTP/1.1"), "{out}");
    assert!(!desk.path("b").exists(), "{out}");
    assert_eq!(exit, 4, "nothing of it could be kept: {out}");
    assert!(out.contains("rollback.began"), "so it is said here: {out}");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
}

#[test]
fn the_lane_of_a_run_nobody_holds_needs_no_room() {
    let desk = Desk::new();
    let (lane, heard) = posting_lane();
    let book = desk.book(&format!("steps:\n- {{id: a, confirm: none, run: 'true'}}\n- {{id: m, manual: x}}\n{lane}"));
    assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 3);
    let run = desk.only_run();
    let (exit, out) = without_room(&desk, &["resume", &run, "--headless"]);
    assert!(exit == 4 && out.contains("cannot be written"), "forward nothing goes: {exit} {out}");
    let (exit, out) = without_room(&desk, &["rollback", &run, "--headless"]);
    assert_eq!(exit, 4, "{out}");
    assert_eq!(heard.recv_timeout(PATIENCE).as_deref(), Ok("POST /back HTTP/1.1"), "{out}");
}

#[test]
fn a_run_without_a_way_back_says_so_to_the_one_who_asks() {
    let desk = Desk::new();
    let (child, run) = live(&desk, "");
    let (exit, out) = desk.ripcord(&["rollback", &run]);
    assert!(exit == 1 && out.contains("no way back"), "{exit} {out}");
    fs::write(desk.path("go"), "").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn what_is_followed_is_facts_for_machines_and_words_apart() {
    let desk = Desk::new();
    let (child, run) = live(&desk, BACK);
    let output = desk.command(&["rollback", &run, "-o", "json"]).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let kinds: Vec<String> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    assert!(kinds[0] == "rollback.began" && kinds.last().unwrap() == "run.closed", "{kinds:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("has taken it"));
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn the_lane_of_a_closed_run_sees_what_its_steps_left() {
    let desk = Desk::new();
    let book = desk.book(
        "params: {p: {default: x}}\nsteps:\n- {id: i, input: {n: {type: int}}}\n- {id: d, decision: {prompt: p, options: [{id: on, goto: o}]}}\n- {id: o, run: 'echo k=7 >> $RIPCORD_OUTPUT', outputs: [k]}\n\
         rollback:\n- {id: y, when: 'steps.o.outcome == \"succeeded\" and steps.d.choice == \"on\"', run: 'echo $K $N $P > saw', env: {K: '${{ steps.o.outputs.k }}', N: '${{ steps.i.outputs.n }}'}}\n",
    );
    let answers = desk.write("answers.yaml", "steps: {i: {values: {n: 4}}, d: {choose: on}}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--yes-to", "read,write", "--answers", &answers]);
    assert_eq!(exit, 0, "{out}");
    let first = desk.only_run();
    let (exit, out) = desk.ripcord(&["rollback", &first, "--headless"]);
    assert_eq!(exit, 1, "{out}");
    assert_eq!(fs::read_to_string(desk.path("saw")).unwrap(), "7 4 x\n", "{out}");
    // A way back of the way back still knows them.
    fs::remove_file(desk.path("saw")).unwrap();
    let (_, runs) = desk.ripcord(&["runs", "-o", "json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&runs).unwrap();
    let second = runs.iter().map(|run| run["run"].as_str().unwrap()).find(|run| *run != first).unwrap();
    let (exit, out) = desk.ripcord(&["rollback", second, "--headless"]);
    assert!(exit == 1 && desk.path("saw").exists(), "{exit} {out}");
    assert_eq!(desk.ripcord(&["trail", "verify", "--all"]).0, 0);
}

#[test]
fn who_does_not_confirm_the_way_back_is_not_led_there_by_the_runbook() {
    let desk = Desk::new();
    let book = desk.book(&format!("steps:\n- {{id: a, confirm: none, run: exit 1, onFailure: rollback}}\n{BACK}"));
    let answers = desk.write("answers.yaml", "rollback: {confirm: false}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
    assert!(exit == 3 && out.contains("a failed (exit): retry, skip, rollback or abort"), "{exit} {out}");
    let run = desk.only_run();
    let (exit, out) = desk.ripcord(&["rollback", &run, "--headless", "--answers", &answers]);
    assert!(exit == 2 && out.contains("confirm: false"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["resume", &run, "--headless", "--on-prompt", "rollback", "--answers", &answers]);
    assert!(exit == 2 && out.contains("confirm: false"), "{exit} {out}");
    assert!(!desk.path("back").exists());
    let (exit, out) = desk.ripcord(&["rollback", &run, "--headless"]);
    assert!(exit == 1 && desk.path("back").exists(), "{exit} {out}");
}

#[test]
fn a_run_taken_up_only_to_look_starts_nothing_that_writes() {
    let desk = Desk::new();
    let book = desk.book(&format!(
        "steps:\n- {{id: a, confirm: none, run: 'true'}}\n- {{id: m, manual: x}}\n- {{id: w, run: touch wrote}}\n{BACK}"
    ));
    let answers = desk.write("answers.yaml", "steps: {m: {done: true}}\n");
    assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 3);
    let resume = ["resume", "--headless", "--yes-to", "read,write", "--answers", &answers];
    let (exit, out) = desk.ripcord(&[&resume[..], &["--read-only", "--on-prompt", "rollback"]].concat());
    assert!(exit == 3 && out.contains("read-only"), "{exit} {out}");
    assert!(!desk.path("wrote").exists() && !desk.path("back").exists());
    let (exit, out) = desk.ripcord(&resume);
    assert!(exit == 0 && desk.path("wrote").exists(), "the next one may write again: {exit} {out}");
}
