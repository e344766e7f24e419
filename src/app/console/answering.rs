//! Which runbooks of the library answer an alert. Read once, when a console opens; opens none of them.

use std::{fs, path::Path};

use crate::{
    app::state,
    observe::alerts::Alert,
    runbook::{self, alerts, model::Runbook},
};

pub struct Answering {
    books: Vec<Runbook>,
}

impl Answering {
    /// Every runbook of the search path that passes its check.
    pub fn load() -> Self {
        let files = state::library().unwrap_or_default();
        let mentions = |file: &Path| fs::read_to_string(file).is_ok_and(|text| text.contains("alerts:"));
        let books = files.iter().filter(|file| mentions(file)).filter_map(|file| runbook::load(file).ok());
        Self { books: books.map(|loaded| loaded.book).collect() }
    }

    pub fn names(&self, alert: &Alert) -> Vec<String> {
        let answers = |book: &&Runbook| alerts::answers(book, &alert.name, &alert.labels).is_some();
        self.books.iter().filter(answers).map(|book| book.metadata.name.clone()).collect()
    }
}
