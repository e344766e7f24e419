//! The guide as sections: a heading, and under it prose, shell blocks and checklists in their order.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

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

pub fn read(text: &str) -> Guide {
    let mut guide = Guide { title: None, preface: String::new(), sections: Vec::new() };
    let options = Options::ENABLE_TASKLISTS | Options::ENABLE_TABLES;
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
            Event::Start(tag) => {
                let end = tag.to_end();
                let (items, shells) = inside(&mut events, end);
                let raw = text[range].trim_end();
                match items {
                    Some(items) => guide.put(Block::Checklist(items)),
                    None if is_contents(raw) => {}
                    None => guide.put(Block::Prose(raw.to_owned())),
                }
                // Numbered instructions hold their commands inside.
                shells.into_iter().for_each(|shell| guide.put(Block::Shell(shell)));
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

/// Reads to the end of a block: the items, where it is a list of things to tick, and the shell blocks in it.
fn inside(events: &mut Events<'_>, end: TagEnd) -> (Option<Vec<String>>, Vec<String>) {
    let (mut depth, mut items, mut ticked, mut shells) = (1, Vec::<String>::new(), false, Vec::new());
    while let Some((event, _)) = events.next() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let code = plain(events, |end| matches!(end, TagEnd::CodeBlock));
                shells.extend(is_shell(&kind, &code).then(|| unprompted(&code)));
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
    SHELLS.contains(&word.as_str()) || (word.is_empty() && code.lines().any(|line| line.starts_with("$ ")))
}

/// Without prompts; where there are prompts, lines without one are what was printed.
fn unprompted(code: &str) -> String {
    let prompted = code.lines().any(|line| line.starts_with("$ "));
    if !prompted {
        return code.to_owned();
    }
    let mut going_on = false;
    let mut out = String::new();
    for line in code.lines() {
        let command = line.strip_prefix("$ ").or(going_on.then_some(line));
        if let Some(command) = command {
            out.push_str(command);
            out.push('\n');
        }
        going_on = command.is_some_and(|command| command.ends_with('\\'));
    }
    out
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
}
