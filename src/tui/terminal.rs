//! The terminal, taken and given back: on quit, panic, signals and Ctrl-Z alike.

use std::{
    io::{self, Stdout, Write as _},
    mem::ManuallyDrop,
    sync::OnceLock,
    thread::ThreadId,
};

use crossterm::{
    cursor,
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute,
    terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};

/// The thread that draws. Only its panic may end the screen.
static DRAWS: OnceLock<ThreadId> = OnceLock::new();

pub struct Screen {
    /// Never dropped: it would complain on a terminal that is gone, and fall over that.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
    taken: bool,
}

impl Screen {
    /// Raw mode, the alternate screen, bracketed paste; and a hook that gives all of it back.
    pub fn take() -> io::Result<Self> {
        if DRAWS.set(std::thread::current().id()).is_ok() {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if DRAWS.get() == Some(&std::thread::current().id()) {
                    give_back();
                    before(info);
                } else {
                    tracing::error!("{info}"); // a background task: the screen stays up
                }
            }));
        }
        enter()?;
        Ok(Self { terminal: blank()?, taken: true })
    }

    /// To the shell, or to an interactive step.
    pub fn leave(&mut self) {
        if std::mem::take(&mut self.taken) {
            give_back();
        }
    }

    /// Back again, with everything drawn anew.
    pub fn back(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.taken, true) {
            enter()?;
            self.terminal = blank()?;
        }
        Ok(())
    }

    /// OSC 52: the terminal's own clipboard.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(text);
        let mut out = io::stdout();
        write!(out, "\x1b]52;c;{text}\x07")?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// An empty screen and a terminal that knows it is empty. `Terminal::clear` would ask where the cursor is and wait
/// for an answer that a recorder, a test or a slow link never gives.
fn blank() -> io::Result<ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>> {
    execute!(io::stdout(), Clear(ClearType::All))?;
    Terminal::new(CrosstermBackend::new(io::stdout())).map(ManuallyDrop::new)
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)
}

fn give_back() {
    let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}
