//! The guide as sections: a heading, and under it prose, shell blocks and checklists in their order.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::shell::spans_lines;

#[derive(Debug, PartialEq)]
pub enum Block {
    /// Markdown as it stood.
    Prose(String),
    Shell(String),
    Checklist(Vec<String>),
}

#[derive(Debug)]
pub struct Section {
    pub title: String,
    pub blocks: Vec<Block>,
}

pub struct Guide {
    /// The first heading of the first level.
    pub title: Option<String>,
    /// What stands before the first section.
    pub preface: String,
    pub sections: Vec<Section>,
}

/// Words that open a block a shell would read.
const SHELLS: [&str; 7] = ["bash", "sh", "shell", "console", "zsh", "shell-session", "terminal"];

/// First words of a block that says no language and is one for a shell all the same.
const TOOLS: &str = "ansible aws az cat cd chmod cp curl dig docker echo etcdctl export gcloud gh git helm journalctl \
                     kubectl make mkdir mv openssl psql redis-cli rm rsync scp ssh sudo systemctl tail terraform watch";

pub fn read(text: &str) -> Guide {
    let mut guide = Guide { title: None, preface: String::new(), sections: Vec::new() };
    let options = Options::ENABLE_TASKLISTS
        | Options::ENABLE_TABLES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut events = Parser::new_ext(text, options).into_offset_iter();
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let title = plain(&mut events, |end| matches!(end, TagEnd::Heading(_)));
                if level == HeadingLevel::H1 && guide.title.is_none() && guide.sections.is_empty() {
                    guide.title = Some(title);
                } else {
                    guide.sections.push(Section { title, blocks: Vec::new() });
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let code = plain(&mut events, |end| matches!(end, TagEnd::CodeBlock));
                let block = match is_shell(&kind, &code) {
                    true => Block::Shell(unprompted(&code)),
                    false => Block::Prose(text[range].trim_end().to_owned()),
                };
                guide.put(block);
            }
            // What a site's generator wants to know of a page.
            Event::Start(Tag::MetadataBlock(_)) => {
                plain(&mut events, |end| matches!(end, TagEnd::MetadataBlock(_)));
            }
            Event::Start(tag) => {
                let (is_html, end) = (matches!(tag, Tag::HtmlBlock), tag.to_end());
                let (items, shells) = inside(&mut events, end);
                // Numbered instructions hold their commands inside; those become steps of their own.
                let raw = without(text, range, &shells);
                let raw = if is_html { untagged(&raw) } else { raw };
                match items {
                    Some(items) => guide.put(Block::Checklist(items)),
                    None if raw.is_empty() || is_contents(&raw) => {}
                    None => guide.put(Block::Prose(raw)),
                }
                shells.into_iter().for_each(|(_, shell)| guide.put(Block::Shell(shell)));
            }
            _ => {}
        }
    }
    guide
}

impl Guide {
    fn put(&mut self, block: Block) {
        match (self.sections.last_mut(), block) {
            (Some(section), block) => section.blocks.push(block),
            (None, Block::Prose(text)) => {
                self.preface.push_str(&text);
                self.preface.push('\n');
            }
            (None, block) => self.sections.push(Section { title: "Before you begin".into(), blocks: vec![block] }),
        }
    }
}

type Events<'a> = pulldown_cmark::OffsetIter<'a>;

/// The text up to an end, without its marks.
fn plain(events: &mut Events<'_>, is_end: impl Fn(TagEnd) -> bool) -> String {
    let mut out = String::new();
    for (event, _) in events {
        match event {
            Event::End(end) if is_end(end) => break,
            Event::Text(text) | Event::Code(text) => out.push_str(&text),
            Event::SoftBreak | Event::HardBreak => out.push(' '),
            _ => {}
        }
    }
    out
}

/// A shell block: where it stands, and its text.
type Shell = (Range<usize>, String);

