//! The trail: journal file, hash chain, verifier, report for people. Decides nothing.
