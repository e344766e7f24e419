//! A shell block as its commands. Comments become titles; what spans lines stays together.

/// Commands that belong together, and the comment that stood before them.
#[derive(Debug, PartialEq)]
pub struct Part {
    pub title: Option<String>,
    pub script: String,
    /// One plain command of one line: it may become a native step.
    pub single: bool,
}

/// A command (continued lines joined by their own `\`), or a comment.
enum Line {
    Comment(String),
    Command(String),
}

/// Each run of commands under a comment is a part; a kubectl or helm line is a part of its own.
pub fn parts(script: &str) -> Vec<Part> {
    let Some(lines) = lines(script) else { return whole(script) };
    let mut parts: Vec<Part> = Vec::new();
    let mut title: Option<String> = None;
    let mut notes = Vec::new();
    let mut fresh = true;
    for line in lines {
        match line {
            Line::Comment(text) => {
                title = title.filter(|_| fresh).or(Some(text.clone()));
                notes.push(text);
                fresh = true;
            }
            Line::Command(command) => {
                let single = is_native(&command);
                match parts.last_mut().filter(|last| !fresh && !single && !last.single) {
                    Some(last) => last.script.push_str(&format!("{command}\n")),
                    None => parts.push(Part { title: title.take(), script: format!("{command}\n"), single }),
                }
                notes.clear();
                fresh = false;
            }
        }
    }
    if parts.is_empty() && !notes.is_empty() {
        // Comments alone: somebody is told to do something.
        parts.push(Part { title: None, script: notes.join("\n"), single: false });
    }
    parts
}

fn whole(script: &str) -> Vec<Part> {
    if script.trim().is_empty() {
        return Vec::new();
    }
    let comment = script.lines().find_map(|line| line.trim().strip_prefix("# "));
    vec![Part { title: comment.map(str::to_owned), script: script.to_owned(), single: false }]
}

/// A loop, a condition, a here-document and an open quote stay one command; `None` where one of them never ends.
fn lines(script: &str) -> Option<Vec<Line>> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in script.lines() {
        if open.is_empty() && line.trim().is_empty() {
            continue;
        }
        if open.is_empty()
            && let Some(comment) = line.trim().strip_prefix('#')
        {
            all.push(Line::Comment(comment.trim().to_owned()));
            continue;
        }
        open.push_str(line);
        if line.trim_end().ends_with('\\') {
            open.push('\n');
            continue;
        }
        if spans_lines(&open) {
            open.push('\n');
            continue;
        }
        all.push(Line::Command(std::mem::take(&mut open)));
    }
    match open.trim_end().trim_end_matches('\\') {
        "" => Some(all),
        left if spans_lines(left) => None,
        left => {
            all.push(Line::Command(left.to_owned()));
            Some(all)
        }
    }
}

/// An open quote, a here-document without its end, a loop or a condition without its last word.
pub(super) fn spans_lines(command: &str) -> bool {
    let odd = |quote: char| command.matches(quote).count() % 2 == 1;
    let ends = ["{", "(", "|", "&&", "||"].iter().any(|end| command.trim_end().ends_with(end));
    let count = |words: &[&str]| {
        let all = command.split([' ', '\t', '\n', ';']).filter(|word| words.contains(word));
        all.count()
    };
    let open = count(&["for", "while", "until", "if", "case"]) > count(&["done", "fi", "esac"]);
    odd('\'') || odd('"') || ends || open || has_open_document(command)
}

fn has_open_document(command: &str) -> bool {
    let Some((_, behind)) = command.split_once("<<") else { return false };
    let word: String = behind
        .trim_start_matches(['-', ' ', '\'', '"'])
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    !word.is_empty() && !command.lines().skip(1).any(|line| line.trim() == word)
}

/// A kubectl or helm line without any shell in it.
fn is_native(command: &str) -> bool {
    let tool = command.split_whitespace().next().unwrap_or_default();
    let joined = command.replace("\\\n", " ");
    let shell = joined.contains(['|', '>', '<', ';', '&', '`', '*']) || joined.contains("$(");
    matches!(tool, "kubectl" | "helm") && !shell
}

/// The words of a plain command; quotes taken off.
pub fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let command = command.replace("\\\n", " ");
    // A comment behind the command is no word of it.
    let command = command.split(" #").next().unwrap_or_default().to_owned();
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                begun = true;
            }
            (None, c) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (_, c) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_falls_into_commands_under_their_comments() {
        let all = parts("# Build\nmake a\nmake b\n\n# Look\nkubectl get pods \\\n  -n x\necho done\n");
        let told: Vec<_> = all.iter().map(|part| (part.title.as_deref(), part.script.as_str(), part.single)).collect();
        assert_eq!(
            told,
            [
                (Some("Build"), "make a\nmake b\n", false),
                (Some("Look"), "kubectl get pods \\\n  -n x\n", true),
                (None, "echo done\n", false),
            ]
        );
    }

    #[test]
    fn what_spans_lines_stays_whole() {
        for script in
            ["for x in a b; do\n  echo $x\ndone\n", "cat <<EOF > f\na\n# b\nEOF\n", "echo 'a\nb'\n", "if a; then\nb\n"]
        {
            let all = parts(script);
            assert!(all.len() == 1 && all[0].script == script, "{all:?}");
        }
        let all = parts("kubectl get pods\nfor x in a; do\n  kubectl get pods\ndone\nkubectl get pods\n");
        assert_eq!(all.iter().map(|part| part.single).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn words_are_what_a_shell_would_give() {
        assert_eq!(words("kubectl get \"a b\" 'c' \\\n  -l x=y # why"), ["kubectl", "get", "a b", "c", "-l", "x=y"]);
    }
}
