//! The one dialog that has the keys, over the panes: what is asked, and with which keys it is answered.

mod sheet;
mod shell;
mod trail;

use ratatui::{Frame, layout::Rect};

use self::sheet::Sheet;
use super::{
    Scene,
    step::{command_lines, tick_word},
};
use crate::{
    engine::{fact::Intent, message::Selected, state::Lane},
    runbook::{
        model::{Action, BaselineSpec, Risk},
        value::StepId,
    },
    tui::{
        choices,
        dialog::{Choosing, Dialog, Evidence, Kind, Line as Asked, Opens},
        edit::Edit,
        keymap::{Cmd, TABLE, Where},
        text::wrap,
        theme::Tone,
        update::{UNKNOWN_OPTIONS, can_be_pulled, failure_options, palette},
    },
};

struct Writer<'a, 'b> {
    scene: &'b Scene<'a>,
    sheet: Sheet<'b>,
}

/// Answers how far its text can be scrolled.
pub fn draw(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>, dialog: &Dialog) -> usize {
    let width = area.width.saturating_sub(4).min(104);
    let mut writer = Writer { scene, sheet: Sheet::new(scene.theme, width) };
    let title = writer.write(&dialog.kind, usize::from(area.height).saturating_sub(2));
    writer.sheet.draw(frame, area, &title, dialog.down)
}

impl Writer<'_, '_> {
    fn text(&mut self, tone: Tone, text: &str) {
        self.sheet.text(tone, text);
    }

    fn gap(&mut self) {
        self.sheet.gap();
    }

    fn row(&mut self, chosen: bool, text: &str) {
        self.sheet.row(chosen, text);
    }

    /// What the keys do, always in sight; and that the ripcord is there.
    fn keys(&mut self, words: &str) {
        self.sheet.foot_gap();
        self.sheet.foot(Tone::Dim, words);
    }

    /// Writes it down; answers its title.
    fn write(&mut self, kind: &Kind, height: usize) -> String {
        match kind {
            Kind::Confirm { step, word, typed, yes, selected } => {
                self.confirm(step, word.as_deref(), typed, *yes, selected.as_ref())
            }
            Kind::Line { line, text } => self.line(line, text),
            Kind::Checklist { step, row } => self.checklist(step, *row),
            Kind::Manual { step, text, wants } => self.manual(step, text, *wants),
            Kind::Approval { step, who, note, field } => self.approval(step, who, note, *field),
            Kind::Decision { step, row, answer } => self.decision(step, *row, answer.as_ref()),
            Kind::Input { step, fields, row } => self.input(step, fields, *row),
            Kind::Failure { step, row } => self.failure(step, *row),
            Kind::Unknown { step, row } => self.unknown(step, *row),
            Kind::Guard { guard, row } => self.guard(*guard, *row),
            Kind::Ripcord { why, yes } => self.ripcord(why, *yes),
            Kind::Quit { yes } => {
                let is_demo = self.scene.run.opened().target.server.starts_with("embedded://");
                let words = if is_demo {
                    "The demo's cluster lives in this program and ends with it; the trail stays."
                } else {
                    "The run stays open and can be resumed. A script that runs now goes on without this console."
                };
                self.text(Tone::Plain, words);
                self.sheet.buttons("Stay", "Leave", *yes);
                "Leave?".into()
            }
            Kind::Shell { pod, containers, at, yes } => self.shell(pod, containers, *at, *yes),
            Kind::Answer { alert, runbooks, row } => self.answer(alert, runbooks, *row),
            Kind::Help => self.help(),
            Kind::Trail(look) => self.trail(look, height),
        }
    }

    /// What must be found at once first, then those of the pane in focus.
    fn help(&mut self) -> String {
        let ui = self.scene.ui;
        let mut here: Vec<_> = TABLE.iter().filter(|entry| entry.at.holds(ui)).collect();
        let first = [Cmd::Run, Cmd::Ripcord, Cmd::Quit];
        here.sort_by_key(|entry| match entry.at {
            _ if first.contains(&entry.cmd) => 0,
            Where::Everywhere => 2,
            _ => 1,
        });
        for entry in here {
            let mut key = entry.keys;
            for words in wrap(entry.words, self.sheet.columns.saturating_sub(18)) {
                self.row(false, &format!("{key:<14} {words}"));
                key = "";
            }
        }
        self.keys("Esc back; PgDn, PgUp scroll. Nothing here changes the cluster but a confirmed step.");
        format!("Keys in {:?}", ui.focus)
    }

