//! What is told of a run, live and afterwards: the same facts everywhere, nothing left out, nothing raw.

use std::fs;

use super::super::desk::Desk;

#[test]
fn the_facts_printed_are_the_facts_of_the_trail() {
    let desk = Desk::new();
    let book = desk.book(
        "steps:\n- {id: ap, approval: {prompt: ok?}}\n- {id: m, manual: x}\n- {id: a, confirm: none, outputs: [k], onFailure: continue, run: 'printf \"k=1.50\\n\" >> \"$RIPCORD_OUTPUT\"'}\n- {id: w, wait: 10ms}\n",
    );
    let answers = desk.write(
        "answers.yaml",
        "steps: {ap: {approve: {by: \"l\\u202e@corp\"}}, m: {evidence: \"a\\u200bb\\u0085c\\ue000\"}}\n",
    );
    let output = desk.command(&["run", &book, "--headless", "-o", "json", "--answers", &answers]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    let raw = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{200b}' | '\u{202e}' | '\u{e000}'));
    assert!(!printed.contains(raw), "{printed:?}");
    let (_, kept) = desk.ripcord(&["trail", "show", &desk.only_run(), "-o", "json"]);
    let facts = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(facts(&printed), facts(&kept));
}

#[test]
fn who_did_it_what_was_seen_and_what_was_given_are_told() {
    let desk = Desk::new();
    desk.write("ev.txt", "seen\n");
    let book = desk.book(
        "steps:\n- {id: m, manual: x}\n- {id: f, manual: x, evidence: {file: true}}\n- {id: v, manual: x, verify: {run: 'true'}}\n- {id: i, input: {n: {type: int}, s: {type: string}}}\n",
    );
    let answers = desk.write(
        "answers.yaml",
        "steps: {m: {evidence: EVTEXT}, f: {evidence: {file: ev.txt, text: both}}, v: {evidence: CHECKED}, i: {values: {n: 4242, s: word}}}\n",
    );
    let (exit, out) = desk.ripcord(&["run", &book, "--headless", "--answers", &answers]);
    assert_eq!(exit, 0, "{out}");
    let run = desk.only_run();
    let operator = desk.ripcord(&["runs", "-o", "json"]).1;
    let operator =
        serde_json::from_str::<serde_json::Value>(&operator).unwrap()[0]["operator"].as_str().unwrap().to_owned();
    for verb in [&["trail", "show", &run][..], &["trail", "report", &run], &["trail", "report", &run, "-o", "html"]] {
        let (_, told) = desk.ripcord(verb);
        for word in ["EVTEXT", "ev.txt", "both", "sha256 ", "CHECKED", "n=4242", "s=word"] {
            assert!(told.contains(word), "{verb:?} does not tell {word}:\n{told}");
        }
        let done = told.lines().find(|line| line.contains("EVTEXT")).unwrap();
        assert!(done.contains(&operator), "{verb:?}: {done}");
    }
}

#[test]
fn verify_counts_what_held_and_looks_at_every_name() {
    let desk = Desk::new();
    let book = desk.book("steps:\n- {id: a, confirm: none, run: echo a}\n- {id: b, confirm: none, run: echo b}\n");
    assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 0);
    let run = desk.only_run();
    fs::write(desk.path("state/runs").join(&run).join("output/a.1.log"), "other\n").unwrap();
    let (exit, out) = desk.ripcord(&["trail", "verify", &run, "nosuch"]);
    assert_eq!(exit, 1, "the worst wins: {out}");
    assert!(out.contains("verified   1 output files") && out.contains("a.1.log was changed"), "{out}");
    assert!(out.contains("nosuch"), "{out}");
    let state = desk.path("state").display().to_string();
    for args in [&["trail", "verify", "--bogus"][..], &["--state-dir", &state, "trail", "verify", "--bogus"]] {
        assert_eq!(desk.ripcord(args).0, 4, "{args:?}");
    }
    assert_eq!(desk.ripcord(&["--state-dir", &state, "trail", "show", "--bogus"]).0, 2);
}

#[test]
fn a_dry_run_shows_all_that_would_be_sent() {
    let desk = Desk::new();
    let book = desk.book(
        "params: {p: {default: tonight}}\nsecrets: {key: {fromEnv: THE_KEY}}\nsteps:\n\
         - {id: a, title: 'At ${{ params.p }}', http: {url: 'http://127.0.0.1:9/', method: POST, headers: {Authorization: '${{ secrets.key }}'}, json: {when: '${{ params.p }}'}}}\n\
         - {id: b, http: {url: 'http://127.0.0.1:9/', method: PUT, body: 'it is ${{ params.p }}'}}\n\
         - {id: c, notify: {webhook: {url: 'http://127.0.0.1:9/hook', json: {text: '${{ params.p }}'}}}}\n",
    );
    let output = desk.command(&["run", &book, "--dry-run"]).env("THE_KEY", "hunter2-secret").output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    for shown in
        ["At tonight", "'{\"when\":\"tonight\"}'", "'it is tonight'", "'{\"text\":\"tonight\"}'", "secrets.key"]
    {
        assert!(out.contains(shown), "«{shown}» is not in\n{out}");
    }
    assert!(!out.contains("hunter2") && !desk.path("state").exists(), "{out}");
}
