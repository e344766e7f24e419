//! The console: keys to commands, state to screens. Touches no cluster and no file.

pub mod choices;
pub mod dialog;
pub mod edit;
pub mod keymap;
pub mod library;
pub mod look;
pub mod state;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;
