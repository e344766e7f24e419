//! Which runbooks of the library answer an alert. Read once, when the first alert is shown: most runs
//! never show one. Opens none of them.

use std::cell::OnceCell;

use crate::{
    app::{
        alerts::{self, Answer},
        books::{self, Book},
    },
    observe::alerts::Alert,
    tui::dialog::Opens,
};

#[derive(Default)]
pub struct Answering {
    books: OnceCell<Vec<Book>>,
}

impl Answering {
    pub fn names(&self, alert: &Alert) -> Vec<String> {
        self.of(alert).into_iter().map(|answer| answer.name).collect()
    }

    /// Each of them, with what the alert's labels fill in.
    pub fn opens(&self, alert: &Alert) -> Vec<Opens> {
        let opens = |answer: Answer| Opens { params: alerts::params(&answer), name: answer.name, runbook: answer.open };
        self.of(alert).into_iter().map(opens).collect()
    }

    fn of(&self, alert: &Alert) -> Vec<Answer> {
        let books = self.books.get_or_init(|| books::all().unwrap_or_default());
        alerts::answers(books, &alert.name, &alert.labels)
    }
}
