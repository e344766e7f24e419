//! What the types cannot say: references, reach, cycles, templates, risks. Collects; never stops at the first.

mod arms;
mod compare;
mod cycles;
mod flow;
mod header;
mod include;
mod names;
mod outputs;
mod promql;
mod scope;
mod slips;
mod step;
mod verbs;
mod web;

use std::collections::HashSet;

use super::{
    doc::ACTIONS,
    model::{Action, BaselineSpec, Runbook, Step, Target},
    problem::{Problems, nearest},
    tree::{Kind, Node, Place},
};

pub use outputs::outputs_of;

/// A step beside the place it was written at.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub step: &'a Step,
    pub node: &'a Node,
    pub in_lane: bool,
}

impl At<'_> {
    /// Where a key of the step stands, else the step.
    pub fn key(&self, name: &str) -> Place {
        self.node.get(name).map_or(self.node.place, |node| node.place)
    }

    /// Where the action stands.
    pub fn action(&self) -> Place {
        self.node.key_place(self.step.action.name())
    }

    pub fn is_written(&self) -> bool {
        matches!(&self.node.kind, Kind::Map(_)) && self.node.get("id").is_some()
    }
}

/// Each step has an id and exactly one action; said before the steps can be read as such.
pub(super) fn steps_have_one_action(tree: &Node, problems: &mut Problems<'_>) {
    for lane in ["steps", "rollback"] {
        for node in tree.get(lane).map(Node::items).unwrap_or_default() {
            let Kind::Map(entries) = &node.kind else { continue };
            let mut actions: Vec<_> = entries.iter().filter(|(key, _)| ACTIONS.contains(&key.name.as_str())).collect();
            // A key that is there twice is told as that.
            let mut seen = HashSet::new();
            actions.retain(|(key, _)| seen.insert(key.name.as_str()));
            match actions.as_slice() {
                [_] => {}
                [] => {
                    let typo = entries.iter().find_map(|(key, _)| nearest(&key.name, ACTIONS));
                    let hint = typo.map_or_else(
                        || format!("one of {}", ACTIONS.join(", ")),
                        |near| format!("did you mean `{near}`?"),
                    );
                    problems.error(node.place, "a step without an action").hint(hint);
                }
                [first, rest @ ..] => {
                    let names: Vec<_> = rest.iter().map(|(key, _)| format!("`{}`", key.name)).collect();
                    let message = format!("a step does one thing: `{}` and also {}", first.0.name, names.join(", "));
                    problems.error(rest[0].0.place, message).hint("make them steps of their own");
                }
            }
        }
    }
}

/// What a runbook sees of the one it lies in.
#[derive(Clone, Debug)]
pub(super) struct Outer {
    pub target: Target,
    pub baseline: Option<BaselineSpec>,
    /// There is a way back, and this is not part of it.
    pub has_way_back: bool,
    /// It lies in the way back itself.
    pub in_lane: bool,
}

/// Everything else, on the typed runbook. `outer`: what it lies in, if it is nested.
/// `whole` is false where parts could not be read: then nothing is said of what may only be missing from view.
pub(super) fn all(book: &Runbook, tree: &Node, outer: Option<&Outer>, whole: bool, problems: &mut Problems<'_>) {
    let lanes = [("steps", &book.steps, false), ("rollback", &book.rollback, true)];
    let steps: Vec<At<'_>> = lanes
        .iter()
        .flat_map(|(key, steps, in_lane)| {
            let nodes = tree.get(key).map(Node::items).unwrap_or_default();
            steps.iter().enumerate().map(move |(index, step)| At {
                step,
                node: nodes.get(index).unwrap_or(tree),
                in_lane: *in_lane,
            })
        })
        .collect();
    header::check(book, tree, outer, problems);
    flow::check(book, &steps, outer, whole, problems);
    if whole {
        arms::check(&steps, problems);
    }
    for at in &steps {
        step::check(book, at, problems);
        verbs::check(book, at, outer, problems);
        include::check(at, tree, problems);
    }
    names::check(book, tree, &steps, outer, problems);
    promql::check(book, tree, &steps, problems);
}

/// Native writes, whose way back needs to be known; also those of the runbooks inside it.
pub(super) fn is_native_write(step: &Step) -> bool {
    match &step.action {
        Action::Kubernetes(_) | Action::Helm(_) => step.risk() > super::model::Risk::Read,
        Action::Runbook(nested) => nested.book.as_ref().is_some_and(|book| book.steps.iter().any(is_native_write)),
        _ => false,
    }
}
