//! Secrets are taken out by value, in every usual encoding, across chunks.
//!
//! What is found: the value itself, both base64 alphabets at the three offsets it may have inside a longer
//! text, percent-encoding, and the JSON-escaped form. Each becomes `[redacted:NAME]`.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, Input, Match, MatchKind, packed};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Shorter values would be found everywhere.
pub const MIN_BYTES: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSecret {
    #[error("the secret {0} is shorter than {MIN_BYTES} bytes and could not be hidden; use a longer one")]
    TooShort(String),
    #[error("the secrets are too large to search for: {0}")]
    TooLarge(String),
}

/// Finds and hides the values of a run's secrets. Without secrets it passes everything through.
#[derive(Clone, Default)]
pub struct Redactor {
    search: Option<Search>,
    marks: Vec<String>,
    longest: usize,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.marks.len())
    }
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadSecret> {
        let (mut forms, mut marks) = (Vec::new(), Vec::new());
        for (name, value) in secrets {
            let value = value.trim_end_matches(['\n', '\r']);
            if value.len() < MIN_BYTES {
                return Err(BadSecret::TooShort(name.to_owned()));
            }
            for form in forms_of(value) {
                forms.push(form);
                marks.push(format!("[redacted:{name}]"));
            }
        }
        if forms.is_empty() {
            return Ok(Self::default());
        }
        let longest = forms.iter().map(Vec::len).max().unwrap_or(0);
        Ok(Self { search: Some(Search::new(&forms)?), marks, longest })
    }

    /// True where there is nothing to hide.
    pub fn is_idle(&self) -> bool {
        self.search.is_none()
    }

    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(search) = &self.search else { return Cow::Borrowed(text) };
        if search.find(text.as_bytes(), 0).is_none() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in search.all(text.as_bytes()) {
            out.push_str(&text[done..found.start()]);
            out.push_str(&self.marks[found.pattern().as_usize()]);
            done = found.end();
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }

    pub fn stream(&self) -> RedactStream {
        RedactStream { redactor: self.clone(), held: Vec::new() }
    }
}

/// Both find the leftmost form, and of several there the longest. Up to some sixty forms fit the vector search, which
/// looks at sixteen places at once; the automaton takes more, a byte at a time.
#[derive(Clone, Debug)]
enum Search {
    Vector(packed::Searcher),
    Automaton(AhoCorasick),
}

impl Search {
    fn new(forms: &[Vec<u8>]) -> Result<Self, BadSecret> {
        let mut vector = packed::Config::new().match_kind(packed::MatchKind::LeftmostLongest).builder();
        match vector.extend(forms).build() {
            Some(vector) => Ok(Self::Vector(vector)),
            None => Self::automaton(forms),
        }
    }

    fn automaton(forms: &[Vec<u8>]) -> Result<Self, BadSecret> {
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(forms);
        automaton.map(Self::Automaton).map_err(|error| BadSecret::TooLarge(error.to_string()))
    }

    fn find(&self, text: &[u8], from: usize) -> Option<Match> {
        match self {
            Self::Vector(vector) => vector.find_in(text, (from..text.len()).into()),
            Self::Automaton(automaton) => automaton.find(Input::new(text).range(from..)),
        }
    }

    /// One after the other; none begins inside another.
    fn all<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Match> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.find(text, from)?;
            from = found.end();
            Some(found)
        })
    }
}

/// The same over chunks: what may be the beginning of a secret is held back until the next chunk tells.
#[derive(Debug)]
pub struct RedactStream {
    redactor: Redactor,
    held: Vec<u8>,
}

