//! Every PromQL expression parses, so that a typo is found before the night.

use promql_parser::parser::{self, Expr};

use super::{
    super::{
        expr,
        model::{Action, Runbook},
        problem::Problems,
        tree::{Node, Place},
    },
    At,
};

pub(super) fn check(book: &Runbook, tree: &Node, steps: &[At<'_>], problems: &mut Problems<'_>) {
    for (name, metric) in &book.metrics {
        let node = tree.get("metrics").and_then(|node| node.get(name)).unwrap_or(tree);
        let queries = [
            ("query", Some(&metric.query)),
            ("samplesQuery", metric.samples_query.as_ref()),
            ("baselineQuery", metric.baseline_query.as_ref()),
            ("baselineSamplesQuery", metric.baseline_samples_query.as_ref()),
        ];
        for (key, query) in queries {
            if let Some(query) = query {
                one(query, node.get(key).map_or(node.place, |node| node.place), problems);
            }
        }
    }
    for at in steps.iter().filter(|at| at.is_written()) {
        let verify = at.node.get("verify").and_then(|node| node.get("query"));
        if let Some((query, node)) = verify.and_then(|node| Some((node.text()?, node))) {
            one(query, node.place, problems);
        }
        let Action::Checklist(list) = &at.step.action else { continue };
        let items = at.node.get("checklist").and_then(|node| node.get("items")).map(Node::items).unwrap_or_default();
        for (item, node) in list.items.iter().zip(items) {
            if let Some(query) = item.probe.as_ref().and_then(|probe| probe.query.as_ref()) {
                let at = node.get("probe").and_then(|node| node.get("query"));
                one(query, at.map_or(node.place, |node| node.place), problems);
            }
        }
    }
}

/// Operators, brackets and label signs of one query: the parser takes time by their square.
const JOINTS: usize = 600;

fn one(query: &str, at: Place, problems: &mut Problems<'_>) {
    let Ok(pieces) = expr::pieces(query) else { return }; // told where templates are checked
    if let Some(why) = expr::too_much(query, JOINTS) {
        problems
            .error(at, format!("the query is too much to be parsed: {why}"))
            .hint("make it a recording rule of Prometheus, and ask for that");
        return;
    }
    let filled = |with: &str| {
        let plain: String = pieces
            .iter()
            .map(|piece| match piece {
                expr::Piece::Text(text) => *text,
                expr::Piece::Expression { .. } => with,
            })
            .collect();
        parser::parse(&expr::fill_window(&plain, 600))
    };
    // What a template stands for is not known yet: a label's value, a range, a number.
    match filled("x").or_else(|why| filled("5m").or_else(|_| filled("1")).map_err(|_| why)) {
        Err(why) => {
            problems.error(at, format!("the query does not parse: {why}")).hint(what_is_missing(&why));
        }
        Ok(tree) => {
            if let Some(counter) = raw_counter(&tree) {
                problems
                    .warning(at, format!("`{counter}` is a counter and is read without rate()"))
                    .hint("a counter only grows, and starts again at a restart: rate(…[5m]) or increase(…[5m])");
            }
        }
    }
}

/// What most often lies behind the parser's words.
fn what_is_missing(why: &str) -> &'static str {
    match why {
        why if why.contains("matrix") => "give it a range, as in rate(requests_total[5m])",
        why if why.contains("parenthesis") || why.contains("end of input") => "a bracket or a quote is not closed",
        why if why.contains("unknown function") => {
            "the functions are Prometheus' own: rate, increase, sum, histogram_quantile …"
        }
        why if why.contains("regex") => "a label's regex has no look-around",
        _ => "try it in Prometheus' own expression browser",
    }
}

/// A counter by its name, read as it is.
fn raw_counter(tree: &Expr) -> Option<String> {
    match tree {
        Expr::VectorSelector(selector) => {
            let name = selector.name.clone()?;
            ["_total", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end)).then_some(name)
        }
        Expr::Aggregate(aggregate) => raw_counter(&aggregate.expr),
        Expr::Unary(unary) => raw_counter(&unary.expr),
        Expr::Binary(binary) => raw_counter(&binary.lhs).or_else(|| raw_counter(&binary.rhs)),
        Expr::Paren(paren) => raw_counter(&paren.expr),
        Expr::Call(call) if call.func.name.starts_with("absent") => None,
        Expr::Call(call) => call.args.args.iter().find_map(|arg| raw_counter(arg)),
        _ => None,
    }
}
