//! A Markdown guide becomes a runbook to finish by hand: one that passes `check` already and says, line by line,
//! what a person must still decide. Headings, shell blocks, checklists and prose become steps; known kubectl and
//! helm lines become native ones. Reads no file and runs nothing.

mod command;
mod emit;
mod markdown;
mod names;
mod native;
mod quoting;
mod shell;

use serde_json::{Value, json};

use self::{
    emit::Draft,
    markdown::{Block, Guide, Section},
    names::{Names, Placeholders},
};
use crate::runbook;

/// What came of a guide.
pub struct Imported {
    /// The runbook, as YAML.
    pub text: String,
    pub steps: usize,
    /// Steps that a person must look at before the first run.
    pub unfinished: usize,
}

/// Makes a runbook of a guide. `file` is its name, for the words in the runbook.
///
/// # Errors
/// There is nothing in it that could be a step.
pub fn import(file: &str, text: &str) -> Result<Imported, String> {
    let guide = markdown::read(&text.replace("\r\n", "\n"));
    let title = guide.title.clone().unwrap_or_else(|| names::stem(file));
    let mut placeholders = Placeholders::default();
    let mut names = Names::default();
    let mut steps: Vec<Draft> = Vec::new();
    for section in &guide.sections {
        steps_of(section, &mut placeholders, &mut names, &mut steps);
    }
    if steps.is_empty() {
        return Err(format!(
            "{file} holds no heading with text under it, no shell block and no checklist, so there is nothing to import; \
             `ripcord new NAME` writes a runbook to begin with"
        ));
    }
    for step in &mut steps {
        step.settle(&placeholders);
    }
    let unfinished = steps.iter().filter(|step| !step.finish.is_empty()).count();
    let text = emit::runbook(file, &title, &guide_description(&guide), &placeholders, &steps);
    Ok(Imported { text, steps: steps.len(), unfinished })
}

fn guide_description(guide: &Guide) -> String {
    if guide.preface.trim().is_empty() {
        "Imported; say here when to use it.".to_owned()
    } else {
        guide.preface.clone()
    }
}

/// Every block of a section in its order; prose goes before what follows it.
fn steps_of(section: &Section, placeholders: &mut Placeholders, names: &mut Names, steps: &mut Vec<Draft>) {
    let mut prose = String::new();
    let first = steps.len();
    for block in &section.blocks {
        match block {
            Block::Prose(text) => {
                prose.push_str(text);
                prose.push_str("\n\n");
            }
            Block::Checklist(items) => {
                let items: Vec<Value> = items.iter().map(|item| json!({ "text": item })).collect();
                let action = json!({ "items": items });
                steps.push(Draft::new(names.id(&section.title), &section.title, "checklist", action, take(&mut prose)));
            }
            Block::Shell(script) => {
                let script = placeholders.in_script(script);
                for part in shell::parts(&script) {
                    let title = part.title.clone().unwrap_or_else(|| section.title.clone());
                    let id = names.id(&title);
                    steps.push(command::step(id, &title, &part, take(&mut prose)));
                }
            }
        }
    }
    let left = take(&mut prose);
    if left.is_empty() {
        return;
    }
    match steps.get_mut(first..).and_then(<[Draft]>::last_mut) {
        Some(last) => last.add_doc(&left),
        None => {
            let mut step = Draft::new(names.id(&section.title), &section.title, "manual", json!(section.title), left);
            step.finish.push("prose only: say what is to be done, or fold it into another step".into());
            steps.push(step);
        }
    }
}

fn take(prose: &mut String) -> String {
    std::mem::take(prose).trim().to_owned()
}

/// True where these steps alone make a runbook that passes `check`.
fn passes(placeholders: &Placeholders, steps: &[Draft]) -> bool {
    let text = emit::runbook("x", "x", "x", placeholders, steps);
    runbook::load_str("import.yaml", &text).is_ok()
}
