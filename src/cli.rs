//! Arguments to a job; nothing is done here.
