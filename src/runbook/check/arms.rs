//! The arms of a branch: one that runs on into the next is seldom what its author meant.

use std::collections::{BTreeSet, HashMap};

use super::{
    super::{
        model::{Action, Goto},
        problem::Problems,
    },
    At,
    flow::falls_through,
};

pub(super) fn check(steps: &[At<'_>], problems: &mut Problems<'_>) {
    for in_lane in [false, true] {
        let lane: Vec<At<'_>> = steps.iter().filter(|at| at.in_lane == in_lane).copied().collect();
        let index: HashMap<&str, usize> =
            lane.iter().enumerate().rev().map(|(index, at)| (at.step.id().as_str(), index)).collect();
        let index = |goto: &Goto| match goto {
            Goto::Step(id) => index.get(id.as_str()).copied(),
            _ => None,
        };
        for (from, at) in lane.iter().enumerate() {
            if let Action::Branch(branch) = &at.step.action {
                let arms = branch.choices.iter().map(|choice| &choice.goto).chain([&branch.default]);
                let arms: BTreeSet<usize> = arms.filter_map(index).filter(|to| *to > from).collect();
                for arm in &arms {
                    follow(&lane, &arms, *arm, index, problems);
                }
            }
        }
    }
}

/// Where success leads from the first step of an arm, till it meets a sibling or something that leads elsewhere.
/// One that is named as `next` was meant.
fn follow(
    lane: &[At<'_>],
    arms: &BTreeSet<usize>,
    arm: usize,
    index: impl Fn(&Goto) -> Option<usize>,
    problems: &mut Problems<'_>,
) {
    let (mut at, mut left) = (arm, lane.len());
    while falls_through(lane[at].step) && left > 0 {
        let (to, is_named) = match &lane[at].step.common.next {
            Some(next) => (index(next), true),
            None => (Some(at + 1).filter(|to| *to < lane.len()), false),
        };
        let Some(to) = to else { return };
        if arms.contains(&to) {
            if !is_named {
                let (arm, sibling) = (lane[arm].step.id(), lane[to].step.id());
                problems
                    .warning(
                        lane[at].key("id"),
                        format!("the arm `{arm}` of a branch runs on into its sibling `{sibling}`"),
                    )
                    .hint("give its last step a `next`");
            }
            return;
        }
        (at, left) = (to, left - 1);
    }
}
