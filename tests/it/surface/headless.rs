//! Headless words: answers, policies, what is refused before a run is made.

use std::{fs, process::Stdio};

use super::super::desk::Desk;

/// A runbook's body, its answers, more flags; the exit code and words that must stand in what is printed.
struct Case {
    book: &'static str,
    answers: &'static str,
    flags: &'static [&'static str],
    exit: i32,
    says: &'static str,
}

const fn case(book: &'static str, answers: &'static str, exit: i32, says: &'static str) -> Case {
    Case { book, answers, flags: &[], exit, says }
}

fn hold(cases: &[Case]) {
    for case in cases {
        let desk = Desk::new();
        let book = desk.book(case.book);
        let answers = desk.write("answers.yaml", case.answers);
        let args = [&["run", &book, "--headless", "--answers", &answers], case.flags].concat();
        let (exit, out) = desk.ripcord(&args);
        assert_eq!(exit, case.exit, "{}\n{}\n{out}", case.book, case.answers);
        assert!(out.contains(case.says), "«{}» is not in\n{out}", case.says);
        assert_eq!(exit == 2, !desk.path("state/runs").exists(), "bad usage makes no run, all else does: {out}");
    }
}

#[test]
fn a_soak_and_an_input_are_skipped_with_a_reason() {
    hold(&[
        case("steps: [{id: a, wait: 1h}]\n", "steps: {a: {skip: enough}}\n", 0, "a skipped"),
        case("steps: [{id: a, input: {x: {type: string}}}]\n", "steps: {a: {skip: enough}}\n", 0, "a skipped"),
        case("steps: [{id: a, manual: do it}]\n", "steps: {a: {skip: enough}}\n", 0, "a skipped"),
    ]);
}

const INPUT: &str = "steps: [{id: a, input: {n: {type: int, min: 6}}}]\n";
const LIST: &str = "steps: [{id: a, checklist: {items: [{id: one, text: t}]}}]\n";
const MANUAL: &str = "steps: [{id: a, manual: do it}]\n";
const APPROVAL: &str = "steps: [{id: a, approval: {prompt: p}}]\n";

#[test]
fn a_skip_holds_before_a_step_that_would_ask_nothing() {
    for (kind, step) in [
        ("script", "confirm: none, run: touch ran"),
        ("read", "http: {url: 'http://127.0.0.1:9/'}"),
        ("checklist", "checklist: {items: [{text: t, probe: {run: touch ran}}]}"),
        ("gate", "wait: 1h"),
    ] {
        let desk = Desk::new();
        let book = desk.book(&format!("steps:\n- {{id: a, {step}}}\n- {{id: b, confirm: none, run: touch b}}\n"));
        let answers = desk.write("answers.yaml", "steps: {a: {skip: not today}}\n");
        let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
        assert!(exit == 0 && out.contains("not today") && desk.path("b").exists(), "{kind}: {exit} {out}");
        assert!(!desk.path("ran").exists(), "{kind}: {out}");
    }
    let desk = Desk::new();
    desk.write(
        "child.yaml",
        "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: c}\nsteps: [{id: x, confirm: none, run: touch ran}]\n",
    );
    let book = desk.book("steps: [{id: a, runbook: {ref: ./child.yaml}}]\n");
    let answers = desk.write("answers.yaml", "steps: {a: {skip: not today}}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
    assert!(exit == 0 && !desk.path("ran").exists(), "{exit} {out}");
}

#[test]
fn what_a_nested_runbook_is_given_is_held_to_what_it_declares() {
    let desk = Desk::new();
    desk.write("child.yaml", "apiVersion: ripcord/v1\nkind: Runbook\nmetadata: {name: c}\nparams: {ns: {pattern: '^[a-z]+$'}, n: {type: int, max: 5}}\nsteps: [{id: x, confirm: none, run: 'echo $NS $N > ran'}]\n");
    let book = desk.book("params: {w: {default: a}, k: {default: '3'}}\nsteps: [{id: a, onFailure: abort, runbook: {ref: ./child.yaml, with: {ns: '${{ params.w }}', n: '${{ params.k }}'}}}]\n");
    for (given, says) in [("w=ABC; 9", "does not match"), ("k=9", "n: 9 is above 5")] {
        let (exit, out) = desk.ripcord(&["run", &book, "--headless", "-p", given]);
        assert!(exit == 1 && out.contains(says) && !desk.path("ran").exists(), "{given}: {exit} {out}");
        assert!(!out.contains("step.intent"), "before its intent: {out}");
    }
    assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 0);
    assert_eq!(fs::read_to_string(desk.path("ran")).unwrap(), "a 3\n");
}

