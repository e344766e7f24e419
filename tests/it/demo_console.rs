//! The demo as a person plays it: the real binary in a terminal, keys in, a screen out.

use std::process::Command;

use tokio::io::AsyncWriteExt as _;

use super::console::Console;

fn verified(state: &std::path::Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ripcord"));
    let output = command.args(["trail", "verify", "--all", "--state-dir"]).arg(state).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn up_to_the_canary(console: &mut Console) {
    console.sees("press r to begin").await;
    console.press("r", "m ticks the items").await;
    console.press("m", "Space ticks").await;
    console.press(" ", "r shows the preview").await;
    console.press("r", "Run image?").await;
    // The preview is the server's own dry run.
    console.sees("+       - image: registry.local/ml-api:v1.5.0").await;
    console.press("y", "One of five pods").await;
    console.press("r", "Run canary?").await;
}

#[tokio::test]
async fn a_canary_goes_bad_and_the_ripcord_is_pulled() {
    let state = tempfile::tempdir().unwrap();
    let mut console = Console::open(state.path(), &["demo", "--speed", "15"]);
    up_to_the_canary(&mut console).await;
    console.press("y", "it runs; z stops it").await;
    console.sees("A guard offers the way back").await;
    console.press("z", "[ ROLL BACK ]").await;
    console.press("y", "ROLLING BACK").await;
    console.sees("ROLLED BACK").await;
    console.pty.write_all(b"q").await.unwrap();
    assert_eq!(console.ended().await, 1);
    let (code, said) = verified(state.path());
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn a_demo_that_is_left_is_closed() {
    let state = tempfile::tempdir().unwrap();
    let mut console = Console::open(state.path(), &["demo", "healthy", "--speed", "10"]);
    up_to_the_canary(&mut console).await;
    console.press("y", "it runs; z stops it").await;
    console.press("q", "[ Leave ]").await;
    console.press("y", "closed as aborted").await;
    assert!(console.shows("a demo is not taken up again") && !console.shows("ripcord resume"));
    assert_eq!(console.ended().await, 130);
    let (code, said) = verified(state.path());
    assert_eq!(code, Some(0), "{said}");
}
