//! Ids, gotos and reach.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    super::{
        model::{Action, Goto, Nested, OnFailure, Runbook, Step, Undo},
        problem::{Problems, nearest},
        tree::Place,
    },
    At, Outer, cycles,
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
        let all = steps.iter().map(|at| at.step.id().as_str()).collect();
        let lanes = Lanes { all, way_back, within: outer.is_some_and(|outer| outer.in_lane) };
        let all_known = targets(&lanes, &lane, &graph, problems);
        let next = successors(&lane, &graph);
        // A step that only a misspelt goto leads to is not told as unreached as well.
        if whole && all_known {
            reach(&lane, &next, problems);
        }
        cycles::check(&lane, &next, problems);
    }
    undo(book, steps, problems);
}

fn ids(steps: &[At<'_>], problems: &mut Problems<'_>) {
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    let made: HashSet<&str> = steps.iter().filter(|at| !at.is_written()).map(|at| at.step.id().as_str()).collect();
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
        if made.contains(id) {
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
        edge(to, at.key("onFailure"));
    }
    if let Some(next) = &common.next {
        edge(next, at.key("next"));
    } else if falls_through(at.step) || common.on_failure == Some(OnFailure::Continue) {
        edge(&following(lane, index), at.node.place);
    }
    edges
}

/// `next` on a step that success never leaves by it.
fn idle_next(at: &At<'_>, problems: &mut Problems<'_>) {
    let goes_on = falls_through(at.step) || at.step.common.on_failure == Some(OnFailure::Continue);
    if at.step.common.next.is_none() || goes_on {
        return;
    }
    let hint = match &at.step.action {
        Action::End(_) => "the run closes here",
        Action::Analysis(_) => "`onSuccessful` says where success goes",
        _ => "its own gotos say where it goes",
    };
    let message = format!("this {} never goes on by `next`", at.step.action.name());
    problems.error(at.node.key_place("next"), message).hint(format!("leave `next` out: {hint}"));
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
    all: HashSet<&'a str>,
    way_back: bool,
    /// The whole runbook lies in a way back.
    within: bool,
}

/// How many misspelt gotos get a «did you mean»: each is held against every id.
const GUESSES: usize = 50;

/// False where a goto leads to a step that is not there.
fn targets(lanes: &Lanes<'_>, lane: &[At<'_>], graph: &[Vec<Edge>], problems: &mut Problems<'_>) -> bool {
    let here: BTreeSet<&str> = lane.iter().map(|at| at.step.id().as_str()).collect();
    let mut unknown = 0;
    let mut guess = |id: &str, else_: &str| {
        unknown += 1;
        let near = nearest(id, here.iter().copied().filter(|_| unknown <= GUESSES));
        near.map_or_else(|| else_.to_owned(), |near| format!("did you mean `{near}`?"))
    };
    for (at, edges) in lane.iter().zip(graph) {
        idle_next(at, problems);
        for Edge { to, place } in edges {
            match to {
                Goto::Step(id) if !here.contains(id.as_str()) => {
                    if lanes.all.contains(id.as_str()) {
                        let message = format!("`{id}` is in the other lane");
                        problems
                            .error(*place, message)
                            .hint("a goto stays in its lane; `rollback` leads to the way back");
                    } else {
                        let hint = guess(id.as_str(), "name a step of this lane, `rollback` or `end`");
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
            let node = at.node.get("portForward").and_then(|node| node.get("until"));
            let hint = guess(until.as_str(), "name a step, or `end`");
            let place = node.map_or_else(|| at.action(), |node| node.place);
            problems.error(place, format!("`until: {until}` names no step of this lane")).hint(hint);
        }
    }
    unknown == 0
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

fn undo(book: &Runbook, steps: &[At<'_>], problems: &mut Problems<'_>) {
    let way_back = way_back(book);
    for at in steps {
        if let Some(Undo::None(none)) = &at.step.common.undo
            && none.none.trim().is_empty()
        {
            problems
                .error(at.key("undo"), "`undo: {none: …}` needs a reason")
                .hint("say why it cannot or need not be undone");
        }
        if let Some(Undo::Step(id)) = &at.step.common.undo
            && !way_back.contains(id.as_str())
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

/// The steps of the way back, also of the runbook that is the way back: by their own id and by their path.
fn way_back(book: &Runbook) -> HashSet<String> {
    let mut ids = HashSet::new();
    for step in &book.rollback {
        ids.insert(step.id().to_string());
        if let Action::Runbook(Nested { book: Some(book), .. }) = &step.action {
            for inner in &book.steps {
                ids.insert(inner.id().to_string());
                ids.insert(inner.id().under(Some(step.id())).to_string());
            }
        }
    }
    ids
}
