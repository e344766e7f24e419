//! A cycle in which nobody is asked would go round for ever.

use super::{
    super::{
        model::{Action, Step},
        problem::Problems,
    },
    At,
};

/// A step that always asks a person: passing it is a choice each time.
fn always_asks(step: &Step) -> bool {
    if step.common.when.is_some() {
        return false;
    }
    match &step.action {
        Action::Decision(_) | Action::Approval(_) | Action::Input(_) | Action::Manual(_) => true,
        Action::Checklist(list) => list.items.iter().any(|item| item.probe.is_none()),
        _ => false,
    }
}

/// `next`: for each step of the lane, those control may go to.
pub(super) fn check(lane: &[At<'_>], next: &[Vec<usize>], problems: &mut Problems<'_>) {
    let free: Vec<bool> = lane.iter().map(|at| !always_asks(at.step)).collect();
    let free_next: Vec<Vec<usize>> = next
        .iter()
        .zip(&free)
        .map(|(next, from)| next.iter().copied().filter(|to| *from && free[*to]).collect())
        .collect();
    let knot = knots(&free_next);
    for (index, at) in lane.iter().enumerate() {
        // Every cycle goes back somewhere; it is told at the step that leads back.
        let leads_back = free_next[index].iter().any(|to| *to <= index);
        if leads_back && free_next[index].iter().any(|to| knot[*to] == knot[index]) {
            let message = format!("from `{}` the run can go round without anybody being asked", at.step.id());
            problems
                .error(at.key("id"), message)
                .hint("use `retries` to try again, or lead the way back through a `decision`");
        }
    }
}

/// For each step the number of the knot it is in: steps that lead to each other share one (Kosaraju).
fn knots(next: &[Vec<usize>]) -> Vec<usize> {
    let mut before = vec![Vec::new(); next.len()];
    for (from, next) in next.iter().enumerate() {
        next.iter().for_each(|to| before[*to].push(from));
    }
    let mut done = vec![false; next.len()];
    let mut order = Vec::new();
    for start in 0..next.len() {
        walk(next, start, &mut done, |index| order.push(index));
    }
    let mut knot = vec![0; next.len()];
    let mut done = vec![false; next.len()];
    for start in order.into_iter().rev() {
        walk(&before, start, &mut done, |index| knot[index] = start);
    }
    knot
}

/// Everything not done yet that can be reached, each told when all behind it is.
fn walk(next: &[Vec<usize>], start: usize, done: &mut [bool], mut tell: impl FnMut(usize)) {
    if std::mem::replace(&mut done[start], true) {
        return;
    }
    let mut open = vec![(start, 0)];
    while let Some((index, at)) = open.pop() {
        match next[index].get(at) {
            Some(to) => {
                open.push((index, at + 1));
                if !std::mem::replace(&mut done[*to], true) {
                    open.push((*to, 0));
                }
            }
            None => tell(index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_that_lead_to_each_other_are_in_one_knot() {
        let knot = knots(&[vec![1], vec![2], vec![1, 3], vec![], vec![4]]);
        assert_eq!(knot[1], knot[2]);
        assert!(knot[0] != knot[1] && knot[3] != knot[2] && knot[4] != knot[3]);
    }
}
