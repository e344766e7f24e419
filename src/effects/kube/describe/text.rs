//! Text in columns as kubectl lays it out: cells end at tabs, a column is as wide as its widest neighbour plus two.

use serde_json::Value;

/// Lines that are aligned when they are finished.
#[derive(Default)]
pub struct Text {
    lines: Vec<String>,
}

impl Text {
    /// `level` in steps of two spaces; cells of the line are divided by tabs.
    pub fn line(&mut self, level: usize, text: impl AsRef<str>) {
        self.lines.push(format!("{}{}", "  ".repeat(level), text.as_ref()));
    }

    /// `Name:\tvalue`, `<none>` when there is none.
    pub fn field(&mut self, level: usize, name: &str, value: &str) {
        self.line(level, format!("{name}:\t{}", or_none(value)));
    }

    /// Labels and annotations: the first beside the name, the others under it.
    pub fn map(&mut self, level: usize, name: &str, value: &Value, between: &str) {
        let Some(map) = value.as_object().filter(|map| !map.is_empty()) else { return self.field(level, name, "") };
        let mut pairs: Vec<(&String, String)> = map.iter().map(|(key, value)| (key, scalar(value))).collect();
        pairs.sort();
        for (i, (key, value)) in pairs.into_iter().enumerate() {
            let name = if i == 0 { format!("{name}:") } else { String::new() };
            let short: String = value.chars().take(140).collect();
            let cut = if short.len() < value.len() { "..." } else { "" };
            self.line(level, format!("{name}\t{key}{between}{}{cut}", short.replace('\n', " ")));
        }
    }

    pub fn finish(self) -> Vec<String> {
        aligned(&self.lines).into_iter().map(|line| crate::visible::line(&line).into_owned()).collect()
    }
}

/// Elastic tab stops: a column ends where a line without that cell stands.
fn aligned(lines: &[String]) -> Vec<String> {
    let cells: Vec<Vec<&str>> = lines.iter().map(|line| line.split('\t').collect()).collect();
    let mut out: Vec<String> = vec![String::new(); lines.len()];
    let most = cells.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..most {
        let mut at = 0;
        while at < cells.len() {
            let run = cells[at..].iter().take_while(|row| row.len() > column + 1).count();
            let width = cells[at..at + run].iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + 2;
            for (row, out) in cells[at..at + run].iter().zip(&mut out[at..at + run]) {
                out.push_str(row[column]);
                out.push_str(&" ".repeat(width - row[column].chars().count()));
            }
            if let Some(last) = cells.get(at + run).filter(|row| row.len() == column + 1) {
                out[at + run].push_str(last[column]);
            }
            at += run + 1;
        }
    }
    out
}

pub fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

/// The text at a JSON pointer; numbers and booleans as they are written.
pub fn at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(scalar).unwrap_or_default()
}

pub fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// `Mon, 23 Nov 2026 14:02:34 +0000`
pub fn time(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string(),
        Err(_) => text.to_owned(),
    }
}

/// `a=b,c=d`
pub fn selector(value: Option<&Value>) -> String {
    let Some(map) = value.and_then(Value::as_object) else { return String::new() };
    let mut pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}={}", scalar(value))).collect();
    pairs.sort();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_neighbours_and_no_wider() {
        let mut text = Text::default();
        text.field(0, "Name", "x");
        text.field(0, "Service Account", "");
        text.line(0, "Containers:");
        text.field(1, "Image", "i");
        text.map(0, "Labels", &serde_json::json!({"b": "2", "a": "1\u{1b}"}), "=");
        assert_eq!(
            text.finish(),
            [
                "Name:             x",
                "Service Account:  <none>",
                "Containers:",
                "  Image:  i",
                "Labels:   a=1\\u{1b}",
                "          b=2"
            ]
        );
    }
}
