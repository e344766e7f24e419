//! Expressions and `${{ … }}` templates: the only file that names the expression engine.
//! Undefined names are errors, work is limited by fuel, nothing here reads a file or a clock.

mod bound;
mod look;

use minijinja::{Environment, UndefinedBehavior, machinery, value::Serde};
use serde_json::Value;

use crate::visible;

pub use bound::too_much;
pub use look::Part;

/// Steps of the expression engine; far above any honest condition, far below a hang.
const FUEL: u64 = 50_000;

/// Operators, brackets and filters of one expression; the longest honest ones have some thirty.
const JOINTS: usize = 250;

/// An expression or template that cannot be evaluated, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{expression}»: {why}")]
pub struct ExprError {
    pub expression: String,
    pub why: String,
}

fn failed(expression: &str, why: impl Into<String>) -> ExprError {
    ExprError { expression: expression.trim().to_owned(), why: why.into() }
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env
}

thread_local! {
    static ENV: Environment<'static> = environment();
}

/// A piece of a text with templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// What stands between `${{` and `}}`, and where in the text it starts (bytes).
    Expression {
        source: &'a str,
        at: usize,
    },
}

/// Splits a text at its templates. An opened template must be closed.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, ExprError> {
    let mut pieces = Vec::new();
    let mut done = 0;
    while let Some(open) = text[done..].find("${{") {
        let start = done + open;
        let inner = start + 3;
        let length = closing(&text[inner..]).ok_or_else(|| failed(&text[start..], "`${{` without `}}`"))?;
        if start > done {
            pieces.push(Piece::Text(&text[done..start]));
        }
        pieces.push(Piece::Expression { source: &text[inner..inner + length], at: inner });
        done = inner + length + 2;
    }
    if done < text.len() {
        pieces.push(Piece::Text(&text[done..]));
    }
    Ok(pieces)
}

/// Where `}}` stands outside quotes.
fn closing(text: &str) -> Option<usize> {
    let (mut quote, mut previous) = (None, ' ');
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if q == c && previous != '\\' => quote = None,
            (None, '}') if text[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
        previous = c;
    }
    None
}

/// True where a text holds a template.
pub fn is_templated(text: &str) -> bool {
    text.contains("${{")
}

/// Fills in every template of a text that acts: an argument, a URL, a name. A text that is one whole template
/// keeps the value's own type.
///
/// # Errors
/// Beside what cannot be evaluated: a value with something hidden in it.
pub fn render(text: &str, scope: &Value, ids: &[&str]) -> Result<Value, ExprError> {
    filled(text, |source| acting(source, scope, ids))
}

/// The same for a text that is only shown: what is hidden in a value is made visible.
pub fn shown(text: &str, scope: &Value, ids: &[&str]) -> Result<String, ExprError> {
    let whole = filled(text, |source| evaluate(source, scope, ids))?;
    Ok(visible::text(&plain(&whole)).into_owned())
}

fn filled(text: &str, value: impl Fn(&str) -> Result<Value, ExprError>) -> Result<Value, ExprError> {
    if !is_templated(text) {
        return Ok(Value::String(text.to_owned()));
    }
    let pieces = pieces(text)?;
    if let [Piece::Expression { source, .. }] = trimmed(&pieces).as_slice() {
        return value(source);
    }
    let mut out = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Expression { source, .. } => out.push_str(&plain(&value(source)?)),
        }
    }
    Ok(Value::String(out))
}

/// A value that will be executed: as it is, or not at all.
fn acting(source: &str, scope: &Value, ids: &[&str]) -> Result<Value, ExprError> {
    let value = evaluate(source, scope, ids)?;
    match is_safe(&value) {
        true => Ok(value),
        false => Err(failed(source, "holds invisible or control characters, and is not executed with them")),
    }
}

/// A trail keeps what is hidden as its visible escape; a value read back from there is refused like the first.
fn is_safe(value: &Value) -> bool {
    match value {
        Value::String(text) => visible::is_safe_value(text) && !visible::holds_escape(text),
        Value::Array(items) => items.iter().all(is_safe),
        Value::Object(map) => map.values().all(is_safe),
        _ => true,
    }
}

fn trimmed<'a>(pieces: &[Piece<'a>]) -> Vec<Piece<'a>> {
    pieces.iter().filter(|piece| !matches!(piece, Piece::Text(text) if text.trim().is_empty())).cloned().collect()
}

/// Fills in every string of a value; the keys of its objects stay as they are.
pub fn render_json(value: &Value, scope: &Value, ids: &[&str]) -> Result<Value, ExprError> {
    Ok(match value {
        Value::String(text) => render(text, scope, ids)?,
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| render_json(item, scope, ids)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let rendered = map.iter().map(|(key, value)| Ok((key.clone(), render_json(value, scope, ids)?)));
            Value::Object(rendered.collect::<Result<_, ExprError>>()?)
        }
        other => other.clone(),
    })
}

