//! Stories: a folder each, told by `runbook.yaml`, `answers.yaml` and what must come of it.
//!
//! `exit` holds the exit code of each act: the first is `run`, the next ones are `resume` with `answers.2.yaml` and
//! so on. `trail.expected` is what `ripcord trail show` prints, with times, ids, pids, durations and hashes taken
//! out. `flags` (optional) are more flags of every act, `out` (optional) are lines that must be printed.
//! `UPDATE=1` writes `trail.expected` and `exit` anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use super::desk::Desk;

struct Story {
    folder: PathBuf,
}

impl Story {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scenarios");
        let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.retain(|path| path.join("runbook.yaml").is_file());
        folders.sort();
        folders.into_iter().map(|folder| Self { folder }).collect()
    }

    fn name(&self) -> String {
        self.folder.file_name().unwrap().to_string_lossy().into_owned()
    }

    fn part(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    /// A desk with the story's files on it, and an operator whose name does not depend on the machine.
    fn desk(&self) -> Desk {
        let desk = Desk::new();
        for entry in fs::read_dir(&self.folder).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), desk.path(&entry.file_name().to_string_lossy())).unwrap();
        }
        fs::create_dir_all(desk.path(".config/ripcord")).unwrap();
        fs::write(desk.path(".config/ripcord/config.yaml"), "operator: ann@corp\n").unwrap();
        desk
    }

    fn act(&self, desk: &Desk, number: usize) -> (String, String) {
        let flags = self.part("flags").unwrap_or_default();
        let answers = if number == 1 { "answers.yaml".to_owned() } else { format!("answers.{number}.yaml") };
        let mut args = if number == 1 { vec!["run", "runbook.yaml"] } else { vec!["resume"] };
        args.push("--headless");
        args.extend(flags.split_whitespace());
        if desk.path(&answers).exists() {
            args.extend(["--answers", &answers]);
        }
        let mut command = desk.command(&args);
        command.env_remove("XDG_CONFIG_HOME").env("STORY_SECRET", "hunter2-very-secret");
        let output = command.output().unwrap();
        let exit = output.status.code().map_or_else(|| "killed".to_owned(), |code| code.to_string());
        let out = [output.stdout, output.stderr].concat();
        (exit, String::from_utf8_lossy(&out).into_owned())
    }

    /// Plays it; what is not as written.
    fn play(&self) -> Vec<String> {
        let (desk, mut wrong) = (self.desk(), Vec::new());
        let update = std::env::var_os("UPDATE").is_some();
        let expected: Vec<String> = self.part("exit").unwrap_or_default().lines().map(str::to_owned).collect();
        let acts = (2..).take_while(|number| desk.path(&format!("answers.{number}.yaml")).exists()).count() + 1;
        let (mut exits, mut all) = (Vec::new(), String::new());
        for number in 1..=acts {
            let (exit, out) = self.act(&desk, number);
            exits.push(exit);
            all.push_str(&out);
        }
        let (_, shown) = desk.ripcord(&["trail", "show", &desk.only_run()]);
        let told = plain(&shown, &desk);
        if update {
            fs::write(self.folder.join("trail.expected"), &told).unwrap();
            fs::write(self.folder.join("exit"), exits.join("\n") + "\n").unwrap();
            return wrong;
        }
        if exits != expected {
            wrong.push(format!("exit {exits:?}, expected {expected:?}\n{all}"));
        }
        if told != self.part("trail.expected").unwrap_or_default() {
            wrong.push(format!("the trail tells\n{told}"));
        }
        let missing = self.part("out").unwrap_or_default();
        wrong.extend(missing.lines().filter(|line| !all.contains(*line)).map(|line| format!("«{line}» not in\n{all}")));
        if all.contains("hunter2") || shown.contains("hunter2") {
            wrong.push("the secret was shown".into());
        }
        let closed = told.contains("run.closed");
        let (exit, verdict) = desk.ripcord(&["trail", "verify", "--all"]);
        if exit != if closed { 0 } else { 2 } {
            wrong.push(format!("verify: {exit}\n{verdict}"));
        }
        wrong
    }
}

/// Without what differs from run to run.
fn plain(text: &str, desk: &Desk) -> String {
    let rules = [
        (r"(?m)^#(\d+) +\d\d:\d\d:\d\d  ", "#$1  "),
        (r"\d{8}T\d{6}Z-[a-z0-9-]+-[0-9a-f]{4}", "RUN"),
        (r"\bpid \d+", "pid N"),
        (r"\b(in|after) (\d+(ms|s|m|h))+", "$1 T"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"\d{4}-\d\d-\d\d", "DATE"),
        (r"(?m) +$", ""),
    ];
    let text = text.replace(&desk.path("").display().to_string(), "DIR/");
    rules.iter().fold(text, |text, (rule, with)| Regex::new(rule).unwrap().replace_all(&text, *with).into_owned())
}

#[test]
fn every_story_goes_as_written() {
    let stories = Story::all();
    assert!(stories.len() >= 12, "{} stories", stories.len());
    let mut wrong = Vec::new();
    for story in &stories {
        wrong.extend(story.play().into_iter().map(|what| format!("== {}: {what}", story.name())));
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE=1 writes them anew)", wrong.join("\n"));
}
