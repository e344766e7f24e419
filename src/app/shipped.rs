//! The runbooks that come with the program, so that `ripcord run rollback` works from any directory. A file of the
//! same name in the library wins.

/// Name and text.
pub const ALL: &[(&str, &str)] = &[
    ("prerequisites", include_str!("../../runbooks/prerequisites.yaml")),
    ("local", include_str!("../../runbooks/local.yaml")),
    ("staging", include_str!("../../runbooks/staging.yaml")),
    ("production", include_str!("../../runbooks/production.yaml")),
    ("rollback", include_str!("../../runbooks/rollback.yaml")),
    ("troubleshooting", include_str!("../../runbooks/troubleshooting.yaml")),
];
