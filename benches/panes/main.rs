//! The live panes' figures, beside what one would use instead, on a real control plane:
//! `tests/cluster/run -- cargo bench --bench panes`, or one of `start`, `idle`, `churn`, `filter`, `flood`.
//!
//! The real binary in a terminal. Ratios within one run; nothing here is a test, and nothing fails for being slow.
//! For `churn` and `flood` the cluster's own list is served again by this program: an API server that shares two
//! cores with what is measured makes neither 1,000 changes nor 100,000 lines a second.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a program that prints figures, in real time; it uses a part of what the tests share"
)]

#[path = "../../tests/shared/console.rs"]
mod console;
mod namespace;
mod process;
mod replay;

use std::{
    ffi::OsStr,
    path::Path,
    time::{Duration, Instant},
};

use self::{console::Console, namespace::Namespace, process::Watched, replay::Replay};

const SIZE: (u16, u16) = (35, 120);
const ROUNDS: usize = 5;
const KEYS: usize = 300;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|want| want == name);
    if std::env::var_os("RIPCORD_CLUSTER_STATE").is_none() {
        return tell("the live panes", "need a cluster: tests/cluster/run -- cargo bench --bench panes");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        for pods in [2_000, 5_000] {
            let full = pods == 5_000;
            if !wants("start") && !full {
                continue;
            }
            let here = Namespace::filled(pods).await;
            if wants("start") {
                start(&here).await;
            }
            if wants("idle") && full {
                idle(&here).await;
            }
            if wants("filter") && full {
                filter(&here).await;
            }
            if (wants("churn") || wants("flood")) && full {
                let replay = Replay::of(here.list().await).await;
                if wants("churn") {
                    churn(&replay).await;
                }
                if wants("flood") {
                    flood(&replay).await;
                }
            }
            here.delete().await;
        }
    });
}

fn tell(what: &str, figure: &str) {
    println!("{what:<66} {figure}");
}

/// The console on a namespace, its state thrown away.
struct Looking {
    console: Console,
    began: Instant,
    _state: tempfile::TempDir,
}

impl Looking {
    fn at(namespace: &str, kubeconfig: &Path) -> Self {
        let state = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let words = ["watch", "-n", namespace];
        let env = [("KUBECONFIG", kubeconfig.as_os_str()), ("LC_ALL", OsStr::new("C.UTF-8"))];
        let console = Console::sized(state.path(), state.path(), &words, SIZE, &env);
        Self { console, began, _state: state }
    }

    async fn loaded(namespace: &str, kubeconfig: &Path, pods: usize) -> Self {
        let mut looking = Self::at(namespace, kubeconfig);
        looking.sees(&all(pods)).await;
        looking
    }

    /// When it was on the screen, since the start.
    async fn sees(&mut self, words: &str) -> Duration {
        self.console.sees(words).await;
        self.began.elapsed()
    }

    /// From a key to the frame in which the screen is another.
    async fn key(&mut self, key: &str, changed: impl Fn(&str) -> bool) -> Duration {
        let pressed = Instant::now();
        self.console.keys(key).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        assert!(self.console.until(changed, deadline).await, "{key}:\n{}", self.console.text());
        pressed.elapsed()
    }
}

fn all(pods: usize) -> String {
    let count = ripcord::observe::human::count(pods as u64);
    format!("{count} of {count} in namespace")
}

/// Start to first and all rows, beside the plain GET and kubectl; and what it weighs then.
async fn start(here: &Namespace) {
    let (mut plain, mut first, mut whole, mut kubectl) = (vec![], vec![], vec![], vec![]);
    let (mut weight, mut theirs) = (0.0f64, 0.0f64);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let bytes = here.list().await.len();
        plain.push(began.elapsed());
        assert!(bytes > 0);
        let mut looking = Looking::at(&here.name, &here.kubeconfig);
        first.push(looking.sees(" 1/1 ").await);
        whole.push(looking.sees(&all(here.pods)).await);
        weight = weight.max(process::peak(looking.console.pid()));
        drop(looking);
        let (took, peak) = process::kubectl(&here.name, &here.kubeconfig).await;
        kubectl.push(took);
        theirs = theirs.max(peak);
    }
    let (plain, first, whole, kubectl) = (median(plain), median(first), median(whole), median(kubectl));
    let pods = here.pods;
    let ratio = whole.as_secs_f64() / plain.as_secs_f64();
    tell(&format!("{pods} pods: plain GET of the list"), &format!("{plain:.0?}"));
    tell(&format!("{pods} pods: start to all rows (at most 1.3 x the GET)"), &format!("{whole:.0?} = {ratio:.2} x"));
    tell(&format!("{pods} pods: start to first rows (before the list is whole)"), &format!("{first:.0?}"));
    tell(&format!("{pods} pods: kubectl get pods"), &format!("{kubectl:.0?}, {theirs:.0} MiB"));
    tell(
        &format!("{pods} pods: peak memory (at most {} MiB)", if pods > 2_000 { 42 } else { 30 }),
        &format!("{weight:.1} MiB"),
    );
}

