//! Facts to lines, or to JSON: what a script or a CI log reads. Printed only after they are durable.

use std::io::Write;

use crate::{
    audit::{self, canonical, show},
    engine::Fact,
    redact::Redactor,
    session::{Now, Receipt},
    visible,
};

/// Where a headless run tells what happens.
pub struct Reporter<W> {
    out: W,
    json: bool,
    redactor: Redactor,
}

impl<W: Write> Reporter<W> {
    pub fn new(out: W, json: bool, redactor: Redactor) -> Self {
        Self { out, json, redactor }
    }

    /// The facts of one record.
    pub fn facts(&mut self, now: Now, receipt: &Receipt, facts: &[Fact]) {
        for fact in facts {
            let value = audit::clean(&self.redactor, serde_json::to_value(fact).unwrap_or_default());
            let line = if self.json {
                let flat = show::flat(receipt.sequence, now.wall, value);
                canonical::canonical(&flat)
            } else {
                if is_quiet(fact) {
                    continue;
                }
                show::fact_line(receipt.sequence, now.wall, &value)
            };
            let _ = writeln!(self.out, "{line}");
        }
        let _ = self.out.flush();
    }

    /// A line that a step printed; never among JSON facts.
    pub fn output(&mut self, text: &str) {
        if !self.json {
            let text = self.redactor.redact(text);
            let _ = writeln!(self.out, "      | {}", visible::line(&text));
            let _ = self.out.flush();
        }
    }

    /// The last line: how it ended.
    pub fn ended(&mut self, words: &str) {
        if !self.json {
            let _ = writeln!(self.out, "{}", visible::line(words));
            let _ = self.out.flush();
        }
    }
}

fn is_quiet(fact: &Fact) -> bool {
    matches!(fact, Fact::StepEntered { .. } | Fact::StepStarted { .. } | Fact::RunStarted { .. })
}
