//! The embedded cluster and metrics behind `ripcord demo`.