    fn intent(&self, step: &StepId) -> Option<Intent> {
        let done = self.scene.run.state(step).and_then(|state| state.intent.as_deref()).cloned();
        done.or_else(|| self.scene.run.intent_for(step, self.scene.ui.selection().as_ref()).ok())
    }

    fn confirm(
        &mut self,
        step: &StepId,
        word: Option<&str>,
        typed: &Edit,
        yes: bool,
        selected: Option<&Selected>,
    ) -> String {
        match self.scene.run.intent_for(step, selected) {
            Ok(intent) => self.what_would_run(&intent),
            Err(why) => self.text(Tone::Bad, &why),
        }
        match word {
            Some(word) => {
                self.sheet.foot_gap();
                self.sheet.foot(Tone::Bad, &format!("type {word} and press Enter to go ahead; Esc leaves it"));
                self.sheet.foot_field("", typed, true);
            }
            None => self.sheet.buttons("Cancel", "Run it", yes),
        }
        format!("Run {step}?")
    }

    /// The exact command or request, all of it; where; and what the server says it would change.
    fn what_would_run(&mut self, intent: &Intent) {
        let target = &self.scene.run.opened().target;
        let (risk, tone) = match intent.risk {
            Risk::Destructive => ("DESTRUCTIVE", Tone::Bad),
            Risk::Write => ("write", Tone::Warn),
            Risk::Read => ("read", Tone::Plain),
        };
        let place = match (target.context.as_str(), target.namespace.as_str()) {
            ("", "") => String::new(),
            (context, namespace) => format!(" on {context} / {namespace}"),
        };
        self.text(tone, &format!("{risk}{place}"));
        self.gap();
        for line in command_lines(intent) {
            self.text(Tone::Plain, &line);
        }
        if !intent.env.is_empty() {
            self.gap();
        }
        for (name, value) in &intent.env {
            self.text(Tone::Dim, &format!("{name}={value}"));
        }
        if let Some(timeout) = intent.timeout {
            self.text(Tone::Dim, &format!("at most {timeout}"));
        }
        if let Some(preview) = self.scene.ui.preview.as_ref().filter(|preview| preview.step == intent.step) {
            self.gap();
            match &preview.lines {
                None => self.text(Tone::Dim, "asking the server what this would change ..."),
                Some(lines) => {
                    for line in lines.clone() {
                        let tone = match line.as_bytes().first() {
                            Some(b'+') => Tone::Good,
                            Some(b'-') => Tone::Bad,
                            _ => Tone::Plain,
                        };
                        self.text(tone, &line);
                    }
                }
            }
        }
    }

    fn line(&mut self, line: &Asked, text: &Edit) -> String {
        let (title, about) = match line {
            Asked::Note => ("Note", "goes into the trail as it is".to_owned()),
            Asked::Abort => ("Abort", "why? What runs is stopped, nothing is taken back".into()),
            Asked::Skip(step) => ("Skip", format!("why is {step} not done?")),
            Asked::Refuse { step, who } => ("Refuse", format!("why does {who} refuse {step}?")),
            Asked::Override { step, item } => ("Override", format!("why does {item} of {step} stand all the same?")),
            Asked::Resolve { step, outcome } => {
                ("What became of it", format!("{step}: {outcome:?}. How do you know?").to_lowercase())
            }
            Asked::Dismiss(_) => ("Put the offer aside", "why is this no reason to roll back?".into()),
            Asked::BreakGlass(reason) => ("Break the glass", format!("{reason}. Why go on?")),
            Asked::Palette => (":", format!("{}; Tab completes", palette::words())),
        };
        self.text(Tone::Plain, &about);
        self.sheet.foot_field("", text, true);
        let pull = if can_be_pulled(self.scene.ui, self.scene.run) { " (then z: the ripcord)" } else { "" };
        self.sheet.foot(Tone::Dim, &format!("Enter does it, Esc leaves it{pull}"));
        title.into()
    }

