//! What people do at a step: tick, decide, approve, provide, skip, retry, resolve.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    draft::{Draft, End, Ruled},
    fact::{Fact, Intent, StepResult, Tick},
    message::{Actor, Command, Done, EvidenceGiven, Look, Refusal, Resolution, Ticket},
    state::{Phase, Run, StepState},
};
use crate::runbook::{
    model::{Action, Approval, Checklist, ChecklistMode, Decision, InputField, ReasonRule},
    params,
    value::{StepId, Tpl},
};

impl Run {
    /// The rendered action of the step a person is at.
    pub(super) fn action_in_hand(&self, id: &StepId) -> Option<&Action> {
        match &self.phase {
            Phase::Busy(ticket) if &ticket.step == id => {}
            _ => return None,
        }
        self.state(id)?.intent.as_deref().map(|intent: &Intent| &intent.action)
    }
}

/// Whether every item that must stand does, and whether every item does.
fn standing(list: &Checklist, state: &StepState) -> (bool, bool) {
    let stands = |id: &str| {
        matches!(state.ticks.get(id).map(|item| item.tick), Some(Tick::Auto | Tick::Operator | Tick::Overridden))
    };
    let required = list.items.iter().filter(|item| item.required).all(|item| stands(&item.id));
    (required, list.items.iter().all(|item| stands(&item.id)))
}

impl Draft {
    pub(super) fn people(&mut self, by: &Actor, command: &Command) -> Ruled {
        match command {
            Command::Tick { step, item } => self.tick_item(by, step, item, Tick::Operator, ""),
            Command::Untick { step, item } => self.tick_item(by, step, item, Tick::Open, ""),
            Command::Override { step, item, why } => {
                need_reason(why)?;
                self.tick_item(by, step, item, Tick::Overridden, why)
            }
            Command::Recheck { step, item } => self.recheck(step, item),
            Command::Done { step, evidence } => self.done(by, step, evidence.as_ref()),
            Command::Approve { step, note } => self.approve(by, step, note.as_deref()),
            Command::Refuse { step, why } => self.refuse(by, step, why),
            Command::Choose { step, option, reason, typed } => {
                self.choose(by, step, option, reason.as_deref(), typed.as_deref())
            }
            Command::Provide { step, values } => self.provide(by, step, values),
            other => Err(Refusal::new(format!("{other:?} cannot be done now"))),
        }
    }

    fn in_hand(&self, id: &StepId) -> Ruled<Action> {
        self.must_be_current(id)?;
        self.run.action_in_hand(id).cloned().ok_or_else(|| Refusal::new(format!("{id} does not wait for this now")))
    }

    fn checklist(&self, id: &StepId) -> Ruled<Checklist> {
        match self.in_hand(id)? {
            Action::Checklist(list) => Ok(list),
            other => Err(Refusal::new(format!("{id} is a {}, not a checklist", other.name()))),
        }
    }

    pub(super) fn look_at_items(&mut self, id: &StepId) -> Ruled {
        let list = self.checklist(id)?;
        for item in list.items {
            if let Some(probe) = item.probe {
                self.look(self.ticket(id), Some(item.id), probe);
            }
        }
        Ok(())
    }

    fn tick_item(&mut self, by: &Actor, id: &StepId, item: &str, tick: Tick, detail: &str) -> Ruled {
        let list = self.checklist(id)?;
        let Some(index) = list.items.iter().position(|other| other.id == item) else {
            let ids: Vec<_> = list.items.iter().map(|item| item.id.as_str()).collect();
            return Err(Refusal::new(format!("{id} has no item {item}; it has {}", ids.join(", "))));
        };
        if tick == Tick::Operator && list.items[index].probe.is_some() {
            return Err(Refusal::new(format!("{item} looks for itself; override it with a reason if it is wrong")));
        }
        if list.mode == ChecklistMode::ReadDo && tick == Tick::Operator {
            let state = self.run.state(id);
            let open = list.items[..index].iter().find(|before| {
                before.required
                    && before.probe.is_none()
                    && !matches!(
                        state.and_then(|state| state.ticks.get(&before.id)).map(|item| item.tick),
                        Some(Tick::Operator | Tick::Overridden)
                    )
            });
            if let Some(open) = open {
                return Err(Refusal::new(format!("in order, please: {} comes first", open.id)));
            }
        }
        self.ticked(id, item, tick, Some(by.clone()), detail)
    }

    fn ticked(&mut self, id: &StepId, item: &str, state: Tick, by: Option<Actor>, detail: &str) -> Ruled {
        let (item, detail) = (item.to_owned(), detail.to_owned());
        self.fact(Fact::ChecklistTicked { step: id.clone(), item, state, by, detail })?;
        let list = self.checklist(id)?;
        if self.run.state(id).is_some_and(|state| standing(&list, state).1) {
            return self.checklist_done(id, &list);
        }
        Ok(())
    }

