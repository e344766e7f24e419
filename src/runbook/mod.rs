//! What the author wrote: parsed, checked as a whole, typed. Nothing here knows that runs exist.

pub mod calendar;
pub mod expr;
pub mod model;
pub mod params;
pub mod value;
