//! The real binary in a terminal: keys in, a screen out.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout, timeout_at},
};

/// For what may take long: a canary that goes bad, a gate. Only there so that a hang ends.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// A key that a dialog took for one typed too early is typed again after this.
const AGAIN: Duration = Duration::from_millis(900);

pub struct Console {
    pub pty: pty_process::Pty,
    screen: vt100::Parser,
    child: tokio::process::Child,
}

impl Console {
    pub fn open(state: &std::path::Path, words: &[&str]) -> Self {
        Self::open_in(state, state, words)
    }

    /// As a person in that directory.
    pub fn open_in(dir: &std::path::Path, state: &std::path::Path, words: &[&str]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(45, 150)).unwrap();
        let command = pty_process::Command::new(env!("CARGO_BIN_EXE_ripcord"));
        let command = command
            .args(words)
            .current_dir(dir)
            .env("RIPCORD_STATE_DIR", state)
            .env("HOME", dir)
            .env("TERM", "xterm-256color");
        let child = command.kill_on_drop(true).spawn(pts).unwrap();
        Self { pty, screen: vt100::Parser::new(45, 150, 0), child }
    }

    pub fn shows(&self, text: &str) -> bool {
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

    pub async fn sees(&mut self, text: &str) {
        let there = self.reads(text, Instant::now() + PATIENCE).await;
        assert!(there, "«{text}» is not on the screen:\n{}", self.screen.screen().contents());
    }

    /// Types a key until the screen answers with the text.
    pub async fn press(&mut self, key: &str, text: &str) {
        for _ in 0..20 {
            self.pty.write_all(key.as_bytes()).await.unwrap();
            if self.reads(text, Instant::now() + AGAIN).await {
                return;
            }
        }
        panic!("«{key}» does not lead to «{text}»:\n{}", self.screen.screen().contents());
    }

    /// How it ended, the screen read to its end.
    pub async fn ended(mut self) -> i32 {
        let mut bytes = [0; 8192];
        while let Ok(Ok(count)) = timeout(PATIENCE, self.pty.read(&mut bytes)).await
            && count > 0
        {
            self.screen.process(&bytes[..count]);
        }
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap().code().unwrap()
    }
}
