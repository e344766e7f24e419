//! What a runbook is given by the one that includes it: `with:` against its params.

use super::{
    super::{
        expr,
        model::{Action, Nested},
        params,
        problem::{Problems, nearest},
        tree::Node,
    },
    At,
};

pub(super) fn check(at: &At<'_>, tree: &Node, problems: &mut Problems<'_>) {
    let Action::Runbook(nested) = &at.step.action else { return };
    // `rollback: {runbook, with}` is a step that nobody wrote as one.
    let node = if at.is_written() { at.node.get("runbook") } else { tree.get("rollback") };
    if let Some(node) = node {
        with(nested, node, problems);
    }
}

fn with(nested: &Nested, node: &Node, problems: &mut Problems<'_>) {
    let Some(book) = &nested.book else { return };
    let given = node.get("with").unwrap_or(node);
    for (name, value) in &nested.with {
        let Some(param) = book.params.get(name) else {
            let known: Vec<_> = book.params.keys().map(String::as_str).collect();
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it asks for nothing".to_owned(),
                None => format!("it has {}", known.join(", ")),
            };
            let message = format!("`{}` has no param `{name}`", nested.reference);
            problems.error(given.key_place(name), message).hint(hint);
            continue;
        };
        let templated = value.as_str().is_some_and(expr::is_templated);
        if !templated && let Err(why) = params::check(name, param, value) {
            problems.error(given.get(name).map_or(given.place, |node| node.place), why);
        }
    }
    for (name, param) in &book.params {
        if param.required && param.default.is_none() && !nested.with.contains_key(name) {
            let message = format!("`{}` needs the param `{name}`", nested.reference);
            problems.error(node.place, message).hint(format!("with: {{{name}: …}}"));
        }
    }
}
