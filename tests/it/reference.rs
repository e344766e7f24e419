//! What the documents say is what the program does: the format's page is the schema's, the README's runbook passes
//! `check`, its keys are keys, its links lead somewhere.

use std::{fmt::Write as _, fs, path::Path};

use ripcord::runbook;
use serde_json::{Map, Value};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const HEAD: &str = "# The format, key by key

Made from the schema (`ripcord schema`); a test fails when it is stale, and `RIPCORD_BLESS=1 cargo test reference` writes
it anew. `ripcord check` says everything that is wrong with a runbook at once; the shipped `runbooks/` are examples of all
of it. A text may hold `${{ … }}` (params, secrets, baseline, run, target, steps, selected), except ids, gotos and the
bodies of scripts: those read the environment.

";

fn page() -> String {
    let schema = runbook::schema::json();
    let mut out = HEAD.to_owned();
    section(&mut out, "The runbook", schema);
    let empty = Map::new();
    let defs = schema["$defs"].as_object().unwrap_or(&empty);
    for first in ["Metadata", "Target", "Step"] {
        section(&mut out, first, &defs[first]);
    }
    for (name, def) in defs.iter().filter(|(name, _)| !["Metadata", "Target", "Step"].contains(&name.as_str())) {
        section(&mut out, name, def);
    }
    out
}

fn section(out: &mut String, name: &str, def: &Value) {
    let _ = writeln!(out, "## {name}\n");
    if let Some(words) = def["description"].as_str() {
        let _ = writeln!(out, "{}\n", flat(words));
    }
    if let Some(keys) = def["properties"].as_object() {
        let required: Vec<&str> = def["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        out.push_str("| key | is | |\n|---|---|---|\n");
        for (key, value) in keys {
            let must = if required.contains(&key.as_str()) { "**required** " } else { "" };
            let default = match &value["default"] {
                Value::Null => String::new(),
                Value::String(text) if text.is_empty() => String::new(),
                Value::Array(list) if list.is_empty() => String::new(),
                Value::Object(map) if map.is_empty() => String::new(),
                other => format!(" (default `{}`)", other.to_string().trim_matches('"')),
            };
            let words = flat(value["description"].as_str().unwrap_or_default());
            let _ = writeln!(out, "| `{key}` | {must}{} | {} |", kind(value), format!("{words}{default}").trim());
        }
        out.push('\n');
    } else {
        let _ = writeln!(out, "{}\n", kind(def));
    }
}

/// What a value may be, in words.
fn kind(value: &Value) -> String {
    if let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let several = value.get("anyOf").or_else(|| value.get("oneOf")).and_then(Value::as_array);
    if let Some(ways) = several {
        let ways = ways.iter().filter(|way| way["type"] != "null").map(|way| {
            let words = way["description"].as_str().map(|words| format!(" – {}", flat(words))).unwrap_or_default();
            format!("{}{words}", kind(way))
        });
        return ways.collect::<Vec<_>>().join(" or ");
    }
    if let Some(word) = value.get("const") {
        return format!("`{}`", word.to_string().trim_matches('"'));
    }
    if let Some(words) = value["enum"].as_array() {
        let words =
            words.iter().filter(|word| !word.is_null()).map(|word| format!("`{}`", word.to_string().trim_matches('"')));
        return words.collect::<Vec<_>>().join(" · ");
    }
    if let Some(keys) = value["properties"].as_object() {
        let keys = keys.iter().map(|(key, value)| format!("`{key}:` {}", kind(value)));
        return keys.collect::<Vec<_>>().join(", ");
    }
    let kinds: Vec<&str> = match &value["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        Value::String(kind) => vec![kind],
        _ => vec!["any value"],
    };
    match kinds.as_slice() {
        ["array"] => format!("list of {}", kind(&value["items"])),
        ["object"] => format!("map of {}", kind(&value["additionalProperties"])),
        kinds => kinds.join(" or "),
    }
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn the_formats_page_is_the_schemas() {
    let path = root().join("docs/format.md");
    if std::env::var_os("RIPCORD_BLESS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page(), "docs/format.md is stale: RIPCORD_BLESS=1 cargo test reference");
}

#[test]
fn the_readmes_runbook_passes_check() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let books: Vec<&str> = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let books: Vec<&str> = books.into_iter().filter(|text| text.starts_with("apiVersion")).collect();
    assert_eq!(books.len(), 1, "one runbook of one's own");
    if let Err(problems) = runbook::load_str("restart-api.yaml", books[0]) {
        panic!("{}", problems.iter().map(runbook::Problem::render).collect::<String>());
    }
}

#[test]
fn links_lead_somewhere() {
    let mut pages = vec![root().join("README.md")];
    pages.extend(fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    for page in pages.iter().filter(|page| page.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(page).unwrap();
        for rest in text.split("](").skip(1) {
            let link = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if !link.is_empty() && !link.contains("://") {
                assert!(page.parent().unwrap().join(link).exists(), "{} leads to {link}", page.display());
            }
        }
    }
}

#[cfg(feature = "app")]
#[test]
fn the_readmes_keys_are_the_tables() {
    use ripcord::tui::keymap::TABLE;
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let keys = readme.split("## Keys").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows: Vec<&str> = keys.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 10, "{keys}");
    for row in rows {
        let key = row.split('`').nth(1).unwrap();
        assert!(TABLE.iter().any(|entry| entry.keys == key), "«{key}» is not in the table of keys");
    }
}

#[cfg(feature = "app")]
#[test]
fn the_manual_page_is_of_the_very_arguments() {
    let desk = super::desk::Desk::new();
    let (exit, page) = desk.ripcord(&["man"]);
    assert!(exit == 0 && page.contains(".TH") && page.contains("import"), "{exit} {page}");
    let (exit, page) = desk.ripcord(&["man", "import"]);
    assert!(exit == 0 && page.contains("guide"), "{exit} {page}");
    assert_eq!(desk.ripcord(&["man", "frobnicate"]).0, 2);
}
