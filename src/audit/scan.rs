//! Is this text canonical (RFC 8785, integers only), byte for byte? Answered in one pass over the stored
//! bytes: nothing is parsed into values, nothing is written again.

use std::ops::Range;

const DEEPEST: usize = 128;
/// Integers beyond this are not exact everywhere JSON is read.
const EXACT: u64 = 1 << 53;

/// Where the facts of a canonical record stand in its line; None if the line is not canonical.
pub(super) fn facts(line: &str) -> Option<Vec<Range<usize>>> {
    let mut scan = Scan { bytes: line.as_bytes(), at: 0, facts: Vec::new() };
    scan.object(0)?;
    (scan.at == line.len()).then_some(scan.facts)
}

/// True for one canonical value and nothing after it.
#[cfg(test)]
fn is_canonical(text: &str) -> bool {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, facts: Vec::new() };
    scan.value(1).is_some() && scan.at == text.len()
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    facts: Vec<Range<usize>>,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth, false),
            b'"' => self.text().map(|_| ()),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.integer(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        let mut before: Option<&'a [u8]> = None;
        loop {
            let key = self.text()?;
            if before.is_some_and(|before| !in_order(before, key)) {
                return None;
            }
            before = Some(key);
            self.eat(b':')?;
            if depth == 0 && key == b"facts" {
                self.array(depth + 1, true)?
            } else {
                self.value(depth + 1)?
            }
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.eat(b'}'),
            }
        }
    }

    fn array(&mut self, depth: usize, of_facts: bool) -> Option<()> {
        self.eat(b'[')?;
        if self.eat(b']').is_some() {
            return Some(());
        }
        loop {
            let from = self.at;
            self.value(depth + 1)?;
            if of_facts {
                self.facts.push(from..self.at);
            }
            match self.peek()? {
                b',' => self.at += 1,
                _ => return self.eat(b']'),
            }
        }
    }

    /// The raw bytes between the quotes.
    fn text(&mut self) -> Option<&'a [u8]> {
        self.eat(b'"')?;
        let from = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.bytes[from..self.at - 1]);
                }
                b'\\' => self.escape()?,
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
    }

    /// Only what must be escaped, and only in its shortest form.
    fn escape(&mut self) -> Option<()> {
        let taken = match *self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                let control = digits[..2] == *b"00"
                    && matches!(digits[2], b'0' | b'1')
                    && matches!(digits[3], b'0'..=b'9' | b'a'..=b'f');
                let has_shorter = digits[2] == b'0' && matches!(digits[3], b'8' | b'9' | b'a' | b'c' | b'd');
                if !control || has_shorter {
                    return None;
                }
                6
            }
            _ => return None,
        };
        self.at += taken;
        Some(())
    }

    fn integer(&mut self) -> Option<()> {
        let negative = self.eat(b'-').is_some();
        let from = self.at;
        let mut number = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            self.at += 1;
        }
        let digits = &self.bytes[from..self.at];
        let plain = match digits.first()? {
            b'0' => digits.len() == 1 && !negative,
            _ => number <= EXACT,
        };
        plain.then_some(())
    }
}

/// Strictly ascending in UTF-16, as the RFC wants.
fn in_order(before: &[u8], key: &[u8]) -> bool {
    let plain = |bytes: &[u8]| bytes.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
    if plain(before) && plain(key) {
        return before < key;
    }
    let decoded = |bytes: &[u8]| {
        let quoted = [b"\"", bytes, b"\""].concat();
        serde_json::from_slice::<String>(&quoted).map(|text| text.encode_utf16().collect::<Vec<u16>>())
    };
    match (decoded(before), decoded(key)) {
        (Ok(before), Ok(key)) => before < key,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::audit::canonical::canonical;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1i64 << 53)..=(1i64 << 53)).prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            "[\\u{0}-\\u{30}\\\\\"é\\u{ffff}\\u{10000}]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c\\u{1}é\\u{ffff}\\u{10000}]{0,3}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_we_write_is_canonical_and_any_other_spelling_is_not(value in any_value(), at in any::<prop::sample::Index>(), byte in 0u8..127) {
            let text = canonical(&value);
            prop_assert!(is_canonical(&text), "{}", text);
            let mut bytes = text.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(changed) = String::from_utf8(bytes) && is_canonical(&changed) {
                let read: Value = serde_json::from_str(&changed).unwrap();
                prop_assert_eq!(canonical(&read), changed);
            }
        }
    }

    #[test]
    fn spellings_that_json_allows_and_the_rfc_does_not() {
        for bad in [
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":2}",
            "{\"a\": 1}",
            "[1 ]",
            "1.0",
            "-0",
            "01",
            "1e3",
            "\"\\u0041\"",
            "\"\\u000a\"",
            "\"\\/\"",
            "\"\\u001F\"",
            "9007199254740993",
            "",
            "[1,]",
            "{\"a\":1,}",
            "[",
            "\"",
            "tru",
            "1 ",
        ] {
            assert!(!is_canonical(bad), "{bad}");
        }
    }

    #[test]
    fn the_facts_are_where_it_says() {
        let line = canonical(&json!({"a": [1], "facts": [{"facts": [2]}, {"kind": "x"}], "z": null}));
        let spans = facts(&line).unwrap();
        let texts: Vec<&str> = spans.into_iter().map(|span| &line[span]).collect();
        assert_eq!(texts, ["{\"facts\":[2]}", "{\"kind\":\"x\"}"]);
    }
}
