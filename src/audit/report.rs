//! The incident timeline as Markdown or HTML: what was decided, by whom, what it did.

use jiff::Timestamp;

use super::show;
use crate::{
    engine::{Fact, Run, message::Assurance},
    visible,
};

/// Text from anywhere, safe inside a Markdown table or list.
fn md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible::line(text).chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '#' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// What, who, where, how it ended.
fn heading(run: &Run, head: &str) -> String {
    let opened = run.opened();
    let mut out = format!("# {}\n\n", md(opened.runbook.metadata.title()));
    let status =
        serde_json::to_value(run.status()).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let mut row = |name: &str, value: &str| out.push_str(&format!("- **{name}**: {}\n", md(value)));
    row("run", &opened.run);
    row("outcome", &status);
    row("operator", &format!("{} on {}", opened.operator.name, opened.host));
    if !opened.target.context.is_empty() {
        row("target", &format!("{}/{}", opened.target.context, opened.target.namespace));
    }
    row("began", &clock(opened.started_at));
    if let Some(at) = run.closed_at() {
        row("ended", &clock(at));
    }
    row(
        "runbook",
        &format!(
            "{} {}, sha256 {}",
            opened.runbook.metadata.name,
            opened.runbook.metadata.version.clone().unwrap_or_default(),
            opened.runbook_hash
        ),
    );
    row("trail head", head);
    if let Some(baseline) = run.baseline() {
        row(
            "baseline",
            &format!(
                "{} {} revision {} {}",
                baseline.kind,
                baseline.name,
                baseline.revision,
                baseline.images.join(", ")
            ),
        );
    }
    if let Some(why) = run.break_glass() {
        row("glass broken", why);
    }
    if !run.left().is_empty() {
        row("left", &run.left().join(", "));
    }
    out
}

/// The report of a run.
pub fn markdown(facts: &[(Timestamp, Fact)], head: &str) -> Result<String, String> {
    let run = Run::replay(facts).map_err(|error| error.to_string())?;
    let mut out = heading(&run, head);
    out.push_str("\n## Timeline (UTC)\n\n| time | what | |\n|---|---|---|\n");
    for (at, fact) in facts.iter().filter(|(_, fact)| is_telling(fact)) {
        let value = serde_json::to_value(fact).unwrap_or_default();
        let words = show::words(&fact.kind(), &value).trim().replace('\n', " ");
        let before_after = before_after(fact);
        out.push_str(&format!(
            "| {} | {} | {}{} |\n",
            at.strftime("%H:%M:%S"),
            fact.kind(),
            md(&words),
            md(&before_after)
        ));
    }
    let claimed = facts
        .iter()
        .any(|(_, fact)| matches!(fact, Fact::ApprovalGiven { by, .. } if by.assurance == Assurance::Claimed));
    if claimed {
        out.push_str(
            "\nApprovals marked *claimed* were typed in the operator's own console or given by an answers file.\n",
        );
    }
    Ok(out)
}

fn before_after(fact: &Fact) -> String {
    let Fact::StepOutcome(end) = fact else { return String::new() };
    match (&end.done.before, &end.done.after) {
        (None, None) => String::new(),
        (before, after) => {
            let word =
                |value: &Option<serde_json::Value>| value.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
            format!(" [{} → {}]", word(before), word(after))
        }
    }
}

/// What somebody reading afterwards wants; steps merely entered or started say nothing new.
fn is_telling(fact: &Fact) -> bool {
    !matches!(
        fact,
        Fact::StepEntered { .. } | Fact::StepStarted { .. } | Fact::StepVerifying { .. } | Fact::GuardSample { .. }
    )
}

/// The same as a page of its own.
pub fn html(markdown: &str, title: &str) -> String {
    let escape =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let unmark = |text: &str| {
        let mut out = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => out.extend(chars.next()),
                '*' => {}
                c => out.push(c),
            }
        }
        out
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>\n<style>body{{font:15px/1.5 sans-serif;max-width:72em;margin:2em auto}}td,th{{padding:.2em .6em;vertical-align:top;border-bottom:1px solid #ddd;text-align:left}}</style></head><body>\n",
        escape(title)
    );
    let mut table = false;
    for line in markdown.lines() {
        let is_row = line.starts_with('|');
        if is_row != table {
            out.push_str(if is_row { "<table>\n" } else { "</table>\n" });
            table = is_row;
        }
        if is_row {
            if line.starts_with("|---") {
                continue;
            }
            let cells =
                line.trim_matches('|').split(" | ").map(|cell| format!("<td>{}</td>", escape(unmark(cell).trim())));
            out.push_str(&format!("<tr>{}</tr>\n", cells.collect::<String>()));
        } else if let Some(text) = line.strip_prefix("# ") {
            out.push_str(&format!("<h1>{}</h1>\n", escape(&unmark(text))));
        } else if let Some(text) = line.strip_prefix("## ") {
            out.push_str(&format!("<h2>{}</h2>\n", escape(&unmark(text))));
        } else if let Some(text) = line.strip_prefix("- ") {
            out.push_str(&format!("<p>{}</p>\n", escape(&unmark(text))));
        } else if !line.is_empty() {
            out.push_str(&format!("<p>{}</p>\n", escape(&unmark(line))));
        }
    }
    if table {
        out.push_str("</table>\n");
    }
    out.push_str("</body></html>\n");
    out
}
