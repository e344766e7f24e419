//! Secrets are taken out by value, in every usual encoding, across chunks.
