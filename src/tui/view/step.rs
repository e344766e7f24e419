//! The step looked at: what it is for, what exactly it does, how it stands, what comes next.

use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

use super::{Scene, guards, next};
use crate::{
    engine::{
        fact::{Intent, SampleVerdict, StepResult, Tick},
        leads,
        state::{Phase, StepState},
    },
    runbook::{model::Action, value::StepId},
    tui::{
        state::Pane,
        text::{clock, lines_more, wrap},
        theme::Tone,
        update::looked_at,
    },
    visible,
};

/// Answers how many lines can be scrolled away.
pub fn draw(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) -> usize {
    let id = looked_at(scene.ui, scene.run);
    let title = id.as_ref().map_or(" 2 Step ".to_owned(), |id| format!(" 2 Step {id} "));
    let when = id.as_ref().and_then(|id| scene.run.state(id)).map_or_else(String::new, when);
    let block = scene.theme.block(visible::line(&title).into_owned(), when, scene.ui.focus == Pane::Step);
    let inner = block.inner(area);
    let columns = usize::from(inner.width).saturating_sub(2);
    let mut text = Lines { columns, out: Vec::new(), scene };
    if let Some(id) = id {
        text.step(&id);
    }
    let height = usize::from(inner.height);
    let most = text.out.len().saturating_sub(height);
    let down = scene.ui.step_down.min(most);
    let below = most - down;
    let more = if below > 0 { format!(" {} below ", lines_more(below)) } else { String::new() };
    let lines: Vec<Line<'_>> = text.out.into_iter().skip(down).take(height).collect();
    let block = block.title_bottom(Line::from(more).right_aligned());
    frame.render_widget(Paragraph::new(lines).block(block), area);
    most
}

/// `from 13:59:58`, and till when.
fn when(state: &StepState) -> String {
    let clock = |at: jiff::Timestamp| at.strftime("%H:%M:%S").to_string();
    match (state.entered_at, state.outcome.and(state.ended_at)) {
        (Some(from), Some(to)) => format!(" {} to {} ", clock(from), clock(to)),
        (Some(from), None) => format!(" from {} ", clock(from)),
        (None, _) => String::new(),
    }
}

struct Lines<'a, 'b> {
    columns: usize,
    out: Vec<Line<'a>>,
    scene: &'b Scene<'b>,
}

impl Lines<'_, '_> {
    fn text(&mut self, tone: Tone, text: &str) {
        let style = self.scene.theme.tone(tone);
        for line in wrap(&visible::text(text), self.columns) {
            self.out.push(Line::styled(format!(" {line}"), style));
        }
    }

    fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push(Line::default());
        }
    }

    fn step(&mut self, id: &StepId) {
        let run = self.scene.run;
        let Some(step) = run.step(id) else { return };
        self.text(Tone::Plain, &run.text_for(id, step.title()));
        let is_current = run.current() == Some(id);
        if let Some(next) = next::words(self.scene).filter(|_| is_current || run.current().is_none()) {
            self.text(Tone::Busy, &next);
            guards::troubles(self.scene).iter().for_each(|trouble| self.text(Tone::Bad, trouble));
        }
        // What a gate says now is what one looks for; what it is for can wait.
        let is_gate = matches!(step.action, Action::Analysis(_));
        let doc = step.common.doc.as_ref().map(|doc| run.text_for(id, doc));
        if let Some(doc) = doc.as_ref().filter(|_| !is_gate) {
            self.why(doc);
        }
        let state = run.state(id);
        let intent = state
            .and_then(|state| state.intent.as_deref())
            .filter(|_| !matches!(run.phase(), Phase::Entered if is_current))
            .cloned();
        match intent.map_or_else(|| run.intent_for(id, self.scene.ui.selection().as_ref()), Ok) {
            Ok(intent) => self.command(&intent),
            Err(why) => {
                self.gap();
                self.text(Tone::Dim, &format!("not known yet: {why}"));
            }
        }
        if let Some(state) = state {
            self.standing(state);
        }
        if let Some(doc) = doc.filter(|_| is_gate) {
            self.why(&doc);
        }
    }

    /// What the author says it is for, beside its word.
    fn why(&mut self, doc: &str) {
        self.gap();
        let mut label = "why";
        for line in wrap(&visible::text(doc.trim_end()), self.columns.saturating_sub(6)) {
            self.out.push(Line::raw(format!(" {label:<6}{line}")));
            label = "";
        }
    }

    fn command(&mut self, intent: &Intent) {
        match &intent.action {
            Action::Checklist(list) => {
                self.gap();
                let ticks = self.scene.run.state(&intent.step).map(|state| state.ticks.clone()).unwrap_or_default();
                for item in &list.items {
                    let (word, tone) = tick_word(ticks.get(&item.id).map(|item| item.tick), item.probe.is_some());
                    self.text(tone, &format!("{word:<9} {}", item.text));
                    if let Some(detail) =
                        ticks.get(&item.id).map(|item| item.detail.as_str()).filter(|detail| !detail.is_empty())
                    {
                        self.text(Tone::Dim, &format!("          {detail}"));
                    }
                }
            }
            Action::Decision(decision) => {
                self.gap();
                self.text(Tone::Plain, &decision.prompt);
                for option in &decision.options {
                    self.text(Tone::Plain, &format!("- {}", option.title()));
                }
            }
            Action::Analysis(_) => self.gate(&intent.step),
            _ => {
                self.gap();
                for line in command_lines(intent) {
                    self.text(Tone::Plain, &line);
                }
            }
        }
    }

    fn gate(&mut self, id: &StepId) {
        let run = self.scene.run;
        let (Some(Ok(plan)), Some(gate)) = (run.gate_plan(id), run.state(id).and_then(|state| state.gate.as_ref()))
        else {
            return;
        };
        let progress = plan.progress(gate);
        let ended = run.state(id).is_some_and(|state| state.outcome.is_some());
        self.gap();
        let readings = format!("{} of {} readings", progress.read, progress.wanted);
        let left = format!(", {} left", clock(progress.ends.duration_since(self.scene.ui.now)));
        self.text(Tone::Plain, &format!("{readings}{}", if ended { "" } else { &left }));
        if let Some(since) = progress.restarted {
            self.text(Tone::Warn, &format!("the hold began again at {}", since.strftime("%H:%M:%S")));
        }
        for rule in progress.rules {
            let (word, tone) = match rule.last.as_ref().map(|last| last.verdict) {
                None => ("-", Tone::Dim),
                Some(SampleVerdict::Successful) => ("ok", Tone::Good),
                Some(SampleVerdict::Failed) => ("FAIL", Tone::Bad),
                Some(SampleVerdict::Inconclusive) => ("grey", Tone::Warn),
                Some(SampleVerdict::Error) => ("UNKNOWN", Tone::Bad),
            };
            let said = if rule.said.is_empty() { "not read yet" } else { &rule.said };
            self.text(tone, &format!("{word:<8}{}  {said}  ({})", rule.title, rule.limit));
            if let Some((have, need)) = rule.samples {
                self.text(Tone::Dim, &format!("        {have} / {need} samples"));
            }
        }
        if ended {
            return; // how it ended stands below
        }
        let would = match progress.would_be.result {
            StepResult::Inconclusive => "grey",
            other => other.word(),
        };
        let to = match run.step(id).map(|step| &step.action) {
            Some(Action::Analysis(gate)) => leads(gate, progress.would_be.result).cloned().map(String::from),
            _ => None,
        };
        let to = to.map_or_else(String::new, |to| format!(", on to {to}"));
        self.text(Tone::Dim, &format!("if it ended now: {would}{to}"));
    }

    fn standing(&mut self, state: &StepState) {
        let tone = match state.outcome {
            Some(StepResult::Succeeded) => Tone::Good,
            Some(StepResult::Skipped) | None => Tone::Dim,
            Some(_) => Tone::Bad,
        };
        let mut words = Vec::new();
        if let Some(outcome) = state.outcome {
            let reason = state.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
            words.push(format!("{}{reason}", outcome.word()));
        }
        if let Some(done) = &state.done
            && !done.summary.is_empty()
        {
            words.push(done.summary.clone());
        }
        if !state.message.is_empty() {
            words.retain(|said| !state.message.contains(said.as_str())); // a summary that the message repeats
            words.push(state.message.clone());
        }
        if !words.is_empty() {
            self.gap();
            self.text(tone, &words.join(": "));
        }
        for (name, value) in state.outputs.iter().filter(|(_, value)| value.as_str() != Some("")) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.text(Tone::Dim, &format!("{name} = {value}"));
        }
        for (by, note) in &state.approvals {
            self.text(Tone::Dim, &format!("approved by {} {}", by.name, note.clone().unwrap_or_default()));
        }
    }
}

/// What a person can type somewhere else begins with `$ `; a request, a prompt or a soak does not.
pub fn command_lines(intent: &Intent) -> Vec<String> {
    let is_command = matches!(intent.action, Action::Run(_) | Action::Helm(_) | Action::Kubernetes(_));
    let mark = |index| match (is_command, index) {
        (false, _) => "",
        (true, 0) => "$ ",
        (true, _) => "  ",
    };
    intent.command.lines().enumerate().map(|(index, line)| format!("{}{line}", mark(index))).collect()
}

pub fn tick_word(tick: Option<Tick>, looks: bool) -> (&'static str, Tone) {
    match (tick, looks) {
        (Some(Tick::Auto), _) => ("auto", Tone::Good),
        (Some(Tick::Operator), _) => ("operator", Tone::Good),
        (Some(Tick::Overridden), _) => ("overrid.", Tone::Warn),
        (Some(Tick::NotMet), _) => ("NOT MET", Tone::Bad),
        (Some(Tick::Open) | None, false) => ("[ ]", Tone::Plain),
        (Some(Tick::Open) | None, true) => ("looking", Tone::Busy),
    }
}
