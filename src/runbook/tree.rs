//! YAML to a tree that knows where everything stands. The only file that names the YAML crate.
//! No meaning here: keys are text, scalars keep how they were written.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;

use super::syntax;

/// Largest runbook file that is read, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// A place in a file, counted from 1, and its length in characters on that line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub place: Place,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A scalar: its value by YAML's core rules, and the text as written if it was not quoted.
    Scalar {
        value: Value,
        raw: Option<String>,
    },
    Seq(Vec<Node>),
    /// In the author's order; a repeated key is there twice.
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub name: String,
    pub place: Place,
}

/// A syntax error: it stands alone, since what follows it cannot be trusted.
#[derive(Debug)]
pub struct Syntax {
    pub place: Place,
    pub message: String,
    pub hint: &'static str,
}

/// The key by which YAML 1.1 puts one map into another; it is not read.
pub const MERGE: &str = "<<";

/// Reads one YAML document.
pub fn read(source: &str) -> Result<Node, Syntax> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        merge_keys: serde_saphyr::MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: 50_000, max_depth: 48, max_documents: 1, max_aliases: 64, max_anchors: 64,
            max_total_scalar_bytes: 1 << 20
        },
    };
    let parsed: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(source, options);
    match parsed {
        Ok(raw) => Ok(node(raw, source)),
        Err(error) => {
            let place = error.location().map_or(Place { line: 1, column: 1 }, |at| place(&at));
            let line = source.lines().nth(place.line - 1).unwrap_or_default();
            let (message, hint) = syntax::in_words(&error.without_snippet().to_string(), line);
            Err(Syntax { place, message, hint })
        }
    }
}

fn place(at: &serde_saphyr::Location) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or(1).max(1);
    Place { line: number(at.line()), column: number(at.column()) }
}

fn node(raw: Spanned<Raw>, source: &str) -> Node {
    let at = place(&raw.referenced);
    let kind = match raw.value {
        Raw::Scalar(value) => {
            let text = if value.is_string() { None } else { written(source, &raw.referenced) };
            Kind::Scalar { value, raw: text }
        }
        Raw::Seq(items) => Kind::Seq(items.into_iter().map(|item| node(item, source)).collect()),
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| (Key { place: place(&key.referenced), name: key.value.0 }, node(value, source)))
                .collect(),
        ),
    };
    Node { place: at, kind }
}

/// A plain scalar as it stands in the file: `1.10` must not become `1.1`.
fn written(source: &str, at: &serde_saphyr::Location) -> Option<String> {
    let from = usize::try_from(at.span().byte_offset()?).ok()?;
    let length = usize::try_from(at.span().byte_len()?).ok()?;
    let text = source.get(from..from.checked_add(length)?)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[derive(Debug)]
enum Raw {
    Scalar(Value),
    Seq(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<RawKey>, Spanned<Raw>)>),
}

/// A key: text, or a scalar that is read as text.
#[derive(Debug)]
struct RawKey(String);

