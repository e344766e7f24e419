//! Small values of the format: durations, templated scalars, step ids.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

use super::expr::{Piece, pieces};

/// A duration as people write it: `30s`, `5m`, `1h30m`, `500ms`, `90d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dur(pub Duration);

impl Dur {
    pub const fn secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }

    pub const fn mins(n: u64) -> Self {
        Self::secs(n * 60)
    }

    pub fn get(self) -> Duration {
        self.0
    }
}

/// Why a text is not a duration; ends in what to write instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("«{0}» is not a duration; write a number and a unit, e.g. 500ms, 30s, 5m, 1h30m, 90d")]
pub struct BadDuration(pub String);

const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

impl FromStr for Dur {
    type Err = BadDuration;

    fn from_str(text: &str) -> Result<Self, BadDuration> {
        let bad = || BadDuration(text.to_owned());
        let mut rest = text.trim();
        let mut total = 0u64;
        let mut below = u64::MAX; // units must come largest first, each once
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: u64 = rest[..digits].parse().map_err(|_| bad())?;
            rest = &rest[digits..];
            let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
            let unit = &rest[..letters];
            rest = &rest[letters..];
            let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
            if *millis >= below {
                return Err(bad());
            }
            below = *millis;
            total = number.checked_mul(*millis).and_then(|n| total.checked_add(n)).ok_or_else(bad)?;
        }
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Dur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        for (name, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if left >= millis {
                write!(f, "{}{name}", left / millis)?;
                left %= millis;
            }
        }
        Ok(())
    }
}

impl Serialize for Dur {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dur {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Dur {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "ripcord-duration",
            "pattern": r"^(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$",
            "description": "a number and a unit, largest first: 500ms, 30s, 5m, 1h30m, 90d"
        })
    }
}

/// A number, duration or switch that may also be one whole `${{ … }}` template.
/// After rendering it is always [`Tpl::Value`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Tpl<T> {
    Value(T),
    Template(Template),
}

/// One template in an editor's words: no `}}` before the last, but in quotes.
const ONE_TEMPLATE: &str = r#"^\s*\$\{\{([^}'"]|\}[^}'"]|'[^']*'|"[^"]*")*\}\}\s*$"#;

/// A text that is one whole `${{ … }}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Template(pub String);

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if is_whole_template(&text) {
            Ok(Self(text))
        } else {
            Err(serde::de::Error::custom("neither a value nor one whole ${{ … }}"))
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Tpl<T> {
    /// A rendered template may be text (every output of a script is), so text that reads as the value is taken.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(d)?;
        let error = match T::deserialize(value.clone()) {
            Ok(value) => return Ok(Self::Value(value)),
            Err(error) => error,
        };
        if let Ok(template) = Template::deserialize(value.clone()) {
            return Ok(Self::Template(template));
        }
        match value.as_str().map(serde_json::from_str::<T>) {
            Some(Ok(value)) => Ok(Self::Value(value)),
            _ => Err(serde::de::Error::custom(error)),
        }
    }
}

/// One `${{ … }}` and nothing beside it.
fn is_whole_template(text: &str) -> bool {
    matches!(pieces(text.trim()).as_deref(), Ok([Piece::Expression { .. }]))
}

impl<T: Default> Default for Tpl<T> {
    fn default() -> Self {
        Self::Value(T::default())
    }
}

impl Tpl<bool> {
    /// Said so, and known: a template is rendered before it is asked.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::Value(true))
    }
}

impl<T: Clone> Tpl<T> {
    /// The value, once rendered. `None` while it is still a template.
    pub fn value(&self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Template(_) => None,
        }
    }
}

impl<T> From<T> for Tpl<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

impl<T: JsonSchema> JsonSchema for Tpl<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrTemplate", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [inner, { "type": "string", "pattern": ONE_TEMPLATE }] })
    }
}

/// The path of a step in a run: `canary`, or `parent/child` for a step of a nested runbook.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StepId(pub String);

impl StepId {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same step seen from inside `parent`.
    #[must_use]
    pub fn under(&self, parent: Option<&StepId>) -> Self {
        match parent {
            Some(parent) => Self(format!("{}/{}", parent.0, self.0)),
            None => self.clone(),
        }
    }

    /// The runbook step this one lies in, if it is nested.
    pub fn parent(&self) -> Option<StepId> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// The last part: the id as its author wrote it.
    pub fn leaf(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, leaf)| leaf)
    }

    /// The form used in file names: `parent.child`.
    pub fn file_name(&self) -> String {
        self.0.replace('/', ".")
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for StepId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [("30s", 30_000), ("1h30m", 5_400_000), ("500ms", 500), ("90d", 7_776_000_000), ("0s", 0)]
        {
            assert_eq!(text.parse::<Dur>().unwrap().0.as_millis(), millis, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_says_what_to_write() {
        for text in ["", "30", "5 m", "m5", "30m1h", "1m1m", "99999999999999999999s", "-5m", "1.5h"] {
            let error = text.parse::<Dur>().unwrap_err().to_string();
            assert!(error.contains("e.g. 500ms"), "{text}: {error}");
        }
    }

    #[test]
    fn a_template_field_takes_one_template() {
        let schema = regex::Regex::new(ONE_TEMPLATE).unwrap();
        for (text, whole) in [
            ("${{ run.id }}", true),
            (" ${{ steps['a}}b'].outputs.n }} ", true),
            ("${{ run.id }}${{ run.id }}", false),
            ("${{ run.id }}m", false),
            ("${{ run.id", false),
            ("5m", false),
        ] {
            assert_eq!(serde_json::from_value::<Template>(text.into()).is_ok(), whole, "{text}");
            assert_eq!(schema.is_match(text), whole, "{text}");
        }
    }

    #[test]
    fn a_duration_prints_as_it_reads() {
        for text in ["30s", "1h30m", "500ms", "90d", "1d2h3m4s5ms", "0s"] {
            assert_eq!(text.parse::<Dur>().unwrap().to_string(), text);
        }
    }
}
