//! The demo as a person plays it: the real binary in a terminal, keys in, a screen out.

use std::{process::Command, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout, timeout_at},
};

/// For what may take long: a canary that goes bad, a gate. Only there so that a hang ends.
const PATIENCE: Duration = Duration::from_secs(90);
/// A key that a dialog took for one typed too early is typed again after this.
const AGAIN: Duration = Duration::from_millis(900);

struct Console {
    pty: pty_process::Pty,
    screen: vt100::Parser,
    child: tokio::process::Child,
}

impl Console {
    fn open(state: &std::path::Path, words: &[&str]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(45, 150)).unwrap();
        let command = pty_process::Command::new(env!("CARGO_BIN_EXE_ripcord"));
        let command =
            command.args(words).env("RIPCORD_STATE_DIR", state).env("HOME", state).env("TERM", "xterm-256color");
        let child = command.kill_on_drop(true).spawn(pts).unwrap();
        Self { pty, screen: vt100::Parser::new(45, 150, 0), child }
    }

    fn shows(&self, text: &str) -> bool {
        self.screen.screen().contents().contains(text)
    }

    /// What came. This terminal answers no question, as a recorder or a slow link does not: none may be asked.
    fn take(&mut self, bytes: &[u8]) {
        assert!(!bytes.windows(4).any(|part| part == b"\x1b[6n"), "the console waits for the cursor's place");
        self.screen.process(bytes);
    }

    /// Reads until the text is there; false at the deadline or the terminal's end.
    async fn reads(&mut self, text: &str, until: Instant) -> bool {
        let mut bytes = [0; 8192];
        while !self.shows(text) {
            match timeout_at(until, self.pty.read(&mut bytes)).await {
                Ok(Ok(count)) if count > 0 => self.take(&bytes[..count]),
                _ => return self.shows(text),
            }
        }
        true
    }

    async fn sees(&mut self, text: &str) {
        let there = self.reads(text, Instant::now() + PATIENCE).await;
        assert!(there, "«{text}» is not on the screen:\n{}", self.screen.screen().contents());
    }

    /// Types a key until the screen answers with the text.
    async fn press(&mut self, key: &str, text: &str) {
        for _ in 0..20 {
            self.pty.write_all(key.as_bytes()).await.unwrap();
            if self.reads(text, Instant::now() + AGAIN).await {
                return;
            }
        }
        panic!("«{key}» does not lead to «{text}»:\n{}", self.screen.screen().contents());
    }

    /// How it ended, the screen read to its end.
    async fn ended(mut self) -> i32 {
        let mut bytes = [0; 8192];
        while let Ok(Ok(count)) = timeout(PATIENCE, self.pty.read(&mut bytes)).await
            && count > 0
        {
            self.screen.process(&bytes[..count]);
        }
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap().code().unwrap()
    }
}

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
