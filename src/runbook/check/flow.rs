//! Ids, gotos, reach and cycles.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        model::{Action, Goto, OnFailure, Runbook, Step, Undo},
        problem::{Problems, nearest},
        tree::Place,
        value::StepId,
    },
    At, Outer,
};

const RESERVED: [&str; 3] = ["rollback", "end", "none"];

/// An edge from one step to where control may go.
struct Edge {
    to: Goto,
    place: Place,
}

pub(super) fn check(book: &Runbook, steps: &[At<'_>], outer: Option<&Outer>, whole: bool, problems: &mut Problems<'_>) {
    ids(steps, problems);
    let way_back = outer.map_or(!book.rollback.is_empty(), |outer| outer.has_way_back);
    for in_lane in [false, true] {
        let lane: Vec<At<'_>> = steps.iter().filter(|at| at.in_lane == in_lane).copied().collect();
        let graph: Vec<Vec<Edge>> = (0..lane.len()).map(|index| edges(&lane, index)).collect();
        let lanes = Lanes { all: steps, way_back, within: outer.is_some_and(|outer| outer.in_lane) };
        targets(&lanes, &lane, &graph, problems);
        let next = successors(&lane, &graph);
        if whole {
            reach(&lane, &next, problems);
        }
        cycles(&lane, &next, problems);
    }
    undo(book, steps, problems);
}

fn ids(steps: &[At<'_>], problems: &mut Problems<'_>) {
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    for at in steps.iter().filter(|at| at.is_written()) {
        let id = at.step.id().as_str();
        let place = at.key("id");
        if !is_id(id) {
            let message = format!("«{id}» is not a step id");
            problems
                .error(place, message)
                .hint("small letters, digits and dashes, a letter first, at most 63: [a-z][a-z0-9-]{0,62}");
        } else if RESERVED.contains(&id) {
            problems
                .error(place, format!("`{id}` is a reserved word"))
                .hint("rollback, end and none are where a goto leads");
        }
        if steps.iter().any(|made| !made.is_written() && made.step.id().as_str() == id) {
            problems
                .error(place, format!("`{id}` is the id of a step that is made for the way back"))
                .hint("choose another id");
        }
        if let Some(first) = seen.insert(id, place) {
            problems
                .error(place, format!("the id `{id}` is there twice"))
                .hint(format!("the first is at line {}", first.line));
        }
    }
}

pub(super) fn is_id(id: &str) -> bool {
    let mut chars = id.chars();
    id.len() <= 63
        && chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Everywhere control may go from a step, whatever its conditions say.
fn edges(lane: &[At<'_>], index: usize) -> Vec<Edge> {
    let at = lane[index];
    let common = &at.step.common;
    let mut edges = Vec::new();
    let mut edge = |to: &Goto, place: Place| edges.push(Edge { to: to.clone(), place });
    match &at.step.action {
        Action::Branch(branch) => {
            let node = at.node.get("branch").unwrap_or(at.node);
            let choices = node.get("choices").map(|node| node.items()).unwrap_or_default();
            for (choice, node) in branch.choices.iter().zip(choices) {
                edge(&choice.goto, node.get("goto").map_or(node.place, |node| node.place));
            }
            edge(&branch.default, node.get("default").map_or(node.place, |node| node.place));
        }
        Action::Decision(decision) => {
            let node = at.node.get("decision").and_then(|node| node.get("options")).unwrap_or(at.node);
            for (choice, node) in decision.options.iter().zip(node.items()) {
                edge(&choice.goto, node.get("goto").map_or(node.place, |node| node.place));
            }
        }
        Action::Analysis(gate) => {
            let node = at.node.get("analysis").unwrap_or(at.node);
            let ways = [
                ("onSuccessful", &gate.on_successful),
                ("onFailed", &gate.on_failed),
                ("onInconclusive", &gate.on_inconclusive),
                ("onError", &gate.on_error),
            ];
            for (key, to) in ways {
                if let Some(to) = to {
                    edge(to, node.get(key).map_or(node.place, |node| node.place));
                }
            }
        }
        _ => {}
    }
    if let Some(OnFailure::Goto(to)) = &common.on_failure {
        edge(&Goto::Step(to.clone()), at.key("onFailure"));
    }
    if common.on_failure == Some(OnFailure::Rollback) {
        edge(&Goto::Rollback, at.key("onFailure"));
    }
    if let Some(next) = &common.next {
        edge(next, at.key("next"));
    } else if falls_through(at.step) {
        edge(&following(lane, index), at.node.place);
    }
    edges
}

/// `branch`, `decision` and `end` never fall through; a gate may, where success names no other way.
pub(super) fn falls_through(step: &Step) -> bool {
    match &step.action {
        Action::Branch(_) | Action::Decision(_) | Action::End(_) => step.common.when.is_some(),
        Action::Analysis(gate) => gate.on_successful.is_none() || step.common.when.is_some(),
        _ => true,
    }
}

fn following(lane: &[At<'_>], index: usize) -> Goto {
    lane.get(index + 1).map_or(Goto::End, |next| Goto::Step(next.step.id().clone()))
}

/// What a `rollback` leads to from here.
struct Lanes<'a> {
    all: &'a [At<'a>],
    way_back: bool,
    /// The whole runbook lies in a way back.
    within: bool,
}

fn targets(lanes: &Lanes<'_>, lane: &[At<'_>], graph: &[Vec<Edge>], problems: &mut Problems<'_>) {
    let here: BTreeSet<&str> = lane.iter().map(|at| at.step.id().as_str()).collect();
    for (at, edges) in lane.iter().zip(graph) {
        for Edge { to, place } in edges {
            match to {
                Goto::Step(id) if !here.contains(id.as_str()) => {
                    let other = lanes.all.iter().any(|other| other.step.id() == id);
                    if other {
                        let message = format!("`{id}` is in the other lane");
                        problems
                            .error(*place, message)
                            .hint("a goto stays in its lane; `rollback` leads to the way back");
                    } else {
                        let hint = nearest(id.as_str(), here.iter().copied());
                        let hint = hint.map_or_else(
                            || "name a step of this lane, `rollback` or `end`".to_owned(),
                            |near| format!("did you mean `{near}`?"),
                        );
                        problems.error(*place, format!("there is no step `{id}` to go to")).hint(hint);
                    }
                }
                Goto::Rollback if at.in_lane || lanes.within => {
                    problems
                        .error(*place, "this is the way back already; it cannot lead to itself")
                        .hint("leave it out: a failing step of the lane asks RETRY / SKIP / ABORT");
                }
                Goto::Rollback if !lanes.way_back => {
                    problems
                        .error(*place, "there is no way back to go to")
                        .hint("write `rollback:` steps, or a `baseline:` that gives one");
                }
                _ => {}
            }
        }
        if let Action::PortForward(forward) = &at.step.action
            && let Some(Goto::Step(until)) = &forward.until
            && !here.contains(until.as_str())
        {
            problems
                .error(at.action(), format!("`until: {until}` names no step of this lane"))
                .hint("name a step, or `end`");
        }
    }
}

fn successors(lane: &[At<'_>], graph: &[Vec<Edge>]) -> Vec<Vec<usize>> {
    let index: BTreeMap<&str, usize> =
        lane.iter().enumerate().map(|(index, at)| (at.step.id().as_str(), index)).collect();
    let to = |edge: &Edge| match &edge.to {
        Goto::Step(id) => index.get(id.as_str()).copied(),
        _ => None,
    };
    graph.iter().map(|edges| edges.iter().filter_map(to).collect()).collect()
}

fn reach(lane: &[At<'_>], next: &[Vec<usize>], problems: &mut Problems<'_>) {
    let mut reached = vec![false; lane.len()];
    let mut open: Vec<usize> = if lane.is_empty() { vec![] } else { vec![0] };
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(&next[index]);
        }
    }
    for (at, _) in lane.iter().zip(reached).filter(|(_, reached)| !reached) {
        let message = format!("nothing reaches the step `{}`", at.step.id());
        problems
            .error(at.key("id"), message)
            .hint("no step goes on to it, and no goto, option or `onFailure` names it");
    }
}

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

/// A cycle in which nobody is asked would go round for ever.
fn cycles(lane: &[At<'_>], next: &[Vec<usize>], problems: &mut Problems<'_>) {
    let free = |index: usize| !always_asks(lane[index].step);
    let mut told = BTreeSet::new();
    // Every cycle goes back somewhere, so only steps that lead back can begin one.
    let leads_back = |index: usize| next[index].iter().any(|to| *to <= index && free(*to));
    for start in (0..lane.len()).filter(|index| free(*index) && leads_back(*index)) {
        let mut seen = vec![false; lane.len()];
        let mut open: Vec<usize> = next[start].iter().copied().filter(|to| free(*to)).collect();
        let mut round = false;
        while let Some(index) = open.pop() {
            round |= index == start;
            if !std::mem::replace(&mut seen[index], true) {
                open.extend(next[index].iter().filter(|to| free(**to)));
            }
        }
        // Told at the step that leads back.
        if round && told.insert(start) {
            let at = lane[start];
            let message = format!("from `{}` the run can go round without anybody being asked", at.step.id());
            problems
                .error(at.key("id"), message)
                .hint("use `retries` to try again, or lead the way back through a `decision`");
        }
    }
}

fn undo(book: &Runbook, steps: &[At<'_>], problems: &mut Problems<'_>) {
    for at in steps {
        if let Some(Undo::None(none)) = &at.step.common.undo
            && none.none.trim().is_empty()
        {
            problems.error(at.key("undo"), "`undo: {none: …}` needs a reason");
        }
        if let Some(Undo::Step(id)) = &at.step.common.undo
            && !in_way_back(book, id)
        {
            let lane = book.rollback.iter().map(|step| step.id().as_str());
            let hint = nearest(id.as_str(), lane).map_or_else(
                || "name a step of `rollback:`, or `{none: why}`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            problems.error(at.key("undo"), format!("`undo: {id}` names no step of the way back")).hint(hint);
        }
    }
}

/// A step of the way back, also of the runbook that is the way back.
fn in_way_back(book: &Runbook, id: &StepId) -> bool {
    book.rollback.iter().any(|step| {
        let nested = match &step.action {
            Action::Runbook(nested) => nested.book.as_deref(),
            _ => None,
        };
        step.id() == id
            || nested.is_some_and(|book| {
                book.steps.iter().any(|inner| inner.id() == id || inner.id().under(Some(step.id())) == *id)
            })
    })
}