    fn checklist_done(&mut self, id: &StepId, list: &Checklist) -> Ruled {
        let count = |tick: Tick| {
            let ticks = self.run.state(id).map(|state| &state.ticks);
            ticks.map_or(0, |ticks| ticks.values().filter(|item| item.tick == tick).count())
        };
        let summary = format!(
            "{} of {} stand: {} auto, {} operator, {} overridden",
            count(Tick::Auto) + count(Tick::Operator) + count(Tick::Overridden),
            list.items.len(),
            count(Tick::Auto),
            count(Tick::Operator),
            count(Tick::Overridden)
        );
        self.succeed(id, Done { summary, ..Done::default() })
    }

    /// A checklist's probe has looked.
    pub(super) fn item_seen(&mut self, id: &StepId, item: &str, look: &Look) -> Ruled {
        let overridden = self.run.state(id).and_then(|state| state.ticks.get(item));
        if overridden.is_some_and(|item| item.tick == Tick::Overridden) {
            return Ok(());
        }
        let tick = if look.passed == Some(true) { Tick::Auto } else { Tick::NotMet };
        self.ticked(id, item, tick, None, &look.detail)
    }

    fn recheck(&mut self, id: &StepId, item: &str) -> Ruled {
        let list = self.checklist(id)?;
        match list.items.into_iter().find(|other| other.id == item).and_then(|item| item.probe) {
            Some(probe) => {
                self.look(self.ticket(id), Some(item.to_owned()), probe);
                Ok(())
            }
            None => Err(Refusal::new(format!("{item} has nothing to look at; tick it"))),
        }
    }

    fn done(&mut self, by: &Actor, id: &StepId, given: Option<&EvidenceGiven>) -> Ruled {
        match self.in_hand(id)? {
            Action::Checklist(list) => {
                let state = self.run.state(id);
                if !state.is_some_and(|state| standing(&list, state).0) {
                    return Err(Refusal::new(format!(
                        "{id} still has open items: tick them, or override with a reason"
                    )));
                }
                self.checklist_done(id, &list)
            }
            Action::Manual(_) => self.manual_done(by, id, given),
            other => Err(Refusal::new(format!("{id} is a {}; it ends by itself", other.name()))),
        }
    }

    fn manual_done(&mut self, by: &Actor, id: &StepId, given: Option<&EvidenceGiven>) -> Ruled {
        let asked = self.found(id)?.step.common.evidence.clone();
        let is_given = given.is_some_and(|given| {
            given.text.as_deref().is_some_and(|text| !text.trim().is_empty()) || given.file.is_some()
        });
        if let Some(asked) = asked {
            if asked.required && !is_given {
                let prompt = asked.prompt.unwrap_or_else(|| "what did you see?".into());
                return Err(Refusal::new(format!("{id} wants evidence: {prompt}")));
            }
            if asked.file && is_given && given.is_none_or(|given| given.sha256.is_none()) {
                return Err(Refusal::new(format!("{id} wants a file as evidence; name one that can be read")));
            }
        }
        let end = End { by: Some(by.clone()), evidence: given.cloned(), ..End::default() };
        if let Some(probe) = self.found(id)?.step.common.verify.clone() {
            // The outcome will be the check's; who did it, and what was seen, is said now.
            let EvidenceGiven { text, file, sha256 } = given.cloned().unwrap_or_default();
            let seen = [text, file, sha256.map(|hash| format!("sha256 {hash}"))];
            let seen: String = seen.into_iter().flatten().map(|part| format!("; {part}")).collect();
            self.fact(Fact::NoteAdded { by: by.clone(), text: format!("{id} is done{seen}") })?;
            return self.verify(id, &probe, super::state::VerifiedAct::Reported, Done::default());
        }
        self.outcome(id, StepResult::Succeeded, end)?;
        self.go_on(id)
    }

    pub(super) fn ask_approval(&mut self, id: &StepId, approval: &Approval) -> Ruled {
        let until = approval.timeout.as_ref().and_then(Tpl::value);
        let until = until.and_then(|timeout| self.now.checked_add(timeout.get()).ok());
        self.fact(Fact::ApprovalAsked {
            step: id.clone(),
            prompt: approval.prompt.clone(),
            needed: needed(approval),
            until,
        })
    }

    fn approval(&self, id: &StepId) -> Ruled<Approval> {
        match self.in_hand(id)? {
            Action::Approval(approval) => Ok(approval),
            other => Err(Refusal::new(format!("{id} is a {}, not an approval", other.name()))),
        }
    }