#[test]
fn answers_that_fit_nothing_are_told_all_at_once_before_a_run_is_made() {
    let decision = "steps: [{id: a, decision: {prompt: p, options: [{id: x, goto: end}]}}]\n";
    hold(&[
        case(decision, "steps: {b: {choose: x}}\n", 2, "there is no step b"),
        case(decision, "steps: {a: {choose: y}}\n", 2, "a: there is no option y"),
        case(decision, "steps: {a: {tick: all}}\n", 2, "never asks for `tick`"),
        case(decision, "steps: {a: {skip: why}}\n", 2, "never asks for `skip`"),
        case(decision, "steps: {a: {chose: x}}\n", 2, "steps.a: unknown field `chose`"),
        case(decision, "steps: {a: {confirm: 7}}\n", 2, "steps.a"),
        case(decision, "stps: {}\n", 2, "stps"),
        case(decision, "- a\n", 2, "expected a map"),
        case(decision, "guards: {error_rate: rollback}\n", 2, "no guard over error_rate"),
        case(decision, "secrets: {nosuch: {fromEnv: X}}\n", 2, "there is no secret nosuch"),
        case(decision, "steps: {a: {choose: {option: x, reasn: y}}}\n", 2, "choose: unknown field `reasn`"),
        case(decision, "steps: {a: {choose: x}, a: {choose: y}}\n", 2, "line 1 column 25: `a` is there twice"),
        case(INPUT, "steps: {a: {values: {n: 5}}}\n", 2, "a: n: 5 is below 6"),
        case(INPUT, "steps: {a: {values: {n: six}}}\n", 2, "is not a whole number"),
        case(INPUT, "steps: {a: {values: [{n: 6}, {m: 7, n: 8}]}}\n", 2, "a: there is no field m"),
        case(INPUT, "steps: {a: {values: {}}}\n", 2, "a: n is required"),
        case(LIST, "steps: {a: {override: {nosuch: why}}}\n", 2, "a: there is no item nosuch"),
        case(LIST, "steps: {a: {tick: some}}\n", 2, "tick: \"some\" is neither `all` nor a list"),
        case(MANUAL, "steps: {a: {evidence: {fil: x}}}\n", 2, "evidence: unknown field `fil`"),
        case(MANUAL, "steps: {a: {evidence: {}}}\n", 2, "evidence: a text, or `file:`"),
        case(APPROVAL, "steps: {a: {approve: {by: x, nte: y}}}\n", 2, "approve: unknown field `nte`"),
        case(APPROVAL, "steps: {a: {approve: ' '}}\n", 2, "approve: by whom?"),
        case(
            "steps: [{id: a, run: 'true'}]\nrollback: [{id: b, run: 'true'}]\n",
            "rollback: {confirm: false}\nsteps: {a: {onFailure: rollback}}\n",
            2,
            "a asks for the way back",
        ),
        case("steps: [{id: a, approval: {prompt: p}}]\n", "steps: {a: {skip: why}}\n", 2, "never asks for `skip`"),
    ]);
    let desk = Desk::new();
    let book = desk.book(decision);
    let answers = desk.write("answers.yaml", "steps: {a: {chose: x}, b: {frob: 1}, c: 3}\n");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
    assert!(exit == 2 && ["steps.a", "steps.b", "steps.c"].iter().all(|place| out.contains(place)), "{out}");
}

#[test]
fn policies_that_fit_nothing_make_no_run() {
    let book = "steps: [{id: a, run: 'true'}]\n";
    let flags = |flags, says| Case { flags, says, ..case(book, "", 2, "") };
    hold(&[
        flags(&["--yes-to", "destructive"], "--approve STEP"),
        flags(&["--yes-to", "frob"], "read, or read,write"),
        flags(&["--approve", "nope"], "there is no such step"),
        flags(&["--on-prompt", "frob"], "stop"),
        flags(&["-o", "yaml"], "lines"),
        flags(&["-p", "x"], "key=value"),
        flags(&["--params", "nowhere.yaml"], "nowhere.yaml"),
    ]);
}

