//! What is typed after `/`: text, `!text`, or `-l` labels. Decides; draws and searches nothing.

use super::pods::Selector;

/// The default shows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    Text {
        needle: String,
        inverted: bool,
    },
    Labels(Selector),
    /// Labels half typed: shows everything and says why.
    Unfinished(String),
}

/// A needle in lower case, to be looked for.
pub struct Needle<'a>(&'a str);

impl Needle<'_> {
    pub fn any<'b>(&self, texts: impl IntoIterator<Item = &'b str>) -> bool {
        texts.into_iter().any(|text| self.is_in(text))
    }

    /// ASCII case is ignored; nothing is allocated, since this runs for thousands of rows on each key.
    pub fn is_in(&self, text: &str) -> bool {
        let (needle, hay) = (self.0.as_bytes(), text.as_bytes());
        needle.is_empty() || hay.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
    }
}

impl Filter {
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some(labels) = text.strip_prefix("-l") {
            return match Selector::parse(labels.trim_start_matches('=')) {
                Ok(selector) => Self::Labels(selector),
                Err(bad) => Self::Unfinished(bad.to_string()),
            };
        }
        match text.strip_prefix('!') {
            Some("") => Self::All,
            None if text.is_empty() => Self::All,
            Some(rest) => Self::Text { needle: rest.to_owned(), inverted: true },
            None => Self::Text { needle: text.to_owned(), inverted: false },
        }
    }

    pub fn is_all(&self) -> bool {
        matches!(self, Self::All | Self::Unfinished(_))
    }

    pub fn shows<'a>(&self, has: impl Fn(&Needle<'_>) -> bool, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        match self {
            Self::All | Self::Unfinished(_) => true,
            Self::Text { needle, inverted } => has(&Needle(needle)) != *inverted,
            Self::Labels(selector) => selector.matches(label),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    fn shows(filter: &str, text: &str) -> bool {
        Filter::parse(filter).shows(|needle| needle.is_in(text), |key| (key == "app").then_some("api"))
    }

    #[test]
    fn text_ignores_case_and_a_bang_turns_it_round() {
        assert!(shows("", "anything") && shows("LOOP", "CrashLoopBackOff") && !shows("loop", "Running"));
        assert!(shows("!loop", "Running") && !shows("!loop", "CrashLoopBackOff"));
        assert!(shows("!", "a bang alone hides nothing"));
    }

    #[test]
    fn labels_are_decided_as_the_server_does_and_half_a_selector_hides_nothing() {
        assert!(shows("-l app=api", "x") && !shows("-l app=db", "x"));
        assert!(shows("-l app in (", "x") && matches!(Filter::parse("-l a=b=c"), Filter::Unfinished(_)));
    }
}
