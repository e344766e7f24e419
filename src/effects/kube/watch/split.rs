//! Takes a list apart while it arrives: one object at a time, never the whole answer in memory.

/// Finds the elements of `items` and the text of `metadata` in a `…List`, fed in pieces of any size.
#[derive(Debug, Default)]
pub struct ListSplitter {
    held: Vec<u8>,
    depth: u32,
    state: Scan,
    part: Part,
    /// The last key seen at the outermost level.
    key: Vec<u8>,
    metadata: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Scan {
    #[default]
    Plain,
    Text,
    Escape,
}

/// What the byte under the finger belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Part {
    #[default]
    Other,
    Key,
    Item,
    Metadata,
}

impl ListSplitter {
    /// Hands over each whole object of `items`, in order.
    pub fn feed(&mut self, piece: &[u8], mut item: impl FnMut(&[u8])) {
        let mut from = 0;
        let mut at = 0;
        while at < piece.len() {
            if self.state == Scan::Text {
                // long strings (annotations) are the bulk of a pod: no look at each byte
                at += piece[at..].iter().position(|b| matches!(b, b'"' | b'\\')).unwrap_or(piece.len() - at);
                if at == piece.len() {
                    break;
                }
            }
            let byte = piece[at];
            match (self.state, byte) {
                (Scan::Escape, _) => self.state = Scan::Text,
                (Scan::Text, b'\\') => self.state = Scan::Escape,
                (Scan::Text, _) => self.end_text(&piece[from..at]),
                (Scan::Plain, b'"') => {
                    self.state = Scan::Text;
                    if self.depth == 1 {
                        self.part = Part::Key;
                        self.key.clear();
                        from = at + 1;
                    }
                }
                (Scan::Plain, b'{' | b'[') => {
                    if self.opens() {
                        from = at;
                    }
                    self.depth += 1;
                }
                (Scan::Plain, b'}' | b']') => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.closes() {
                        self.finish(&piece[from..=at], &mut item);
                    }
                }
                (Scan::Plain, _) => {}
            }
            at += 1;
        }
        self.keep(&piece[from.min(piece.len())..]);
    }

    /// The list's own metadata: `resourceVersion`, `continue`, `remainingItemCount`.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    fn end_text(&mut self, rest: &[u8]) {
        self.state = Scan::Plain;
        if self.part == Part::Key {
            self.key.extend_from_slice(rest);
            self.part = Part::Other;
        }
    }

    fn opens(&mut self) -> bool {
        let part = match (self.depth, self.key.as_slice()) {
            (2, b"items") => Part::Item,
            (1, b"metadata") => Part::Metadata,
            _ => return false,
        };
        self.part = part;
        self.held.clear();
        true
    }

    fn closes(&self) -> bool {
        matches!((self.part, self.depth), (Part::Item, 2) | (Part::Metadata, 1))
    }

    fn finish(&mut self, rest: &[u8], item: &mut impl FnMut(&[u8])) {
        let part = std::mem::take(&mut self.part);
        let whole = if self.held.is_empty() {
            rest
        } else {
            self.held.extend_from_slice(rest);
            &self.held
        };
        match part {
            Part::Metadata => self.metadata = whole.to_vec(),
            _ => item(whole),
        }
        self.held.clear();
    }

    fn keep(&mut self, rest: &[u8]) {
        match self.part {
            Part::Other => {}
            Part::Key => self.key.extend_from_slice(rest),
            Part::Item | Part::Metadata => self.held.extend_from_slice(rest),
        }
    }
}

/// Lines of a watch, fed in pieces. A line is one JSON object; a newline inside a string is escaped there.
#[derive(Debug, Default)]
pub struct LineSplitter {
    held: Vec<u8>,
}

impl LineSplitter {
    pub fn feed(&mut self, piece: &[u8], mut line: impl FnMut(&[u8])) {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            if self.held.is_empty() {
                line(&rest[..end]);
            } else {
                self.held.extend_from_slice(&rest[..end]);
                line(&self.held);
                self.held.clear();
            }
            rest = &rest[end + 1..];
        }
        self.held.extend_from_slice(rest);
        if self.held.is_empty() {
            self.held.shrink_to(64 * 1024);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","remainingItemCount":3},
        "items":[{"a":"x]}\"{","n":{"items":[1,{"b":2}]}},{},{"metadata":{"items":"no"}} , {"s":"\\"}],"other":{"items":[{"not":"this"}]}}"#;

    fn split(text: &str, sizes: &[usize]) -> (Vec<serde_json::Value>, serde_json::Value) {
        let mut splitter = ListSplitter::default();
        let mut items = Vec::new();
        let mut rest = text.as_bytes();
        let mut sizes = sizes.iter().copied().cycle();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(sizes.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
            splitter.feed(piece, |item| items.push(serde_json::from_slice(item).unwrap()));
            rest = after;
        }
        (items, serde_json::from_slice(splitter.metadata()).unwrap())
    }

    fn whole(text: &str) -> (Vec<serde_json::Value>, serde_json::Value) {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        let serde_json::Value::Array(items) = value["items"].take() else { panic!("no items") };
        (items, value["metadata"].take())
    }

    #[test]
    fn items_and_metadata_are_found_wherever_the_pieces_end() {
        assert_eq!(split(LIST, &[]), whole(LIST));
        for size in 1..60 {
            assert_eq!(split(LIST, &[size]), whole(LIST), "pieces of {size}");
        }
    }

    #[test]
    fn an_empty_list_and_metadata_at_the_end() {
        let late = r#"{"items":[],"metadata":{"resourceVersion":"1"}}"#;
        assert_eq!(split(late, &[3]), whole(late));
    }

    proptest! {
        #[test]
        fn any_list_comes_out_as_it_is(texts in prop::collection::vec(".*", 0..6), sizes in prop::collection::vec(1usize..40, 1..5), pretty: bool) {
            let items: Vec<_> = texts.iter().map(|t| serde_json::json!({t.as_str(): t, "deep": [{"x": [t]}], "n": -1.5e3})).collect();
            let list = serde_json::json!({"kind": "List", "metadata": {"continue": texts.first()}, "items": items});
            let text = if pretty { serde_json::to_string_pretty(&list).unwrap() } else { list.to_string() };
            prop_assert_eq!(split(&text, &sizes), whole(&text));
        }

        #[test]
        fn lines_come_out_whole(lines in prop::collection::vec("[a-z]{0,9}", 0..9), sizes in prop::collection::vec(1usize..7, 1..4)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut splitter = LineSplitter::default();
            let mut found = Vec::new();
            let mut rest = text.as_bytes();
            let mut sizes = sizes.into_iter().cycle();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
                splitter.feed(piece, |line| found.push(String::from_utf8(line.to_vec()).unwrap()));
                rest = after;
            }
            prop_assert_eq!(found, lines);
        }
    }
}
