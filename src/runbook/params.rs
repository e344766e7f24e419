//! Values given to a run: checked against what the author declared, all problems at once.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::{Number, Value};

use super::{
    expr::plain,
    model::{Param, ParamType},
    value::Dur,
};
use crate::visible;

/// The environment variable of a param or secret: upper-case, `-` becomes `_`.
pub fn env_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

/// Names a runbook may not set: they would change what a script is, not what it is told.
pub fn is_refused_env(name: &str) -> bool {
    const NAMES: [&str; 7] = ["PATH", "HOME", "USER", "SHELL", "IFS", "ENV", "KUBECONFIG"];
    const PREFIXES: [&str; 4] = ["BASH_", "LD_", "DYLD_", "RIPCORD_"];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Given values with the defaults filled in, or every problem.
pub fn resolve(
    declared: &IndexMap<String, Param>,
    given: &BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, Vec<String>> {
    let (mut values, mut problems) = (BTreeMap::new(), Vec::new());
    for name in given.keys().filter(|name| !declared.contains_key(*name)) {
        let known: Vec<_> = declared.keys().map(String::as_str).collect();
        problems.push(match known.is_empty() {
            true => format!("there is no {name}: nothing is asked for"),
            false => format!("there is no {name}; there is {}", known.join(", ")),
        });
    }
    for (name, param) in declared {
        match given.get(name).or(param.default.as_ref()) {
            Some(value) => match check(name, param, value) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(problem) => problems.push(problem),
            },
            None if param.required => problems.push(missing(name, param)),
            None => {}
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

fn missing(name: &str, param: &Param) -> String {
    let about = if param.description.is_empty() { String::new() } else { format!(" ({})", param.description) };
    format!("{name} is required{about}: give it with -p {name}=…")
}

/// One value against its declaration; text is read as the declared type.
pub fn check(name: &str, param: &Param, value: &Value) -> Result<Value, String> {
    let written = plain(value);
    let value = convert(param.kind, value).map_err(|why| format!("{name}: {why}"))?;
    let text = plain(&value);
    if !visible::is_safe_value(&text) {
        return Err(format!("{name} holds invisible or control characters; write it without them"));
    }
    if let Some(pattern) = &param.pattern {
        let regex = Regex::new(pattern).map_err(|error| format!("{name}: its pattern is not one: {error}"))?;
        // `60s` reads as one minute; the pattern is of what is written.
        if !regex.is_match(&written) && !regex.is_match(&text) {
            return Err(format!("{name}: «{written}» does not match {pattern}"));
        }
    }
    let is_same = |allowed: &Value| convert(param.kind, allowed).is_ok_and(|allowed| allowed == value);
    if !param.one_of.is_empty() && !param.one_of.iter().any(is_same) {
        let allowed: Vec<_> = param.one_of.iter().map(plain).collect();
        return Err(format!("{name}: «{written}» is none of {}", allowed.join(", ")));
    }
    in_range(name, param, &value)?;
    Ok(value)
}

fn in_range(name: &str, param: &Param, value: &Value) -> Result<(), String> {
    let number = match (param.kind, value) {
        (ParamType::Duration, Value::String(text)) => text.parse::<Dur>().ok().map(|dur| dur.get().as_secs_f64()),
        (_, value) => value.as_f64(),
    };
    let Some(number) = number else { return Ok(()) };
    if let Some(min) = param.min.filter(|min| number < *min) {
        return Err(format!("{name}: {number} is below {min}"));
    }
    if let Some(max) = param.max.filter(|max| number > *max) {
        return Err(format!("{name}: {number} is above {max}"));
    }
    Ok(())
}

fn convert(kind: ParamType, value: &Value) -> Result<Value, String> {
    let text = plain(value);
    let bad = |what: &str| Err(format!("«{text}» is not {what}"));
    match kind {
        ParamType::String => match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(Value::String(text)),
            _ => bad("a text"),
        },
        ParamType::Int => match text.trim().parse::<i64>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => bad("a whole number"),
        },
        ParamType::Number => match text.trim().parse::<f64>().ok().and_then(Number::from_f64) {
            Some(number) => Ok(Value::Number(number)),
            None => bad("a number"),
        },
        ParamType::Bool => match text.trim() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => bad("true or false"),
        },
        ParamType::Duration => match text.parse::<Dur>() {
            Ok(dur) => Ok(Value::String(dur.to_string())),
            Err(error) => Err(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn param(value: Value) -> Param {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn text_is_read_as_the_declared_type() {
        for (kind, text, want) in [
            ("int", "4", json!(4)),
            ("number", "0.5", json!(0.5)),
            ("bool", "true", json!(true)),
            ("duration", "90s", json!("1m30s")),
            ("string", "1.10", json!("1.10")),
        ] {
            assert_eq!(check("p", &param(json!({"type": kind})), &json!(text)).unwrap(), want);
        }
    }

    #[test]
    fn every_rule_says_what_is_wrong() {
        for (declared, given, says) in [
            (json!({"type": "int"}), json!("x"), "whole number"),
            (json!({"pattern": "^v\\d+$"}), json!("latest"), "does not match"),
            (json!({"enum": ["fast", "slow"]}), json!("quick"), "none of fast, slow"),
            (json!({"type": "int", "min": 1}), json!(0), "below 1"),
            (json!({"type": "int", "max": 5}), json!(9), "above 5"),
            (json!({}), json!("a\u{202e}b"), "invisible or control"),
            (json!({}), json!("a\nb"), "invisible or control"),
        ] {
            let problem = check("p", &param(declared), &given).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn a_rule_is_of_the_value_however_it_is_written() {
        for (declared, given) in [
            (json!({"type": "duration", "enum": ["90s", "2m"]}), json!("90s")),
            (json!({"type": "duration", "enum": ["90s", "2m"]}), json!("1m30s")),
            (json!({"type": "number", "enum": [1, 2]}), json!("1")),
            (json!({"type": "number", "enum": [1, 2]}), json!(2.0)),
            (json!({"type": "duration", "pattern": "^60s$"}), json!("60s")),
        ] {
            assert!(check("p", &param(declared.clone()), &given).is_ok(), "{declared} {given}");
        }
        let problem = check("p", &param(json!({"type": "duration", "enum": ["90s"]})), &json!("60s")).unwrap_err();
        assert!(problem.contains("«60s» is none of 90s"), "{problem}");
    }

    #[test]
    fn all_problems_come_at_once() {
        let declared =
            [("a".to_owned(), param(json!({"required": true}))), ("b".to_owned(), param(json!({"type": "int"})))];
        let given = [("b".to_owned(), json!("x")), ("c".to_owned(), json!(1))].into();
        let problems = resolve(&declared.into_iter().collect(), &given).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn names_that_would_change_what_a_script_is_are_refused() {
        for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "DYLD_X", "KUBECONFIG", "RIPCORD_OUTPUT", "IFS"] {
            assert!(is_refused_env(name), "{name}");
        }
        assert!(!is_refused_env(&env_name("image-tag")));
        assert_eq!(env_name("image-tag"), "IMAGE_TAG");
    }
}
