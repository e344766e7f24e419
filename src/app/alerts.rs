//! `ripcord for ALERT`: the runbooks of the library that answer an alert; opened where there is just one.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
};

use super::{
    Fault,
    books::{self, Book},
    drive, say,
};
use crate::{
    cli::{Common, For, Run},
    observe::alerts::of_webhook,
    runbook::alerts,
    visible,
};

/// The most of a webhook body that is read.
const BODY_BYTES: u64 = 4 << 20;

type Labels = BTreeMap<String, String>;

/// A runbook that answers an alert, and what the alert's labels fill in.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// What `run` is given to open it.
    pub open: String,
    pub name: String,
    pub title: String,
    pub alert: String,
    pub params: BTreeMap<String, String>,
    /// A label it asks for and the alert does not have.
    pub lacks: Option<String>,
}

pub fn open(common: &Common, args: &For) -> Result<u8, Fault> {
    let firing = match &args.alert {
        Some(name) => vec![(name.clone(), labels_of(&args.label)?)],
        None => {
            let alerts = of_webhook(&read_body()?).map_err(|bad| Fault::usage(bad.to_string()))?;
            alerts.into_iter().map(|alert| (alert.name, alert.labels)).collect()
        }
    };
    let names: Vec<&str> = firing.iter().map(|(name, _)| name.as_str()).collect();
    let answers = told(&books::all()?, &firing);
    let [one] = answers.as_slice() else {
        answers.iter().for_each(print);
        return Err(Fault::usage(match answers.len() {
            0 => format!("no runbook answers {}; name it under `metadata.alerts` of one", names.join(", ")),
            _ => "which one? `ripcord run NAME -p …` opens it".to_owned(),
        }));
    };
    if drive::can_be_driven(&args.headless).is_err() {
        print(one);
    }
    let mut param = params(one);
    param.extend(args.param.iter().cloned());
    let run = Run {
        runbook: one.open.clone(),
        param,
        params: args.params.clone(),
        headless: args.headless.clone(),
        ..Run::default()
    };
    drive::run(common, &run)
}

/// As `-p` takes them.
pub fn params(answer: &Answer) -> Vec<String> {
    answer.params.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn print(answer: &Answer) {
    let params: String = params(answer).iter().map(|param| format!(" -p {param}")).collect();
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

fn read_body() -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    let read = io::stdin().lock().take(BODY_BYTES + 1).read_to_end(&mut body);
    read.map_err(|error| Fault::usage(format!("standard input: {error}")))?;
    match body.len() as u64 > BODY_BYTES {
        true => Err(Fault::usage("standard input is longer than 4 MiB; that is no webhook body")),
        false => Ok(body),
    }
}

/// What answers any of them, each way to fill it in once. What stands in the way of an answer is said.
fn told(books: &[Book], firing: &[(String, Labels)]) -> Vec<Answer> {
    for broken in books.iter().filter(|book| book.book.is_err()) {
        say(&format!("{} does not pass `ripcord check` and was passed over", broken.open));
    }
    let mut found: Vec<Answer> = Vec::new();
    for answer in firing.iter().flat_map(|(alert, labels)| answers(books, alert, labels)) {
        if let Some(why) = &answer.lacks {
            say(&format!("{}: {why}; give it with --label or -p", answer.open));
        }
        if !found.contains(&answer) {
            found.push(answer);
        }
    }
    found
}

/// Every runbook that answers an alert.
pub fn answers(books: &[Book], alert: &str, labels: &Labels) -> Vec<Answer> {
    let answer = |book: &Book| {
        let of = book.book.as_ref().ok()?;
        let (params, lacks) = match alerts::answers(of, alert, labels)? {
            Ok(params) => (params, None),
            Err(why) => (BTreeMap::new(), Some(why)),
        };
        let (name, title) = (book.name.clone(), of.metadata.title().to_owned());
        Some(Answer { open: book.open.clone(), name, title, alert: alert.to_owned(), params, lacks })
    };
    books.iter().filter_map(answer).collect()
}