/// Fills a PromQL query in; each value is escaped as what stands between the quotes of a label matcher.
pub fn render_promql(text: &str, scope: &Value, ids: &[&str]) -> Result<String, ExprError> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Expression { source, .. } => {
                for c in plain(&acting(source, scope, ids)?).chars() {
                    match c {
                        '\\' | '"' | '\'' => out.extend(['\\', c]),
                        c => out.push(c),
                    }
                }
            }
        }
    }
    Ok(out)
}

/// `$window` in a query: seconds since the hold began; as a range it gets its unit.
pub fn fill_window(query: &str, seconds: u64) -> String {
    query
        .replace("[$windows]", &format!("[{seconds}s]"))
        .replace("[$window]", &format!("[{seconds}s]"))
        .replace("$window", &seconds.to_string())
}

/// Evaluates a condition (`when`, `choices[].when`).
pub fn truth(expression: &str, scope: &Value, ids: &[&str]) -> Result<bool, ExprError> {
    evaluate_raw(expression, scope, ids).map(|value| value.is_true())
}

/// Evaluates a metric's condition: the number is `result`, the comparison's is `baseline`.
pub fn condition(expression: &str, result: f64, baseline: Option<f64>) -> Result<bool, ExprError> {
    let mut scope = serde_json::Map::new();
    scope.insert("result".into(), serde_json::json!(result));
    if let Some(baseline) = baseline {
        scope.insert("baseline".into(), serde_json::json!(baseline));
    }
    truth(expression, &Value::Object(scope), &[])
}

/// Evaluates an expression to a JSON value.
pub fn evaluate(expression: &str, scope: &Value, ids: &[&str]) -> Result<Value, ExprError> {
    let value = evaluate_raw(expression, scope, ids)?;
    if value.is_undefined() {
        return Err(failed(expression, "is undefined; is the name right, and has that step run?"));
    }
    serde_json::to_value(&value).map_err(|error| failed(expression, error.to_string()))
}

fn evaluate_raw(expression: &str, scope: &Value, ids: &[&str]) -> Result<minijinja::Value, ExprError> {
    let source = bounded(expression, ids)?;
    ENV.with(|env| {
        let compiled = env.compile_expression(source.trim()).map_err(|error| failed(expression, words(&error)))?;
        compiled.eval(Serde(scope)).map_err(|error| failed(expression, words(&error)))
    })
}

fn bounded(expression: &str, ids: &[&str]) -> Result<String, ExprError> {
    match too_much(expression, JOINTS) {
        None => Ok(rewrite_ids(expression, ids)),
        Some(why) => {
            let start: String = expression.trim().chars().take(40).collect();
            Err(failed(&format!("{start}…"), format!("{why}; let a `run` step work it out")))
        }
    }
}

/// What an expression is made of; it is parsed and not evaluated.
pub fn look(expression: &str, ids: &[&str]) -> Result<Part, ExprError> {
    let source = bounded(expression, ids)?;
    machinery::parse_expr(source.trim())
        .map(|parsed| look::part(&parsed))
        .map_err(|error| failed(expression, words(&error)))
}

/// True if there is such a `filter` or `test`; the engine itself only says so when it meets one.
pub fn is_known(kind: &str, name: &str) -> bool {
    let expression = if kind == "filter" { format!("1 | {name}") } else { format!("1 is {name}") };
    let outcome = ENV.with(|env| env.compile_expression(&expression).and_then(|compiled| compiled.eval(())));
    !outcome.is_err_and(|error| {
        matches!(error.kind(), minijinja::ErrorKind::UnknownFilter | minijinja::ErrorKind::UnknownTest)
    })
}

fn words(error: &minijinja::Error) -> String {
    match (error.kind(), error.detail()) {
        (minijinja::ErrorKind::UndefinedError, _) => "uses a value that is not there".into(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

/// `steps.grey-zone.choice` → `steps["grey-zone"].choice`: the longest declared id after `steps.` is meant.
pub fn rewrite_ids(expression: &str, ids: &[&str]) -> String {
    if !ids.iter().any(|id| id.contains('-')) || !expression.contains("steps.") {
        return expression.to_owned();
    }
    let mut out = String::with_capacity(expression.len() + 16);
    let mut quote = None;
    let mut at = 0;
    while at < expression.len() {
        let rest = &expression[at..];
        let Some(c) = rest.chars().next() else { break };
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, 's') if rest.starts_with("steps.") && starts_word(expression, at) => {
                if let Some(id) = longest_id(&rest["steps.".len()..], ids) {
                    out.push_str(&format!("steps[\"{id}\"]"));
                    at += "steps.".len() + id.len();
                    continue;
                }
            }
            _ => {}
        }
        out.push(c);
        at += c.len_utf8();
    }
    out
}

fn starts_word(text: &str, at: usize) -> bool {
    !text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

fn longest_id<'a>(rest: &str, ids: &[&'a str]) -> Option<&'a str> {
    let ends = |id: &str| !rest[id.len()..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    ids.iter().copied().filter(|id| rest.starts_with(id) && ends(id)).max_by_key(|id| id.len())
}

