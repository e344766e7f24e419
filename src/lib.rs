//! ripcord
