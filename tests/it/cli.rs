//! The binary as a person or a script uses it: exit codes, files, other terminals.

use std::{fs, path::Path};

use super::desk::Desk;

fn tour() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/tour.yaml").display().to_string()
}

const ANSWERS: &str = "steps:\n  before: {tick: all}\n  look: {evidence: it waved}\n  tell: {choose: finish}\n";

#[test]
fn the_tour_runs_headless_and_its_trail_verifies() {
    let desk = Desk::new();
    let answers = desk.write("answers.yaml", ANSWERS);
    let (exit, out) =
        desk.ripcord(&["run", &tour(), "--headless", "--answers", &answers, "--yes-to", "read,write", "-o", "json"]);
    assert_eq!(exit, 0, "{out}");
    for (number, line) in out.lines().enumerate() {
        let fact: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            fact["sequence"].as_u64().is_some() && fact["time"].is_string() && fact["kind"].is_string(),
            "line {number}: {line}"
        );
    }
    let (exit, out) = desk.ripcord(&["trail", "verify", "--all"]);
    assert_eq!(exit, 0, "{out}");
    let mode =
        |path: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777;
    let run = desk.path("state/runs").join(desk.only_run());
    assert_eq!(mode(&run), 0o700);
    assert_eq!(mode(&run.join("trail.jsonl")), 0o600);
}

