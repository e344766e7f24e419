//! The server's own Table, printed as kubectl prints it: columns in capitals, three spaces between.

use serde_json::Value;

use super::evidence::text;
use crate::visible;

/// Asks for a Table, and accepts an object from servers that have none for a kind.
pub const ACCEPT_TABLE: &str =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// Shown without `-o wide` only where this is 0.
    pub priority: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub cells: Vec<String>,
    /// The whole object, as asked for with `includeObject=Object`.
    pub object: Value,
}

impl Table {
    /// `None` where the answer is no Table.
    pub fn of(answer: &Value) -> Option<Self> {
        if text(answer, "/kind") != "Table" {
            return None;
        }
        let columns = answer.get("columnDefinitions")?.as_array()?.iter().map(|column| Column {
            name: text(column, "/name").to_owned(),
            priority: column.get("priority").and_then(Value::as_i64).unwrap_or_default(),
        });
        let rows = answer.get("rows").and_then(Value::as_array).cloned().unwrap_or_default();
        let rows = rows.into_iter().map(|mut row| Row {
            cells: row
                .get("cells")
                .and_then(Value::as_array)
                .map(|cells| cells.iter().map(cell).collect())
                .unwrap_or_default(),
            object: row.get_mut("object").map(Value::take).unwrap_or_default(),
        });
        Some(Self { columns: columns.collect(), rows: rows.collect() })
    }

    /// The cell of a row under this heading.
    pub fn cell<'a>(&self, row: &'a Row, name: &str) -> Option<&'a str> {
        let at = self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))?;
        row.cells.get(at).map(String::as_str)
    }

    pub fn lines(&self, wide: bool) -> Vec<String> {
        let shown: Vec<usize> = (0..self.columns.len()).filter(|at| wide || self.columns[*at].priority == 0).collect();
        let head = shown.iter().map(|at| self.columns[*at].name.to_uppercase()).collect();
        let rows = self.rows.iter().map(|row| {
            shown.iter().map(|at| row.cells.get(*at).map_or(String::new(), |cell| first_line(cell))).collect()
        });
        aligned(std::iter::once(head).chain(rows).collect())
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<none>".into(),
        other => other.to_string(),
    }
}

fn first_line(cell: &str) -> String {
    match cell.split_once('\n') {
        Some((first, _)) => format!("{first}..."),
        None => cell.to_owned(),
    }
}

/// Columns as Go's tabwriter lays them for kubectl: three spaces of padding, six wide at least, the last one bare.
pub fn aligned(rows: Vec<Vec<String>>) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| visible::line(cell).into_owned()).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        let widest = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
        (widest.unwrap_or_default() + 3).max(6)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let last = row.len().saturating_sub(1);
        row.iter().enumerate().fold(String::new(), |mut line, (at, cell)| {
            line.push_str(cell);
            if at < last {
                line.push_str(&" ".repeat(widths[at] - cell.chars().count()));
            }
            line
        })
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods() -> Table {
        Table::of(&json!({
            "kind": "Table",
            "columnDefinitions": [
                {"name": "Name", "priority": 0}, {"name": "Ready", "priority": 0},
                {"name": "Status", "priority": 0}, {"name": "IP", "priority": 1},
            ],
            "rows": [
                {"cells": ["ml-api-1", "1/1", "Running", "10.0.0.1"], "object": {"kind": "Pod"}},
                {"cells": ["a\u{202e}", "0/1", "Image\nlong", null], "object": {}},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn it_reads_as_kubectl_prints_it() {
        assert_eq!(
            pods().lines(false),
            ["NAME        READY   STATUS", "ml-api-1    1/1     Running", "a\\u{202e}   0/1     Image..."]
        );
        assert_eq!(pods().lines(true)[1], "ml-api-1    1/1     Running    10.0.0.1");
    }

    #[test]
    fn a_short_column_is_six_wide() {
        assert_eq!(aligned(vec![vec!["A".into(), "B".into()]]), ["A     B"]);
    }
}