/// Reads to the end of a block: the items, where it is a list of things to tick, and the shell blocks in it.
fn inside(events: &mut Events<'_>, end: TagEnd) -> (Option<Vec<String>>, Vec<Shell>) {
    let (mut depth, mut items, mut ticked, mut shells) = (1, Vec::<String>::new(), false, Vec::new());
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let code = plain(events, |end| matches!(end, TagEnd::CodeBlock));
                shells.extend(is_shell(&kind, &code).then(|| (range, unprompted(&code))));
            }
            Event::Start(tag) => {
                depth += usize::from(tag.to_end() == end);
                if matches!(tag, Tag::Item) {
                    items.push(String::new());
                }
            }
            Event::End(at) if at == end => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            Event::TaskListMarker(_) => ticked = true,
            Event::Text(text) | Event::Code(text) => {
                if let Some(item) = items.last_mut() {
                    item.push_str(&text);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(item) = items.last_mut() {
                    item.push(' ');
                }
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    ((ticked && !items.is_empty()).then_some(items), shells)
}

/// The text of a block without some pieces of it, and without the empty lines they leave.
fn without(text: &str, block: Range<usize>, pieces: &[(Range<usize>, String)]) -> String {
    let (mut out, mut at) = (String::new(), block.start);
    for (piece, _) in pieces {
        out.push_str(&text[at..piece.start]);
        at = piece.end;
    }
    out.push_str(&text[at..block.end]);
    if pieces.is_empty() {
        return out.trim_end().to_owned();
    }
    let lines: Vec<&str> = out.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n")
}

/// HTML without its marks: what a reader would see. A placeholder in angle brackets is no mark.
fn untagged(html: &str) -> String {
    const MARKS: &str = r"(?is)<!--.*?-->|</?(details|summary|div|span|p|br|hr|a|img|b|i|em|strong|code|pre|kbd|sub|sup|ul|ol|li|table|thead|tbody|tr|td|th|h[1-6]|center|video|picture|source)(\s[^>]*)?/?>";
    let plain =
        regex::Regex::new(MARKS).map_or_else(|_| html.to_owned(), |marks| marks.replace_all(html, "").into_owned());
    let lines: Vec<&str> = plain.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// A list of links into the guide itself is no work to do.
fn is_contents(raw: &str) -> bool {
    let mut lines = raw.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    raw == "---" || (lines.peek().is_some() && lines.all(|line| line.contains("](#")))
}

fn is_shell(kind: &CodeBlockKind<'_>, code: &str) -> bool {
    let word = match kind {
        CodeBlockKind::Fenced(info) => info.split([' ', ',', '{']).next().unwrap_or_default().to_lowercase(),
        CodeBlockKind::Indented => String::new(),
    };
    let first = code.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let tool = first
        .and_then(|line| line.split_whitespace().next())
        .is_some_and(|word| TOOLS.split_whitespace().any(|tool| tool == word));
    SHELLS.contains(&word.as_str())
        || (word.is_empty() && (tool || code.lines().any(|line| behind_prompt(line).is_some())))
}

/// `$ make`, `ann@host:~$ make`, `[ann@host dir]$ make`.
fn behind_prompt(line: &str) -> Option<&str> {
    let (prompt, command) = line.trim_start().split_once("$ ")?;
    let is_prompt = prompt.is_empty() || (prompt.contains('@') && !prompt.contains(['"', '\'', '=', '|']));
    is_prompt.then_some(command)
}

/// Without prompts; where there are prompts, lines without one are what was printed.
fn unprompted(code: &str) -> String {
    if !code.lines().any(|line| behind_prompt(line).is_some()) {
        return code.to_owned();
    }
    let (mut out, mut open) = (String::new(), String::new());
    for line in code.lines() {
        let command = match (open.is_empty(), behind_prompt(line)) {
            (true, Some(command)) => command,
            (true, None) => continue,
            (false, _) => line.strip_prefix("> ").unwrap_or(line),
        };
        open.push_str(command);
        open.push('\n');
        if !command.ends_with('\\') && !spans_lines(&open) {
            out.push_str(&std::mem::take(&mut open));
        }
    }
    out + &open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_falls_into_sections_with_their_blocks_in_order() {
        let guide = read(
            "# Deploy\n\nIntro.\n\n- [one](#one)\n\n## One\n\nFirst *this*.\n\n```bash\n$ make all\nbuilt\n```\n\n- [ ] ready\n- [x] told **everyone**\n\n```yaml\na: 1\n```\n",
        );
        assert_eq!(guide.title.as_deref(), Some("Deploy"));
        assert_eq!(guide.preface.trim(), "Intro.");
        let blocks = &guide.sections[0].blocks;
        assert_eq!(blocks[0], Block::Prose("First *this*.".into()));
        assert_eq!(blocks[1], Block::Shell("make all\n".into()));
        assert_eq!(blocks[2], Block::Checklist(vec!["ready".into(), "told everyone".into()]));
        assert_eq!(blocks[3], Block::Prose("```yaml\na: 1\n```".into()));
    }
    #[test]
    fn what_was_printed_is_left_out_and_what_a_command_goes_on_with_is_not() {
        let code = "ann@db-1:~$ cat > f <<EOF\n> one $HOME\n> EOF\n$ make \\\n  all\nbuilt 3 $ worth\n[ann@db-1 x]$ ls\na  b\n";
        assert_eq!(unprompted(code), "cat > f <<EOF\none $HOME\nEOF\nmake \\\n  all\nls\n");
    }

    #[test]
    fn a_list_leaves_its_commands_to_the_steps_and_html_its_marks() {
        let guide = read(
            "---\ntitle: page\n---\n# T\n\n## A\n\n1. Look:\n\n   ```\n   kubectl get pods\n   ```\n\n2. Wait.\n\n<details><summary>More</summary>\n\n<pod> is left\n\n</details>\n",
        );
        assert_eq!(guide.title.as_deref(), Some("T"), "the page's own data is no heading");
        let blocks = &guide.sections[0].blocks;
        assert_eq!(blocks[0], Block::Prose("1. Look:\n2. Wait.".into()));
        assert_eq!(blocks[1], Block::Shell("kubectl get pods\n".into()));
        assert_eq!(blocks[2..], [Block::Prose("More".into()), Block::Prose("<pod> is left".into())]);
    }
}
