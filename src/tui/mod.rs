//! The console: keys to commands, state to screens. Touches no cluster and no file.
