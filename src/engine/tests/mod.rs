//! The engine driven by hand: inputs in, facts out, no clock and no world.

mod bench_like;
mod cancel;
mod control;
pub mod gate;
mod limits;
mod people;
mod writes;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Actor, Command, Effect, Fact, Input, Refusal, Report, Run, Ticket,
    fact::{Baseline, Opened, RunStatus, TargetIdentity},
    message::{Done, Failure, Look, Via},
};
use crate::runbook::{model::Runbook, value::StepId};

/// A run in a bottle: a runbook as JSON, a clock that is told, every fact and effect kept.
pub struct Bottle {
    pub run: Run,
    pub now: Timestamp,
    pub facts: Vec<(Timestamp, Fact)>,
    pub effects: Vec<Effect>,
}

pub fn opened(book: Runbook, params: Value) -> Opened {
    Opened {
        format: 1,
        run: "r1".into(),
        program: Default::default(),
        runbook: Box::new(book),
        runbook_hash: String::new(),
        runbook_path: "r.yaml".into(),
        params: serde_json::from_value(params).unwrap(),
        target: TargetIdentity { context: "prod".into(), namespace: "ml".into(), ..Default::default() },
        operator: me(),
        host: "h".into(),
        pid: 1,
        workdir: "/".into(),
        started_at: Timestamp::UNIX_EPOCH,
        rollback_of: None,
        previous: None,
        carried: Default::default(),
        read_only: false,
        baseline: None,
    }
}

pub fn me() -> Actor {
    Actor::system("oncall@corp", Via::Console)
}

pub fn book(steps: Value, rollback: Value) -> Runbook {
    let fix = |steps: Value| {
        let steps = steps.as_array().unwrap().iter().map(|step| {
            // {id, run: …} as an author writes it → {id, action: {run: …}}
            const ACTIONS: [&str; 16] = [
                "run",
                "http",
                "kubernetes",
                "helm",
                "analysis",
                "checklist",
                "manual",
                "approval",
                "decision",
                "input",
                "wait",
                "branch",
                "portForward",
                "notify",
                "runbook",
                "end",
            ];
            let mut step = step.as_object().unwrap().clone();
            let key = ACTIONS.iter().find(|key| step.contains_key(**key)).unwrap();
            let action = step.remove(*key).unwrap();
            step.insert("action".into(), json!({ *key: action }));
            Value::Object(step)
        });
        Value::Array(steps.collect())
    };
    serde_json::from_value(json!({
        "metadata": {"name": "demo"}, "steps": fix(steps), "rollback": fix(rollback),
    }))
    .unwrap()
}

impl Bottle {
    pub fn new(steps: Value, rollback: Value) -> Self {
        Self::of(opened(book(steps, rollback), json!({})))
    }

    pub fn of(opened: Opened) -> Self {
        let now = Timestamp::UNIX_EPOCH;
        let facts = vec![(now, Fact::RunOpened(Box::new(opened.clone())))];
        Self { run: Run::open(now, opened), now, facts, effects: Vec::new() }
    }

    pub fn started(steps: Value, rollback: Value) -> Self {
        let mut bottle = Self::new(steps, rollback);
        bottle.tell(Command::Start).unwrap();
        bottle
    }

    pub fn hear(&mut self, input: Input) -> Result<Vec<Fact>, Refusal> {
        let decision = self.run.decide(self.now, &input)?;
        for fact in &decision.facts {
            self.run.apply(self.now, fact).unwrap();
            self.facts.push((self.now, fact.clone()));
        }
        self.run.asked(&decision.effects);
        self.effects.extend(decision.effects);
        self.same_when_replayed();
        Ok(decision.facts)
    }

    /// The run is the fold of its facts, after every single decision.
    fn same_when_replayed(&self) {
        let again = Run::replay(&self.facts).unwrap();
        assert_eq!(again.phase(), self.run.phase());
        assert_eq!(again.current(), self.run.current());
        assert_eq!(again.steps, self.run.steps);
        assert_eq!(again.status(), self.run.status());
    }

    pub fn tell(&mut self, command: Command) -> Result<Vec<Fact>, Refusal> {
        self.hear(Input::Command { by: me(), command })
    }

    pub fn tell_by(&mut self, name: &str, command: Command) -> Result<Vec<Fact>, Refusal> {
        self.hear(Input::Command { by: Actor::claimed(name, Via::Console), command })
    }

    pub fn report(&mut self, step: &str, report: Report) -> Vec<Fact> {
        let ticket = self.ticket(step);
        self.hear(Input::Report { ticket, report }).unwrap()
    }

    pub fn ticket(&self, step: &str) -> Ticket {
        Ticket::new(step, self.run.state(&step.into()).map_or(0, |state| state.attempts))
    }

    pub fn confirm(&mut self, step: &str) -> Result<Vec<Fact>, Refusal> {
        self.tell(Command::Confirm { step: step.into(), typed: None, selected: None })
    }

    pub fn ok(&mut self, step: &str) -> Vec<Fact> {
        self.report(step, Report::Succeeded(Done::default()))
    }

    pub fn ok_with(&mut self, step: &str, outputs: Value) -> Vec<Fact> {
        let outputs = serde_json::from_value(outputs).unwrap();
        self.report(step, Report::Succeeded(Done { outputs, ..Done::default() }))
    }

    pub fn fails(&mut self, step: &str) -> Vec<Fact> {
        let failure = Failure { reason: "exit".into(), message: "exit 1".into(), done: Done::default() };
        self.report(step, Report::Failed(failure))
    }

    pub fn sees(&mut self, step: &str, item: Option<&str>, passed: Option<bool>) -> Vec<Fact> {
        let look = Look { passed, detail: "seen".into() };
        self.report(step, Report::Probed { item: item.map(str::to_owned), look })
    }

    pub fn later(&mut self, secs: i64) -> Vec<Fact> {
        self.now += SignedDuration::from_secs(secs);
        self.hear(Input::Clock).unwrap()
    }

    pub fn at(&self) -> &str {
        self.run.current().map_or("", StepId::as_str)
    }

    pub fn kinds(&self) -> Vec<String> {
        self.facts.iter().map(|(_, fact)| fact.kind()).collect()
    }

    pub fn status(&self) -> RunStatus {
        self.run.status()
    }

    pub fn performed(&self) -> Vec<String> {
        let name = |effect: &Effect| match effect {
            Effect::Perform { ticket, .. } => Some(format!("{}#{}", ticket.step, ticket.attempt)),
            _ => None,
        };
        self.effects.iter().filter_map(name).collect()
    }
}

pub fn baseline(revision: i64) -> Baseline {
    Baseline { kind: "helmRelease".into(), name: "ml".into(), revision, ..Baseline::default() }
}
