//! Where in a script the placeholders of a guide stand, and what the shell would make of a value there.
//! Knows quotes, comments, `$(…)` and here-documents; runs and expands nothing.

use super::names::slug;

/// What the shell does with the text at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    Plain,
    Double,
    Single,
    Comment,
    /// A here-document whose end is not quoted: values are put in, quotes are text.
    Document,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// The words of the guide, the param's name, where it stands.
    Open(String, String, Within),
}

/// A script being read from its beginning.
pub struct Script<'a> {
    text: &'a str,
    at: usize,
    within: Vec<Within>,
    /// Here-documents whose bodies begin at the end of this line: the word that ends it, whether values are put in.
    documents: Vec<(String, bool)>,
    /// The body at hand.
    body: Option<(String, bool)>,
}

impl<'a> Script<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, within: vec![Within::Plain], documents: Vec::new(), body: None }
    }

    fn now(&self) -> Within {
        if self.body.is_some() { Within::Document } else { self.within.last().copied().unwrap_or(Within::Plain) }
    }

    pub fn next_piece(&mut self) -> Option<Piece<'a>> {
        let from = self.at;
        while let Some(c) = self.text[self.at..].chars().next() {
            let before = self.text[..self.at].chars().next_back();
            let rest = &self.text[self.at..];
            if self.at_a_line() && self.body_ends(rest) {
                continue;
            }
            let now = self.now();
            let expands = now != Within::Comment && self.body.as_ref().is_none_or(|(_, expands)| *expands);
            if expands && let Some((length, param)) = open(rest, before) {
                if self.at > from {
                    break;
                }
                self.at += length;
                return Some(Piece::Open(rest[..length].to_owned(), param, now));
            }
            self.step(c, rest, before, now);
        }
        (self.at > from).then(|| Piece::Text(&self.text[from..self.at]))
    }

    fn at_a_line(&self) -> bool {
        self.text[..self.at].ends_with('\n')
    }

    /// Steps over the line that ends the document at hand.
    fn body_ends(&mut self, rest: &str) -> bool {
        let line = rest.split('\n').next().unwrap_or_default();
        let ends = self.body.as_ref().is_some_and(|(end, _)| line.trim() == end);
        if ends {
            self.at += line.len();
            self.body = if self.documents.is_empty() { None } else { Some(self.documents.remove(0)) };
        }
        ends && !line.is_empty()
    }

    fn step(&mut self, c: char, rest: &str, before: Option<char>, now: Within) {
        self.at += c.len_utf8();
        if now == Within::Document {
            return;
        }
        match (now, c) {
            (Within::Plain | Within::Double, '\\') => self.at += rest[1..].chars().next().map_or(0, char::len_utf8),
            (Within::Comment, '\n') => {
                self.within.pop();
                self.line_ends();
            }
            (Within::Single, '\'') | (Within::Double, '"') => {
                self.within.pop();
            }
            (Within::Comment | Within::Single, _) => {}
            (_, '$') if rest.starts_with("$(") => {
                self.at += 1;
                self.within.push(Within::Plain);
            }
            (Within::Double, _) => {}
            (_, '\n') => self.line_ends(),
            (_, ')') if self.within.len() > 1 => {
                self.within.pop();
            }
            (_, '#') if before.is_none_or(|c| c.is_whitespace() || c == ';') => self.within.push(Within::Comment),
            (_, '\'') => self.within.push(Within::Single),
            (_, '"') => self.within.push(Within::Double),
            (_, '<') if rest.starts_with("<<<") => self.at += 2,
            (_, '<') if rest.starts_with("<<") => {
                self.at += 1;
                self.documents.extend(document(&rest[2..]));
            }
            _ => {}
        }
    }

    fn line_ends(&mut self) {
        if self.body.is_none() && !self.documents.is_empty() {
            self.body = Some(self.documents.remove(0));
        }
    }
}