    fn checklist(&mut self, step: &StepId, row: usize) -> String {
        let ticks = self.scene.run.state(step).map(|state| state.ticks.clone()).unwrap_or_default();
        let mut ends = "the last tick ends it";
        if let Some(Intent { action: Action::Checklist(list), .. }) = self.intent(step) {
            for (index, item) in list.items.iter().enumerate() {
                let (word, _) = tick_word(ticks.get(&item.id).map(|item| item.tick), item.probe.is_some());
                let optional = if item.required { "" } else { " (optional)" };
                if !item.required {
                    ends = "d done";
                }
                self.row(index == row, &format!("{word:<9} {}{optional}", item.text));
                if index == row {
                    let detail = ticks.get(&item.id).map(|item| item.detail.clone()).unwrap_or_default();
                    for text in [item.doc.clone().unwrap_or_default(), detail].iter().filter(|text| !text.is_empty()) {
                        self.text(Tone::Dim, &format!("            {text}"));
                    }
                }
            }
        }
        self.keys(&format!("Space ticks or looks again   o overrides with a reason   {ends}   Esc back"));
        format!("Checklist {step}")
    }

    fn manual(&mut self, step: &StepId, text: &Edit, wants: Evidence) -> String {
        if let Some(Intent { action: Action::Manual(what), .. }) = self.intent(step) {
            self.text(Tone::Plain, &what);
        }
        if wants != Evidence::Nothing {
            let prompt = self.scene.run.step(step).and_then(|step| step.common.evidence.as_ref()?.prompt.clone());
            self.gap();
            self.text(Tone::Plain, prompt.as_deref().unwrap_or("evidence"));
            let label = if wants == Evidence::File { "file, its SHA-256 is recorded:" } else { "" };
            self.sheet.foot_field(label, text, true);
        }
        self.keys("Enter says it is done, Esc leaves it");
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
        self.text(Tone::Dim, "Typed here it is recorded as claimed. Stronger, from their own login:");
        self.text(Tone::Dim, &format!("ripcord approve {} {step}", self.scene.run.opened().run));
        self.sheet.foot_field("who approves:", who, field == 0);
        self.sheet.foot_field("note:", note, field == 1);
        self.keys("Enter approves, Ctrl-r refuses, Tab the other line, Esc leaves it");
        format!("Approval {step}")
    }

    fn decision(&mut self, step: &StepId, row: usize, answer: Option<&Choosing>) -> String {
        if let Some(Intent { action: Action::Decision(decision), .. }) = self.intent(step) {
            self.text(Tone::Plain, &decision.prompt);
            self.gap();
            for (index, option) in decision.options.iter().enumerate() {
                let danger = if option.risk == Some(Risk::Destructive) { "  DANGEROUS" } else { "" };
                self.row(index == row, &format!("{}{danger}", option.title()));
            }
        }
        if let Some(answer) = answer {
            self.sheet.foot_gap();
            self.sheet.foot_field("why:", &answer.reason, !answer.at_word);
            if let Some((word, typed)) = &answer.word {
                self.sheet.foot(Tone::Bad, &format!("type {word} to choose this; Tab goes from line to line"));
                self.sheet.foot_field("", typed, answer.at_word);
            }
        }
        self.keys("Enter chooses, Esc leaves it");
        format!("Decide {step}")
    }

    fn input(&mut self, step: &StepId, fields: &[(String, Edit)], row: usize) -> String {
        let declared = match self.intent(step) {
            Some(Intent { action: Action::Input(declared), .. }) => declared,
            _ => Default::default(),
        };
        for (index, (name, edit)) in fields.iter().enumerate() {
            self.sheet.field(&format!("{name}:"), edit, index == row);
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
            if index == row {
                self.choices(step, name, &edit.text);
            }
        }
        self.keys("Enter goes on to the next, at the last it gives them; Esc leaves it");
        format!("Values for {step}")
    }

    /// What the field with the keys offers: the one that stands in it is marked.
    fn choices(&mut self, step: &StepId, name: &str, text: &str) {
        match choices::of(self.scene.ui, self.scene.run, step, name) {
            None => {}
            Some(Err(why)) => self.text(Tone::Dim, &format!("    {why}")),
            Some(Ok(offered)) if offered.is_empty() => self.text(Tone::Dim, "    there are none to choose from"),
            Some(Ok(offered)) => {
                for choice in &offered {
                    let mark = if choice.suggested { "->" } else { "" };
                    let line = format!("{mark:>2} {:<8} {}", choice.value, choice.words);
                    self.row(choice.value == text, &crate::tui::text::fit(&line, self.sheet.columns));
                }
                self.text(Tone::Dim, "    Up and Down choose");
            }
        }
    }