impl RedactStream {
    /// Takes a chunk in and appends to `out` what can be let go.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(search) = &self.redactor.search else { return out.extend_from_slice(chunk) };
        self.held.extend_from_slice(chunk);
        // A match that begins after this point might still grow, or not be whole yet.
        let safe = self.held.len().saturating_sub(self.redactor.longest);
        let mut done = 0;
        for found in search.all(&self.held) {
            if found.start() >= safe {
                break;
            }
            out.extend_from_slice(&self.held[done..found.start()]);
            out.extend_from_slice(self.redactor.marks[found.pattern().as_usize()].as_bytes());
            done = found.end();
        }
        let cut = done.max(safe);
        out.extend_from_slice(&self.held[done..cut]);
        self.held.drain(..cut);
    }

    /// The rest, when no more chunks come.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let Some(search) = &self.redactor.search else { return };
        let held = std::mem::take(&mut self.held);
        let mut done = 0;
        for found in search.all(&held) {
            out.extend_from_slice(&held[done..found.start()]);
            out.extend_from_slice(self.redactor.marks[found.pattern().as_usize()].as_bytes());
            done = found.end();
        }
        out.extend_from_slice(&held[done..]);
    }
}

fn forms_of(value: &str) -> Vec<Vec<u8>> {
    let mut forms: Vec<Vec<u8>> = vec![value.as_bytes().to_vec()];
    for offset in 0..3 {
        for text in [base64_inside(value, offset, false), base64_inside(value, offset, true)] {
            if text.len() >= MIN_BYTES {
                forms.push(text.into_bytes());
            }
        }
    }
    for upper in [true, false] {
        for kept in ["", "/", "!'()*", "/:@"] {
            let form = percent(value, upper, kept);
            // A form's body writes a space as a plus.
            forms.push(form.replace("%20", "+").into_bytes());
            forms.push(form.into_bytes());
        }
    }
    forms.extend(json_forms(value).into_iter().map(String::into_bytes));
    // As the trail and the screen show it, where somebody made it visible before.
    forms.push(crate::visible::line(value).into_owned().into_bytes());
    forms.push(crate::visible::text(value).into_owned().into_bytes());
    forms.sort();
    forms.dedup();
    forms
}

