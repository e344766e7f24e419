//! The selectors of a query: each must have fresh samples, or the number stands on something old.

use promql_parser::parser::{self, Expr, VectorSelector, token};

/// One selector, and whether the query says what stands in for it (`… or vector(0)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub text: String,
    pub optional: bool,
}

/// Every selector once, without its offset. An unreadable query has none; the server will say why.
pub(super) fn of(query: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    if let Ok(tree) = parser::parse(query) {
        collect(&tree, false, &mut found);
    }
    found
}

fn collect(tree: &Expr, optional: bool, found: &mut Vec<Selector>) {
    match tree {
        Expr::VectorSelector(selector) => put(selector, optional, found),
        Expr::MatrixSelector(matrix) => put(&matrix.vs, optional, found),
        Expr::Binary(binary) => {
            let stands_in = binary.op.id() == token::T_LOR;
            collect(&binary.lhs, optional || stands_in, found);
            collect(&binary.rhs, optional || stands_in, found);
        }
        Expr::Aggregate(aggregate) => {
            collect(&aggregate.expr, optional, found);
            aggregate.param.iter().for_each(|param| collect(param, optional, found));
        }
        Expr::Unary(unary) => collect(&unary.expr, optional, found),
        Expr::Paren(paren) => collect(&paren.expr, optional, found),
        Expr::Subquery(subquery) => collect(&subquery.expr, optional, found),
        // It asks for what is not there.
        Expr::Call(call) if call.func.name.starts_with("absent") => {}
        Expr::Call(call) => call.args.args.iter().for_each(|arg| collect(arg, optional, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn put(selector: &VectorSelector, optional: bool, found: &mut Vec<Selector>) {
    let plain = VectorSelector { offset: None, at: None, ..selector.clone() };
    let text = plain.to_string();
    match found.iter_mut().find(|other| other.text == text) {
        Some(other) => other.optional &= optional,
        None => found.push(Selector { text, optional }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str) -> Vec<(String, bool)> {
        of(query).into_iter().map(|selector| (selector.text, selector.optional)).collect()
    }

    #[test]
    fn each_selector_once_without_its_offset() {
        let query = "sum(rate(a{v=\"c\"}[2m] offset 5m)) / (sum(rate(a{v=\"c\"}[2m])) + max_over_time(b[1h:1m]) + c)";
        let want = [("a{v=\"c\"}", false), ("b", false), ("c", false)].map(|(text, opt)| (text.to_owned(), opt));
        assert_eq!(texts(query), want);
    }

    #[test]
    fn what_or_stands_in_for_may_be_missing_unless_it_is_needed_elsewhere() {
        assert_eq!(
            texts("(sum(rate(a[1m])) or vector(0)) / sum(rate(b[1m]))"),
            [("a".to_owned(), true), ("b".to_owned(), false)]
        );
        assert_eq!(texts("(a or vector(0)) / a"), [("a".to_owned(), false)]);
        assert_eq!(texts("absent(a)"), []);
        assert_eq!(texts("sum(rate("), []);
    }
}
