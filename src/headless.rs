//! The frontend without a terminal: policies to commands, facts to lines.
