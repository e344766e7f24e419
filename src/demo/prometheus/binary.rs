//! Two sides of an operator: numbers and series, one to one.

use std::collections::BTreeMap;

use promql_parser::{
    label::METRIC_NAME,
    parser::{
        BinModifier, LabelModifier, VectorMatchCardinality,
        token::{self, TokenId},
    },
};

use super::{
    eval::{Element, Outcome},
    series::Labels,
};

pub fn join(op: TokenId, left: Outcome, right: Outcome, modifier: Option<&BinModifier>) -> Result<Outcome, String> {
    let as_bool = modifier.is_some_and(|modifier| modifier.return_bool);
    let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
    match (op, left, right) {
        (token::T_LAND | token::T_LOR | token::T_LUNLESS, Outcome::Vector(left), Outcome::Vector(right)) => {
            Ok(Outcome::Vector(set(op, left, right, matching)))
        }
        (_, Outcome::Scalar(left), Outcome::Scalar(right)) => {
            let value = number(op, left, right)?;
            Ok(Outcome::Scalar(value.unwrap_or_else(|is| f64::from(u8::from(is)))))
        }
        (_, Outcome::Vector(left), Outcome::Scalar(right)) => {
            each(left, as_bool, |value| number(op, value, right), None)
        }
        (_, Outcome::Scalar(left), Outcome::Vector(right)) => {
            each(right, as_bool, |value| number(op, left, value), None)
        }
        (_, Outcome::Vector(left), Outcome::Vector(right)) => {
            if modifier.is_some_and(|modifier| modifier.card != VectorMatchCardinality::OneToOne) {
                return Err("the embedded Prometheus has no group_left or group_right".into());
            }
            let mut by: BTreeMap<Labels, f64> = BTreeMap::new();
            for element in right {
                if by.insert(signature(&element.labels, matching), element.value).is_some() {
                    return Err("many-to-many matching not allowed: matching labels must be unique on one side".into());
                }
            }
            let mut joined = Vec::new();
            for element in left {
                let key = signature(&element.labels, matching);
                if let Some(other) = by.get(&key) {
                    joined.extend(each_one(element, as_bool, &|value| number(op, value, *other), Some(key))?);
                }
            }
            Ok(Outcome::Vector(joined))
        }
    }
}

/// A number, or a yes or no.
fn number(op: TokenId, left: f64, right: f64) -> Result<Result<f64, bool>, String> {
    Ok(match op {
        token::T_ADD => Ok(left + right),
        token::T_SUB => Ok(left - right),
        token::T_MUL => Ok(left * right),
        token::T_DIV => Ok(left / right),
        token::T_MOD => Ok(left % right),
        token::T_POW => Ok(left.powf(right)),
        token::T_EQLC => Err(left == right),
        token::T_NEQ => Err(left != right),
        token::T_GTR => Err(left > right),
        token::T_LSS => Err(left < right),
        token::T_GTE => Err(left >= right),
        token::T_LTE => Err(left <= right),
        _ => return Err("the embedded Prometheus does not know this operator".into()),
    })
}

type Judge<'a> = &'a dyn Fn(f64) -> Result<Result<f64, bool>, String>;

fn each(
    all: Vec<Element>,
    as_bool: bool,
    of: impl Fn(f64) -> Result<Result<f64, bool>, String>,
    labels: Option<Labels>,
) -> Result<Outcome, String> {
    let mut kept = Vec::new();
    for element in all {
        kept.extend(each_one(element, as_bool, &of, labels.clone())?);
    }
    Ok(Outcome::Vector(kept))
}

/// Arithmetic drops the name; a comparison keeps what holds as it is, or says 0 and 1 where `bool` was asked.
fn each_one(
    mut element: Element,
    as_bool: bool,
    of: Judge<'_>,
    labels: Option<Labels>,
) -> Result<Option<Element>, String> {
    let value = match of(element.value)? {
        Ok(value) => value,
        Err(is) if as_bool => f64::from(u8::from(is)),
        Err(true) => return Ok(Some(element)),
        Err(false) => return Ok(None),
    };
    element.labels.remove(METRIC_NAME);
    Ok(Some(Element { labels: labels.unwrap_or(element.labels), value }))
}

fn signature(labels: &Labels, matching: Option<&LabelModifier>) -> Labels {
    let kept = |name: &String| match matching {
        None => true,
        Some(LabelModifier::Include(on)) => on.labels.contains(name),
        Some(LabelModifier::Exclude(ignoring)) => !ignoring.labels.contains(name),
    };
    labels
        .iter()
        .filter(|(name, _)| name.as_str() != METRIC_NAME && kept(name))
        .map(|(a, b)| (a.clone(), b.clone()))
        .collect()
}

fn set(op: TokenId, left: Vec<Element>, right: Vec<Element>, matching: Option<&LabelModifier>) -> Vec<Element> {
    let among = |all: &[Element], one: &Element| {
        let key = signature(&one.labels, matching);
        all.iter().any(|other| signature(&other.labels, matching) == key)
    };
    match op {
        token::T_LAND => left.into_iter().filter(|one| among(&right, one)).collect(),
        token::T_LUNLESS => left.into_iter().filter(|one| !among(&right, one)).collect(),
        _ => {
            let more: Vec<Element> = right.into_iter().filter(|one| !among(&left, one)).collect();
            left.into_iter().chain(more).collect()
        }
    }
}
