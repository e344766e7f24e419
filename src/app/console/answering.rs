//! Which runbooks of the library answer an alert. Read once, when the first alert is shown: most runs
//! never show one. Opens none of them.

use std::{cell::OnceCell, fs, path::Path};

use crate::{
    app::state,
    observe::alerts::Alert,
    runbook::{self, alerts, model::Runbook},
};

#[derive(Default)]
pub struct Answering {
    books: OnceCell<Vec<Runbook>>,
}

impl Answering {
    pub fn names(&self, alert: &Alert) -> Vec<String> {
        let answers = |book: &&Runbook| alerts::answers(book, &alert.name, &alert.labels).is_some();
        let books = self.books.get_or_init(of_library).iter();
        books.filter(answers).map(|book| book.metadata.name.clone()).collect()
    }
}

/// Every runbook of the search path that answers something and passes its check.
fn of_library() -> Vec<Runbook> {
    let files = state::library().unwrap_or_default();
    let mentions = |file: &Path| fs::read_to_string(file).is_ok_and(|text| text.contains("alerts:"));
    let books = files.iter().filter(|file| mentions(file)).filter_map(|file| runbook::load(file).ok());
    books.map(|loaded| loaded.book).collect()
}
