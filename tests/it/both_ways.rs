//! The same answers through the console and headless leave the same trail, times and ids aside.

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::{console::Console, desk::Desk};

const BOOK: &str = "\
steps:
- id: before
  checklist: {items: [{id: one, text: The first}, {id: two, text: The second}]}
- {id: make, run: 'echo made > made; echo \"size=5\" >> \"$RIPCORD_OUTPUT\"', outputs: [size]}
- {id: who, approval: {prompt: May it?, approvers: [lead@corp]}}
- {id: values, input: {version: {type: string, required: true}}}
- id: what
  decision:
    prompt: And now?
    options: [{id: go, title: Go on, goto: look, reason: required}, {id: stay, title: Stay, goto: look}]
- {id: look, manual: Look at it, evidence: {prompt: What did you see?, required: true}}
- {id: flaky, confirm: none, run: exit 7}
- {id: done, end: {category: resolved}}
";

const ANSWERS: &str = "\
steps:
  before: {tick: all}
  make: {confirm: true}
  who: {approve: {by: lead@corp, note: seen}}
  values: {values: {version: v1}}
  what: {choose: {option: go, reason: it is well}}
  look: {done: true, evidence: green}
  flaky: {onFailure: [{skip: known}]}
";

/// Of a machine, a moment or a process: the rest must be equal.
const ASIDE: [&str; 16] = [
    "time",
    "run",
    "pid",
    "host",
    "startedAt",
    "durationMs",
    "uid",
    "workdir",
    "started",
    "program",
    "sequence",
    "via",
    "bootId",
    "ticket",
    "runbookPath",
    "startTime",
];

fn plain(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !ASIDE.contains(&key.as_str()));
            map.values_mut().for_each(plain);
        }
        Value::Array(all) => all.iter_mut().for_each(plain),
        Value::String(text) => {
            // «exit 7 in 3ms»
            if let Some((said, _)) = text.split_once(" in ").filter(|(_, rest)| rest.ends_with("ms")) {
                *text = said.to_owned();
            }
        }
        _ => {}
    }
}

fn told(desk: &Desk) -> Vec<Value> {
    let (exit, shown) = desk.ripcord(&["trail", "show", &desk.only_run(), "-o", "json"]);
    assert_eq!(exit, 0, "{shown}");
    let mut facts: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    facts.iter_mut().for_each(plain);
    facts
}

/// Types a line until it is read back: what comes before a dialog is on the screen is thrown away.
async fn type_in(console: &mut Console, text: &str, key: &str) {
    console.press(&format!("\x15{text}"), &format!("{text}_")).await;
    console.pty.write_all(key.as_bytes()).await.unwrap();
}

async fn by_hand(desk: &Desk, book: &str) -> i32 {
    let mut console = Console::open_in(&desk.path("."), &desk.path("state"), &["run", book]);
    console.sees("press r to begin").await;
    console.press("r", "m ticks the items").await;
    console.press("m", "Space ticks").await;
    console.press(" ", "> [ ]       The second").await;
    console.press(" ", "r shows the preview").await;
    console.press("r", "Run make?").await;
    console.press("y", "somebody else").await;
    console.press("\r", "who approves:").await;
    type_in(&mut console, "lead@corp", "\t").await;
    type_in(&mut console, "seen", "\r").await;
    console.sees("2 Step values").await;
    console.press("\r", "Values for values").await;
    type_in(&mut console, "v1", "\r").await;
    console.sees("2 Step what").await;
    console.press("\r", "Decide what").await;
    console.press("\r", "why:").await;
    type_in(&mut console, "it is well", "\r").await;
    console.sees("2 Step look").await;
    console.press("m", "Done: look?").await;
    type_in(&mut console, "green", "\r").await;
    console.sees("flaky failed").await;
    console.press("s", "why is flaky not done?").await;
    type_in(&mut console, "known", "\r").await;
    console.sees("SUCCEEDED").await;
    console.pty.write_all(b"q").await.unwrap();
    console.ended().await
}

#[tokio::test]
async fn a_person_and_an_answers_file_leave_the_same_trail() {
    let (hand, file) = (Desk::new(), Desk::new());
    for desk in [&hand, &file] {
        desk.book(BOOK);
        desk.write("answers.yaml", ANSWERS);
    }
    assert_eq!(by_hand(&hand, "t.yaml").await, 0);
    let (exit, out) = file.ripcord(&["run", "t.yaml", "--headless", "--answers", "answers.yaml"]);
    assert_eq!(exit, 0, "{out}");
    let (hand, file) = (told(&hand), told(&file));
    let kinds =
        |facts: &[Value]| facts.iter().map(|fact| fact["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(&hand), kinds(&file));
    for (by_hand, by_file) in hand.iter().zip(&file) {
        assert_eq!(by_hand, by_file);
    }
}
