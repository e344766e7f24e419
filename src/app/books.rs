//! The runbooks there are to open: those of the search path, then the shipped ones that none of them stands in for.

use std::path::PathBuf;

use super::{Fault, shipped, state};
use crate::runbook::{self, Problem, model::Runbook};

/// One of them, or what is wrong with it.
pub struct Book {
    pub name: String,
    /// What `run` is given to open it: a path, or a shipped one's name.
    pub open: String,
    pub book: Result<Runbook, Vec<Problem>>,
    /// It came with the program; nobody here put it there.
    pub is_shipped: bool,
}

/// All of them, in the order in which a name is looked for.
pub fn all() -> Result<Vec<Book>, Fault> {
    let mut books: Vec<Book> = state::library()?.into_iter().map(of_file).collect();
    for (name, text) in shipped::ALL {
        let is_known = books.iter().any(|book| book.name == *name);
        if let Ok(loaded) = runbook::load_str(&format!("shipped/{name}.yaml"), text)
            && !is_known
        {
            let name = (*name).to_owned();
            books.push(Book { open: name.clone(), name, book: Ok(loaded.book), is_shipped: true });
        }
    }
    Ok(books)
}

fn of_file(file: PathBuf) -> Book {
    let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let book = runbook::load(&file).map(|loaded| loaded.book);
    let name = book.as_ref().map_or_else(|_| stem(), |book| book.metadata.name.clone());
    Book { name, open: file.display().to_string(), book, is_shipped: false }
}
