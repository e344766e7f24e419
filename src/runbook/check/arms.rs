//! The arms of a branch: one that runs on into the next is seldom what its author meant.

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
        for (from, at) in lane.iter().enumerate() {
            if let Action::Branch(branch) = &at.step.action {
                let arms = branch.choices.iter().map(|choice| &choice.goto).chain([&branch.default]);
                let mut arms: Vec<usize> = arms.filter_map(|goto| index(&lane, goto)).filter(|to| *to > from).collect();
                arms.sort_unstable();
                arms.dedup();
                for pair in arms.windows(2) {
                    between(&lane, pair[0], pair[1], problems);
                }
            }
        }
    }
}

fn index(lane: &[At<'_>], goto: &Goto) -> Option<usize> {
    match goto {
        Goto::Step(id) => lane.iter().position(|at| at.step.id() == id),
        _ => None,
    }
}

/// From the first step of one arm to the first of the next, with nothing on the way that leads elsewhere.
fn between(lane: &[At<'_>], arm: usize, sibling: usize, problems: &mut Problems<'_>) {
    if lane[arm..sibling].iter().all(|at| at.step.common.next.is_none() && falls_through(at.step)) {
        let (last, arm, sibling) = (&lane[sibling - 1], lane[arm].step.id(), lane[sibling].step.id());
        problems
            .warning(last.key("id"), format!("the arm `{arm}` of a branch runs on into its sibling `{sibling}`"))
            .hint("give its last step a `next`");
    }
}
