//! What a program said, in which order, and stand-ins for the tools that a runbook calls.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

/// Everything it said, on both streams.
pub fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn in_order(said: &str, parts: &[&str]) {
    let mut rest = said;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("«{part}» does not come (in this order): {said}"));
        rest = &rest[at + part.len()..];
    }
}

/// A tool in `stage/bin` that writes its name and arguments to `stage/called`, then does as `body` says.
pub fn stand_in(stage: &Path, tool: &str, body: &str) {
    let (path, log) = (stage.join("bin").join(tool), stage.join("called"));
    let text = format!("#!/bin/bash\nprintf '%s\\n' \"{tool} $*\" >> '{}'\n{body}\n", log.display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// PATH with the stand-ins first.
pub fn path_of(stage: &Path) -> String {
    format!("{}:{}", stage.join("bin").display(), std::env::var("PATH").unwrap())
}
