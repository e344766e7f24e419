//! What would change: two sets of objects, matched by name, told line by line. Secrets say only that they differ.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::effects::kube::act::{cleaned, parse_manifests, to_yaml};

/// Lines kept of one diff.
const MOST: usize = 4000;
/// Unchanged lines shown around a change.
const AROUND: usize = 2;

/// Two manifests, as `helm diff` tells it.
///
/// # Errors
/// One of them does not parse.
pub fn manifests(before: &str, after: &str) -> Result<Vec<String>, String> {
    Ok(objects(&parse_manifests(before, "the release")?, &parse_manifests(after, "the chart")?))
}

/// Two sets of objects; empty when they say the same.
pub fn objects(before: &[Value], after: &[Value]) -> Vec<String> {
    let (before, after) = (named(before), named(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let mut lines = vec![];
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        lines.push(match (old, new) {
            (None, _) => format!("+++ {name} (new)"),
            (_, None) => format!("--- {name} (goes away)"),
            _ => format!("~~~ {name}"),
        });
        if name.starts_with("Secret/") {
            lines.push("  (its values differ; they are not shown)".into());
            continue;
        }
        lines.extend(text(old.map_or("", String::as_str), new.map_or("", String::as_str)));
    }
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("({more} more lines)"));
    }
    lines
}

fn named(objects: &[Value]) -> BTreeMap<String, String> {
    let one = |object: &Value| {
        let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}/{}", text("/kind"), text("/metadata/name"));
        let yaml = to_yaml(&cleaned(object.clone())).unwrap_or_default();
        (crate::visible::line(&name).into_owned(), crate::visible::text(&yaml).into_owned())
    };
    objects.iter().map(one).collect()
}

/// Lines of a text diff: two spaces, `- ` or `+ ` before each.
pub fn text(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = (&old[same..], &new[same..]);
    let tail = rest.0.iter().rev().zip(rest.1.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&rest.0[..rest.0.len() - tail], &rest.1[..rest.1.len() - tail]);
    let mut steps: Vec<(char, &str)> = old[..same].iter().map(|line| (' ', *line)).collect();
    steps.extend(middle(a, b));
    steps.extend(old[old.len() - tail..].iter().map(|line| (' ', *line)));
    hunks(&steps)
}

/// The longest common subsequence; too large a middle is told as all old, all new.
fn middle<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<(char, &'a str)> {
    if a.len().saturating_mul(b.len()) > 4_000_000 {
        return a.iter().map(|line| ('-', *line)).chain(b.iter().map(|line| ('+', *line))).collect();
    }
    let width = b.len() + 1;
    let mut table = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i * width + j] = if a[i] == b[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut steps) = (0, 0, vec![]);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            steps.push((' ', a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j >= b.len() || (i < a.len() && table[(i + 1) * width + j] >= table[i * width + j + 1]) {
            steps.push(('-', a[i]));
            i += 1;
        } else {
            steps.push(('+', b[j]));
            j += 1;
        }
    }
    steps
}

/// Only what changes, with a little around it.
fn hunks(steps: &[(char, &str)]) -> Vec<String> {
    let near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        steps[from..(at + AROUND + 1).min(steps.len())].iter().any(|(mark, _)| *mark != ' ')
    };
    let mut lines = vec![];
    let mut open = true;
    for (at, (mark, line)) in steps.iter().enumerate() {
        if near(at) {
            lines.push(format!("{mark} {line}"));
            open = true;
        } else if open {
            lines.push("  …".into());
            open = false;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_image_is_one_line_out_and_one_in() {
        let manifest = |image: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n  - {{name: x, image: {image}, a: 1, b: 2, c: 3, d: 4}}\n"
            )
        };
        let lines = manifests(&manifest("ml-1"), &manifest("ml-2")).unwrap();
        assert_eq!(lines[0], "~~~ Pod/a");
        let changed: Vec<_> = lines.iter().filter(|line| line.starts_with(['-', '+'])).collect();
        assert_eq!(changed, ["-     image: ml-1", "+     image: ml-2"]);
        assert!(manifests(&manifest("x"), &manifest("x")).unwrap().is_empty());
    }

    #[test]
    fn a_secret_is_only_said_to_differ() {
        let secret =
            |value: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{a: {value}}}\n");
        let lines = manifests(&secret("hunter2"), &secret("hunter3")).unwrap();
        assert!(!lines.concat().contains("hunter") && lines[0] == "~~~ Secret/s", "{lines:?}");
    }

    #[test]
    fn lines_that_stay_are_left_out() {
        let before: String = (0..50).map(|n| format!("{n}\n")).collect();
        let after = before.replace("\n25\n", "\nxx\n");
        assert_eq!(text(&before, &after), ["  …", "  23", "  24", "- 25", "+ xx", "  26", "  27", "  …"]);
    }
}
