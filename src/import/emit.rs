//! Steps as YAML that a person goes on writing: block texts, short maps, a comment where something is to be finished.

use serde_json::{Value, json};

use super::names::{self, Placeholders};

/// A step in the making.
#[derive(Clone)]
pub struct Draft {
    pub id: String,
    pub title: String,
    pub kind: &'static str,
    pub action: Value,
    pub doc: String,
    /// Keys behind the action.
    pub extra: Vec<(&'static str, Value)>,
    /// The shell it came from, for a step that cannot be native after all.
    pub script: Option<String>,
    /// What a person must look at.
    pub finish: Vec<String>,
}

impl Draft {
    pub fn new(id: String, title: &str, kind: &'static str, action: Value, doc: String) -> Self {
        let title = title.trim().to_owned();
        Self { id, title, kind, action, doc, extra: Vec::new(), script: None, finish: Vec::new() }
    }

    pub fn add_doc(&mut self, text: &str) {
        if !self.doc.is_empty() {
            self.doc.push_str("\n\n");
        }
        self.doc.push_str(text);
    }

    /// Makes it pass `check`: templates filled in, and what does not load made simpler until it does.
    pub fn settle(&mut self, placeholders: &Placeholders) {
        // What looks like a template of ours in the guide's own words is none.
        self.doc = self.doc.replace("${{", "$ {{");
        self.title = self.title.replace("${{", "$ {{");
        if !matches!(self.kind, "run") {
            self.action = templated(&self.action, placeholders);
        }
        let alone = |step: &Self| super::passes(placeholders, std::slice::from_ref(step));
        if alone(self) {
            return;
        }
        if let Some(script) = self.script.clone().filter(|_| self.kind != "run") {
            (self.kind, self.action) = ("run", json!(script.trim_end()));
            self.finish = vec!["it could not be made native; it runs as the guide wrote it".into()];
            if alone(self) {
                return;
            }
        }
        let words = self.script.clone().unwrap_or_else(|| self.title.clone()).replace("${{", "$ {{");
        (self.kind, self.action) = ("manual", json!(words));
        self.extra.clear();
        self.finish = vec!["it could not be made a step; a person does it by hand until somebody writes one".into()];
    }

    fn write(&self, out: &mut String) {
        for what in &self.finish {
            out.push_str(&format!("  # finish: {}\n", what.replace('\n', " ")));
        }
        out.push_str(&format!("  - id: {}\n    title: {}\n", self.id, quoted(&self.title)));
        if !self.doc.is_empty() {
            out.push_str("    doc: ");
            text(&self.doc, 6, out);
        }
        let block =
            matches!(&self.action, Value::Object(map) if self.kind == "checklist" || map.contains_key("script"));
        out.push_str(&format!("    {}:{}", self.kind, if block { "\n" } else { " " }));
        match &self.action {
            Value::String(script) => text(script, 6, out),
            Value::Object(map) if self.kind == "checklist" => {
                out.push_str("      items:\n");
                for item in map.get("items").and_then(Value::as_array).into_iter().flatten() {
                    out.push_str(&format!("        - {}\n", quoted(item["text"].as_str().unwrap_or_default())));
                }
            }
            Value::Object(map) if map.contains_key("script") => {
                for (key, value) in map {
                    out.push_str(&format!("      {key}: "));
                    match value {
                        Value::String(script) => text(script, 8, out),
                        other => out.push_str(&format!("{}\n", flow(other))),
                    }
                }
            }
            other => out.push_str(&format!("{}\n", flow(other))),
        }
        for (key, value) in &self.extra {
            out.push_str(&format!("    {key}: {}\n", flow(value)));
        }
    }
}

fn templated(value: &Value, placeholders: &Placeholders) -> Value {
    match value {
        Value::String(text) => Value::String(placeholders.templated(text)),
        Value::Array(items) => items.iter().map(|item| templated(item, placeholders)).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), templated(value, placeholders))).collect())
        }
        other => other.clone(),
    }
}

/// The whole runbook.
pub fn runbook(file: &str, title: &str, description: &str, placeholders: &Placeholders, steps: &[Draft]) -> String {
    let mut out = format!(
        "# Imported from {file}. It passes `ripcord check`; every `# finish:` is a question only a person can answer.\n\
         # yaml-language-server: $schema=runbook.schema.json\n\
         apiVersion: ripcord/v1\nkind: Runbook\nmetadata:\n  name: {}\n  title: {}\n  tags: [imported]\ndescription: ",
        names::slug(title, "imported"),
        quoted(title),
    )
    .replace(['\r', '\u{b}'], " ");
    text(&description.replace("${{", "$ {{"), 2, &mut out);
    if !placeholders.params.is_empty() {
        out.push_str("params:\n");
        for (param, word) in &placeholders.params {
            let about = quoted(&format!("{word} of the guide"));
            out.push_str(&format!("  {param}: {{type: string, required: true, description: {about}}}\n"));
        }
    }
    if steps.iter().any(|step| matches!(step.kind, "kubernetes" | "helm")) {
        out.push_str("# finish: what does a rollback lead back to? `{helmRelease: NAME}` or `{deployment: NAME}`\n");
        out.push_str("baseline: {none: imported from a guide that names no baseline}\n");
    }
    out.push_str("steps:\n");
    steps.iter().for_each(|step| step.write(&mut out));
    out.push_str("# finish: the way back, as `rollback:` with steps of its own\n");
    out
}

/// A block where it has lines, else one quoted line.
fn text(text: &str, indent: usize, out: &mut String) {
    let text = visible_lines(text);
    let text = text.trim_end();
    // A first line that begins with a blank would need an indentation indicator.
    if !text.contains('\n') || text.starts_with([' ', '\n']) {
        out.push_str(&format!("{}\n", quoted(text)));
        return;
    }
    out.push_str("|\n");
    for line in text.lines() {
        match line.trim_end().is_empty() {
            true => out.push('\n'),
            false => out.push_str(&format!("{:indent$}{line}\n", "")),
        }
    }
}

/// No tabs and nothing invisible: a block text has no escapes.
fn visible_lines(text: &str) -> String {
    crate::visible::text(&text.replace('\t', "    ")).into_owned()
}

/// JSON's quotes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::to_string(&visible_lines(text)).unwrap_or_default()
}

/// A map in one line, keys bare where they may be.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| {
                let bare = key.chars().all(|c| c.is_ascii_alphanumeric());
                format!("{}: {}", if bare { key.clone() } else { quoted(key) }, flow(value))
            });
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}