    fn approve(&mut self, by: &Actor, id: &StepId, note: Option<&str>) -> Ruled {
        let approval = self.approval(id)?;
        self.may_judge(by, &approval)?;
        let given = self.run.state(id).map(|state| state.approvals.as_slice()).unwrap_or_default();
        if given.iter().any(|(other, _)| is_same_person(&other.name, &by.name)) {
            return Err(Refusal::new(format!("{} has approved already; another name is needed", by.name)));
        }
        let count = given.len() + 1;
        self.fact(Fact::ApprovalGiven { step: id.clone(), by: by.clone(), note: note.map(str::to_owned) })?;
        if count < needed(&approval) as usize {
            return Ok(());
        }
        let summary = format!("approved by {count} of {}", needed(&approval));
        self.succeed(id, Done { summary, ..Done::default() })
    }

    fn may_judge(&self, by: &Actor, approval: &Approval) -> Ruled {
        if by.name.trim().is_empty() {
            return Err(Refusal::new("an approval needs a name: who gives it?"));
        }
        let operator = &self.run.opened().operator.name;
        let user = |name: &str| name.trim().split('@').next().unwrap_or_default().to_lowercase();
        let same = is_same_person(&by.name, operator) || user(&by.name) == user(operator);
        if approval.prevent_self_approval && same {
            return Err(Refusal::new(format!(
                "{} is the operator ({operator}); somebody else must approve (preventSelfApproval)",
                by.name
            )));
        }
        if !approval.approvers.is_empty() && !approval.approvers.iter().any(|glob| matches_glob(glob, &by.name)) {
            let globs = approval.approvers.join(", ");
            return Err(Refusal::new(format!("{} may not approve this; approvers are {globs}", by.name)));
        }
        Ok(())
    }

    fn refuse(&mut self, by: &Actor, id: &StepId, why: &str) -> Ruled {
        let approval = self.approval(id)?;
        need_reason(why)?;
        if !approval.approvers.is_empty() {
            self.may_judge(by, &approval)?;
        }
        self.fact(Fact::ApprovalRefused { step: id.clone(), by: by.clone(), why: why.to_owned() })?;
        self.outcome(id, StepResult::Failed, End::because("refused", format!("{} refused: {why}", by.name)))?;
        self.after_failure(id)
    }

    pub(super) fn approval_timed_out(&mut self, id: &StepId) -> Ruled {
        let why = "nobody approved in time".to_owned();
        self.fact(Fact::ApprovalRefused { step: id.clone(), by: Actor::engine(), why: why.clone() })?;
        self.outcome(id, StepResult::Failed, End::because("timeout", why))?;
        self.after_failure(id)
    }

    fn choose(&mut self, by: &Actor, id: &StepId, option: &str, reason: Option<&str>, typed: Option<&str>) -> Ruled {
        let decision: Decision = match self.in_hand(id)? {
            Action::Decision(decision) => decision,
            other => return Err(Refusal::new(format!("{id} is a {}, not a decision", other.name()))),
        };
        let Some(choice) = decision.options.iter().find(|choice| choice.id == option) else {
            let ids: Vec<_> = decision.options.iter().map(|choice| choice.id.as_str()).collect();
            return Err(Refusal::new(format!("{id} has no option {option}; it has {}", ids.join(", "))));
        };
        if choice.reason == ReasonRule::Required {
            need_reason(reason.unwrap_or_default())?;
        }
        let by_hand = by.via != super::message::Via::Answers;
        if let Some(word) = self.run.choice_word(choice).filter(|word| by_hand && typed != Some(word.as_str())) {
            return Err(Refusal::new(format!("{option} is destructive: type {word} to choose it")));
        }
        self.fact(Fact::DecisionMade {
            step: id.clone(),
            option: option.to_owned(),
            by: by.clone(),
            reason: reason.map(str::to_owned),
        })?;
        let mut done = Done { summary: choice.title().to_owned(), ..Done::default() };
        done.outputs.insert("choice".into(), Value::String(option.to_owned()));
        self.outcome(id, StepResult::Succeeded, End { by: Some(by.clone()), ..End::done(done) })?;
        self.goto(id, &choice.goto, reason.unwrap_or(choice.title()))
    }

    fn provide(&mut self, by: &Actor, id: &StepId, values: &BTreeMap<String, Value>) -> Ruled {
        let fields = match self.in_hand(id)? {
            Action::Input(fields) => fields,
            other => return Err(Refusal::new(format!("{id} is a {}, it takes no values", other.name()))),
        };
        let declared = fields.iter().map(|(name, field): (_, &InputField)| (name.clone(), field.as_param())).collect();
        let values = params::resolve(&declared, values).map_err(|problems| Refusal::new(problems.join("; ")))?;
        self.fact(Fact::InputGiven { step: id.clone(), values: values.clone(), by: by.clone() })?;
        self.succeed(id, Done { outputs: values, ..Done::default() })
    }

