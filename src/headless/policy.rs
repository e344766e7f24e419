//! What a run asks, answered from flags and an answers file; each answer once.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

use super::answers::{
    Answers, ApproveAnswer, CalendarAnswer, ChooseAnswer, EvidenceAnswer, FailureAnswer, GuardAnswer, StepAnswer,
    TickAnswer, claimed,
};
use crate::{
    engine::{
        Actor, Ask, Command, Run,
        ask::FailureChoices,
        fact::{Intent, Tick},
        message::{EvidenceGiven, Resolution, Via},
        path::Watch,
        state::{Phase, Wishes},
    },
    runbook::{
        model::{Action, Checklist, Risk},
        value::StepId,
    },
};

/// What the policy has to say to an ask.
#[derive(Debug, PartialEq)]
pub enum Reply {
    Say(Actor, Command),
    /// Probes are still looking; ask again later.
    Wait,
    /// Nobody answered. What was asked, for people.
    Unanswered(String),
}

/// Flags and answers of a headless run.
pub struct Policy {
    operator: String,
    yes_to: Risk,
    approved: Vec<String>,
    calendar: Option<CalendarAnswer>,
    guards: BTreeMap<String, VecDeque<GuardAnswer>>,
    turns_back_by_itself: bool,
    steps: BTreeMap<String, Queue>,
    workdir: PathBuf,
    hash: fn(&std::path::Path) -> std::io::Result<String>,
}

/// One step's answers, each kind in its own order.
#[derive(Default)]
struct Queue {
    confirm: VecDeque<bool>,
    ticks: VecDeque<TickAnswer>,
    overrides: BTreeMap<String, String>,
    done: VecDeque<bool>,
    evidence: VecDeque<EvidenceAnswer>,
    values: VecDeque<BTreeMap<String, serde_json::Value>>,
    choose: VecDeque<ChooseAnswer>,
    approve: VecDeque<ApproveAnswer>,
    refuse: VecDeque<super::answers::RefuseAnswer>,
    skip: VecDeque<String>,
    on_failure: VecDeque<FailureAnswer>,
    on_unknown: VecDeque<Resolution>,
}

impl Queue {
    fn add(&mut self, answer: StepAnswer) {
        fn all<T>(queue: &mut VecDeque<T>, answers: Option<super::answers::OneOrMany<T>>) {
            if let Some(answers) = answers {
                queue.extend(VecDeque::from(answers));
            }
        }
        all(&mut self.confirm, answer.confirm);
        self.ticks.extend(answer.tick);
        self.overrides.extend(answer.overrides);
        all(&mut self.done, answer.done);
        all(&mut self.evidence, answer.evidence);
        all(&mut self.values, answer.values);
        all(&mut self.choose, answer.choose);
        all(&mut self.approve, answer.approve);
        all(&mut self.refuse, answer.refuse);
        all(&mut self.skip, answer.skip);
        all(&mut self.on_failure, answer.on_failure);
        all(&mut self.on_unknown, answer.on_unknown);
    }
}

impl Policy {
    /// `yes_to`: as given; `destructive` among them is a usage error.
    pub fn new(
        operator: &str,
        yes_to: &[String],
        approved: &[String],
        answers: Answers,
        workdir: PathBuf,
        hash: fn(&std::path::Path) -> std::io::Result<String>,
    ) -> Result<Self, String> {
        let mut highest = Risk::Read;
        for word in yes_to {
            match word.as_str() {
                "read" => {}
                "write" => highest = Risk::Write,
                "destructive" => {
                    return Err("--yes-to never covers destructive steps; name each one with --approve STEP".into());
                }
                other => return Err(format!("--yes-to {other}: read, or read,write")),
            }
        }
        let mut steps: BTreeMap<String, Queue> = BTreeMap::new();
        for (id, given) in answers.steps {
            for answer in VecDeque::from(given) {
                steps.entry(id.clone()).or_default().add(answer);
            }
        }
        Ok(Self {
            operator: operator.to_owned(),
            yes_to: highest,
            approved: approved.to_vec(),
            calendar: answers.calendar,
            guards: answers.guards.into_iter().map(|(name, given)| (name, given.into())).collect(),
            turns_back_by_itself: answers.rollback.is_none_or(|rollback| rollback.confirm),
            steps,
            workdir,
            hash,
        })
    }

