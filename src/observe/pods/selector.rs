//! Label selectors as kubectl's `-l` reads them, for rows that are already here.

/// `a=b,c!=d,e in (f,g),h notin (i),j,!k`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Has(String),
    HasNot(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no label selector; write app=api,tier!=db or tier in (a, b)")]
pub struct BadSelector(String);

impl Selector {
    /// # Errors
    /// Text that the API server would refuse too.
    pub fn parse(text: &str) -> Result<Self, BadSelector> {
        let terms = split(text)
            .map(|part| term(part).ok_or_else(|| BadSelector(part.trim().to_owned())))
            .collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }

    /// As the server decides it: `!=` and `notin` also hold where the label is absent.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms.iter().all(|term| match term {
            Term::In(key, values) => label(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Term::NotIn(key, values) => label(key).is_none_or(|value| !values.iter().any(|v| v == value)),
            Term::Has(key) => label(key).is_some(),
            Term::HasNot(key) => label(key).is_none(),
        })
    }
}

/// Parts between commas that are not inside parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    text.split(move |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .filter(|part| !part.trim().is_empty())
}

fn term(part: &str) -> Option<Term> {
    let part = part.trim();
    if let Some(key) = part.strip_prefix('!') {
        return word(key).map(Term::HasNot);
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Some(Term::NotIn(word(key)?, vec![value_of(value)?]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Term::In(word(key)?, vec![value_of(value)?]));
    }
    let Some((head, values)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) else {
        return word(part).map(Term::Has);
    };
    let values = values.split(',').map(value_of).collect::<Option<Vec<_>>>()?;
    let mut words = head.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(key), Some("in"), None) => Some(Term::In(word(key)?, values)),
        (Some(key), Some("notin"), None) => Some(Term::NotIn(word(key)?, values)),
        _ => None,
    }
}

fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
}

fn value_of(text: &str) -> Option<String> {
    if text.trim().is_empty() { Some(String::new()) } else { word(text) }
}

#[cfg(test)]
mod tests {
    use super::Selector;

    #[test]
    fn every_form_decides_as_the_server_does() {
        let label = |key: &str| match key {
            "app" => Some("api"),
            "tier" => Some("web"),
            "empty" => Some(""),
            _ => None,
        };
        for yes in [
            "",
            "app=api",
            "app==api",
            "app!=db",
            "none!=x",
            "tier in (db, web)",
            "tier notin (db),app",
            "!none",
            "app , tier=web",
            "empty=",
            "x/y notin (a)",
        ] {
            assert!(Selector::parse(yes).unwrap().matches(label), "{yes}");
        }
        for no in
            ["app=db", "app!=api", "tier in (db)", "tier notin (web)", "none", "!app", "app=api,tier=db", "none in (a)"]
        {
            assert!(!Selector::parse(no).unwrap().matches(label), "{no}");
        }
        for bad in ["app=a b", "tier in db", "tier on (a)", "=x", "a=b=c", "app in (a", "!"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