    pub(super) fn skip(&mut self, by: &Actor, id: &StepId, why: &str) -> Ruled {
        self.must_be_current(id)?;
        need_reason(why)?;
        let step = self.found(id)?.step.clone();
        match (&step.action, step.common.required) {
            (_, true) => return Err(Refusal::new(format!("{id} is required: it cannot be skipped"))),
            (Action::Approval(_), _) => {
                return Err(Refusal::new(format!("{id} is an approval: it is given or refused, not skipped")));
            }
            (Action::Decision(_) | Action::Branch(_) | Action::End(_), _) => {
                return Err(Refusal::new(format!("{id} says where to go; it cannot be skipped")));
            }
            _ => {}
        }
        let patient = matches!(&step.action, Action::Wait(_) | Action::Analysis(_)) || step.action.is_for_people();
        match self.run.phase() {
            Phase::Entered | Phase::Asked | Phase::RetryAt(_) | Phase::CalendarClosed(_) => {}
            Phase::Busy(_) if patient => {}
            Phase::Unknown => {
                return Err(Refusal::new(format!("first say what became of {id}: succeeded, failed or again")));
            }
            _ => return Err(Refusal::new(format!("{id} is at work; it can be stopped with z, or waited for"))),
        }
        self.fact(Fact::StepSkipped { step: id.clone(), why: why.to_owned(), by: Some(by.clone()) })?;
        if let Action::Analysis(gate) = &step.action
            && let Some(goto) = &gate.on_successful
        {
            return self.goto(id, goto, why);
        }
        self.go_on(id)
    }

    pub(super) fn retry(&mut self, by: &Actor, id: &StepId) -> Ruled {
        self.must_be_current(id)?;
        if self.run.phase() != &Phase::Asked {
            return Err(Refusal::new(format!("{id} has not failed")));
        }
        self.fact(Fact::StepRetried { step: id.clone(), by: by.clone(), at: None })
    }

    pub(super) fn resolve(&mut self, by: &Actor, id: &StepId, outcome: Resolution, why: &str) -> Ruled {
        self.must_be_current(id)?;
        if self.run.phase() != &Phase::Unknown {
            return Err(Refusal::new(format!("what became of {id} is known")));
        }
        self.fact(Fact::StepResolved { step: id.clone(), outcome, by: by.clone(), why: why.to_owned() })?;
        match outcome {
            Resolution::Succeeded => self.go_on(id),
            // A person has looked, so what the author said of a failure holds; nothing is done again by itself.
            Resolution::Failed => {
                let step = self.found(id)?.step.clone();
                self.on_failure(id, &step, "failed")
            }
            Resolution::Retry => self.fact(Fact::StepRetried { step: id.clone(), by: by.clone(), at: None }),
        }
    }

    /// Opens a closed calendar, or goes on without an approval that allows it.
    pub(super) fn break_glass(&mut self, by: &Actor, why: &str) -> Ruled {
        need_reason(why)?;
        let (by, why) = (by.clone(), why.to_owned());
        match self.run.phase().clone() {
            Phase::CalendarClosed(reason) => {
                self.fact(Fact::BreakGlassUsed { by, why, what: format!("calendar: {reason}") })
            }
            Phase::Busy(Ticket { step, .. }) => {
                let approval = self.approval(&step)?;
                if !approval.break_glass {
                    return Err(Refusal::new(format!("{step} does not allow it; ask an approver")));
                }
                self.fact(Fact::BreakGlassUsed {
                    by: by.clone(),
                    why: why.clone(),
                    what: format!("approval: {step}"),
                })?;
                let end = End { by: Some(by), message: format!("without approval: {why}"), ..End::default() };
                self.outcome(&step, StepResult::Succeeded, end)?;
                self.go_on(&step)
            }
            _ if !self.run.is_started() => self.fact(Fact::BreakGlassUsed { by, why, what: "calendar".into() }),
            _ => Err(Refusal::new("there is no glass to break now")),
        }
    }
}

fn is_same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

fn need_reason(why: &str) -> Ruled {
    if why.trim().is_empty() { Err(Refusal::new("this needs a reason, in words")) } else { Ok(()) }
}

fn needed(approval: &Approval) -> u32 {
    approval.min_approvals.as_ref().and_then(Tpl::value).unwrap_or(1).max(1)
}

/// `*` stands for any run of characters, `?` for one; case does not matter.
pub(super) fn matches_glob(glob: &str, name: &str) -> bool {
    fn go(glob: &[char], name: &[char]) -> bool {
        match (glob.first(), name.first()) {
            (None, None) => true,
            (Some('*'), _) => go(&glob[1..], name) || (!name.is_empty() && go(glob, &name[1..])),
            (Some('?'), Some(_)) => go(&glob[1..], &name[1..]),
            (Some(a), Some(b)) if a == b => go(&glob[1..], &name[1..]),
            _ => false,
        }
    }
    let chars = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    go(&chars(glob), &chars(name))
}