/// A value as text: a text as it is, anything else as JSON writes it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Value {
        json!({
            "params": {"image_tag": "v1.4.2", "replicas": 3, "odd": "a\"}\\ b"},
            "secrets": {"key": "${{ secrets.key }}"},
            "steps": {"grey-zone": {"choice": "hold"}, "grey": {"choice": "x"}, "list": {"outputs": {"items": "a}}b"}}},
        })
    }

    #[test]
    fn a_whole_template_keeps_its_type_and_others_become_text() {
        assert_eq!(render("${{ params.replicas }}", &scope(), &[]).unwrap(), json!(3));
        assert_eq!(render("x${{ params.replicas }}y", &scope(), &[]).unwrap(), json!("x3y"));
        assert_eq!(render("no template", &scope(), &[]).unwrap(), json!("no template"));
    }

    #[test]
    fn braces_inside_quotes_do_not_close_a_template() {
        assert_eq!(render("${{ 'a}}b' }}!", &scope(), &[]).unwrap(), json!("a}}b!"));
    }

    #[test]
    fn an_undefined_name_is_an_error_not_an_empty_text() {
        for text in ["${{ params.nope }}", "${{ nope }}", "${{ steps.grey.outputs.x }}", "${{ open"] {
            assert!(render(text, &scope(), &["grey"]).is_err(), "{text}");
        }
        assert!(truth("params.nope == 'x'", &scope(), &[]).is_err());
    }

    #[test]
    fn the_longest_declared_id_after_steps_is_meant() {
        let ids = ["grey", "grey-zone"];
        assert_eq!(
            rewrite_ids("steps.grey-zone.choice == 'steps.grey-zone'", &ids),
            "steps[\"grey-zone\"].choice == 'steps.grey-zone'"
        );
        assert!(truth("steps.grey-zone.choice == 'hold' and steps.grey.choice == 'x'", &scope(), &ids).unwrap());
        assert!(truth("steps[\"grey-zone\"].choice == 'hold'", &scope(), &ids).unwrap());
    }

    #[test]
    fn a_secret_survives_rendering_as_its_placeholder() {
        assert_eq!(render("${{ secrets.key }}", &scope(), &[]).unwrap(), json!("${{ secrets.key }}"));
    }

    #[test]
    fn a_promql_value_stays_inside_its_quotes() {
        let query = render_promql("up{v=\"${{ params.odd }}\"}", &scope(), &[]).unwrap();
        assert_eq!(query, "up{v=\"a\\\"}\\\\ b\"}");
    }

    #[test]
    fn conditions_compare_the_result_with_numbers_and_with_the_baseline() {
        assert!(condition("result < 0.001", 0.0005, None).unwrap());
        assert!(!condition("result < 0.001", 0.01, None).unwrap());
        assert!(condition("result <= baseline * 1.2", 1.1, Some(1.0)).unwrap());
        assert!(condition("result <= baseline", 1.1, None).is_err());
    }

    #[test]
    fn what_would_overflow_a_parser_is_refused() {
        for text in [
            format!("run{}", ".id".repeat(12_000)),
            format!("{}true", "not ".repeat(12_000)),
            format!("1{}", "+1".repeat(12_000)),
            format!("true{}", " and true".repeat(12_000)),
            format!("1{}", "|int".repeat(8_000)),
            format!("run{}", "[0]".repeat(8_000)),
            format!("{}1", "-".repeat(100_000)),
        ] {
            let error = look(&text, &[]).unwrap_err();
            assert!(error.expression.len() < 60 && evaluate(&text, &scope(), &[]).is_err(), "{error}");
        }
    }

    #[test]
    fn an_expression_is_seen_as_what_it_is_made_of() {
        let name =
            |path: &[&str]| Part::Name { path: path.iter().map(|part| (*part).to_owned()).collect(), open: false };
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(
            look("(steps.grey-zone['outcome']) == 'x'", &["grey-zone"]).unwrap(),
            Part::Compared(Box::new(name(&["steps", "grey-zone", "outcome"])), Box::new(text("x")))
        );
        assert_eq!(
            look("'a' in params.s", &[]).unwrap(),
            Part::In(Box::new(text("a")), Box::new(name(&["params", "s"])))
        );
        assert_eq!(
            look("params.s.startswith('x')", &[]).unwrap(),
            Part::Method { name: "startswith".into(), of: Box::new(name(&["params", "s"])), args: vec![text("x")] }
        );
        assert_eq!(
            look("run.id[0] | trim", &[]).unwrap(),
            Part::Filter {
                name: "trim".into(),
                of: Box::new(Part::Name { path: vec!["run".into(), "id".into()], open: true }),
                args: vec![]
            }
        );
        assert_eq!(
            look("steps[params.s].outcome", &[])
                .unwrap()
                .all()
                .iter()
                .filter(|part| matches!(part, Part::Name { .. }))
                .count(),
            2
        );
    }

    #[test]
    fn endless_work_is_stopped() {
        assert!(truth("range(10000000) | list | length > 1", &scope(), &[]).is_err());
    }
}
