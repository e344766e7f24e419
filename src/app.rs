//! The only place that names every concrete part and joins them.