    /// A step that an answer skips is asked about before it begins, even where nothing else would be.
    pub fn wishes(&self) -> Wishes {
        let skipped = self.steps.iter().filter(|(_, queue)| !queue.skip.is_empty());
        Wishes {
            ask_before: skipped.map(|(id, _)| id.as_str().into()).collect(),
            ask_before_way_back: !self.turns_back_by_itself,
        }
    }

    fn me(&self) -> Actor {
        Actor::system(self.operator.clone(), Via::Answers)
    }

    fn queue(&mut self, step: &StepId) -> &mut Queue {
        self.steps.entry(step.as_str().to_owned()).or_default()
    }

    /// What the answers say unasked: a soak and a gate go on by themselves, and are skipped only by a word.
    pub fn volunteer(&mut self, run: &Run) -> Option<(Actor, Command)> {
        let Phase::Busy(ticket) = run.phase() else { return None };
        let action = run.state(&ticket.step)?.intent.as_deref().map(|intent| &intent.action)?;
        if !matches!(action, Action::Wait(_) | Action::Analysis(_)) {
            return None;
        }
        let why = self.queue(&ticket.step).skip.pop_front()?;
        Some((self.me(), Command::Skip { step: ticket.step.clone(), why }))
    }

    pub fn answer(&mut self, run: &Run, ask: &Ask) -> Reply {
        let unanswered = |what: String| Reply::Unanswered(what);
        match ask {
            Ask::Start => Reply::Say(self.me(), Command::Start),
            Ask::Calendar { reason } => match self.calendar.take() {
                Some(answer) => Reply::Say(self.me(), Command::BreakGlass { why: answer.break_glass }),
                None => unanswered(format!("the change calendar is closed: {reason}")),
            },
            Ask::Confirm { intent, typed } => self.confirm(intent, typed.as_ref()),
            // There is no pane to select in: the step fails, and its `onFailure` says what then.
            Ask::Select { step, .. } => {
                Reply::Say(self.me(), Command::Confirm { step: step.clone(), typed: None, selected: None })
            }
            Ask::Checklist { step } => self.checklist(run, step),
            Ask::Manual { step } => self.manual(step),
            Ask::Approval { step } => self.approval(step),
            Ask::Decision { step } => match self.queue(step).choose.pop_front() {
                Some(choice) => {
                    let ChooseAnswer { option, reason } = choice;
                    Reply::Say(self.me(), Command::Choose { step: step.clone(), option, reason, typed: None })
                }
                None => unanswered(format!("{step} is a decision")),
            },
            Ask::Input { step } => self.input(run, step),
            Ask::Failure { step, reason, choices } => self.failure(step, reason, *choices),
            Ask::Unknown { step, message } => match self.queue(step).on_unknown.pop_front() {
                Some(outcome) => {
                    let why = "as the answers say".to_owned();
                    Reply::Say(self.me(), Command::Resolve { step: step.clone(), outcome, why })
                }
                None => unanswered(format!("nobody knows what became of {step}: {message}")),
            },
            Ask::Guard { guard, detail } => self.guard(run, *guard, detail),
        }
    }

    fn confirm(&mut self, intent: &Intent, typed: Option<&String>) -> Reply {
        let step = intent.step.clone();
        if let Some(why) = self.queue(&step).skip.pop_front() {
            return Reply::Say(self.me(), Command::Skip { step, why });
        }
        let yes = match self.queue(&step).confirm.pop_front() {
            Some(yes) => Some(yes),
            None if self.approved.iter().any(|id| id == step.as_str()) => Some(true),
            None if typed.is_none() && intent.risk <= self.yes_to => Some(true),
            None => None,
        };
        match yes {
            Some(true) => Reply::Say(self.me(), Command::Confirm { step, typed: typed.cloned(), selected: None }),
            Some(false) => Reply::Say(self.me(), Command::Decline { step }),
            None => {
                let risk = format!("{:?}", intent.risk).to_lowercase();
                let flag = if intent.risk == Risk::Destructive || typed.is_some() {
                    format!("--approve {step}")
                } else {
                    "--yes-to read,write".into()
                };
                Reply::Unanswered(format!(
                    "{step} ({risk}) waits for a confirmation: {flag}, or `confirm: true` in the answers"
                ))
            }
        }
    }

