//! One test binary: everything that needs nothing but cargo.

mod books;
