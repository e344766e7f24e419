//! `ripcord for ALERT`: the runbooks of the library that answer an alert; opened where there is just one.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::PathBuf,
};

use serde_json::Value;

use super::{Fault, drive, say, state};
use crate::{
    cli::{Common, For, Run},
    runbook::{self, alerts},
    visible,
};

/// The most of a webhook body that is read.
const BODY_BYTES: u64 = 4 << 20;

type Labels = BTreeMap<String, String>;

/// A runbook and what the alert's labels fill in.
#[derive(Debug, PartialEq)]
struct Answer {
    file: PathBuf,
    name: String,
    title: String,
    alert: String,
    params: BTreeMap<String, String>,
}

pub fn open(common: &Common, args: &For) -> Result<u8, Fault> {
    let firing = match &args.alert {
        Some(name) => vec![(name.clone(), labels_of(&args.label)?)],
        None => webhook(&read_body()?).map_err(Fault::usage)?,
    };
    let names: Vec<&str> = firing.iter().map(|(name, _)| name.as_str()).collect();
    let answers = answers(&firing)?;
    let [one] = answers.as_slice() else {
        answers.iter().for_each(print);
        return Err(Fault::usage(match answers.len() {
            0 if firing.is_empty() => "no alert of this body is firing".to_owned(),
            0 => format!("no runbook answers {}; name it under `metadata.alerts` of one", names.join(", ")),
            _ => "which one? `ripcord run NAME -p …` opens it".to_owned(),
        }));
    };
    if drive::can_be_driven(&args.headless).is_err() {
        print(one);
    }
    let mut param: Vec<String> = one.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    param.extend(args.param.iter().cloned());
    let run = Run {
        runbook: one.file.display().to_string(),
        param,
        params: args.params.clone(),
        headless: args.headless.clone(),
        ..Run::default()
    };
    drive::run(common, &run)
}

fn print(answer: &Answer) {
    let params: String = answer.params.iter().map(|(name, value)| format!(" -p {name}={value}")).collect();
    let line = format!("{:<24} {:<28} {} {params}", answer.alert, answer.name, answer.title);
    outln!("{}", visible::line(line.trim_end()));
}

fn labels_of(given: &[String]) -> Result<Labels, Fault> {
    let pair = |pair: &String| match pair.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Fault::usage(format!("--label {pair}: write it as name=value"))),
    };
    given.iter().map(pair).collect()
}

fn read_body() -> Result<String, Fault> {
    let mut body = String::new();
    let read = io::stdin().lock().take(BODY_BYTES + 1).read_to_string(&mut body);
    read.map_err(|error| Fault::usage(format!("standard input: {error}")))?;
    match body.len() as u64 > BODY_BYTES {
        true => Err(Fault::usage("standard input is longer than 4 MiB; that is no webhook body")),
        false => Ok(body),
    }
}

/// The firing alerts of an Alertmanager webhook body (version 4), each with its labels.
fn webhook(body: &str) -> Result<Vec<(String, Labels)>, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| format!("not a webhook body: {error}"))?;
    let alerts = body["alerts"].as_array().ok_or("not a webhook body: it has no `alerts`")?;
    let mut firing = Vec::new();
    for alert in alerts.iter().filter(|alert| alert["status"] != "resolved") {
        let labels = alert["labels"].as_object().ok_or("an alert without `labels`")?;
        let labels: Labels =
            labels.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        let name = labels.get("alertname").ok_or("an alert without the label `alertname`")?.clone();
        firing.push((name, labels));
    }
    Ok(firing)
}

/// Every runbook that answers one of them, each way to fill it in once. Broken runbooks are named and passed over.
fn answers(firing: &[(String, Labels)]) -> Result<Vec<Answer>, Fault> {
    let mut found = Vec::new();
    for file in state::library()? {
        let book = match runbook::load(&file) {
            Ok(loaded) => loaded.book,
            Err(_) => {
                say(&format!("{} does not pass `ripcord check` and was passed over", file.display()));
                continue;
            }
        };
        for (alert, labels) in firing {
            let params = match alerts::answers(&book, alert, labels) {
                Some(Ok(params)) => params,
                Some(Err(why)) => {
                    say(&format!("{}: {why}; give it with --label or -p", file.display()));
                    BTreeMap::new()
                }
                None => continue,
            };
            let (name, title) = (book.metadata.name.clone(), book.metadata.title().to_owned());
            let answer = Answer { file: file.clone(), name, title, alert: alert.clone(), params };
            if !found.contains(&answer) {
                found.push(answer);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fires_counts_and_a_body_that_is_none_is_told_apart() {
        let body = r#"{"version":"4","alerts":[
            {"status":"firing","labels":{"alertname":"A","pod":"p-1"}},
            {"status":"resolved","labels":{"alertname":"B"}}]}"#;
        let firing = webhook(body).unwrap();
        assert_eq!(firing.len(), 1);
        assert_eq!((firing[0].0.as_str(), firing[0].1["pod"].as_str()), ("A", "p-1"));
        for (body, says) in
            [("{", "not a webhook"), ("{}", "no `alerts`"), (r#"{"alerts":[{"labels":{}}]}"#, "alertname")]
        {
            assert!(webhook(body).unwrap_err().contains(says), "{body}");
        }
    }
}
