//! The console's figures, taken through a terminal as a person has it: the first frame, a key while a step floods,
//! what it costs at rest. `cargo bench --bench console` prints them all, `-- keys` one of `first`, `keys`, `idle`.
//!
//! Beside each key a mere `cat` on a terminal of its own echoes one: what the machine itself makes one wait.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that prints figures")]

use std::{
    fs,
    io::{Read as _, Write as _},
    process::Child,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use pty_process::blocking::{Command, Pty};

/// Nothing here takes so long; a console that hangs ends the bench.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let figures: [(&str, fn()); 3] = [("first", first_frame), ("keys", keys), ("idle", idle)];
    for (name, figure) in figures {
        if wanted.is_empty() || wanted.iter().any(|want| want == name) {
            figure();
        }
    }
}

fn tell(what: &str, figure: String) {
    println!("{what:<58} {figure}");
}

/// A program on a terminal, and what it shows.
struct Screen {
    pty: Arc<Pty>,
    came: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    child: Child,
}

impl Screen {
    fn open(command: Command) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(35, 120)).unwrap();
        let child = command.env("TERM", "xterm-256color").spawn(pts).unwrap();
        let (pty, (tell, came)) = (Arc::new(pty), mpsc::channel());
        let reader = Arc::clone(&pty);
        thread::spawn(move || {
            let mut bytes = [0; 1 << 16];
            while let Ok(count) = (&*reader).read(&mut bytes)
                && count > 0
                && tell.send((Instant::now(), bytes[..count].to_vec())).is_ok()
            {}
        });
        Self { pty, came, parser: vt100::Parser::new(35, 120, 0), child }
    }

    /// When the screen came to be so.
    fn until(&mut self, so: impl Fn(&str) -> bool) -> Instant {
        loop {
            let (at, bytes) = self.came.recv_timeout(PATIENCE).unwrap();
            self.parser.process(&bytes);
            if so(&self.parser.screen().contents()) {
                return at;
            }
        }
    }

    /// How long a key took to change the screen so.
    fn key(&mut self, key: &[u8], so: impl Fn(&str) -> bool) -> Duration {
        let typed = Instant::now();
        (&*self.pty).write_all(key).unwrap();
        self.until(so) - typed
    }

    fn close(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A console over a runbook of one step, in a fresh state directory.
fn console(desk: &tempfile::TempDir, script: &str) -> Screen {
    let step = format!("- {{id: act, confirm: none, run: '{script}'}}\n");
    let book = format!("apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {{name: figures}}\nsteps:\n{step}");
    fs::write(desk.path().join("book.yaml"), book).unwrap();
    let command = Command::new(env!("CARGO_BIN_EXE_ripcord")).args(["run", "book.yaml"]).current_dir(desk.path());
    Screen::open(command.env("RIPCORD_STATE_DIR", desk.path().join("state")).env("HOME", desk.path()))
}

const BEGIN: &str = "press r to begin";

/// From the start of the process to what a person can read: at most 50 ms, warm.
fn first_frame() {
    let mut took: Vec<Duration> = (0..30)
        .map(|_| {
            let desk = tempfile::tempdir().unwrap();
            let begun = Instant::now();
            let mut screen = console(&desk, "true");
            let took = screen.until(|text| text.contains(BEGIN)) - begun;
            screen.close();
            took
        })
        .collect();
    tell("start to first frame, warm (at most 50 ms)", spread(&mut took));
}

fn spread(all: &mut [Duration]) -> String {
    all.sort();
    let (least, median, most) = (all[0], all[all.len() / 2], all[all.len() - 1]);
    format!("median {median:.1?}, least {least:.1?}, most {most:.1?} of {}", all.len())
}

/// A key, while a step prints three gigabytes: answered within 16 ms.
fn keys() {
    let desk = tempfile::tempdir().unwrap();
    let line = "2026-11-23T20:14:55.123Z INFO request done path=/predict status=200 took=12ms";
    let mut screen = console(&desk, &format!("yes \"{line}\" | head -c 3G"));
    screen.until(|text| text.contains(BEGIN));
    screen.key(b"r", |text| text.contains("it runs"));
    let mut echo = Screen::open(Command::new("cat"));
    let (mut answered, mut echoed) = (Vec::new(), Vec::new());
    for round in 0..15 {
        for (key, there) in [(b"?".as_slice(), true), (b"\x1b", false)] {
            thread::sleep(Duration::from_millis(37)); // a person's pace, and out of step with the frames
            answered.push(screen.key(key, |text| text.contains("Keys in ") == there));
            let mark = format!("{round}{there}");
            echoed.push(echo.key(mark.as_bytes(), |text| text.contains(&mark)));
        }
    }
    let still = !screen.parser.screen().contents().contains("SUCCEEDED");
    tell("a key while a step floods (at most 16 ms)", spread(&mut answered));
    tell("  `cat` on a terminal beside it", spread(&mut echoed));
    if !still {
        tell("  the flood ended before the keys did: not all of them count", String::new());
    }
    screen.close();
    echo.close();
}

/// A console that nobody touches: less than 0.5 % of a core.
fn idle() {
    let desk = tempfile::tempdir().unwrap();
    let mut screen = console(&desk, "true");
    screen.until(|text| text.contains(BEGIN));
    thread::sleep(Duration::from_secs(2));
    let (before, begun) = (ticks(screen.child.id()), Instant::now());
    thread::sleep(Duration::from_secs(20));
    let used = ticks(screen.child.id()) - before;
    let share = Duration::from_millis(used * 10).as_secs_f64() / begun.elapsed().as_secs_f64();
    tell("an idle console (at most 0.5 % of a core)", format!("{:.2} %", share * 100.0));
    screen.close();
}

/// Hundredths of a second that a process has used.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
