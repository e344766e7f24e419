//! `kill -9` of the console at any moment: what was acknowledged is there, and no step ran twice.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::desk::Desk;

const STEPS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Small, seeded, and printed on failure: the moments can be tried again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

fn desk() -> Desk {
    let desk = Desk::new();
    let steps: String =
        STEPS.iter().map(|id| format!("- {{id: {id}, confirm: none, run: 'echo {id} >> ran'}}\n")).collect();
    desk.book(&format!("steps:\n{steps}"));
    desk
}

/// Facts that were printed, and so acknowledged: number and kind.
type Told = Vec<(u64, String)>;

fn told(text: &str) -> Told {
    // A line that was cut off by the kill was not told.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let facts = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    facts.map(|fact| (fact["sequence"].as_u64().unwrap(), fact["kind"].as_str().unwrap().to_owned())).collect()
}

/// One life of the console: killed after `mercy`, or allowed to end.
fn live(desk: &Desk, args: &[&str], mercy: Option<Duration>) -> (Option<i32>, Told, String) {
    let mut command = desk.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(mercy) = mercy {
        std::thread::sleep(mercy); // the random moment itself
        let _ = child.kill();
    }
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    (child.wait().unwrap().code(), told(&out), errors + &out)
}

fn ran(desk: &Desk) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for line in fs::read_to_string(desk.path("ran")).unwrap_or_default().lines() {
        *counted.entry(line.to_owned()).or_default() += 1;
    }
    counted
}

fn runs(desk: &Desk) -> Vec<String> {
    let folder = fs::read_dir(desk.path("state/runs")).into_iter().flatten().flatten();
    let folder = folder.filter(|run| run.path().join("trail.jsonl").metadata().is_ok_and(|file| file.len() > 0));
    folder.map(|run| run.file_name().into_string().unwrap()).collect()
}

/// What a person says who looks at what happened: done if it was done, again if it was not.
fn answers(desk: &Desk, out: &str) {
    let unknown = out.split("nobody knows what became of ").nth(1).and_then(|rest| rest.split(':').next());
    let failed = out.split("unanswered: ").nth(1).and_then(|rest| rest.split_once(" failed (cancelled)"));
    let is_done = |step: &str| ran(desk).contains_key(step);
    let answer = match (unknown, failed) {
        (Some(step), _) if is_done(step) => format!("steps: {{{step}: {{onUnknown: succeeded}}}}\n"),
        (Some(step), _) => format!("steps: {{{step}: {{onUnknown: retry}}}}\n"),
        (None, Some((step, _))) if is_done(step) => panic!("{step} is called cancelled and was done"),
        (None, Some((step, _))) => format!("steps: {{{step}: {{onFailure: [retry]}}}}\n"),
        (None, None) => panic!("asked for something else: {out}"),
    };
    desk.write("answers.yaml", &answer);
}

/// Kills one run again and again until it gets through.
fn round(dice: &mut Dice, whole: Duration) {
    let desk = desk();
    desk.write("answers.yaml", "steps: {}\n");
    let micros = u64::try_from(whole.as_micros()).unwrap();
    let mut acknowledged: Told = Vec::new();
    let mut last = String::new();
    for life in 0.. {
        assert!(life < 40, "it never gets through: {last}");
        let known = runs(&desk);
        let args: &[&str] = match known.first() {
            None => &["run", "t.yaml", "--headless", "-o", "json"],
            Some(_) => &["resume", "--headless", "-o", "json", "--answers", "answers.yaml"],
        };
        let mercy = (life < 4).then(|| Duration::from_micros(dice.below(micros)));
        let (exit, new, out) = live(&desk, args, mercy);
        acknowledged.extend(new);
        last = format!("exit {exit:?} {out}");
        let Some(run) = runs(&desk).first().cloned() else { continue };
        let (_, shown) = desk.ripcord(&["trail", "show", &run, "-o", "json"]);
        let stored = told(
            &shown.lines().filter(|line| line.starts_with('{')).map(|line| format!("{line}\n")).collect::<String>(),
        );
        for fact in &acknowledged {
            assert!(stored.contains(fact), "{fact:?} was told and is gone\n{shown}");
        }
        assert!(ran(&desk).values().all(|times| *times == 1), "{:?} ran twice\n{shown}", ran(&desk));
        let (verdict, said) = desk.ripcord(&["trail", "verify", &run]);
        // Killed between the first record and the ledger's line: the next start writes it.
        let newborn = verdict == 4 && said.contains("the ledger") && said.contains("1 to 1,");
        assert!([0, 2, 3].contains(&verdict) || newborn, "{said}");
        match exit {
            Some(0) => break,
            Some(3) => answers(&desk, &out),
            Some(2) if out.contains("no unfinished run") => break, // killed behind its last record
            Some(other) => panic!("exit {other}\n{out}"),
            None => {}
        }
    }
    assert_eq!(ran(&desk).into_keys().collect::<Vec<_>>(), STEPS);
    // A console that was killed before its first record leaves a folder in which nothing was done.
    let (exit, said) = desk.ripcord(&["trail", "verify", "--all"]);
    assert!([0, 3].contains(&exit) || (exit == 2 && said.contains("died before the first record")), "{exit} {said}");
}

fn rounds(count: usize) {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15);
    let mut dice = Dice(seed);
    let begun = Instant::now();
    let (exit, _, out) = live(&desk(), &["run", "t.yaml", "--headless", "-o", "json"], None);
    assert_eq!(exit, Some(0), "{out}");
    let whole = begun.elapsed();
    for number in 0..count {
        // Shown when it fails; give it back as SEED.
        let _ = writeln!(std::io::stderr(), "round {number}, SEED={}", dice.0);
        round(&mut dice, whole);
    }
}

#[test]
fn a_killed_console_loses_nothing_and_repeats_nothing() {
    rounds(25);
}

/// Hundreds of kills; minutes. `cargo test --test it killed -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn hundreds_of_killed_consoles_lose_nothing_and_repeat_nothing() {
    rounds(100);
}