impl<'de> Deserialize<'de> for RawKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Raw::deserialize(d)? {
            Raw::Scalar(Value::String(text)) => Ok(Self(text)),
            Raw::Scalar(value) => Ok(Self(value.to_string())),
            _ => Err(serde::de::Error::custom("a key must be a plain word")),
        }
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        let number = Number::from_f64(value).map(Value::Number);
        Ok(Raw::Scalar(number.unwrap_or_else(|| Value::String(value.to_string()))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::String(value.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Raw, D::Error> {
        Raw::deserialize(d)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(RawVisitor)
    }
}

impl Node {
    /// Where a key stands, else where its map does.
    pub fn key_place(&self, name: &str) -> Place {
        self.key(name).map_or(self.place, |key| key.place)
    }

    pub fn key(&self, name: &str) -> Option<&Key> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().map(|(key, _)| key).find(|key| key.name == name),
            _ => None,
        }
    }

    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// A key with nothing behind it.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { value: Value::Null, .. })
    }

    /// Where merge keys stand, anywhere below.
    pub fn merges(&self) -> Vec<Place> {
        match &self.kind {
            Kind::Map(entries) => {
                let own = entries.iter().filter(|(key, _)| key.name == MERGE).map(|(key, _)| key.place);
                own.chain(entries.iter().flat_map(|(_, node)| node.merges())).collect()
            }
            Kind::Seq(items) => items.iter().flat_map(Node::merges).collect(),
            Kind::Scalar { .. } => Vec::new(),
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value: Value::String(text), .. } => Some(text),
            _ => None,
        }
    }

    /// What it is, in an author's words.
    pub fn kind_word(&self) -> &'static str {
        match &self.kind {
            Kind::Map(_) => "a map",
            Kind::Seq(_) => "a list",
            Kind::Scalar { value, .. } => match value {
                Value::Null => "nothing",
                Value::Bool(_) => "true or false",
                Value::Number(_) => "a number",
                _ => "a text",
            },
        }
    }

    /// As plain data, with numbers such as `1.10` kept as the text that was written where they would change.
    pub fn to_json_as_written(&self) -> Value {
        match &self.kind {
            Kind::Scalar { value: Value::Number(number), raw: Some(raw) } if number.to_string() != *raw => {
                Value::String(raw.clone())
            }
            Kind::Scalar { value, .. } => value.clone(),
            Kind::Seq(items) => Value::Array(items.iter().map(Node::to_json_as_written).collect()),
            Kind::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), node.to_json_as_written())).collect())
            }
        }
    }

    /// As plain data; of a repeated key the first counts.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { value, .. } => value.clone(),
            Kind::Seq(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Kind::Map(entries) => {
                let mut map = serde_json::Map::new();
                for (key, node) in entries {
                    map.entry(key.name.clone()).or_insert_with(|| node.to_json());
                }
                Value::Object(map)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_knows_where_it_stands() {
        let tree = read("a: 1\nsteps:\n  - id: x\n    tag: 1.10\n  - {id: y, on: no}\n").unwrap();
        let second = &tree.get("steps").unwrap().items()[1];
        assert_eq!(second.get("id").unwrap().place, Place { line: 5, column: 10 });
        assert_eq!(second.get("on").unwrap().text(), Some("no"), "`no` is a word, not a switch");
        let tag = tree.get("steps").unwrap().items()[0].get("tag").unwrap();
        assert!(matches!(&tag.kind, Kind::Scalar { raw: Some(raw), .. } if raw == "1.10"), "{tag:?}");
    }

    #[test]
    fn a_repeated_key_is_kept_for_the_checks() {
        let tree = read("a: 1\na: 2\n").unwrap();
        assert!(matches!(&tree.kind, Kind::Map(entries) if entries.len() == 2));
    }

    #[test]
    fn broken_or_hostile_yaml_is_an_error_with_a_place() {
        let deep = "[".repeat(5000);
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
        for (bad, says, hint) in [
            ("a: 'open", "", "quotes"),
            ("a:\n\tb: 1\n", "tab", "spaces"),
            ("a: 1\n---\nb: 2\n", "a second document", "one runbook"),
            ("a: [1, 2", "", "bracket"),
            (&deep, "too deep", "48"),
            (bomb, "too large", "50,000"),
            ("a: b: c\n", "", "quotes"),
        ] {
            let error = read(bad).unwrap_err();
            let Syntax { place, message, hint: told } = &error;
            assert!(place.line >= 1 && message.contains(says) && told.contains(hint), "{bad:.30} {error:?}");
            for word in ["budget", "policy", "recursion", "line ", "column ", "{"] {
                assert!(!message.contains(word), "{bad:.30} {error:?}");
            }
        }
    }

    #[test]
    fn what_is_yaml_and_not_ours_is_left_to_the_checks() {
        let tree = read("a: .nan\n<<: {b: 1}\nc: [{<<: {d: 1}}]\n").unwrap();
        assert_eq!(tree.get("a").unwrap().text(), Some(".nan"));
        assert_eq!(tree.merges(), [Place { line: 2, column: 1 }, Place { line: 3, column: 6 }]);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_fine() {
        assert!(read("\u{feff}a: 1\r\nb: 2\r\n").unwrap().get("b").is_some());
    }
}
