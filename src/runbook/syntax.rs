//! The YAML parser's complaints in an author's words, each with what to do next.

/// Words of the parser, what they mean here, and the hint.
const KNOWN: [(&str, &str, &str); 9] = [
    (
        "Documents",
        "a second document begins here",
        "one runbook a file: take the `---` out, or give it a file of its own",
    ),
    ("recursion limit", "this lies too deep in itself", "lists and maps may lie 48 deep"),
    ("Depth", "this lies too deep in itself", "lists and maps may lie 48 deep"),
    (
        "budget breached",
        "it is too large when its anchors are filled in",
        "at most 50,000 values, 64 anchors and 64 aliases",
    ),
    ("lias", "it is too large when its anchors are filled in", "at most 50,000 values, 64 anchors and 64 aliases"),
    ("found a tab", "a tab where indentation is meant", "indent with spaces: YAML takes no tabs"),
    ("tabs disallowed", "a tab where indentation is meant", "indent with spaces: YAML takes no tabs"),
    ("mapping values are not allowed", "a `: ` inside a value", "put quotes around the whole text"),
    ("end of stream", "the file ends in the middle of something", "a bracket, a brace or a quote is not closed"),
];

/// The message without its place, which is printed apart, and a hint.
pub(super) fn in_words(text: &str, line: &str) -> (String, &'static str) {
    if let Some((_, message, hint)) = KNOWN.iter().find(|(words, ..)| text.contains(words)) {
        return ((*message).to_owned(), hint);
    }
    let text = match text.split_once(": ") {
        Some((head, rest)) if head.contains("line") && head.contains("column") => rest,
        _ => text,
    };
    let text = text.split(" at line ").next().unwrap_or(text);
    let hint = match line {
        line if line.trim_start_matches(' ').starts_with('\t') => "indent with spaces: YAML takes no tabs",
        line if line.contains("${{") => "inside `{…}` or `[…]` a template needs quotes: \"${{ … }}\"",
        _ => "look at the quotes, brackets and indentation of this line and the one above it",
    };
    (text.to_owned(), hint)
}
