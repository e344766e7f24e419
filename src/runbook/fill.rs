//! The templates above the steps – target, baseline, panes, guards, where metrics are read – filled in once,
//! when a run is opened and its params are known. Metrics' queries are filled in each time they are asked.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    expr::{self, ExprError},
    model::Runbook,
};

/// Fills the header in; `namespace` and `context` given on the command line win over the runbook's own.
pub fn header(book: &mut Runbook, params: &BTreeMap<String, Value>) -> Result<(), ExprError> {
    let scope = json!({ "params": params });
    fill(&mut book.target, &scope)?;
    let target = json!({ "context": book.target.context, "namespace": book.target.namespace });
    let scope = json!({ "params": params, "target": target });
    fill(&mut book.baseline, &scope)?;
    fill(&mut book.panes, &scope)?;
    fill(&mut book.guards, &scope)?;
    if let Some(prometheus) = &mut book.prometheus {
        // Headers and the like may hold secrets, which are put in where they are sent.
        let places =
            [&mut prometheus.url, &mut prometheus.service, &mut prometheus.ca_file, &mut prometheus.alertmanager];
        for text in places {
            fill(text, &scope)?;
        }
    }
    Ok(())
}

fn fill<T: Serialize + DeserializeOwned>(part: &mut T, scope: &Value) -> Result<(), ExprError> {
    let broken = |why: serde_json::Error| ExprError { expression: "the header".into(), why: why.to_string() };
    let value = serde_json::to_value(&*part).map_err(broken)?;
    *part = serde_json::from_value(texts(&value, scope)?).map_err(broken)?;
    Ok(())
}

/// Every text filled in, and still a text: `namespace: ${{ params.n }}` of a number is its digits.
fn texts(value: &Value, scope: &Value) -> Result<Value, ExprError> {
    Ok(match value {
        Value::String(text) if expr::is_templated(text) => match expr::render(text, scope, &[])? {
            Value::String(text) => Value::String(text),
            other => Value::String(other.to_string()),
        },
        Value::Array(items) => Value::Array(items.iter().map(|item| texts(item, scope)).collect::<Result<_, _>>()?),
        Value::Object(map) => {
            let filled = map.iter().map(|(key, value)| Ok((key.clone(), texts(value, scope)?)));
            Value::Object(filled.collect::<Result<_, ExprError>>()?)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{load_str, model::BaselineSpec};

    #[test]
    fn what_stands_above_the_steps_knows_the_params_and_the_target() {
        let text = r#"
apiVersion: ripcord/v1
kind: Runbook
metadata: {name: t}
params: {n: {default: shop}, restarts: {type: int, default: 2}}
target: {namespace: "${{ params.n }}"}
baseline: {deployment: "${{ params.n }}-api"}
prometheus: {url: "http://${{ target.namespace }}:9090", bearer: "${{ secrets.k }}"}
secrets: {k: {fromEnv: K}}
panes: {pods: {selector: "app=${{ params.n }}"}}
guards: [{pods: {selector: "in=${{ target.namespace }}"}, maxRestarts: "${{ params.restarts }}"}]
steps: [{id: a, run: x}]
"#;
        let mut book = load_str("t.yaml", text).unwrap().book;
        let params = BTreeMap::from([("n".to_owned(), json!("shop")), ("restarts".to_owned(), json!(2))]);
        header(&mut book, &params).unwrap();
        assert_eq!(book.target.namespace.as_deref(), Some("shop"));
        assert_eq!(book.baseline, Some(BaselineSpec::Deployment("shop-api".into())));
        let prometheus = book.prometheus.unwrap();
        assert_eq!(prometheus.url.as_deref(), Some("http://shop:9090"));
        assert_eq!(prometheus.bearer.as_deref(), Some("${{ secrets.k }}"), "a secret is put in where it is sent");
        assert_eq!(book.panes.pods.unwrap().selector.as_deref(), Some("app=shop"));
        assert_eq!(book.guards[0].pods.as_ref().unwrap().selector, "in=shop");
        assert_eq!(book.guards[0].max_restarts, Some(crate::runbook::value::Tpl::Value(2)));
    }
}
