//! What the author wrote: parsed, checked as a whole, typed. Nothing here knows that runs exist.

pub mod model;
pub mod value;
