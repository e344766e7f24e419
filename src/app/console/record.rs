//! Inputs become records beside the loop: a disk that takes its time to sync keeps no key waiting. One at a time, in
//! the order they came; what acts still waits for its record.

use std::{collections::VecDeque, future::pending, time::Duration};

use tokio::{
    task::{JoinError, JoinHandle, spawn_blocking},
    time::timeout,
};

use super::{Console, clock};
use crate::{
    engine::Input,
    session::{Now, SessionError, Written},
    tui::{dialog::Dialog, update},
};

/// A disk that is quicker than this has the record before the key that asked for it is drawn.
const SOON: Duration = Duration::from_millis(8);

/// What is being written, and what waits for that.
#[derive(Default)]
pub struct Recording {
    writing: Option<(Now, JoinHandle<Written>)>,
    /// Each with the dialog it was asked from: a refusal brings that back.
    waiting: VecDeque<(Input, Option<Dialog>)>,
    pub asked_by: Option<Dialog>,
}

impl Recording {
    pub fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Resolves when the record is durable, or cannot be.
    pub async fn written(&mut self) -> (Now, Result<Written, JoinError>) {
        match &mut self.writing {
            Some((now, writing)) => (*now, writing.await),
            None => pending().await,
        }
    }
}

impl Console {
    /// Takes an input. It is decided at once, or as soon as what came before it is written.
    pub(super) fn handle(&mut self, input: Input) {
        let asked_by = self.recording.asked_by.clone();
        self.recording.waiting.push_back((input, asked_by));
        self.decide();
    }

    fn decide(&mut self) {
        while !self.recording.is_writing()
            && let Some((input, asked_by)) = self.recording.waiting.pop_front()
        {
            let now = clock::now();
            match self.live.session.decide(now, &input) {
                Ok(None) => self.show(),
                Ok(Some(unwritten)) => {
                    self.recording.writing = Some((now, spawn_blocking(move || unwritten.write())));
                }
                Err(SessionError::Refused(refusal)) => {
                    self.refused = true;
                    self.ui.status = Some(refusal.to_string());
                    self.show();
                    if self.ui.dialog.is_none() {
                        self.ui.dialog = asked_by; // nothing that was typed is lost
                    }
                }
                Err(error) => self.halt(error.to_string()),
            }
        }
    }

    /// The record is durable and what follows from it has begun; then what waited.
    pub(super) fn written(&mut self, now: Now, written: Result<Written, JoinError>) {
        self.recording.writing = None;
        match written.map(|written| self.live.session.take(written)) {
            Ok(Ok(recorded)) => {
                self.ui.halted = self.live.session.halted().map(str::to_owned);
                if let Some(receipt) = &recorded.receipt {
                    self.remember(now, receipt, &recorded.facts);
                }
                self.show();
            }
            Ok(Err(error)) => self.halt(error.to_string()),
            Err(error) => self.halt(format!("the program failed while it wrote the trail (a bug): {error}")),
        }
        self.decide();
    }

    /// Nothing new goes forward.
    fn halt(&mut self, why: String) {
        self.ui.halted = Some(why);
        self.show();
    }

    /// The run is another one: so are its questions, with the next frame.
    fn show(&mut self) {
        self.stale = true;
        self.ui.now = clock::now().wall;
        self.ui.boot_ms = self.uptime();
        update::raise(&mut self.ui, self.live.session.run());
    }

    /// Gives a quick disk the time to have what a key asked for.
    pub(super) async fn soon(&mut self) {
        if self.recording.is_writing()
            && let Ok((now, written)) = timeout(SOON, self.recording.written()).await
        {
            self.written(now, written);
        }
    }

    /// Waits until all that was asked for is recorded.
    pub(super) async fn settled(&mut self) {
        while self.recording.is_writing() {
            let (now, written) = self.recording.written().await;
            self.written(now, written);
        }
    }
}
