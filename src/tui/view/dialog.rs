//! The one dialog that may be open, over the panes.

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Paragraph},
};

use super::{Scene, step::tick_word};
use crate::{
    engine::{fact::Intent, state::Lane},
    runbook::{
        model::{Action, Risk},
        value::StepId,
    },
    tui::{
        dialog::{Dialog, Kind, Line as Asked},
        edit::Edit,
        keymap::TABLE,
        text::wrap,
        theme::Tone,
        update::failure_options,
    },
    visible,
};

struct Sheet<'a, 'b> {
    scene: &'b Scene<'b>,
    columns: usize,
    lines: Vec<Line<'a>>,
}

pub fn draw(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>, dialog: &Dialog) {
    let width = area.width.saturating_sub(4).min(100);
    let mut sheet = Sheet { scene, columns: usize::from(width).saturating_sub(4), lines: Vec::new() };
    let title = sheet.fill(&dialog.kind, usize::from(area.height).saturating_sub(2));
    let height = u16::try_from(sheet.lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    let place = Rect { x, y, width, height };
    frame.render_widget(Clear, place);
    let block = scene.theme.block(format!(" {title} "), String::new(), true);
    frame.render_widget(Paragraph::new(sheet.lines).block(block), place);
}

impl Sheet<'_, '_> {
    fn text(&mut self, tone: Tone, text: &str) {
        let style = self.scene.theme.tone(tone);
        for line in wrap(&visible::text(text), self.columns) {
            self.lines.push(Line::styled(format!(" {line}"), style));
        }
    }

    fn gap(&mut self) {
        self.lines.push(Line::default());
    }

    fn row(&mut self, chosen: bool, text: &str) {
        let mark = if chosen { ">" } else { " " };
        let style = if chosen { self.scene.theme.selected() } else { ratatui::style::Style::new() };
        self.lines.push(Line::styled(
            format!(" {mark} {}", crate::tui::text::fit(&visible::line(text), self.columns.saturating_sub(3))),
            style,
        ));
    }

    fn edit(&mut self, label: &str, edit: &Edit, focused: bool) {
        let cursor = if focused { "_" } else { "" };
        self.row(focused, &format!("{label} {}{cursor}", edit.text));
    }

    fn buttons(&mut self, no: &str, go: &str, yes: bool) {
        let style = |on: bool| if on { self.scene.theme.selected() } else { ratatui::style::Style::new() };
        let spans = vec![
            Span::raw("   "),
            Span::styled(format!("[ {no} ]"), style(!yes)),
            Span::raw("   "),
            Span::styled(format!("[ {go} ]"), style(yes)),
            Span::raw("    y / n, or Tab and Enter"),
        ];
        self.gap();
        self.lines.push(Line::from(spans));
    }

    /// Fills the sheet; answers its title.
    fn fill(&mut self, kind: &Kind, height: usize) -> String {
        match kind {
            Kind::Confirm { step, word, typed, yes } => self.confirm(step, word.as_deref(), typed, *yes),
            Kind::Line { line, text } => self.line(line, text),
            Kind::Checklist { step, row } => self.checklist(step, *row),
            Kind::Manual { step, text, file } => self.manual(step, text, *file),
            Kind::Approval { step, who, note, field } => self.approval(step, who, note, *field),
            Kind::Decision { step, row, reason, asking } => self.decision(step, *row, reason, *asking),
            Kind::Input { step, fields, row } => self.input(step, fields, *row),
            Kind::Failure { step, row } => self.failure(step, *row),
            Kind::Unknown { step, row } => self.unknown(step, *row),
            Kind::Guard { guard, row } => self.guard(*guard, *row),
            Kind::Ripcord { yes } => self.ripcord(*yes),
            Kind::Quit { yes } => {
                self.text(
                    Tone::Plain,
                    "The run stays open and can be resumed. A script that runs now goes on without this console.",
                );
                self.buttons("Stay", "Leave", *yes);
                "Leave?".into()
            }
            Kind::Help => {
                for (key, _, words, _) in TABLE {
                    self.lines.push(Line::from(format!(" {key:<14} {words}")));
                }
                "Keys".into()
            }
            Kind::Trail { up } => self.trail(*up, height),
        }
    }

    fn intent(&self, step: &StepId) -> Option<Intent> {
        let done = self.scene.run.state(step).and_then(|state| state.intent.as_deref()).cloned();
        done.or_else(|| self.scene.run.intent_for(step, None).ok())
    }

    fn confirm(&mut self, step: &StepId, word: Option<&str>, typed: &Edit, yes: bool) -> String {
        let run = self.scene.run;
        let target = &run.opened().target;
        match run.intent_for(step, None) {
            Ok(intent) => {
                let (risk, tone) = match intent.risk {
                    Risk::Destructive => ("DESTRUCTIVE", Tone::Bad),
                    Risk::Write => ("write", Tone::Warn),
                    Risk::Read => ("read", Tone::Plain),
                };
                if !target.context.is_empty() || !target.namespace.is_empty() {
                    self.text(tone, &format!("{risk} on {} / {}", target.context, target.namespace));
                } else {
                    self.text(tone, risk);
                }
                self.gap();
                for (index, line) in intent.command.lines().take(14).enumerate() {
                    self.text(Tone::Plain, &format!("{} {line}", if index == 0 { "$" } else { " " }));
                }
                let names: Vec<&str> = intent.env.keys().map(String::as_str).collect();
                if !names.is_empty() {
                    self.text(Tone::Dim, &format!("environment: {}", names.join(" ")));
                }
                if let Some(timeout) = intent.timeout {
                    self.text(Tone::Dim, &format!("at most {timeout}"));
                }
            }
            Err(why) => self.text(Tone::Bad, &why),
        }
        match word {
            Some(word) => {
                self.gap();
                self.text(Tone::Bad, &format!("type {word} and press Enter to go ahead; Esc leaves it"));
                self.edit("", typed, true);
            }
            None => self.buttons("Cancel", "Run it", yes),
        }
        format!("Run {step}?")
    }

    fn line(&mut self, line: &Asked, text: &Edit) -> String {
        let (title, about) = match line {
            Asked::Note => ("Note", "goes into the trail as it is".to_owned()),
            Asked::Abort => ("Abort", "why? What runs is stopped, nothing is taken back".into()),
            Asked::Skip(step) => ("Skip", format!("why is {step} not done?")),
            Asked::Refuse { step, who } => ("Refuse", format!("why does {who} refuse {step}?")),
            Asked::Override { step, item } => ("Override", format!("why does {item} of {step} stand all the same?")),
            Asked::Dismiss(_) => ("Put the offer aside", "why is this no reason to roll back?".into()),
            Asked::BreakGlass(reason) => ("Break the glass", format!("{reason}. Why go on?")),
            Asked::Palette => (":", "note, trail, abort, help, q".into()),
        };
        self.text(Tone::Plain, &about);
        self.edit("", text, true);
        self.text(Tone::Dim, "Enter does it, Esc leaves it");
        title.into()
    }

    fn checklist(&mut self, step: &StepId, row: usize) -> String {
        let ticks = self.scene.run.state(step).map(|state| state.ticks.clone()).unwrap_or_default();
        if let Some(Intent { action: Action::Checklist(list), .. }) = self.intent(step) {
            for (index, item) in list.items.iter().enumerate() {
                let (word, _) = tick_word(ticks.get(&item.id).map(|item| item.tick), item.probe.is_some());
                let optional = if item.required { "" } else { " (optional)" };
                self.row(index == row, &format!("{word:<9} {}{optional}", item.text));
                if index == row {
                    let detail = ticks.get(&item.id).map(|item| item.detail.clone()).unwrap_or_default();
                    for text in [item.doc.clone().unwrap_or_default(), detail].iter().filter(|text| !text.is_empty()) {
                        self.text(Tone::Dim, &format!("            {text}"));
                    }
                }
            }
        }
        self.gap();
        self.text(Tone::Dim, "Space ticks or looks again   o overrides with a reason   d done   Esc back");
        format!("Checklist {step}")
    }

    fn manual(&mut self, step: &StepId, text: &Edit, file: bool) -> String {
        if let Some(Intent { action: Action::Manual(what), .. }) = self.intent(step) {
            self.text(Tone::Plain, &what);
        }
        let evidence = self.scene.run.step(step).and_then(|step| step.common.evidence.clone());
        if let Some(evidence) = evidence {
            self.gap();
            self.text(Tone::Plain, evidence.prompt.as_deref().unwrap_or("evidence"));
            self.edit(if file { "file:" } else { "" }, text, true);
        }
        self.gap();
        self.text(Tone::Dim, "Enter says it is done, Esc leaves it");
        format!("Done: {step}?")
    }

    fn approval(&mut self, step: &StepId, who: &Edit, note: &Edit, field: usize) -> String {
        if let Some(Intent { action: Action::Approval(approval), .. }) = self.intent(step) {
            self.text(Tone::Plain, &approval.prompt);
            if !approval.approvers.is_empty() {
                self.text(Tone::Dim, &format!("approvers: {}", approval.approvers.join(", ")));
            }
        }
        self.gap();
        self.edit("who approves:", who, field == 0);
        self.edit("note:", note, field == 1);
        self.gap();
        self.text(Tone::Dim, "Typed here it is recorded as claimed. Stronger, from their own login:");
        self.text(Tone::Dim, &format!("ripcord approve {} {step}", self.scene.run.opened().run));
        self.text(Tone::Dim, "Enter approves, Ctrl-r refuses, Esc leaves it");
        format!("Approval {step}")
    }

    fn decision(&mut self, step: &StepId, row: usize, reason: &Edit, asking: bool) -> String {
        if let Some(Intent { action: Action::Decision(decision), .. }) = self.intent(step) {
            self.text(Tone::Plain, &decision.prompt);
            self.gap();
            for (index, option) in decision.options.iter().enumerate() {
                let danger = if option.risk == Some(Risk::Destructive) { "  DANGEROUS" } else { "" };
                self.row(index == row, &format!("{}{danger}", option.title()));
            }
            if asking {
                self.gap();
                let word = decision.options.get(row).and_then(|option| self.scene.run.choice_word(option));
                self.text(
                    Tone::Warn,
                    &word.map_or_else(|| "why?".to_owned(), |word| format!("why? Your words must hold {word}")),
                );
                self.edit("", reason, true);
            }
        }
        self.gap();
        self.text(Tone::Dim, "Enter chooses, Esc leaves it");
        format!("Decide {step}")
    }

    fn input(&mut self, step: &StepId, fields: &[(String, Edit)], row: usize) -> String {
        let declared = match self.intent(step) {
            Some(Intent { action: Action::Input(declared), .. }) => declared,
            _ => Default::default(),
        };
        for (index, (name, edit)) in fields.iter().enumerate() {
            self.edit(&format!("{name}:"), edit, index == row);
            if let Some(field) = declared.get(name).filter(|_| index == row) {
                let kind = format!("{:?}", field.kind).to_lowercase();
                let words: Vec<String> = field
                    .one_of
                    .iter()
                    .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned))
                    .collect();
                let rule = [
                    Some(kind),
                    field.pattern.clone(),
                    (!words.is_empty()).then(|| words.join(" | ")),
                    Some(field.description.clone()),
                ];
                let rule: Vec<String> = rule.into_iter().flatten().filter(|text| !text.is_empty()).collect();
                self.text(Tone::Dim, &format!("    {}", rule.join("  ")));
            }
        }
        self.gap();
        self.text(Tone::Dim, "Enter goes on to the next, at the last it gives them; Esc leaves it");
        format!("Values for {step}")
    }

    fn failure(&mut self, step: &StepId, row: usize) -> String {
        if let Some(state) = self.scene.run.state(step) {
            let reason = state.reason.clone().unwrap_or_default();
            self.text(Tone::Bad, &format!("{reason}: {}", state.message));
        }
        self.gap();
        for (index, (key, words, _)) in failure_options(self.scene.run, step).iter().enumerate() {
            self.row(index == row, &format!("{key}  {words}"));
        }
        format!("{step} failed")
    }

    fn unknown(&mut self, step: &StepId, row: usize) -> String {
        if let Some(state) = self.scene.run.state(step) {
            self.text(Tone::Bad, &state.message);
        }
        self.text(Tone::Plain, "Look at what it did before you say so. Nothing is repeated on a guess.");
        self.gap();
        for (index, words) in
            ["it happened: SUCCEEDED", "it did not happen, or badly: FAILED", "do it again"].iter().enumerate()
        {
            self.row(index == row, words);
        }
        format!("{step} is UNKNOWN")
    }

    fn guard(&mut self, guard: usize, row: usize) -> String {
        if let Some(detail) = self.scene.run.guards().get(guard).and_then(|state| state.tripped.clone()) {
            self.text(Tone::Bad, &detail);
        }
        self.gap();
        self.row(row == 0, "put it aside, with a reason");
        self.row(row == 1, "ROLLBACK: the way back");
        "A guard offers the way back".into()
    }

    fn ripcord(&mut self, yes: bool) -> String {
        let run = self.scene.run;
        if !run.writes_begun() {
            self.text(
                Tone::Plain,
                "Nothing has been written yet: there is nothing to lead back from. This aborts the run.",
            );
            self.buttons("Cancel", "Abort the run", yes);
            return "Stop?".into();
        }
        match run.baseline() {
            Some(baseline) => {
                self.text(
                    Tone::Warn,
                    &format!(
                        "back to {} {} revision {}  {}  {}",
                        baseline.kind,
                        baseline.name,
                        baseline.revision,
                        baseline.images.join(", "),
                        baseline.age
                    ),
                );
            }
            None => self.text(Tone::Plain, "This runbook declares no baseline; its own way back is:"),
        }
        if let Some(id) = run.current() {
            self.text(Tone::Plain, &format!("first {id} is stopped, then:"));
        }
        for row in run.rows().iter().filter(|row| row.lane == Lane::Rollback) {
            let command = run.intent_for(&row.id, None).map_or_else(|why| format!("({why})"), |intent| intent.command);
            self.text(
                Tone::Plain,
                &format!("R {:<18} {}", row.id.to_string(), command.lines().next().unwrap_or_default()),
            );
        }
        self.text(Tone::Dim, "Opening this stopped nothing yet.");
        self.buttons("Cancel", "ROLL BACK", yes);
        "The ripcord".into()
    }

    fn trail(&mut self, up: usize, height: usize) -> String {
        let trail = &self.scene.ui.trail;
        let rows = height.saturating_sub(3).max(1);
        let end = trail.len().saturating_sub(up.min(trail.len().saturating_sub(rows)));
        let from = end.saturating_sub(rows);
        for line in trail.range(from..end) {
            let text = crate::tui::text::fit(&line.text, self.columns);
            self.lines.push(Line::from(format!(" {text}")));
        }
        self.text(Tone::Dim, &format!("{} lines; k and j scroll, Esc back", trail.len()));
        "Trail".into()
    }
}
