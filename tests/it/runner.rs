//! The step-runner as a process: one waits ahead of its step, serves that one alone, and goes with its console.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use ripcord::runner::status::{self, Phase};
use rustix::process::{Pid, Signal, kill_process};

use super::desk::Desk;

const BOOK: &str = "steps:
- {id: a, confirm: none, run: echo a >> ran}
- {id: b, confirm: none, run: 'echo b >> ran; until [ -e go ]; do sleep 0.02; done'}
- {id: c, confirm: none, run: echo c >> ran}
";

/// A console whose step `b` runs and will run until the file `go` is there; and the runner that waits for `c`.
fn with_one_ahead(desk: &Desk) -> (Child, u32) {
    let book = desk.book(BOOK);
    let mut command = desk.command(&["run", &book, "--headless", "-o", "json"]);
    let mut console = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(console.stdout.as_mut().unwrap()).lines();
    assert!(lines.by_ref().filter(|line| line.as_ref().unwrap().contains("step.started")).nth(1).is_some());
    let busy = runner_of(desk, "b.1");
    let ahead = until(|| runners(console.id()).into_iter().find(|pid| *pid != busy));
    (console, ahead)
}

fn until<T>(mut there: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(it) = there() {
            return it;
        }
        assert!(Instant::now() < patience, "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn runner_of(desk: &Desk, attempt: &str) -> u32 {
    let path = desk.path("state/runs").join(desk.only_run()).join(format!("output/{attempt}.status"));
    let phases = status::read(&path).unwrap();
    let found = phases.iter().find_map(|phase| match phase {
        Phase::Starting { runner } => Some(runner.pid),
        _ => None,
    });
    found.unwrap()
}

/// Step-runners that a process started and that live.
fn runners(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let told = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        told.contains(ripcord::runner::SUBCOMMAND) && parent_of(*pid) == Some(parent)
    })
    .collect()
}

/// Of a process that lives; one that only waits to be reaped does not.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let lives = fields.next()? != "Z";
    lives.then(|| fields.next()?.parse().ok())?
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn one_that_waits_goes_with_its_console_and_the_one_at_work_stays() {
    let desk = Desk::new();
    let (mut console, ahead) = with_one_ahead(&desk);
    let busy = runner_of(&desk, "b.1");
    console.kill().unwrap();
    console.wait().unwrap();
    until(|| parent_of(ahead).is_none().then_some(()));
    assert!(parent_of(busy).is_some(), "a step outlives the console");
    let output = desk.path("state/runs").join(desk.only_run()).join("output");
    let others: Vec<_> = names(&output).into_iter().filter(|name| !name.starts_with("b.1.")).collect();
    assert_eq!(others, ["a.1.log", "a.1.status"], "it leaves no file");
    fs::write(desk.path("go"), "").unwrap();
    let (exit, out) = desk.ripcord(&["resume", "--headless"]);
    assert_eq!(exit, 0, "{out}");
    assert_eq!(fs::read_to_string(desk.path("ran")).unwrap(), "a\nb\nc\n");
}

#[test]
fn one_that_is_killed_while_it_waits_is_replaced_and_nothing_runs_twice() {
    let desk = Desk::new();
    let (console, ahead) = with_one_ahead(&desk);
    kill(ahead);
    until(|| parent_of(ahead).is_none().then_some(()));
    fs::write(desk.path("go"), "").unwrap();
    let output = console.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_to_string(desk.path("ran")).unwrap(), "a\nb\nc\n");
    assert!(runner_of(&desk, "c.1") != ahead);
    assert_eq!(desk.ripcord(&["trail", "verify", "--all"]).0, 0);
}

/// The first is started for its step, the others waited for theirs; nobody can tell the difference.
#[test]
fn every_attempt_has_a_runner_of_its_own_in_a_session_of_its_own() {
    let desk = Desk::new();
    fs::create_dir(desk.path("ops")).unwrap();
    // Pid and session of the one that started the script, as the kernel tells them.
    let script = "cut -d\" \" -f1,6 /proc/$PPID/stat; pwd; env | grep ^RIPCORD_ | cut -d= -f1; echo $MARK";
    let steps: String = (0..3)
        .map(|n| {
            format!("- {{id: s{n}, confirm: none, env: {{MARK: m{n}}}, run: {{script: '{script}', workdir: ops}}}}\n")
        })
        .collect();
    let book = desk.book(&format!("steps:\n{steps}"));
    let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
    assert_eq!(exit, 0, "{out}");
    let folder = desk.path("state/runs").join(desk.only_run()).join("output");
    let mut seen = BTreeSet::new();
    for n in 0..3 {
        let said = fs::read_to_string(folder.join(format!("s{n}.1.log"))).unwrap();
        let (who, rest) = said.split_once('\n').unwrap();
        let (pid, session) = who.split_once(' ').unwrap();
        assert_eq!(pid, session, "the leader of its own session");
        assert_eq!(pid, runner_of(&desk, &format!("s{n}.1")).to_string());
        assert!(seen.insert(pid.to_owned()), "{pid} served two");
        let here = desk.path("ops").canonicalize().unwrap();
        assert_eq!(rest, format!("{}\nRIPCORD_OUTPUT\nm{n}\n", here.display()));
    }
}
