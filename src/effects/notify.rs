//! `notify:`: one message, sent once. Whether it arrived never decides how a run goes.

use indexmap::IndexMap;
use serde_json::json;

use super::{http, work::Work};
use crate::{
    engine::message::Report,
    runbook::model::{Http, Notify},
};

const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

pub async fn perform(work: &Work, notify: &Notify) -> Report {
    let reveal = |text: &str| work.reveal(text).map(std::borrow::Cow::into_owned);
    let post = |url: String, json: serde_json::Value, headers: IndexMap<String, String>| Http {
        url,
        method: Some("POST".into()),
        headers,
        body: None,
        json: Some(json),
        expect: Default::default(),
        timeout: None,
    };
    let request = match notify {
        Notify::Slack(slack) => post(slack.webhook.clone(), json!({ "text": slack.text }), IndexMap::new()),
        Notify::Webhook(hook) => {
            post(hook.url.clone(), hook.json.clone().unwrap_or_else(|| json!({})), hook.headers.clone())
        }
        Notify::Pagerduty(page) => {
            let key = match reveal(&page.routing_key) {
                Ok(key) => key,
                Err(problem) => return super::work::failed("render", problem.to_string()),
            };
            let source = page.source.clone().unwrap_or_else(|| "ripcord".into());
            let body = json!({
                "routing_key": key, "event_action": "trigger",
                "payload": { "summary": page.summary, "severity": page.severity, "source": source },
            });
            post(page.url.clone().unwrap_or_else(|| PAGERDUTY.into()), body, IndexMap::new())
        }
    };
    http::perform(work, &request).await
}