    fn checklist(&mut self, run: &Run, step: &StepId) -> Reply {
        let Some(list) = checklist(run, step) else { return Reply::Wait };
        let ticks = run.state(step).map(|state| state.ticks.clone()).unwrap_or_default();
        let tick_of = |id: &str| ticks.get(id).map(|item| item.tick);
        if list.items.iter().any(|item| item.probe.is_some() && tick_of(&item.id).is_none()) {
            return Reply::Wait;
        }
        let queue = self.queue(step);
        if let Some(why) = queue.skip.pop_front() {
            return Reply::Say(self.me(), Command::Skip { step: step.clone(), why });
        }
        let open = |id: &str| !matches!(tick_of(id), Some(Tick::Auto | Tick::Operator | Tick::Overridden));
        let named = |queue: &Queue, id: &str| match queue.ticks.front() {
            Some(TickAnswer::All) => true,
            Some(TickAnswer::Items(items)) => items.iter().any(|item| item == id),
            None => false,
        };
        for item in list.items.iter().filter(|item| open(&item.id)) {
            if let Some(why) = queue.overrides.remove(&item.id) {
                let command = Command::Override { step: step.clone(), item: item.id.clone(), why };
                return Reply::Say(self.me(), command);
            }
            if item.probe.is_none() && named(queue, &item.id) {
                let command = Command::Tick { step: step.clone(), item: item.id.clone() };
                return Reply::Say(self.me(), command);
            }
        }
        let left: Vec<_> = list.items.iter().filter(|item| item.required && open(&item.id)).collect();
        queue.ticks.pop_front();
        if left.is_empty() || queue.done.pop_front() == Some(true) {
            return Reply::Say(self.me(), Command::Done { step: step.clone(), evidence: None });
        }
        let words = left.iter().map(|item| match (&item.probe, ticks.get(&item.id)) {
            (Some(_), Some(state)) => format!("{} (looked: {})", item.id, state.detail),
            _ => item.id.clone(),
        });
        Reply::Unanswered(format!("{step} has open items: {}", words.collect::<Vec<_>>().join(", ")))
    }

    fn manual(&mut self, step: &StepId) -> Reply {
        let queue = self.queue(step);
        if let Some(why) = queue.skip.pop_front() {
            return Reply::Say(self.me(), Command::Skip { step: step.clone(), why });
        }
        let evidence = queue.evidence.pop_front();
        let done = queue.done.pop_front();
        if evidence.is_none() && done != Some(true) {
            return Reply::Unanswered(format!(
                "{step} is done by a person: `done: true` or `evidence:` in the answers"
            ));
        }
        let evidence = evidence.map(|EvidenceAnswer { text, file }| {
            let sha256 = file.as_ref().and_then(|file| (self.hash)(&self.workdir.join(file)).ok());
            EvidenceGiven { file, sha256, text }
        });
        Reply::Say(self.me(), Command::Done { step: step.clone(), evidence })
    }

    fn approval(&mut self, step: &StepId) -> Reply {
        let queue = self.queue(step);
        if let Some(refusal) = queue.refuse.pop_front() {
            return Reply::Say(claimed(&refusal.by), Command::Refuse { step: step.clone(), why: refusal.why });
        }
        match queue.approve.pop_front() {
            Some(ApproveAnswer { by, note }) => Reply::Say(claimed(&by), Command::Approve { step: step.clone(), note }),
            None => Reply::Unanswered(format!(
                "{step} waits for an approval: `ripcord approve RUN {step}` from another login"
            )),
        }
    }

