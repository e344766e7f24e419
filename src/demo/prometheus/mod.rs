//! The embedded Prometheus: what its HTTP API would answer, from samples that were scraped in the process.

mod alerts;
mod binary;
mod eval;
mod over_time;
pub mod series;

use std::collections::BTreeMap;

use promql_parser::parser;
use serde_json::{Map, Value, json};

pub use alerts::Rules;
use eval::{Element, Eval, Outcome};
use series::{Labels, Series};

/// Points a range query may have, as in Prometheus.
const MOST: i64 = 11_000;

/// An answer: its HTTP status and its body.
pub struct Told {
    pub status: u16,
    pub body: Value,
}

/// Answers `path` below the server's root with the form or query of a request.
pub fn answer(series: &Series, rules: &Rules, path: &str, form: &BTreeMap<String, String>, now_ms: i64) -> Told {
    let data = match path {
        "/api/v1/query" => instant(series, form, now_ms),
        "/api/v1/query_range" => range(series, form),
        "/api/v1/alerts" => Ok(json!({"alerts": rules.told()})),
        "/-/ready" | "/-/healthy" => return Told { status: 200, body: json!("Prometheus Server is Ready.\n") },
        _ => return Told { status: 404, body: json!("404 page not found\n") },
    };
    match data {
        Ok(data) => Told { status: 200, body: json!({"status": "success", "data": data}) },
        Err(why) => Told { status: 400, body: json!({"status": "error", "errorType": "bad_data", "error": why}) },
    }
}

fn parse(form: &BTreeMap<String, String>) -> Result<parser::Expr, String> {
    let query = form.get("query").ok_or("invalid parameter \"query\": empty")?;
    parser::parse(query).map_err(|error| format!("invalid parameter \"query\": {error}"))
}

/// Seconds with a fraction, or RFC 3339.
fn time(form: &BTreeMap<String, String>, name: &str) -> Result<Option<i64>, String> {
    let Some(text) = form.get(name) else { return Ok(None) };
    let bad = || format!("invalid parameter \"{name}\": cannot parse \"{text}\" to a valid timestamp");
    match text.parse::<f64>() {
        Ok(seconds) => Ok(Some((seconds * 1000.0).round() as i64)),
        Err(_) => text.parse::<jiff::Timestamp>().map(|at| Some(at.as_millisecond())).map_err(|_| bad()),
    }
}

fn instant(series: &Series, form: &BTreeMap<String, String>, now_ms: i64) -> Result<Value, String> {
    let tree = parse(form)?;
    let at = time(form, "time")?.unwrap_or(now_ms);
    Ok(match (Eval { series, at }).expr(&tree)? {
        Outcome::Scalar(value) => json!({"resultType": "scalar", "result": sample(at, value)}),
        Outcome::Vector(all) => {
            let result: Vec<Value> =
                all.iter().map(|one| json!({"metric": labels(&one.labels), "value": sample(at, one.value)})).collect();
            json!({"resultType": "vector", "result": result})
        }
    })
}

fn range(series: &Series, form: &BTreeMap<String, String>) -> Result<Value, String> {
    let tree = parse(form)?;
    let need = |name: &str| time(form, name)?.ok_or(format!("invalid parameter \"{name}\": empty"));
    let (start, end, step) = (need("start")?, need("end")?, need("step")?);
    if step <= 0 || end < start {
        return Err("zero or negative query resolution step widths are not accepted".into());
    }
    if (end - start) / step > MOST {
        return Err("exceeded maximum resolution of 11,000 points per timeseries".into());
    }
    let mut all: BTreeMap<Labels, Vec<Value>> = BTreeMap::new();
    // Before the first scrape there is nothing to look for; the steps stay on their grid.
    let skipped = (series.begun().unwrap_or(end) - start).max(0) / step;
    let mut at = start + skipped * step;
    while at <= end {
        let found = match (Eval { series, at }).expr(&tree)? {
            Outcome::Scalar(value) => vec![Element { labels: Labels::new(), value }],
            Outcome::Vector(found) => found,
        };
        for one in found {
            all.entry(one.labels).or_default().push(sample(at, one.value));
        }
        at += step;
    }
    let result: Vec<Value> = all.iter().map(|(of, values)| json!({"metric": labels(of), "values": values})).collect();
    Ok(json!({"resultType": "matrix", "result": result}))
}

fn labels(labels: &Labels) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
}

/// `[seconds, "value"]`, as the API writes a sample.
fn sample(at: i64, value: f64) -> Value {
    let text = if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    };
    json!([at as f64 / 1000.0, text])
}

/// One number of a query, for the alert rules.
fn vector(series: &Series, query: &str, at: i64) -> Vec<Element> {
    let Ok(tree) = parser::parse(query) else { return Vec::new() };
    match (Eval { series, at }).expr(&tree) {
        Ok(Outcome::Vector(all)) => all,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
