//! PromQL, as much of it as runbooks use: selectors with offset, rates and `…_over_time`, aggregations, arithmetic,
//! comparisons, `and or unless`, `histogram_quantile`. What it cannot do it says; it never guesses. No subqueries,
//! no `@`, no `group_left`.

use std::collections::BTreeMap;

use promql_parser::{
    label::METRIC_NAME,
    parser::{AggregateExpr, Call, Expr, LabelModifier, MatrixSelector, Offset, VectorSelector, token},
};

use super::{
    binary,
    over_time::{self, Window},
    series::{self, Labels, Sample, Series},
};

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Scalar(f64),
    Vector(Vec<Element>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub labels: Labels,
    pub value: f64,
}

pub struct Eval<'a> {
    pub series: &'a Series,
    /// Milliseconds.
    pub at: i64,
}

type Out = Result<Outcome, String>;

impl Eval<'_> {
    pub fn expr(&self, tree: &Expr) -> Out {
        match tree {
            Expr::NumberLiteral(number) => Ok(Outcome::Scalar(number.val)),
            Expr::Paren(paren) => self.expr(&paren.expr),
            Expr::Unary(unary) => Ok(match self.expr(&unary.expr)? {
                Outcome::Scalar(value) => Outcome::Scalar(-value),
                Outcome::Vector(all) => Outcome::Vector(bare(all, |value| -value)),
            }),
            Expr::VectorSelector(selector) => self.selector(selector).map(|all| {
                let element = |(labels, (_, value)): (Labels, Sample)| Element { labels, value };
                Outcome::Vector(all.into_iter().map(element).collect())
            }),
            Expr::Binary(pair) => {
                binary::join(pair.op.id(), self.expr(&pair.lhs)?, self.expr(&pair.rhs)?, pair.modifier.as_ref())
            }
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call(call) => self.call(call),
            Expr::MatrixSelector(_) => Err("a range needs a function around it".into()),
            Expr::Subquery(_) => Err("the embedded Prometheus has no subqueries".into()),
            Expr::StringLiteral(_) | Expr::Extension(_) => Err("this gives no number".into()),
        }
    }

    fn moment(&self, selector: &VectorSelector) -> Result<i64, String> {
        if selector.at.is_some() {
            return Err("the embedded Prometheus has no @".into());
        }
        let millis = |by: &std::time::Duration| i64::try_from(by.as_millis()).unwrap_or(0);
        Ok(match &selector.offset {
            None => self.at,
            Some(Offset::Pos(by)) => self.at - millis(by),
            Some(Offset::Neg(by)) => self.at + millis(by),
        })
    }

    fn selector(&self, selector: &VectorSelector) -> Result<Vec<(Labels, Sample)>, String> {
        let at = self.moment(selector)?;
        let all = self.series.find(selector.name.as_deref(), &selector.matchers);
        Ok(all.into_iter().filter_map(|(labels, samples)| Some((labels, series::at(samples, at)?))).collect())
    }

    fn range(&self, matrix: &MatrixSelector, over: impl Fn(&Window<'_>) -> Option<f64>) -> Out {
        let to = self.moment(&matrix.vs)?;
        let from = to - i64::try_from(matrix.range.as_millis()).unwrap_or(0);
        let all = self.series.find(matrix.vs.name.as_deref(), &matrix.vs.matchers);
        let one = |(mut labels, samples): (Labels, &[Sample])| {
            let samples = series::within(samples, from, to);
            labels.remove(METRIC_NAME);
            Some(Element { labels, value: over(&Window { samples: &samples, from, to })? })
        };
        Ok(Outcome::Vector(all.into_iter().filter_map(one).collect()))
    }

    fn aggregate(&self, aggregate: &AggregateExpr) -> Out {
        let Outcome::Vector(all) = self.expr(&aggregate.expr)? else {
            return Err("an aggregation needs series".into());
        };
        let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
        for element in all {
            groups.entry(grouped(element.labels, aggregate.modifier.as_ref())).or_default().push(element.value);
        }
        let of: fn(&[f64]) -> f64 = match aggregate.op.id() {
            token::T_SUM => |all| all.iter().sum(),
            token::T_COUNT => |all| all.len() as f64,
            token::T_MIN => |all| all.iter().copied().fold(f64::INFINITY, f64::min),
            token::T_MAX => |all| all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            token::T_AVG => |all| all.iter().sum::<f64>() / all.len() as f64,
            token::T_GROUP => |_| 1.0,
            _ => return Err(format!("the embedded Prometheus has no {}", aggregate.op)),
        };
        let element = |(labels, values): (Labels, Vec<f64>)| Element { labels, value: of(&values) };
        Ok(Outcome::Vector(groups.into_iter().map(element).collect()))
    }

    fn call(&self, call: &Call) -> Out {
        let args = &call.args.args;
        if let Some(Expr::MatrixSelector(matrix)) = args.last().map(AsRef::as_ref) {
            let over = over_time::function(call.func.name).ok_or_else(|| unknown(call.func.name))?;
            return self.range(matrix, over);
        }
        let first = |at: usize| args.get(at).ok_or_else(|| format!("{} needs more", call.func.name));
        match call.func.name {
            "time" => Ok(Outcome::Scalar(self.at as f64 / 1000.0)),
            "vector" => match self.expr(first(0)?)? {
                Outcome::Scalar(value) => Ok(Outcome::Vector(vec![Element { labels: Labels::new(), value }])),
                vector => Ok(vector),
            },
            "scalar" => match self.expr(first(0)?)? {
                Outcome::Vector(all) if all.len() == 1 => Ok(Outcome::Scalar(all[0].value)),
                Outcome::Vector(_) => Ok(Outcome::Scalar(f64::NAN)),
                scalar => Ok(scalar),
            },
            "timestamp" => self.timestamp(first(0)?),
            "absent" => match self.expr(first(0)?)? {
                Outcome::Vector(all) if !all.is_empty() => Ok(Outcome::Vector(Vec::new())),
                _ => Ok(Outcome::Vector(vec![Element { labels: Labels::new(), value: 1.0 }])),
            },
            "histogram_quantile" => {
                let Outcome::Scalar(part) = self.expr(first(0)?)? else {
                    return Err("the quantile is a number".into());
                };
                let Outcome::Vector(all) = self.expr(first(1)?)? else { return Err("buckets are series".into()) };
                Ok(Outcome::Vector(over_time::quantile(part, all)))
            }
            name => {
                let of = plain(name).ok_or_else(|| unknown(name))?;
                Ok(match self.expr(first(0)?)? {
                    Outcome::Scalar(value) => Outcome::Scalar(of(value)),
                    Outcome::Vector(all) => Outcome::Vector(bare(all, of)),
                })
            }
        }
    }

    /// Of a selector: when its sample was taken; of anything else: now.
    fn timestamp(&self, tree: &Expr) -> Out {
        let strip = |mut labels: Labels| {
            labels.remove(METRIC_NAME);
            labels
        };
        if let Expr::VectorSelector(selector) = tree {
            let all = self.selector(selector)?.into_iter();
            let element =
                |(labels, (at, _)): (Labels, Sample)| Element { labels: strip(labels), value: at as f64 / 1000.0 };
            return Ok(Outcome::Vector(all.map(element).collect()));
        }
        match self.expr(tree)? {
            Outcome::Vector(all) => Ok(Outcome::Vector(bare(all, |_| self.at as f64 / 1000.0))),
            Outcome::Scalar(_) => Err("timestamp needs series".into()),
        }
    }
}

fn plain(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "round" => f64::round,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        _ => return None,
    })
}

fn unknown(name: &str) -> String {
    format!("the embedded Prometheus has no {name}()")
}

/// Changed values have no name any more.
fn bare(all: Vec<Element>, of: impl Fn(f64) -> f64) -> Vec<Element> {
    let element = |mut element: Element| {
        element.labels.remove(METRIC_NAME);
        Element { value: of(element.value), ..element }
    };
    all.into_iter().map(element).collect()
}

fn grouped(mut labels: Labels, modifier: Option<&LabelModifier>) -> Labels {
    labels.remove(METRIC_NAME);
    match modifier {
        None => Labels::new(),
        Some(LabelModifier::Include(by)) => labels.into_iter().filter(|(name, _)| by.labels.contains(name)).collect(),
        Some(LabelModifier::Exclude(without)) => {
            labels.into_iter().filter(|(name, _)| !without.labels.contains(name)).collect()
        }
    }
}