    fn input(&mut self, run: &Run, step: &StepId) -> Reply {
        if let Some(why) = self.queue(step).skip.pop_front() {
            return Reply::Say(self.me(), Command::Skip { step: step.clone(), why });
        }
        if let Some(values) = self.queue(step).values.pop_front() {
            return Reply::Say(self.me(), Command::Provide { step: step.clone(), values });
        }
        let fields = match run.state(step).and_then(|state| state.intent.as_deref()).map(|intent| &intent.action) {
            Some(Action::Input(fields)) => fields,
            _ => return Reply::Wait,
        };
        if fields.values().all(|field| field.default.is_some() || !field.as_param().required) {
            return Reply::Say(self.me(), Command::Provide { step: step.clone(), values: BTreeMap::new() });
        }
        let names: Vec<_> =
            fields.iter().filter(|(_, field)| field.default.is_none()).map(|(name, _)| name.as_str()).collect();
        Reply::Unanswered(format!("{step} asks for {}", names.join(", ")))
    }

    fn failure(&mut self, step: &StepId, reason: &str, choices: FailureChoices) -> Reply {
        let me = self.me();
        let queue = self.queue(step);
        let answer = queue.on_failure.pop_front().or_else(|| queue.skip.pop_front().map(FailureAnswer::Skip));
        let step = step.clone();
        match answer {
            Some(FailureAnswer::Retry) => Reply::Say(me, Command::Retry { step }),
            Some(FailureAnswer::Skip(why)) => Reply::Say(me, Command::Skip { step, why }),
            Some(FailureAnswer::Rollback) => {
                Reply::Say(me, Command::Rollback { why: format!("{step} failed: {reason}") })
            }
            Some(FailureAnswer::Abort) => Reply::Say(me, Command::Abort { why: format!("{step} failed: {reason}") }),
            None => {
                let words = [("retry", choices.retry), ("skip", choices.skip), ("rollback", choices.rollback)];
                let open: Vec<_> = words.iter().filter(|(_, open)| *open).map(|(word, _)| *word).collect();
                Reply::Unanswered(format!("{step} failed ({reason}): {} or abort", open.join(", ")))
            }
        }
    }

    fn guard(&mut self, run: &Run, guard: usize, detail: &str) -> Reply {
        let name = run.watches().get(guard).map(Watch::name).unwrap_or_default();
        match self.guards.get_mut(&name).and_then(VecDeque::pop_front) {
            Some(GuardAnswer::Rollback) => Reply::Say(self.me(), Command::Rollback { why: detail.to_owned() }),
            Some(GuardAnswer::Ignore(why)) => Reply::Say(self.me(), Command::DismissGuard { guard, why }),
            None => Reply::Unanswered(format!("a guard offers the way back: {detail}")),
        }
    }
}

fn checklist<'a>(run: &'a Run, step: &StepId) -> Option<&'a Checklist> {
    match run.state(step)?.intent.as_deref().map(|intent| &intent.action) {
        Some(Action::Checklist(list)) => Some(list),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{engine::fact::Opened, headless::answers};

    fn run() -> Run {
        let opened: Opened = serde_json::from_value(json!({
            "format": 1, "run": "r", "program": {"version": "", "hash": ""}, "runbookHash": "", "runbookPath": "",
            "runbook": {"metadata": {"name": "t"}, "steps": [], "guards": [{"metric": "errors", "interval": "15s"}]},
            "params": {}, "target": {}, "host": "h", "pid": 1, "workdir": "/", "startedAt": "2026-11-23T20:14:55Z",
            "operator": {"name": "me", "via": "console", "assurance": "system"},
        }))
        .unwrap();
        Run::open(opened.started_at, opened)
    }

    #[test]
    fn each_answer_to_a_guard_serves_one_offer() {
        let answers = answers::parse(json!({"guards": {"errors": [{"ignore": "known"}, "rollback"]}})).unwrap();
        let hash = |_: &std::path::Path| Ok(String::new());
        let mut policy = Policy::new("me", &[], &[], answers, PathBuf::new(), hash).unwrap();
        let offer = Ask::Guard { guard: 0, detail: "too many".into() };
        let mut says = || policy.answer(&run(), &offer);
        assert!(matches!(says(), Reply::Say(_, Command::DismissGuard { guard: 0, why }) if why == "known"));
        assert!(matches!(says(), Reply::Say(_, Command::Rollback { .. })));
        assert!(matches!(says(), Reply::Unanswered(_)));
    }
}
