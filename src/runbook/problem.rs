//! What is wrong with a runbook: where, what, and what to write instead.

use std::{fmt::Write as _, path::PathBuf};

use serde::Serialize;

use super::tree::Place;
use crate::visible;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One problem, ready to print.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Problem {
    pub file: PathBuf,
    /// Counted from 1; 0 where the file as a whole is meant.
    pub line: usize,
    pub column: usize,
    pub severity: Severity,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The source line, without its end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
}

impl Problem {
    /// A problem with the file as a whole.
    pub fn of_file(file: impl Into<PathBuf>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let hint: String = hint.into();
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            severity: Severity::Error,
            message: message.into(),
            hint: (!hint.is_empty()).then_some(hint),
            source: String::new(),
        }
    }

    /// As rustc prints it: message, place, the line with a caret, hint.
    pub fn render(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut out = format!("{severity}: {}\n", visible::line(&self.message));
        let file = self.file.display().to_string();
        let file = visible::line(&file);
        if self.line == 0 {
            let _ = writeln!(out, " --> {file}");
        } else {
            let gutter = self.line.to_string().len();
            let source = visible::line(&self.source);
            let before: String = self.source.chars().take(self.column.saturating_sub(1)).collect();
            let indent = visible::line(&before).chars().count();
            let _ = writeln!(out, "{:gutter$}--> {file}:{}:{}", "", self.line, self.column);
            let _ = writeln!(out, "{:gutter$} |", "");
            let _ = writeln!(out, "{} | {}", self.line, source.trim_end());
            let _ = writeln!(out, "{:gutter$} | {:indent$}{}", "", "", "^".repeat(self.width()));
        }
        if let Some(hint) = &self.hint {
            let gutter = if self.line == 0 { 1 } else { self.line.to_string().len() };
            let _ = writeln!(out, "{:gutter$} = help: {}", "", visible::line(hint));
        }
        out
    }

    /// How far the word at the place goes.
    fn width(&self) -> usize {
        let rest = self.source.chars().skip(self.column.saturating_sub(1));
        rest.take_while(|c| !c.is_whitespace() && !",:{}[]#".contains(*c)).count().max(1)
    }
}

/// Gathers the problems of one file.
#[derive(Debug)]
pub struct Problems<'a> {
    file: PathBuf,
    lines: Vec<&'a str>,
    pub found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub fn new(file: impl Into<PathBuf>, source: &'a str) -> Self {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        Self { file: file.into(), lines: source.lines().collect(), found: Vec::new() }
    }

    /// Where the text that stands at a place holds `wanted` for the time after `before` others; else the place.
    pub fn find(&self, from: Place, wanted: &str, before: usize) -> Place {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let lines = self.lines.get(from.line.saturating_sub(1)..).unwrap_or_default();
        let least = lines.first().map_or(0, |line| indent(line));
        let mut left = before;
        for (index, line) in lines.iter().enumerate() {
            // A text ends where a line stands further out than its first one.
            if index > 0 && !line.trim().is_empty() && indent(line) < least {
                break;
            }
            let skipped = if index == 0 { from.column.saturating_sub(1) } else { 0 };
            let start = line.char_indices().nth(skipped).map_or(line.len(), |(at, _)| at);
            for (at, _) in line[start..].match_indices(wanted) {
                if left == 0 {
                    let column = line[..start + at].chars().count() + 1;
                    return Place { line: from.line + index, column };
                }
                left -= 1;
            }
        }
        from
    }

    pub fn error(&mut self, at: Place, message: impl Into<String>) -> &mut Problem {
        self.push(at, Severity::Error, message.into())
    }

    pub fn warning(&mut self, at: Place, message: impl Into<String>) -> &mut Problem {
        self.push(at, Severity::Warning, message.into())
    }

    #[expect(clippy::unwrap_used, reason = "pushed in the line before")]
    fn push(&mut self, at: Place, severity: Severity, message: String) -> &mut Problem {
        let source = self.lines.get(at.line.saturating_sub(1)).copied().unwrap_or_default();
        self.found.push(Problem {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            severity,
            message,
            hint: None,
            source: source.trim_end_matches('\r').chars().take(400).collect(),
        });
        self.found.last_mut().unwrap()
    }

    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// In the order they stand in the file, each once.
    pub fn sorted(mut self) -> Vec<Problem> {
        self.found.sort_by(|a, b| {
            (a.line, a.column, a.severity, &a.message).cmp(&(b.line, b.column, b.severity, &b.message))
        });
        self.found.dedup();
        self.found
    }
}

impl Problem {
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

/// «did you mean …?», if one of them is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let most = (word.chars().count() / 3).max(1);
    // A word of quite another length is never near; most are ruled out by that alone.
    let alike = known.into_iter().filter(|known| known.len().abs_diff(word.len()) <= most);
    let near = alike.map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known));
    let (distance, best) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= most).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_lines_is_searched_to_its_end_and_no_further() {
        let source = "\u{feff}a:\n- manual: |\n    one ${{ x }}\n\n    two ${{ x }} ${{ y }}\n- manual: ${{ z }}\n";
        let problems = Problems::new("t.yaml", source);
        let from = Place { line: 3, column: 5 };
        assert_eq!(problems.find(from, "${{ x }}", 0), Place { line: 3, column: 9 });
        assert_eq!(problems.find(from, "${{ x }}", 1), Place { line: 5, column: 9 });
        assert_eq!(problems.find(from, "${{ y }}", 0), Place { line: 5, column: 18 });
        assert_eq!(problems.find(from, "${{ z }}", 0), from, "that is another text");
        assert_eq!(problems.lines[0], "a:", "a byte order mark is no part of the line");
    }
}
