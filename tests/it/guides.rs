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
fn a_failover_in_numbered_steps_with_prompts_here_documents_tables_and_html() {
    let text = fixture("postgres.md");
    for line in [
        "name: postgres-failover",
        "run: \"pg_isready -h pg-primary.internal\"",
        "run: \"kubectl -n db get pods -l role=primary\"",
        "psql -h pg-replica -c 'select now()",
        "      cat > /tmp/recovery.conf <<'EOF'\n      standby_mode = 'on'\n      # not a comment of the shell",
        "| > 10 s | **stop** and call the DBA |",
        "doc: \"Manual way\"",
        "risk: \"destructive\"",
        "- \"Clients reconnect\"",
    ] {
        assert!(text.contains(line), "«{line}» is not in\n{text}");
    }
    assert!(!text.contains("no response") && !text.contains("details>"), "{text}");
}

#[test]
fn an_alerts_page_with_data_for_its_generator_and_blocks_that_name_no_language() {
    let text = fixture("alert.md");
    for line in ["title: \"HighErrorRate\"", "kubectl logs -n prod deploy/api --since=10m | grep ERROR", "replicas: 10"]
    {
        assert!(text.contains(line), "«{line}» is not in\n{text}");
    }
    assert!(!text.contains("severity"), "{text}");
}

#[test]
fn other_line_ends_and_other_languages() {
    let text = made(
        "g.md",
        "# Notfall: Zertifikat läuft ab\r\n\r\n## Prüfen\r\n\r\n\tein\r\n\r\n```powershell\r\nGet-X\r\n```\r\n\r\n## 日本語\r\n\r\n```bash\r\ntrue\r\n```\r\n",
    );
    assert!(!text.contains("u{d}") && text.contains("title: \"日本語\""), "{text}");
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
        long.repeat(3).as_str(),
    ] {
        let text = made("strange.md", guide);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
    }
}
