//! Where a step lies: through nested runbooks, forward or in the lane, and what follows it.

use super::state::Lane;
use crate::runbook::{
    model::{Action, Guard, Runbook, Step},
    value::StepId,
};

/// A step with the list it stands in.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub step: &'a Step,
    /// The runbook that declares it: the scope of its params and secrets.
    pub book: &'a Runbook,
    pub siblings: &'a [Step],
    pub index: usize,
    pub lane: Lane,
}

impl<'a> Found<'a> {
    /// The step after this one in its list.
    pub fn following(&self) -> Option<&'a Step> {
        self.siblings.get(self.index + 1)
    }
}

/// Finds `a/b/c` in a runbook.
pub fn find<'a>(book: &'a Runbook, id: &StepId) -> Option<Found<'a>> {
    let mut parts = id.as_str().split('/');
    let mut found = find_leaf(book, parts.next()?)?;
    let top_lane = found.lane;
    for part in parts {
        let Action::Runbook(nested) = &found.step.action else { return None };
        found = find_leaf(nested.book.as_deref()?, part)?;
        found.lane = top_lane;
    }
    Some(found)
}

fn find_leaf<'a>(book: &'a Runbook, id: &str) -> Option<Found<'a>> {
    for (lane, siblings) in [(Lane::Forward, &book.steps), (Lane::Rollback, &book.rollback)] {
        if let Some(index) = siblings.iter().position(|step| step.id().as_str() == id) {
            return Some(Found { step: &siblings[index], book, siblings, index, lane });
        }
    }
    None
}

/// A guard and the runbook it stands in.
#[derive(Clone, Debug)]
pub struct Watch<'a> {
    pub guard: &'a Guard,
    pub book: &'a Runbook,
    /// The step whose nested runbook that is; `None` at the top.
    pub within: Option<StepId>,
}

impl Watch<'_> {
    /// What answers and the trail call it: `error_rate`, or `check/pods` in a nested runbook.
    pub fn name(&self) -> String {
        let name = self.guard.name();
        self.within.as_ref().map_or_else(|| name.to_owned(), |within| format!("{within}/{name}"))
    }
}

/// Every guard, the outermost runbook's first; its place is its number. The way back has none.
pub fn guards(book: &Runbook) -> Vec<Watch<'_>> {
    let mut found = Vec::new();
    collect(book, None, &mut found);
    found
}

fn collect<'a>(book: &'a Runbook, within: Option<&StepId>, found: &mut Vec<Watch<'a>>) {
    found.extend(book.guards.iter().map(|guard| Watch { guard, book, within: within.cloned() }));
    for step in &book.steps {
        if let Action::Runbook(nested) = &step.action
            && let Some(inner) = &nested.book
        {
            collect(inner, Some(&step.id().under(within)), found);
        }
    }
}