/// A quiet namespace.
async fn idle(here: &Namespace) {
    let looking = Looking::loaded(&here.name, &here.kubeconfig, here.pods).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let watched = Watched::begin(looking.console.pid());
    reading(looking, Duration::from_secs(60)).await;
    tell("5,000 pods: idle (under 0.5 % of a core)", &format!("{:.2} %", watched.percent()));
}

/// The terminal must be read, or the console waits for it.
async fn reading(mut looking: Looking, time: Duration) -> Looking {
    let until = tokio::time::Instant::now() + time;
    looking.console.until(|_| false, until).await;
    looking
}

/// Each letter of a filter over 5,000 rows, to the frame that shows it.
async fn filter(here: &Namespace) {
    let mut looking = Looking::loaded(&here.name, &here.kubeconfig, here.pods).await;
    let mut took = vec![];
    for round in 0..20 {
        looking.key("/", |screen| screen.contains("Enter keeps it")).await;
        let word = format!("load-{round:02}");
        for (at, letter) in word.char_indices() {
            let typed = format!(" / {}_ ", &word[..=at]);
            took.push(looking.key(letter.encode_utf8(&mut [0; 4]), |screen| screen.contains(&typed)).await);
        }
        looking.key("\x1b", |screen| screen.contains("no filter")).await;
    }
    tell("5,000 pods: filter keystroke to frame (at most 16 ms)", &spread(took));
}

/// Keys while 1,000 changes a second arrive, the load of that, and whether memory grows.
async fn churn(replay: &Replay) {
    let mut looking = Looking::loaded("load", &replay.kubeconfig, replay.pods).await;
    replay.change(1_000);
    looking = reading(looking, Duration::from_secs(10)).await;
    let (before, watched) = (process::resident(looking.console.pid()), Watched::begin(looking.console.pid()));
    let took = keys(&mut looking).await;
    tell("1,000 changes/s: key to frame (p99 at most 16 ms)", &spread(took));
    let seconds = std::env::var("CHURN").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    looking = reading(looking, Duration::from_secs(seconds)).await;
    tell("1,000 changes/s: load (at most 30 % of a core)", &format!("{:.1} %", watched.percent()));
    let after = process::resident(looking.console.pid());
    let sent = replay.sent();
    tell("1,000 changes/s: memory before and after (flat)", &format!("{before:.1} -> {after:.1} MiB, {sent} changes"));
    replay.change(0);
}

/// `j` and `k` in turn, until the cursor is on another pod.
async fn keys(looking: &mut Looking) -> Vec<Duration> {
    let mut took = vec![];
    for round in 0..KEYS {
        let at = cursor(&looking.console.text());
        took.push(looking.key(if round % 20 < 10 { "j" } else { "k" }, |screen| cursor(screen) != at).await);
        // not in step with the frames
        tokio::time::sleep(Duration::from_millis(7 + round as u64 % 29)).await;
    }
    took
}

fn cursor(screen: &str) -> Option<String> {
    let row = screen.lines().find_map(|line| line.split_once("> ")).map(|(_, row)| row);
    row.and_then(|row| row.split_whitespace().next()).map(str::to_owned)
}

/// A log of 100,000 lines a second.
async fn flood(replay: &Replay) {
    let mut looking = Looking::loaded("load", &replay.kubeconfig, replay.pods).await;
    looking.console.keys("l").await;
    looking.console.sees("1 of 1 streams").await;
    looking.console.keys("3").await;
    looking = reading(looking, Duration::from_secs(5)).await;
    let (before, lines) = (process::resident(looking.console.pid()), replay.lines());
    let (began, watched) = (Instant::now(), Watched::begin(looking.console.pid()));
    let took = keys(&mut looking).await;
    tell("100,000 log lines/s: key to frame (at most 16 ms)", &spread(took));
    looking = reading(looking, Duration::from_secs(30)).await;
    let rate = (replay.lines() - lines) as f64 / began.elapsed().as_secs_f64();
    let after = process::resident(looking.console.pid());
    let screen = looking.console.text();
    let title = screen.lines().find(|line| line.contains("dropped")).unwrap_or_default();
    let counted = title.rsplit(" lines").next().unwrap_or_default();
    let all = title.split("lines").next().and_then(|left| left.split_whitespace().next_back()).unwrap_or_default();
    tell(
        "log lines: sent, and counted on the screen",
        &format!("{rate:.0}/s; {all} lines{}", counted.trim_end_matches(['─', '╮', '┐', ' '])),
    );
    tell(
        "log lines: load; memory before and after (flat)",
        &format!("{:.0} %; {before:.1} -> {after:.1} MiB", watched.percent()),
    );
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

fn spread(mut all: Vec<Duration>) -> String {
    all.sort();
    let at = |part: f64| all[((all.len() - 1) as f64 * part) as usize];
    format!("median {:.1?}, p99 {:.1?}, most {:.1?}, of {}", at(0.5), at(0.99), at(1.0), all.len())
}