/// The word that ends a here-document, and whether values are put into it.
fn document(rest: &str) -> Option<(String, bool)> {
    let rest = rest.trim_start_matches('-').trim_start_matches(' ');
    let word: String = rest
        .chars()
        .filter(|c| !matches!(c, '\'' | '"' | '\\'))
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!word.is_empty()).then(|| (word, !rest.starts_with(['\'', '"', '\\'])))
}

/// A placeholder at the beginning of `rest`: its length in bytes and the param's name.
fn open(rest: &str, before: Option<char>) -> Option<(usize, String)> {
    let named = |words: &str| {
        let name = slug(words, "value").replace('-', "_");
        if crate::runbook::params::is_refused_env(&name.to_uppercase()) { format!("the_{name}") } else { name }
    };
    if rest.starts_with('<') && before != Some('<') {
        // No blanks at its ends, so that `< file` and `<in >out` stay what they are.
        let (inner, _) = rest[1..].split_once('>')?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ' ');
        let whole = inner.starts_with(|c: char| c.is_ascii_alphabetic())
            && inner.ends_with(|c: char| c.is_ascii_alphanumeric())
            && inner.len() <= 40
            && inner.chars().all(fits);
        return whole.then(|| (inner.len() + 2, named(inner)));
    }
    if before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '{')) {
        return None;
    }
    let behind = |word: &str| rest[word.len()..].chars().next();
    let stands = |word: &&&str| rest.starts_with(**word) && behind(word).is_none_or(|c| !c.is_ascii_alphanumeric());
    const DATES: [&str; 4] = ["YYYYMMDD-HHMMSS", "YYYYMMDD_HHMMSS", "YYYYMMDD", "YYYY-MM-DD"];
    const VERSIONS: [&str; 2] = ["vX.Y.Z", "X.Y.Z"];
    let date = DATES
        .iter()
        .find(|word| stands(word))
        .map(|word| (word.len(), if word.len() > 10 { "timestamp" } else { "date" }));
    let version = || VERSIONS.iter().find(|word| stands(word)).map(|word| (word.len(), "version"));
    date.or_else(version).map(|(length, name)| (length, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::names::Placeholders;

    fn script(text: &str) -> String {
        Placeholders::default().in_script(text)
    }

    #[test]
    fn a_value_is_quoted_where_it_stands() {
        for (guide, made) in [
            ("rm -rf /data/<name>", "rm -rf /data/\"${NAME}\""),
            ("echo \"at <name>\" '<name>, it'", "echo \"at ${NAME}\" ''\"${NAME}\"', it'"),
            ("echo \"$(cat <file> | wc -l)\" <n>", "echo \"$(cat \"${FILE}\" | wc -l)\" \"${N}\""),
            ("a=$(b '<c>') <d>", "a=$(b ''\"${C}\"'') \"${D}\""),
            ("echo it\\'s <name>", "echo it\\'s \"${NAME}\""),
            ("ssh <replica name> x vX.Y.Z", "ssh \"${REPLICA_NAME}\" x \"${VERSION}\""),
            ("cp b-YYYYMMDD-HHMMSS.yaml .", "cp b-\"${TIMESTAMP}\".yaml ."),
            ("cat <<EOF >f\n\"<name>\"\nEOF\necho <name>\n", "cat <<EOF >f\n\"${NAME}\"\nEOF\necho \"${NAME}\"\n"),
        ] {
            assert_eq!(script(guide), made, "{guide}");
        }
    }

    #[test]
    fn what_a_shell_leaves_alone_stays() {
        for text in [
            "x # of <name>\n",
            "cat <<'EOF'\n<name>\nEOF\n",
            "sort <in >out; cat < <(x) <<<word\n",
            "date +%Y%m%d; echo $YYYYMMDD ${YYYYMMDD} XYYYYMMDD\n",
        ] {
            assert_eq!(script(text), text);
        }
    }
}
