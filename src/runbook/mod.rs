//! What the author wrote: parsed, checked as a whole, typed. Nothing here knows that runs exist.

pub mod alerts;
pub mod calendar;
mod check;
pub mod data;
mod doc;
pub mod expr;
pub mod fill;
mod load;
mod mend;
pub mod model;
pub mod params;
pub mod problem;
pub mod schema;
mod shape;
mod syntax;
mod tree;
pub mod value;

pub use check::outputs_of;
pub use load::{Loaded, MAX_DEPTH, load, load_str};
pub use problem::Problem;
