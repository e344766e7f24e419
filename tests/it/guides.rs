//! Markdown guides of other shapes than the deployment guide's: a wiki page, a database runbook, and strange ones.
//! What is made of them passes `check`, and no value of theirs becomes shell text.

use std::fs;

use ripcord::{import, runbook};

fn made(name: &str, guide: &str) -> String {
    let made = import::import(name, guide).unwrap_or_else(|why| panic!("{why}"));
    if let Err(problems) = runbook::load_str("made.yaml", &made.text) {
        panic!("{}\n{}", made.text, problems.iter().map(runbook::Problem::render).collect::<String>());
    }
    made.text
}

fn fixture(name: &str) -> String {
    made(name, &fs::read_to_string(format!("{}/tests/it/guides/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap())
}

#[test]
fn a_wiki_page() {
    let text = fixture("wiki.md");
    for line in [
        "TICKET=\"INC-${NUMBER}\"",
        "restart for <number>",
        "echo \"restarting ${VERSION} for $TICKET\" 'and '\"${REASON}\"'' # <ignored>",
        "-l app=\"${APP}\" -o name",
    ] {
        assert!(text.contains(line), "«{line}» is not in\n{text}");
    }
    assert!(text.contains("destructive") && !text.contains("ignored:"), "{text}");
    assert!(text.contains("rolloutStatus: {kind: \"Deployment\", name: \"api\""), "{text}");
}

#[test]
fn a_database_runbook_under_numbered_prose() {
    let text = fixture("database.md").replace("\\\"", "\"");
    for line in
        ["ssh \"${DB_HOST}\" patronictl list", "--candidate ''\"${REPLICA_NAME}\"'' --force", "interactive: true"]
    {
        assert!(text.contains(line), "«{line}» is not in\n{text}");
    }
    for item in ["The application writes again", "also the nightly jobs", "The old primary is fenced"] {
        assert!(text.contains(item), "{text}");
    }
}

#[test]
fn strange_guides_still_pass_check() {
    let long = format!("## {}\n\n```bash\ntrue\n```\n", "very ".repeat(60));
    for guide in [
        "## Rollback\n\n```bash\ntrue\n```\n## end\n\n```bash\ntrue\n```\n## 1. 100 %\n\nx\n",
        "## \u{1b}[31mred\u{202e}\n\n```bash\nprintf '\u{1b}[2J'\n```\n",
        "## t\n\n```bash\n    indented first\n  less\n```\n",
        "## t: \"quoted\" #hash\n\n- [ ] yes\n- [ ] {a: b}\n- [ ] ${{ params.x }} \\ @@x@@\n",
        "## <PATH>\n\n```bash\necho <path> <ld-preload> $(cat <file> | wc -l) \"$(echo \"<a>\")\"\n```\n",
        "## t\n\ntext with ${{ secrets.x }} and `${{`\n\n```bash\nkubectl get pods -n <ns> -l a=${{x}}\n```\n",
        "## t\n\n```bash\nkubectl scale deploy/x --replicas=<n>\nhelm upgrade a b --set x=<y>,z=1\nkubectl wait --for=foo pod/x\n```\n",
        long.as_str(),
    ] {
        let text = made("strange.md", guide);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
    }
}