#[test]
fn a_refused_answer_says_why_where_the_run_stands() {
    hold(&[
        case(
            "steps: [{id: a, approval: {prompt: p}}]\n",
            "steps: {a: {approve: {by: root@elsewhere}}}\n",
            3,
            "refused: ",
        ),
        case("steps: [{id: a, required: true, run: 'true'}]\n", "steps: {a: {skip: why}}\n", 3, "cannot be skipped"),
    ]);
}

#[test]
fn in_the_lane_nobody_is_offered_a_rollback() {
    let book = "steps: [{id: a, confirm: none, onFailure: rollback, run: exit 1}]\nrollback: [{id: b, run: exit 2}]\n";
    hold(&[case(book, "", 3, "b failed (exit): retry, skip or abort")]);
    hold(&[case(book, "steps: {b: {onFailure: [retry, skip: done by hand]}}\n", 1, "rollback incomplete")]);
}

#[test]
fn a_calendar_that_refuses_is_not_opened_by_a_word() {
    let closed = |on: &str| {
        format!(
            "calendar: {{timezone: UTC, closed: [{{days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], reason: always}}], onClosed: {on}}}\nsteps: [{{id: a, confirm: none, run: 'true'}}]\n"
        )
    };
    let desk = Desk::new();
    let answers = desk.write("answers.yaml", "calendar: {breakGlass: the shop is on fire}\n");
    let book = desk.book(&closed("refuse"));
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
    assert!(exit == 1 && out.contains("always") && !desk.path("state/runs").exists(), "{exit} {out}");
    let book = desk.book(&closed("breakGlass"));
    let (exit, out) = desk.ripcord(&["run", &book, "--headless"]);
    assert!(exit == 3 && out.contains("calendar is closed"), "{exit} {out}");
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
    assert!(exit == 0 && out.contains("breakglass.used"), "{exit} {out}");
}

#[test]
fn a_read_only_run_starts_nothing_that_writes() {
    for confirm in ["auto", "none", "key"] {
        let desk = Desk::new();
        let book = desk.book(&format!("steps: [{{id: a, confirm: {confirm}, run: touch done}}]\n"));
        let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--read-only", "--yes-to", "read,write"]);
        assert!(exit == 3 && out.contains("read-only"), "{confirm}: {exit} {out}");
        assert!(!desk.path("done").exists());
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let desk = Desk::new();
    for args in [&["schema"][..], &["completions", "bash"], &["config"], &["--help"]] {
        let mut child = desk.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}

#[test]
fn every_command_shows_one_example() {
    let desk = Desk::new();
    let mut verbs = vec![Vec::new()];
    while let Some(verb) = verbs.pop() {
        let args: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
        let (exit, help) = desk.ripcord(&args);
        assert_eq!(exit, 0, "{args:?}");
        assert!(help.contains("Example: ripcord "), "{args:?} has no example:\n{help}");
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        for line in commands.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            let name = line.split_whitespace().next().unwrap().to_owned();
            verbs.push(verb.iter().cloned().chain([name]).collect());
        }
    }
    fs::metadata(desk.path("state")).unwrap_err();
}

#[test]
fn what_cannot_be_executed_safely_or_at_all_fails_its_step() {
    hold(&[
        // Nothing can be selected where there is no pods pane.
        case("steps: [{id: a, run: {argv: [echo, '${{ selected.pod }}']}, onFailure: abort}]\n", "", 1, "selected.pod"),
        case(
            "steps: [{id: a, confirm: none, outputs: [o], onFailure: abort, run: 'printf \"o=a\\033b\\n\" >> \"$RIPCORD_OUTPUT\"'}]\n",
            "",
            1,
            "output o holds invisible or control characters",
        ),
    ]);
}

#[test]
fn a_check_sees_the_values_of_its_step() {
    let desk = Desk::new();
    let book = desk.book(
        "params: {word: {type: string, default: hello}}\nsecrets: {key: {fromEnv: THE_KEY}}\nsteps:\n- {id: a, confirm: none, env: {MORE: x}, run: 'true', verify: {run: 'test \"$WORD$MORE$KEY\" = hellox1234567'}}\n- id: b\n  checklist: {items: [{text: t, probe: {run: 'test \"$WORD$KEY\" = hello1234567'}}]}\n",
    );
    let output = desk.command(&["run", &book, "--headless"]).env("THE_KEY", "1234567").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
