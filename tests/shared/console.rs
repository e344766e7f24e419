//! The real binary in a terminal: keys in, a screen out.

#![allow(dead_code, reason = "each of the binaries that share it uses its part")]

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
    screen: vt100::Parser<Heard>,
    child: tokio::process::Child,
}

/// What a program can do to a terminal beside its screen; a console does none of it by itself.
#[derive(Default)]
pub struct Heard {
    pub titles: Vec<String>,
    pub clipboard: Vec<String>,
}

impl vt100::Callbacks for Heard {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.titles.push(String::from_utf8_lossy(title).into_owned());
    }

    fn set_window_icon_name(&mut self, _: &mut vt100::Screen, name: &[u8]) {
        self.titles.push(String::from_utf8_lossy(name).into_owned());
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.clipboard.push(String::from_utf8_lossy(data).into_owned());
    }
}

impl Console {
    pub fn open(state: &std::path::Path, words: &[&str]) -> Self {
        Self::open_in(state, state, words)
    }

    /// As a person in that directory.
    pub fn open_in(dir: &std::path::Path, state: &std::path::Path, words: &[&str]) -> Self {
        Self::sized(dir, state, words, (45, 150), &[])
    }

    /// On a terminal of (rows, columns), with more in its environment.
    pub fn sized(
        dir: &std::path::Path,
        state: &std::path::Path,
        words: &[&str],
        (rows, columns): (u16, u16),
        env: &[(&str, &std::ffi::OsStr)],
    ) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let command = pty_process::Command::new(env!("CARGO_BIN_EXE_ripcord"));
        let command = command
            .args(words)
            .current_dir(dir)
            .env("RIPCORD_STATE_DIR", state)
            .env("HOME", dir)
            .env("TERM", "xterm-256color")
            .envs(env.iter().copied());
        let child = command.kill_on_drop(true).spawn(pts).unwrap();
        Self { pty, screen: vt100::Parser::new_with_callbacks(rows, columns, 0, Heard::default()), child }
    }

    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    pub fn heard(&self) -> &Heard {
        self.screen.callbacks()
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// No cell has a colour of its own.
    pub fn is_monochrome(&self) -> bool {
        let screen = self.screen.screen();
        let (rows, columns) = screen.size();
        let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let plain =
            |cell: &vt100::Cell| cell.fgcolor() == vt100::Color::Default && cell.bgcolor() == vt100::Color::Default;
        cells.filter_map(|(row, column)| screen.cell(row, column)).all(plain)
    }

    /// Another size, as when a window is dragged.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.screen.screen_mut().set_size(rows, columns);
        self.pty.resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    pub fn shows(&self, text: &str) -> bool {
        self.text().contains(text)
    }

    /// What came. This terminal answers no question, as a recorder or a slow link does not: none may be asked.
    fn take(&mut self, bytes: &[u8]) {
        assert!(!bytes.windows(4).any(|part| part == b"\x1b[6n"), "the console waits for the cursor's place");
        self.screen.process(bytes);
    }

    /// Reads until the screen is as wanted; false at the deadline or the terminal's end.
    pub async fn until(&mut self, wanted: impl Fn(&str) -> bool, until: Instant) -> bool {
        let mut bytes = [0; 8192];
        while !wanted(&self.text()) {
            match timeout_at(until, self.pty.read(&mut bytes)).await {
                Ok(Ok(count)) if count > 0 => self.take(&bytes[..count]),
                _ => return wanted(&self.text()),
            }
        }
        true
    }

    pub async fn keys(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Reads until the text is there.
    async fn reads(&mut self, text: &str, until: Instant) -> bool {
        self.until(|screen| screen.contains(text), until).await
    }

    pub async fn sees(&mut self, text: &str) {
        let there = self.reads(text, Instant::now() + PATIENCE).await;
        assert!(there, "«{text}» is not on the screen:\n{}", self.text());
    }

    /// Types a key until the screen answers with the text.
    pub async fn press(&mut self, key: &str, text: &str) {
        for _ in 0..20 {
            self.pty.write_all(key.as_bytes()).await.unwrap();
            if self.reads(text, Instant::now() + AGAIN).await {
                return;
            }
        }
        panic!("«{key}» does not lead to «{text}»:\n{}", self.text());
    }

    /// As `kill -9` does; nothing is said and nothing is given back.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Types a key until it has ended, and says how.
    pub async fn leaves_by(mut self, key: &str) -> i32 {
        for _ in 0..20 {
            self.keys(key).await;
            if self.is_over(Instant::now() + AGAIN).await {
                return self.ended().await;
            }
        }
        panic!("«{key}» does not leave:\n{}", self.text());
    }

    /// How it ended, the screen read to its end.
    pub async fn ended(mut self) -> i32 {
        assert!(self.is_over(Instant::now() + PATIENCE).await, "it does not end:\n{}", self.text());
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap().code().unwrap()
    }

    /// Reads to the terminal's end; false at the deadline.
    async fn is_over(&mut self, until: Instant) -> bool {
        let mut bytes = [0; 8192];
        loop {
            match timeout_at(until, self.pty.read(&mut bytes)).await {
                Ok(Ok(count)) if count > 0 => self.screen.process(&bytes[..count]),
                Ok(_) => return true,
                Err(_) => return false,
            }
        }
    }
}
