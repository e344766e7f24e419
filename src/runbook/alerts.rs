//! Which alerts a runbook answers, and what their labels fill in. Opens nothing.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    expr,
    model::{Alert, Runbook},
};

/// The params an alert's labels give a runbook that answers it; `None` where it does not answer it.
///
/// What `metadata.alerts` writes down (`pod: ${{ labels.pod }}`) goes first; a declared param that is named as
/// a label is filled from it.
///
/// # Errors
/// A param asks for a label the alert does not have; the words name it.
pub fn answers(
    book: &Runbook,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> Option<Result<BTreeMap<String, String>, String>> {
    let alert = book.metadata.alerts.iter().find(|alert| alert.name() == name)?;
    let mut params: BTreeMap<String, String> =
        book.params.keys().filter_map(|param| Some((param.clone(), labels.get(param)?.clone()))).collect();
    if let Alert::With(with) = alert {
        let scope = json!({"labels": labels});
        for (param, text) in &with.params {
            match expr::render(text, &scope, &[]) {
                Ok(value) => {
                    params.insert(param.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                }
                Err(error) => return Some(Err(format!("{}: param {param}: {error}", book.metadata.name))),
            };
        }
    }
    Some(Ok(params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Runbook {
        serde_json::from_value(json!({
            "metadata": {"name": "crash", "alerts": ["HighErrorRate",
                {"name": "KubePodCrashLooping", "params": {"pod": "${{ labels.pod }}", "app": "x-${{ labels.app }}"}}]},
            "params": {"pod": {"type": "string"}, "app": {"type": "string"}, "namespace": {"type": "string"}},
            "steps": [],
        }))
        .unwrap()
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn labels_fill_what_is_written_down_and_what_is_named_alike() {
        let given = labels(&[("alertname", "x"), ("pod", "p-1"), ("app", "api"), ("namespace", "ml"), ("job", "j")]);
        let params = answers(&book(), "KubePodCrashLooping", &given).unwrap().unwrap();
        assert_eq!(params, labels(&[("app", "x-api"), ("namespace", "ml"), ("pod", "p-1")]));
        let params = answers(&book(), "HighErrorRate", &given).unwrap().unwrap();
        assert_eq!(params, labels(&[("app", "api"), ("namespace", "ml"), ("pod", "p-1")]));
    }

    #[test]
    fn another_alert_is_not_answered_and_a_missing_label_is_named() {
        assert!(answers(&book(), "Other", &labels(&[])).is_none());
        let error = answers(&book(), "KubePodCrashLooping", &labels(&[("pod", "p")])).unwrap().unwrap_err();
        assert!(error.contains("app") && error.contains("labels.app"), "{error}");
    }
}
