//! The architecture's walls: who may name whom. A new edge is a line in this table, and so a matter of review.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A module, what of this crate and of other crates it may name, and words that may not stand in it.
struct Wall {
    module: &'static str,
    inside: &'static str,
    crates: &'static str,
    never: &'static [&'static str],
}

/// A clock, a disk, a thread, a process, a network, a runtime.
const WORLD: &[&str] =
    &["std::fs", "std::net", "std::process", "std::thread", "async fn", "Instant", "SystemTime", "::now()", "std::env"];
const PRINT: &[&str] = &["println!", "print!(", "eprintln!", "dbg!("];

const WALLS: &[Wall] = &[
    Wall {
        module: "runbook",
        inside: "visible",
        crates: "indexmap jiff minijinja promql_parser regex schemars semver serde serde_json serde_saphyr sha2 strsim thiserror annotate_snippets",
        never: &["std::net", "std::process", "std::thread", "async fn", "Instant", "SystemTime", "::now()", "std::env"],
    },
    Wall { module: "engine", inside: "runbook", crates: "indexmap jiff serde serde_json thiserror", never: WORLD },
    Wall {
        module: "audit",
        inside: "engine redact session visible",
        crates: "flate2 getrandom jiff serde serde_json sha2 tar thiserror",
        never: &["std::net", "async fn", "Instant", "SystemTime", "::now()", "std::env", "tokio"],
    },
    Wall { module: "observe", inside: "visible", crates: "jiff serde serde_json thiserror", never: WORLD },
    Wall { module: "session", inside: "engine", crates: "jiff thiserror", never: WORLD },
    Wall { module: "redact", inside: "visible", crates: "aho_corasick base64 serde_json thiserror", never: WORLD },
    Wall { module: "visible", inside: "", crates: "unicode_general_category", never: WORLD },
    Wall {
        module: "effects",
        inside: "engine observe pace redact runbook runner session visible",
        crates: "anyhow base64 flate2 futures http http_body http_body_util hyper_util indexmap jiff k8s_openapi kube prometheus_http_query promql_parser regex reqwest rustix secrecy semver serde serde_json serde_saphyr sha2 thiserror tokio tokio_util tower tracing",
        never: &["ratatui", "crossterm"],
    },
    Wall {
        module: "runner",
        inside: "redact",
        crates: "ring rustix serde serde_json sha2 tokio",
        never: &["kube", "reqwest", "ratatui", "SystemTime"],
    },
    Wall {
        module: "headless",
        inside: "audit engine redact runbook session visible",
        crates: "indexmap serde serde_json tokio",
        never: &["std::fs", "std::process", "std::net", "::now()"],
    },
    Wall {
        module: "tui",
        inside: "audit engine observe runbook session visible",
        crates: "base64 crossterm jiff ratatui serde_json tokio tracing unicode_segmentation unicode_width",
        never: &["std::fs::", "std::net", "std::process", "kube::", "reqwest", "::now()"],
    },
    // It lives by a clock that it is given and touches nothing outside: no file, no port, no process.
    Wall {
        module: "demo",
        inside: "effects engine observe runbook",
        crates: "clap futures http http_body http_body_util jiff kube promql_parser serde_json sha2 thiserror tokio tokio_util tower",
        never: &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "SystemTime",
            "Timestamp::now",
            "TcpListener",
            "reqwest",
        ],
    },
    Wall {
        module: "import",
        inside: "runbook visible",
        crates: "pulldown_cmark regex serde serde_json thiserror",
        never: WORLD,
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every crate of `Cargo.toml`, as code names it.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let names = lines.take_while(|line| *line != "[dev-dependencies]").filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.replace('-', "_")).filter(|name| !name.starts_with('#')).collect()
}

fn sources(module: &str) -> Vec<PathBuf> {
    let single = root().join("src").join(format!("{module}.rs"));
    let mut found: Vec<PathBuf> = single.is_file().then_some(single).into_iter().collect();
    let mut folders = vec![root().join("src").join(module)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    // Tests may name what they like.
    found.retain(|path| path.extension().is_some_and(|end| end == "rs") && !path.to_string_lossy().contains("/tests"));
    found
}

/// The code of a file: no comments, no strings, no tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().map(|line| without_strings(line.split("//").next().unwrap_or_default()) + "\n").collect()
}

fn without_strings(line: &str) -> String {
    line.split('"').step_by(2).collect()
}

/// What stands right behind `crate::`, also within braces.
fn named_inside(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => names.extend(word(rest)),
            Some(list) => {
                let mut depth = 1;
                let mut start = 0;
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 || (depth == 1 && c == ',') {
                        names.extend(word(list[start..at].trim_start()));
                        start = at + 1;
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    names
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// True where `name::` stands for a crate: not behind a path, a field or another word.
fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    let begins = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.'));
    code.match_indices(&path).any(|(at, _)| begins(at))
}

#[test]
fn no_module_reaches_over_its_wall() {
    let dependencies = dependencies();
    assert!(dependencies.iter().any(|name| name == "serde_json") && dependencies.len() > 30, "{dependencies:?}");
    let mut over = Vec::new();
    for wall in WALLS {
        let files = sources(wall.module);
        assert!(!files.is_empty(), "{} is gone; mend the table", wall.module);
        for file in files {
            let code = code(&file);
            let mut tell = |what: &str| over.push(format!("{}: {what}", file.display()));
            let inside: Vec<&str> = wall.inside.split(' ').chain([wall.module]).collect();
            named_inside(&code).iter().filter(|name| !inside.contains(&name.as_str())).for_each(|name| tell(name));
            let outside: Vec<&str> = wall.crates.split(' ').collect();
            dependencies
                .iter()
                .filter(|name| !outside.contains(&name.as_str()) && names_crate(&code, name))
                .for_each(|name| tell(name));
            let banned = wall.never.iter().chain(PRINT).filter(|word| code.contains(**word));
            banned.for_each(|word| tell(&format!("«{word}»")));
        }
    }
    assert!(over.is_empty(), "over the wall:\n{}", over.join("\n"));
}

#[test]
fn the_wall_sees_what_it_must() {
    let names = named_inside("use crate::{\n    audit::{self, x},\n    engine::Run,\n};\nlet a = crate::tui::x();");
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["audit", "engine", "tui"]);
    assert!(names_crate("use tokio::time;", "tokio") && names_crate("x(kube::Client)", "kube"));
    assert!(!names_crate("crate::effects::kube::x()", "kube"));
}