#[test]
fn a_question_nobody_answers_leaves_the_run_open_and_resume_goes_on() {
    let desk = Desk::new();
    let book = desk.book("steps:\n- {id: ask, decision: {prompt: p, options: [{id: on, goto: act}]}}\n- {id: act, run: 'echo acted >> acted'}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
    assert_eq!(exit, 3, "{out}");
    assert!(out.contains("ask is a decision") && out.contains("ripcord resume"), "{out}");
    assert_eq!(desk.ripcord(&["trail", "verify", &desk.only_run()]).0, 2);
    let answers = desk.write("answers.yaml", "steps: {ask: {choose: on}, act: {confirm: true}}\n");
    let (exit, out) = desk.ripcord(&["resume", "--headless", "--answers", &answers]);
    assert_eq!(exit, 0, "{out}");
    assert_eq!(fs::read_to_string(desk.path("acted")).unwrap(), "acted\n");
    assert_eq!(desk.ripcord(&["trail", "verify", "--all"]).0, 0);
}

#[test]
fn a_write_needs_a_word_and_destruction_needs_its_name() {
    let desk = Desk::new();
    let book = desk.book("steps:\n- {id: act, run: 'true'}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
    assert_eq!(exit, 3, "{out}");
    assert!(out.contains("--yes-to read,write"), "{out}");
    assert_eq!(desk.ripcord(&["run", &book, "--headless", "--yes-to", "read,write"]).0, 0);
    assert_eq!(desk.ripcord(&["run", &book, "--headless", "--yes-to", "destructive"]).0, 2);
    let book = desk.book("steps:\n- {id: act, risk: destructive, run: 'true'}\n");
    assert_eq!(desk.ripcord(&["run", &book, "--headless", "--yes-to", "read,write"]).0, 3);
    assert_eq!(desk.ripcord(&["run", &book, "--headless", "--approve", "act"]).0, 0);
}

#[test]
fn bad_use_says_what_to_do_and_makes_no_run() {
    let desk = Desk::new();
    let book = desk.book("params: {tag: {required: true, pattern: '^v'}}\nsecrets: {key: {fromEnv: NO_SUCH_SECRET}}\nsteps:\n- {id: a, run: 'true'}\n");
    let answers = desk.write("answers.yaml", "steps: {nope: {confirm: true}}\n");
    for (args, says) in [
        (vec!["run", "nowhere", "--headless"], "no runbook"),
        (vec!["run", book.as_str(), "--headless"], "tag is required"),
        (vec!["run", book.as_str(), "--headless", "-p", "tag=latest"], "does not match"),
        (vec!["run", book.as_str(), "--headless", "-p", "tga=v1", "-p", "tag=v1"], "there is no tga"),
        (vec!["run", book.as_str(), "--headless", "-p", "tag=v1"], "NO_SUCH_SECRET"),
        (vec!["run", book.as_str(), "-p", "tag=v1"], "NO_SUCH_SECRET"),
        (vec!["frobnicate"], "unrecognized"),
    ] {
        let (exit, out) = desk.ripcord(&args);
        assert_eq!(exit, 2, "{args:?}: {out}");
        assert!(out.contains(says), "{args:?}: {out}");
    }
    assert!(!desk.path("state/runs").exists());
    let book = desk.book("steps:\n- {id: a, run: 'true'}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
    assert!(exit == 2 && out.contains("there is no step nope"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["run", &book]);
    assert!(exit == 2 && out.contains("--headless"), "without a terminal: {exit} {out}");
}

#[test]
fn a_failed_run_rolls_back_and_says_so() {
    let desk = Desk::new();
    let book = desk.book(
        "steps:\n- {id: act, onFailure: rollback, run: 'exit 3'}\nrollback:\n- {id: back, run: 'echo back >> back'}\n",
    );
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--yes-to", "read,write"]);
    assert_eq!(exit, 1, "{out}");
    assert!(out.contains("exit 3") && out.lines().last().unwrap().starts_with("rolled back"), "{out}");
    assert_eq!(fs::read_to_string(desk.path("back")).unwrap(), "back\n");
    let (exit, out) = desk.ripcord(&["rollback", &desk.only_run()]);
    assert_eq!(exit, 1, "of a closed run a new one is opened: {out}");
    assert_eq!(fs::read_to_string(desk.path("back")).unwrap(), "back\nback\n");
    assert_eq!(desk.ripcord(&["trail", "verify", "--all"]).0, 0);
}

#[test]
fn no_secret_is_left_anywhere() {
    let desk = Desk::new();
    let book = desk.book(
        "secrets: {key: {fromEnv: THE_KEY}}\nsteps:\n- {id: a, confirm: none, outputs: [x], run: 'echo \"$KEY\"; printf %s \"$KEY\" | base64; echo \"x=$KEY\" >> \"$RIPCORD_OUTPUT\"; exit 0'}\n- {id: b, confirm: none, onFailure: continue, run: {argv: [sh, -c, 'echo $KEY >&2; exit 1']}}\n",
    );
    let secret = "hunter2-very-secret";
    let output = desk.command(&["run", &book, "--headless", "-o", "json"]).env("THE_KEY", secret).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let encoded = "aHVudGVyMi12ZXJ5LXNlY3Jld";
    let mut seen = vec![
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ];
    let mut folders = vec![desk.path("state")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                seen.push(String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
            }
        }
    }
    assert!(seen.iter().any(|text| text.contains("[redacted:key]")));
    for text in seen {
        assert!(!text.contains(secret) && !text.contains(encoded), "{text}");
    }
}

#[test]
fn check_is_for_machines_too_and_new_makes_what_passes() {
    let desk = Desk::new();
    let book = desk.book("steps:\n- {id: a, rnu: x}\n");
    let (exit, out) = desk.ripcord(&["check", &book, "-o", "json"]);
    let problems: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(exit == 2 && problems[0]["line"].as_u64() == Some(5), "{out}");
    assert_eq!(desk.ripcord(&["new", "restart-api"]).0, 0);
    let (exit, out) = desk.ripcord(&["check", "restart-api.yaml"]);
    assert_eq!(exit, 0, "{out}");
    assert_eq!(desk.ripcord(&["trail", "verify"]).0, 4);
    for (name, said) in [
        ("restart-api", "is left as it is"),
        ("Restart API", "lower-case letters"),
        ("1st", "such as `ripcord new restart-api`"),
        ("", "lower-case letters"),
        ("no/folder", "make it first"),
    ] {
        let (exit, out) = desk.ripcord(&["new", name]);
        assert!(exit == 2 && out.contains(said), "{name}: {exit} {out}");
    }
}

#[test]
fn every_shipped_runbook_passes_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path().display().to_string()).collect();
    let mut args = vec!["check"];
    args.extend(files.iter().filter(|file| file.ends_with(".yaml")).map(String::as_str));
    let (exit, out) = Desk::new().ripcord(&args);
    assert_eq!(exit, 0, "{out}");
}