    fn failure(&mut self, step: &StepId, row: usize) -> String {
        if let Some(state) = self.scene.run.state(step) {
            let reason = state.reason.as_ref().filter(|reason| !state.message.starts_with(reason.as_str()));
            let reason = reason.map_or_else(String::new, |reason| format!("{reason}: "));
            self.text(Tone::Bad, &format!("{reason}{}", state.message));
        }
        self.gap();
        for (index, (key, words, _)) in failure_options(self.scene.run, step).iter().enumerate() {
            self.row(index == row, &format!("{key}  {words}"));
        }
        self.keys("the letter, or j k and Enter; Esc leaves it asked");
        format!("{step} failed")
    }

    fn unknown(&mut self, step: &StepId, row: usize) -> String {
        if let Some(state) = self.scene.run.state(step) {
            self.text(Tone::Bad, &state.message);
        }
        self.text(Tone::Plain, "Look at what it did before you say so. Nothing is repeated on a guess.");
        self.gap();
        for (index, (_, words)) in UNKNOWN_OPTIONS.iter().enumerate() {
            self.row(index == row, words);
        }
        self.keys("j k and Enter; each answer wants a reason. Esc leaves it asked");
        format!("{step} is UNKNOWN")
    }

    fn answer(&mut self, alert: &str, runbooks: &[Opens], row: usize) -> String {
        if self.scene.run.is_started() && !self.scene.run.is_closed() {
            let run = &self.scene.run.opened().run;
            self.text(Tone::Plain, &format!("This run stays open as it is; `ripcord resume {run}` goes on with it."));
        }
        self.gap();
        self.row(row == 0, "Stay here");
        for (index, opens) in runbooks.iter().enumerate() {
            let params: String = opens.params.iter().map(|param| format!("  {param}")).collect();
            self.row(row == index + 1, &format!("{}{params}", opens.name));
        }
        self.keys("j k choose, Enter opens, Esc stays");
        format!("{alert}: open what answers it?")
    }

    fn guard(&mut self, guard: usize, row: usize) -> String {
        if let Some(detail) = self.scene.run.guards().get(guard).and_then(|state| state.tripped.clone()) {
            self.text(Tone::Bad, &detail);
        }
        self.gap();
        self.row(row == 0, "put it aside, with a reason");
        self.row(row == 1, "ROLLBACK: the way back, its preview first");
        self.keys("j k and Enter; z is the way back too. Esc leaves it asked");
        "A guard offers the way back".into()
    }

    fn ripcord(&mut self, why: &str, yes: bool) -> String {
        let run = self.scene.run;
        if !run.writes_begun() {
            self.text(
                Tone::Plain,
                "Nothing has been written yet: there is nothing to lead back from. This aborts the run.",
            );
            self.sheet.buttons("Cancel", "Abort the run", yes);
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
            None => match &run.book().baseline {
                Some(BaselineSpec::None(why)) => {
                    self.text(Tone::Plain, &format!("No baseline, and why: {why}. The way back is:"))
                }
                _ => self.text(Tone::Plain, "This runbook declares no baseline; its own way back is:"),
            },
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
        self.looked_back();
        self.gap();
        self.text(Tone::Dim, &format!("why: {why}"));
        self.sheet.foot(Tone::Dim, "Opening this stopped nothing yet.");
        self.sheet.buttons("Cancel", "ROLL BACK", yes);
        "The ripcord".into()
    }

    /// Who changed the target since, how long it took last time, and what the way back would change.
    fn looked_back(&mut self) {
        let seen = &self.scene.ui.way_back;
        if !seen.lines.is_empty() {
            self.gap();
        }
        for line in &seen.lines {
            let tone = if line.starts_with('!') { Tone::Warn } else { Tone::Plain };
            self.text(tone, line);
        }
        if self.scene.ui.has_cluster && !seen.whole {
            self.text(Tone::Dim, "asking the server what this would change ...");
        }
    }
}