/// The characters of the value's base64 that do not depend on what stands before and after it.
fn base64_inside(value: &str, offset: usize, url: bool) -> String {
    let mut bytes = vec![0u8; offset];
    bytes.extend_from_slice(value.as_bytes());
    let text = if url { URL_SAFE_NO_PAD.encode(&bytes) } else { STANDARD_NO_PAD.encode(&bytes) };
    let skip = match offset {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    // The last character depends on what follows, unless the length comes out even.
    let keep = if bytes.len().is_multiple_of(3) { text.len() } else { text.len() - 1 };
    text.get(skip..keep.max(skip)).unwrap_or_default().to_owned()
}

/// `kept` are the characters that this encoder leaves alone; they do not agree on which.
fn percent(value: &str, upper: bool, kept: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if kept.as_bytes().contains(&byte) => out.push(char::from(byte)),
            _ if upper => out.push_str(&format!("%{byte:02X}")),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// Inside a JSON text: plain, with Go's escapes for HTML, in ASCII alone, with the slash escaped.
fn json_forms(value: &str) -> Vec<String> {
    let Ok(json) = serde_json::to_string(value) else { return Vec::new() };
    let plain = json[1..json.len() - 1].to_owned();
    let html = plain.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let upper_html = plain.replace('<', "\\u003C").replace('>', "\\u003E").replace('&', "\\u0026");
    let ascii = |unit: fn(u16) -> String| -> String {
        plain
            .chars()
            .map(|c| match c.is_ascii() {
                true => c.to_string(),
                false => c.encode_utf16(&mut [0; 2]).iter().copied().map(unit).collect(),
            })
            .collect()
    };
    let (lower, upper) = (ascii(|unit| format!("\\u{unit:04x}")), ascii(|unit| format!("\\u{unit:04X}")));
    let slashed = plain.replace('/', "\\/");
    vec![plain, html, upper_html, lower, upper, slashed]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "s3cr3t/+\"pa ss?";

    #[test]
    fn json_in_ascii_is_found_in_either_case_of_its_digits() {
        let redactor = Redactor::new([("key", "pässwörd<1>")]).unwrap();
        for form in ["p\\u00e4ssw\\u00f6rd<1>", "p\\u00E4ssw\\u00F6rd<1>", "pässwörd\\u003C1\\u003E"] {
            assert_eq!(redactor.redact(form), "[redacted:key]", "{form}");
        }
    }

    fn redactor() -> Redactor {
        Redactor::new([("key", SECRET)]).unwrap()
    }

    fn forms() -> Vec<String> {
        let mut forms = vec![
            SECRET.to_owned(),
            percent(SECRET, true, ""),
            percent(SECRET, false, ""),
            "s3cr3t/+\\\"pa ss?".to_owned(),
        ];
        // Python's quote, a form's body, PHP's JSON.
        forms.extend(["s3cr3t/%2B%22pa%20ss%3F", "s3cr3t%2F%2B%22pa+ss%3F", "s3cr3t\\/+\\\"pa ss?"].map(str::to_owned));
        for before in ["", "x", "xy"] {
            forms.push(STANDARD.encode(format!("{before}{SECRET}after")));
            forms.push(URL_SAFE.encode(format!("{before}{SECRET}after")));
        }
        forms
    }

    #[test]
    fn every_form_is_found() {
        for form in forms() {
            let text = format!("before {form} after");
            assert!(redactor().redact(&text).contains("[redacted:key]"), "{form}");
        }
    }

    #[test]
    fn what_other_encoders_make_of_it_is_found() {
        let redactor = Redactor::new([("k", "a<b>&ü\n€😀z")]).unwrap();
        for form in [
            r"a\u003cb\u003e\u0026ü\n€😀z",
            r"a<b>&\u00fc\n\u20ac\ud83d\ude00z",
            "a%3Cb%3E%26%C3%BC%0A%E2%82%AC%F0%9F%98%80z",
            r"a<b>&ü\u{a}€😀z",
        ] {
            assert_eq!(redactor.redact(form), "[redacted:k]", "{form}");
        }
    }

    #[test]
    fn a_short_secret_is_refused_and_none_costs_nothing() {
        assert_eq!(Redactor::new([("k", "12345")]).unwrap_err(), BadSecret::TooShort("k".into()));
        assert!(matches!(Redactor::default().redact("abc"), Cow::Borrowed("abc")));
    }

    #[test]
    fn many_secrets_are_found_as_few_are() {
        let secrets: Vec<_> = (0..40).map(|n| (format!("k{n}"), format!("s3cr3t/{n}+\"pa ss?"))).collect();
        let many = Redactor::new(secrets.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap();
        assert!(matches!(many.search, Some(Search::Automaton(_))), "too many for the vector search");
        for (name, value) in &secrets {
            let text = many.redact(&format!("a {value} b {} c", percent(value, true, ""))).into_owned();
            assert_eq!(text, format!("a [redacted:{name}] b [redacted:{name}] c"));
        }
    }

    proptest! {
        #[test]
        fn both_searches_find_the_same(pieces in prop::collection::vec((0usize..13, 0usize..40, 0usize..40), 0..30)) {
            let (all, known) = (forms(), forms_of(SECRET));
            let text: String = pieces
                .iter()
                .map(|(form, from, to)| all[*form].get(*from.min(to)..*from.max(to)).unwrap_or(&all[*form]))
                .collect();
            let (one, other) = (Search::new(&known).unwrap(), Search::automaton(&known).unwrap());
            let places = |search: &Search| search.all(text.as_bytes()).map(|m| (m.start(), m.end())).collect::<Vec<_>>();
            prop_assert_eq!(places(&one), places(&other));
        }

        #[test]
        fn no_way_of_cutting_a_stream_lets_a_form_through(form in 0usize..13, cuts in prop::collection::vec(1usize..9, 0..40)) {
            let form = &forms()[form];
            let text = format!("a {form} b {form}{form} c");
            let whole = redactor().redact(&text).into_owned();
            let (mut stream, mut out, mut rest) = (redactor().stream(), Vec::new(), text.as_bytes());
            for cut in cuts {
                let (chunk, left) = rest.split_at(cut.min(rest.len()));
                stream.push(chunk, &mut out);
                rest = left;
            }
            stream.push(rest, &mut out);
            stream.finish(&mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), whole);
        }
    }
}
