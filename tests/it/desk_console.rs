//! The console at a desk without a cluster: what a key says where it means nothing, and what is there again after a crash.

use tokio::io::AsyncWriteExt as _;

use super::{console::Console, desk::Desk};

#[tokio::test]
async fn looking_on_no_key_is_deaf_and_none_promises_a_way_back() {
    let desk = Desk::new();
    let mut console = Console::open_in(&desk.path("."), &desk.path("state"), &["watch"]);
    console.sees("Pods").await;
    console.press("z", "nothing was done here, so nothing is led back").await;
    console.press("r", "nothing is run while one only looks on").await;
    console.press("?", "Keys in Pods").await;
    console.press("\x1b", "q quit").await;
    console.pty.write_all(b"q").await.unwrap();
    assert_eq!(console.ended().await, 0);
}

#[tokio::test]
async fn after_a_crash_the_output_pane_shows_what_was_printed_before() {
    let desk = Desk::new();
    let book = desk.book(
        "steps:\n  - {id: say, confirm: none, run: echo printed before the crash}\n  - {id: look, manual: look at it}\n",
    );
    let mut console = Console::open_in(&desk.path("."), &desk.path("state"), &["run", &book]);
    console.press("r", "do it, then m").await;
    console.kill().await;
    let mut console = Console::open_in(&desk.path("."), &desk.path("state"), &["resume"]);
    console.sees("printed before the crash").await;
    console.press("q", "[ Leave ]").await;
    console.press("y", "ripcord resume").await;
    assert_eq!(console.ended().await, 130);
}

#[test]
fn what_is_misspelt_is_guessed_and_what_is_unfinished_is_listed_with_its_age() {
    let desk = Desk::new();
    let (exit, said) = desk.ripcord(&["run", "trubleshooting", "--headless"]);
    assert!(exit == 2 && said.contains("did you mean `troubleshooting`?"), "{exit} {said}");
    let (exit, said) = desk.ripcord(&["watch"]);
    assert!(exit == 2 && said.contains("no terminal") && !said.contains("give --headless"), "{exit} {said}");
    let book = desk.book("steps:\n  - {id: look, manual: look at it}\n");
    for _ in 0..2 {
        assert_eq!(desk.ripcord(&["run", &book, "--headless"]).0, 3);
    }
    let (exit, said) = desk.ripcord(&["resume", "--headless"]);
    assert!(
        exit == 2 && said.matches("ripcord resume 2").count() == 2 && said.contains("old, at look"),
        "{exit} {said}"
    );
    let (_, said) = desk.ripcord(&["runs"]);
    assert!(said.lines().next().unwrap().contains("WHEN") && said.contains(" ago  t  "), "{said}");
}

#[tokio::test]
async fn what_could_have_been_known_is_said_before_anything_is_asked_for() {
    let desk = Desk::new();
    let book = desk.book(
        "params: {who: {type: string, required: true}}\nsecrets: {key: {fromEnv: NOBODY_SETS_THIS}}\nsteps:\n  - {id: s, run: 'true'}\n",
    );
    let mut console = Console::open_in(&desk.path("."), &desk.path("state"), &["run", &book]);
    console.sees("NOBODY_SETS_THIS").await;
    assert!(!console.shows("needs:"), "{}", console.text());
    assert_eq!(console.ended().await, 2);
}
