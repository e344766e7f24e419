//! What an expression is made of, for those who check it. Nothing is evaluated here.

use minijinja::{
    Value,
    machinery::ast::{self, BinOpKind, CallArg, CompareOpKind},
};

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A name and the members taken of it, as far as they are known: `params.tag`, `steps["a"].outcome`.
    /// `open` where more is taken of it by a value that only the run knows.
    Name {
        path: Vec<String>,
        open: bool,
    },
    Text(String),
    Number,
    /// `true`, `false`, `none`, a map.
    Other,
    List(Vec<Part>),
    Filter {
        name: String,
        of: Box<Part>,
        args: Vec<Part>,
    },
    Test {
        name: String,
        of: Box<Part>,
        args: Vec<Part>,
    },
    /// `x.name(…)`, or a member of what is no name.
    Method {
        name: String,
        of: Box<Part>,
        args: Vec<Part>,
    },
    /// `==`, `<` and the like.
    Compared(Box<Part>, Box<Part>),
    In(Box<Part>, Box<Part>),
    /// `+ - * / ~`.
    Reckoned(Vec<Part>),
    /// `and`, `or`, `not`, `if`, calls: what stands in them has nothing to do with each other.
    Apart(Vec<Part>),
}

impl Part {
    /// The parts right below this one.
    pub fn inner(&self) -> Vec<&Part> {
        match self {
            Self::Name { .. } | Self::Text(_) | Self::Number | Self::Other => Vec::new(),
            Self::List(parts) | Self::Reckoned(parts) | Self::Apart(parts) => parts.iter().collect(),
            Self::Filter { of, args, .. } | Self::Test { of, args, .. } | Self::Method { of, args, .. } => {
                std::iter::once(of.as_ref()).chain(args).collect()
            }
            Self::Compared(left, right) | Self::In(left, right) => vec![left, right],
        }
    }

    /// This part and everything in it.
    pub fn all(&self) -> Vec<&Part> {
        let mut all = vec![self];
        let mut at = 0;
        while at < all.len() {
            all.extend(all[at].inner());
            at += 1;
        }
        all
    }
}

pub(super) fn part(expr: &ast::Expr<'_>) -> Part {
    use ast::Expr::{
        Call, Compare, Const, Filter, GetAttr, GetItem, IfExpr, List, Map, Slice, Test, Tuple, UnaryOp, Var,
    };
    match expr {
        Var(var) => Part::Name { path: vec![var.id.to_owned()], open: false },
        Const(value) => literal(&value.value),
        GetAttr(get) => member(part(&get.expr), get.name),
        GetItem(get) => item(part(&get.expr), &get.subscript_expr),
        Call(call) => called(&call.expr, args(&call.args)),
        Filter(filter) => Part::Filter {
            name: filter.name.to_owned(),
            of: Box::new(filter.expr.as_ref().map_or(Part::Other, part)),
            args: args(&filter.args),
        },
        Test(test) => Part::Test { name: test.name.to_owned(), of: Box::new(part(&test.expr)), args: args(&test.args) },
        List(list) => Part::List(list.items.iter().map(part).collect()),
        Tuple(list) => Part::List(list.items.iter().map(part).collect()),
        Map(map) => Part::Apart(map.keys.iter().chain(&map.values).map(part).collect()),
        Slice(slice) => {
            let ends = [&slice.start, &slice.stop, &slice.step].into_iter().flatten();
            Part::Apart(std::iter::once(&slice.expr).chain(ends).map(part).collect())
        }
        IfExpr(choice) => {
            let ways = [&choice.test_expr, &choice.true_expr].into_iter().chain(&choice.false_expr);
            Part::Apart(ways.map(part).collect())
        }
        UnaryOp(of) => match (&of.op, part(&of.expr)) {
            (ast::UnaryOpKind::Neg, part) => match part {
                Part::Number => Part::Number,
                part => Part::Reckoned(vec![part]),
            },
            (ast::UnaryOpKind::Not, part) => Part::Apart(vec![part]),
        },
        ast::Expr::BinOp(of) => joined(of.op, part(&of.left), part(&of.right)),
        Compare(chain) => chained(chain),
    }
}

fn literal(value: &Value) -> Part {
    match value.as_str() {
        Some(text) => Part::Text(text.to_owned()),
        None if value.is_number() => Part::Number,
        None => match value.try_iter() {
            Ok(items) if value.kind() == minijinja::value::ValueKind::Seq => {
                Part::List(items.map(|item| literal(&item)).collect())
            }
            _ => Part::Other,
        },
    }
}

fn args(args: &[CallArg<'_>]) -> Vec<Part> {
    let one = |arg: &CallArg<'_>| match arg {
        CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr) => {
            part(expr)
        }
    };
    args.iter().map(one).collect()
}

fn member(of: Part, name: &str) -> Part {
    match of {
        Part::Name { mut path, open: false } => {
            path.push(name.to_owned());
            Part::Name { path, open: false }
        }
        of => of,
    }
}

/// `x["name"]` is a member; `x[0]` and `x[y]` take something of it that is not known here.
fn item(of: Part, by: &ast::Expr<'_>) -> Part {
    match (of, part(by)) {
        (Part::Name { path, open: false }, Part::Text(name)) => member(Part::Name { path, open: false }, &name),
        (Part::Name { path, .. }, by) => {
            let name = Part::Name { path, open: true };
            match by {
                Part::Number => name,
                by => Part::Apart(vec![name, by]),
            }
        }
        (of, by) => Part::Apart(vec![of, by]),
    }
}

fn called(callee: &ast::Expr<'_>, args: Vec<Part>) -> Part {
    match callee {
        ast::Expr::GetAttr(get) => Part::Method { name: get.name.to_owned(), of: Box::new(part(&get.expr)), args },
        // A function of the engine's own: `range`, `dict`.
        ast::Expr::Var(_) => Part::Apart(args),
        other => Part::Apart(std::iter::once(part(other)).chain(args).collect()),
    }
}

fn joined(op: BinOpKind, left: Part, right: Part) -> Part {
    match op {
        BinOpKind::Eq | BinOpKind::Ne | BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte => {
            Part::Compared(Box::new(left), Box::new(right))
        }
        BinOpKind::In => Part::In(Box::new(left), Box::new(right)),
        BinOpKind::ScAnd | BinOpKind::ScOr => Part::Apart(vec![left, right]),
        BinOpKind::Concat => Part::Apart(vec![left, right]),
        _ => Part::Reckoned(vec![left, right]),
    }
}

/// `1 < x < 5`: each is compared with its neighbour.
fn chained(chain: &ast::Compare<'_>) -> Part {
    let mut left = part(&chain.expr);
    let mut pairs = Vec::new();
    for op in &chain.ops {
        let right = part(&op.expr);
        pairs.push(match op.op {
            CompareOpKind::In | CompareOpKind::NotIn => Part::In(Box::new(left), Box::new(right.clone())),
            _ => Part::Compared(Box::new(left), Box::new(right.clone())),
        });
        left = right;
    }
    Part::Apart(pairs)
}
