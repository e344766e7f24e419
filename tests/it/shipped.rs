//! The shipped runbooks as they are shipped, to their end: on the embedded cluster, with stand-ins for the tools that
//! write down what they were called with. What each play went through stands in `shipped/played`, and the coverage table
//! may say «run» of nothing else.

mod first;
mod production;
mod rollback;
mod stage;
mod staging;
mod troubleshooting;

use std::{collections::BTreeSet, fs, path::Path};

/// `production.yaml#canary` of everything that some play went through, and not only to see it fail.
fn played() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/shipped/played");
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let steps = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in steps.lines().filter(|line| !line.ends_with(": failed")) {
            all.insert(line.split_once(": ").unwrap().0.to_owned());
        }
    }
    all
}

#[test]
fn the_coverage_table_says_run_of_what_is_run_and_of_nothing_else() {
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide-coverage.md")).unwrap();
    let (played, mut wrong) = (played(), Vec::new());
    for row in table.lines().filter(|line| line.contains(".yaml#")) {
        let Some(tried) = row.trim_end_matches('|').replace(r"\|", "/").split('|').nth(3).map(str::to_owned) else {
            continue;
        };
        let names = row.split('`').filter(|name| name.contains(".yaml#"));
        let steps: Vec<&str> = names.map(|name| name.split('/').next().unwrap()).collect();
        let run = steps.iter().filter(|step| played.contains(**step)).count();
        let says = tried.trim().starts_with("run");
        if says && run < steps.len() || !says && run == steps.len() {
            wrong.push(format!("{run} of {} are run: {row}", steps.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
