//! The part of kubectl's JSONPath that `wait --for=jsonpath` is used with: fields, indices, `[*]`, `[?(@.a=="b")]`.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(i64),
    All,
    /// Elements whose field (by path) equals this text.
    Where(Vec<String>, String),
}

/// A checked path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<Part>);

impl JsonPath {
    /// `{.status.phase}` or `.status.phase`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        let mut rest = inner.trim().strip_prefix('$').unwrap_or(inner.trim());
        let mut parts = vec![];
        while !rest.is_empty() {
            let (part, after) =
                next(rest).ok_or_else(|| format!("«{text}» is not a JSONPath this understands, at «{rest}»"))?;
            parts.push(part);
            rest = after;
        }
        if parts.is_empty() { Err("an empty JSONPath".into()) } else { Ok(Self(parts)) }
    }

    pub(super) fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.0.iter().fold(vec![value], |found, part| found.into_iter().flat_map(|one| follow(one, part)).collect())
    }
}

fn next(text: &str) -> Option<(Part, &str)> {
    if let Some(rest) = text.strip_prefix("[?(@.") {
        let (inside, after) = rest.split_once(")]")?;
        let (path, value) = inside.split_once("==")?;
        let path = path.trim().split('.').map(str::to_owned).collect();
        let value = value.trim().trim_matches(['"', '\'']).to_owned();
        return Some((Part::Where(path, value), after));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let quoted = inside.strip_prefix(['"', '\'']).and_then(|one| one.strip_suffix(['"', '\'']));
        let part = match (inside, quoted) {
            ("*", _) => Part::All,
            (_, Some(key)) => Part::Key(key.to_owned()),
            (number, None) => Part::Index(number.parse().ok()?),
        };
        return Some((part, after));
    }
    let rest = text.strip_prefix('.')?;
    let mut key = String::new();
    let mut chars = rest.char_indices();
    let mut end = rest.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.push(chars.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            c => key.push(c),
        }
    }
    let part = if key == "*" { Part::All } else { Part::Key(key) };
    (end > 0).then_some((part, &rest[end..]))
}

fn follow<'a>(value: &'a Value, part: &Part) -> Vec<&'a Value> {
    match part {
        Part::Key(key) => value.get(key).into_iter().collect(),
        Part::Index(at) => {
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
            let at = if *at < 0 { length + at } else { *at };
            usize::try_from(at).ok().and_then(|at| list.get(at)).into_iter().collect()
        }
        Part::All => match value {
            Value::Array(list) => list.iter().collect(),
            Value::Object(map) => map.values().collect(),
            _ => vec![],
        },
        Part::Where(path, wanted) => {
            let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let fits = |one: &&Value| {
                let field = path.iter().try_fold(*one, |at, key| at.get(key));
                field.is_some_and(|field| plain(field) == *wanted)
            };
            list.iter().filter(fits).collect()
        }
    }
}

/// A value as kubectl prints it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_usual_paths() {
        let object = json!({
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "False"}],
                       "loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}},
            "metadata": {"annotations": {"a.b/c": "d"}},
        });
        for (path, want) in [
            ("{.status.phase}", vec!["Running"]),
            (".status.phase", vec!["Running"]),
            ("{.status.loadBalancer.ingress[0].ip}", vec!["10.0.0.1"]),
            ("{.status.conditions[-1].type}", vec!["X"]),
            ("{.status.conditions[?(@.type==\"Ready\")].status}", vec!["True"]),
            ("{.status.conditions[*].type}", vec!["Ready", "X"]),
            ("{.metadata.annotations['a.b/c']}", vec!["d"]),
            ("{.metadata.annotations.a\\.b/c}", vec!["d"]),
            ("{.nothing.here}", vec![]),
        ] {
            let found: Vec<_> = JsonPath::parse(path).unwrap().find(&object).into_iter().map(plain).collect();
            assert_eq!(found, want, "{path}");
        }
        for bad in ["", "{}", "{.a[}", "a.b", "{.a[x]}"] {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }
}
