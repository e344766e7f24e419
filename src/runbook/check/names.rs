//! Every name in every template and expression, also in branches that are rarely taken.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use super::{
    super::{
        expr::{self, Piece},
        model::*,
        problem::{Problems, nearest},
        tree::{Kind, Node, Place},
    },
    At,
};

const BASELINE: [&str; 5] = ["kind", "name", "revision", "images", "age"];
const STATUS: [&str; 4] = ["pending", "waiting", "running", "done"];
const OUTCOME: [&str; 7] = ["succeeded", "failed", "skipped", "unknown", "aborted", "inconclusive", "error"];

/// The outputs an action gives; `None` where only the run can tell.
pub fn outputs_of(step: &Step) -> Option<Vec<String>> {
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    match &step.action {
        Action::Run(_) => Some(step.common.outputs.clone()),
        Action::Http(_) => words(&["status", "body", "json"]),
        Action::Kubernetes(verb) => match verb {
            Kubernetes::Get(_) | Kubernetes::Describe(_) | Kubernetes::Events(_) | Kubernetes::Logs(_) => {
                words(&["count", "reason", "json"])
            }
            Kubernetes::Wait(_) | Kubernetes::RolloutStatus(_) => {
                words(&["reason", "json", "before", "after", "resourceVersion"])
            }
            Kubernetes::RolloutHistory(_) => words(&["revision", "count", "json"]),
            Kubernetes::Snapshot(_) => words(&["file", "count", "sha256"]),
            _ => words(&["before", "after", "resourceVersion", "output"]),
        },
        Action::Helm(Helm::Upgrade(_) | Helm::Rollback(_)) => {
            words(&["before", "after", "resourceVersion", "revision"])
        }
        Action::Helm(_) => words(&["revision", "status", "chart", "images", "json", "changed", "count"]),
        Action::Input(fields) => Some(fields.keys().cloned().collect()),
        Action::Decision(_) => words(&["choice"]),
        Action::Branch(_) => words(&["goto"]),
        Action::PortForward(_) => words(&["localPort", "url"]),
        Action::Runbook(_) | Action::End(_) => words(&["code"]),
        Action::Notify(_)
        | Action::Analysis(_)
        | Action::Checklist(_)
        | Action::Manual(_)
        | Action::Approval(_)
        | Action::Wait(_) => words(&[]),
    }
}

/// Where an expression stands, and so what it may see.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    /// Params, steps, run, target, baseline, selected.
    Step,
    /// The same, and secrets as the whole value.
    StepWithSecrets,
    /// Params, run, target: before any step ran.
    Header,
    HeaderWithSecrets,
    /// `result` and `baseline` as numbers.
    Condition,
    /// The outputs of a probe's own look.
    ProbeCondition,
    /// `labels.x`.
    Alert,
}

struct Names<'a, 'b, 'c> {
    book: &'a Runbook,
    ids: Vec<&'a str>,
    steps: &'a [At<'a>],
    nested: bool,
    problems: &'b mut Problems<'c>,
}

pub(super) fn check(book: &Runbook, tree: &Node, steps: &[At<'_>], nested: bool, problems: &mut Problems<'_>) {
    let ids = steps.iter().map(|at| at.step.id().as_str()).collect();
    let mut names = Names { book, ids, steps, nested, problems };
    names.header(tree);
    for at in steps.iter().filter(|at| at.is_written()) {
        names.step(at);
    }
}

impl Names<'_, '_, '_> {
    fn header(&mut self, tree: &Node) {
        self.texts(tree.get("target"), &[], Seen::Header);
        self.texts(tree.get("panes"), &[], Seen::Header);
        self.texts(tree.get("description"), &[], Seen::Header);
        self.texts(tree.get("baseline"), &[], Seen::Header);
        self.texts(tree.get("guards"), &[], Seen::Header);
        if let Some(prometheus) = tree.get("prometheus") {
            for key in ["url", "service", "caFile", "alertmanager"] {
                self.texts(prometheus.get(key), &[], Seen::Header);
            }
            for key in ["headers", "bearer", "basic"] {
                self.texts(prometheus.get(key), &[], Seen::HeaderWithSecrets);
            }
        }
        if let Some(alerts) = tree.get("metadata").and_then(|node| node.get("alerts")) {
            for alert in alerts.items() {
                self.texts(alert.get("params"), &[], Seen::Alert);
            }
        }
        let Some(Kind::Map(metrics)) = tree.get("metrics").map(|node| &node.kind) else { return };
        for (_, metric) in metrics {
            for key in ["query", "samplesQuery", "baselineQuery", "title"] {
                self.texts(metric.get(key), &[], Seen::Step);
            }
            self.conditions(metric);
        }
    }

    fn conditions(&mut self, node: &Node) {
        for key in ["successCondition", "failureCondition"] {
            if let Some(condition) = node.get(key).and_then(|node| node.text().map(|text| (text, node.place))) {
                self.expression(condition.0, condition.1, Seen::Condition);
            }
        }
    }

    fn step(&mut self, at: &At<'_>) {
        if let Some(when) = at.node.get("when")
            && let Some(text) = when.text()
        {
            self.expression(text, when.place, Seen::Step);
        }
        for key in ["title", "doc", "timeout", "evidence"] {
            self.texts(at.node.get(key), &[], Seen::Step);
        }
        self.texts(at.node.get("env"), &[], Seen::StepWithSecrets);
        if let Some(verify) = at.node.get("verify") {
            self.probe(verify);
        }
        let Some(action) = at.node.get(at.step.action.name()) else { return };
        match &at.step.action {
            Action::Run(_) => {
                self.texts(Some(action), &["script"], if action.text().is_some() { return } else { Seen::Step })
            }
            Action::Http(_) => self.http(action),
            Action::Notify(_) => self.notify(action),
            Action::Branch(_) => {
                for choice in action.get("choices").map(Node::items).unwrap_or_default() {
                    if let Some(when) = choice.get("when")
                        && let Some(text) = when.text()
                    {
                        self.expression(text, when.place, Seen::Step);
                    }
                }
            }
            Action::Analysis(_) => {
                self.texts(Some(action), &["successCondition", "failureCondition"], Seen::Step);
                for metric in action.get("metrics").map(Node::items).unwrap_or_default() {
                    self.conditions(metric);
                }
            }
            Action::Checklist(_) => {
                for item in action.get("items").map(Node::items).unwrap_or_default() {
                    self.texts(Some(item), &["probe", "id"], Seen::Step);
                    if let Some(probe) = item.get("probe") {
                        self.probe(probe);
                    }
                }
            }
            _ => self.texts(Some(action), &["goto", "id", "ref"], Seen::Step),
        }
    }

    fn http(&mut self, node: &Node) {
        self.texts(Some(node), &["headers"], Seen::Step);
        self.texts(node.get("headers"), &[], Seen::StepWithSecrets);
    }

    fn notify(&mut self, node: &Node) {
        for (key, secret) in [("slack", "webhook"), ("pagerduty", "routingKey"), ("webhook", "url")] {
            let Some(node) = node.get(key) else { continue };
            self.texts(Some(node), &[secret, "headers"], Seen::Step);
            self.texts(node.get(secret), &[], Seen::StepWithSecrets);
            self.texts(node.get("headers"), &[], Seen::StepWithSecrets);
        }
    }

    fn probe(&mut self, node: &Node) {
        for key in ["query", "kubernetes", "helm", "timeout"] {
            self.texts(node.get(key), &[], Seen::Step);
        }
        if let Some(http) = node.get("http") {
            self.http(http);
        }
        if let Some(run) = node.get("run").filter(|run| run.text().is_none()) {
            self.texts(Some(run), &["script"], Seen::Step);
        }
        if let Some(condition) = node.get("successCondition")
            && let Some(text) = condition.text()
        {
            self.expression(text, condition.place, Seen::ProbeCondition);
        }
    }

    /// Every template in every text below a node, but for the keys named.
    fn texts(&mut self, node: Option<&Node>, but: &[&str], seen: Seen) {
        let Some(node) = node else { return };
        match &node.kind {
            Kind::Map(entries) => {
                for (_, value) in entries.iter().filter(|(key, _)| !but.contains(&key.name.as_str())) {
                    self.texts(Some(value), but, seen);
                }
            }
            Kind::Seq(items) => items.iter().for_each(|item| self.texts(Some(item), but, seen)),
            Kind::Scalar { .. } => {
                if let Some(text) = node.text().filter(|text| expr::is_templated(text)) {
                    self.template(text, node.place, seen);
                }
            }
        }
    }

    fn template(&mut self, text: &str, place: Place, seen: Seen) {
        let pieces = match expr::pieces(text) {
            Ok(pieces) => pieces,
            Err(error) => {
                self.problems.error(place, error.to_string()).hint("a template is `${{ name }}`");
                return;
            }
        };
        let whole = pieces.len() == 1;
        for piece in pieces {
            if let Piece::Expression { source, .. } = piece {
                let seen = match seen {
                    Seen::StepWithSecrets if !whole => Seen::Step,
                    Seen::HeaderWithSecrets if !whole => Seen::Header,
                    seen => seen,
                };
                self.expression(source, place, seen);
            }
        }
    }

    fn expression(&mut self, source: &str, place: Place, seen: Seen) {
        if let Some(operator) = outside_quotes(source, &["&&", "||"]) {
            let word = if operator == "&&" { "and" } else { "or" };
            self.problems.error(place, format!("`{operator}` is not an operator here")).hint(format!("write `{word}`"));
            return;
        }
        let (plain, unknown) = self.mangle(source);
        if let Some(id) = unknown {
            let hint = nearest(&id, self.ids.iter().copied())
                .map_or_else(|| "name a step of this runbook".to_owned(), |near| format!("did you mean `{near}`?"));
            self.problems.error(place, format!("there is no step `{id}`")).hint(hint);
            return;
        }
        match expr::names(&plain, &[]) {
            Err(error) => {
                self.problems.error(place, format!("«{}» cannot be evaluated: {}", source.trim(), error.why));
            }
            Ok(names) => {
                for name in leaves(names) {
                    self.name(&unmangle(&name), place, seen);
                }
                self.literals(source, place);
            }
        }
    }

    /// `steps.grey-zone.x` and `steps["grey-zone"].x` with the id as one word; an id nobody declares.
    fn mangle(&self, source: &str) -> (String, Option<String>) {
        static BRACKET: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r#"\bsteps\[\s*["']([^"']+)["']\s*\]"#).ok());
        static DOTTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\bsteps\.([a-z][a-z0-9-]*)").ok());
        let (Some(bracket), Some(dotted)) = (&*BRACKET, &*DOTTED) else { return (source.to_owned(), None) };
        let source = bracket.replace_all(source, "steps.$1");
        let mut unknown = None;
        let plain = dotted.replace_all(&source, |found: &regex::Captures<'_>| {
            let written = &found[1];
            // `steps.a-b.x` may be the step a minus b's … no: the longest declared id is meant.
            let longest = self.ids.iter().filter(|id| written.starts_with(**id)).max_by_key(|id| id.len());
            match longest {
                Some(id) if written.len() == id.len() || written[id.len()..].starts_with('-') => {
                    format!("steps.{}{}", id.replace('-', "__"), &written[id.len()..])
                }
                _ => {
                    unknown = Some(written.to_owned());
                    found[0].to_owned()
                }
            }
        });
        (plain.into_owned(), unknown)
    }

    fn name(&mut self, name: &str, place: Place, seen: Seen) {
        let parts: Vec<&str> = name.split('.').collect();
        match (seen, parts[0]) {
            (Seen::Condition, "result" | "baseline") => {}
            (Seen::ProbeCondition, _) => {}
            (Seen::Condition, other) => {
                self.undefined(other, &["result", "baseline"], place);
            }
            (Seen::Alert, "labels") => {}
            (Seen::Alert, other) => self.undefined(other, &["labels"], place),
            (_, "params") => {
                let known: Vec<&str> = self.book.params.keys().map(String::as_str).collect();
                self.member("params", &parts, &known, place);
            }
            (_, "secrets") => self.secret(&parts, place, seen),
            (_, "run") => self.member("run", &parts, &["id", "operator", "startedAt"], place),
            (_, "target") => self.member("target", &parts, &["context", "namespace"], place),
            (Seen::Header | Seen::HeaderWithSecrets, other) => {
                self.undefined(other, &["params", "run", "target"], place);
            }
            (_, "selected") => self.member("selected", &parts, &["pod", "container"], place),
            (_, "baseline") => self.baseline(&parts, place),
            (_, "steps") => self.steps(&parts, place),
            (_, other) => {
                let known = ["params", "secrets", "baseline", "run", "target", "steps", "selected"];
                self.undefined(other, &known, place);
            }
        }
    }

    fn undefined(&mut self, name: &str, known: &[&str], place: Place) {
        let hint = nearest(name, known.iter().copied());
        let hint = hint
            .map_or_else(|| format!("in scope here: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        self.problems.error(place, format!("`{name}` is not defined")).hint(hint);
    }

    fn member(&mut self, root: &str, parts: &[&str], known: &[&str], place: Place) {
        let Some(name) = parts.get(1) else { return };
        if known.contains(name) {
            return;
        }
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{root}.{near}`?"),
            None if known.is_empty() => format!("no {root} are declared"),
            None => format!("{root} has {}", known.join(", ")),
        };
        self.problems.error(place, format!("`{root}.{name}` is not defined")).hint(hint);
    }

    fn secret(&mut self, parts: &[&str], place: Place, seen: Seen) {
        let known: Vec<&str> = self.book.secrets.keys().map(String::as_str).collect();
        self.member("secrets", parts, &known, place);
        if !matches!(seen, Seen::StepWithSecrets | Seen::HeaderWithSecrets) {
            let name = parts.get(1).copied().unwrap_or("x");
            self.problems.error(place, format!("the secret `{name}` may not stand here")).hint(format!(
                "only as a whole `env` value, a header or a webhook URL; a script has it as ${}",
                super::super::params::env_name(name)
            ));
        }
    }

    fn baseline(&mut self, parts: &[&str], place: Place) {
        let declared = matches!(&self.book.baseline, Some(BaselineSpec::HelmRelease(_) | BaselineSpec::Deployment(_)));
        if !declared && !self.nested {
            self.problems.error(place, "`baseline` is not declared here").hint(
                "`baseline: {helmRelease: …}` or `{deployment: …}` at the top; it is recorded before the first write",
            );
            return;
        }
        self.member("baseline", parts, &BASELINE, place);
    }

    fn steps(&mut self, parts: &[&str], place: Place) {
        let (Some(id), Some(field)) = (parts.get(1), parts.get(2)) else { return };
        let known = ["status", "outcome", "outputs", "choice"];
        if !known.contains(field) {
            let hint = nearest(field, known).map_or_else(|| known.join(", "), |near| format!("did you mean `{near}`?"));
            self.problems.error(place, format!("a step has no `{field}`")).hint(hint);
            return;
        }
        let Some(at) = self.steps.iter().find(|at| at.step.id().as_str() == *id) else { return };
        if let ("outputs", Some(name), Some(outputs)) = (*field, parts.get(3), outputs_of(at.step))
            && !outputs.iter().any(|output| output == name)
        {
            let action = at.step.action.name();
            let hint = match (nearest(name, outputs.iter().map(String::as_str)), action) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, "run") => format!("declare it: `outputs: [{name}]`, and write `{name}=…` to $RIPCORD_OUTPUT"),
                (None, _) if outputs.is_empty() => format!("a {action} has no outputs"),
                (None, _) => format!("a {action} has {}", outputs.join(", ")),
            };
            self.problems.error(place, format!("`{id}` has no output `{name}`")).hint(hint);
        }
        if *field == "choice" && !matches!(at.step.action, Action::Decision(_)) {
            self.problems.error(place, format!("`{id}` is a {}; only a decision has a choice", at.step.action.name()));
        }
    }

    /// Words that a status or an outcome can never be, and script output compared as a number.
    fn literals(&mut self, source: &str, place: Place) {
        static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r#"\.(status|outcome)\s*(?:==|!=)\s*["']([^"']*)["']|["']([^"']*)["']\s*(?:==|!=)\s*steps[^\s=!]*\.(status|outcome)\b"#).ok()
        });
        static LISTS: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r#"\.(status|outcome)\s+(?:not\s+)?in\s*[\[(]([^\])]*)[\])]"#).ok());
        static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r#"steps(?:\.|\[\s*["'])([a-z][a-z0-9-]*)(?:["']\s*\])?\.outputs\.(\w+)\s*(?:==|!=|<=|>=|<|>)\s*-?\d|\d\s*(?:==|!=|<=|>=|<|>)\s*steps(?:\.|\[\s*["'])([a-z][a-z0-9-]*)(?:["']\s*\])?\.outputs\.(\w+)\s*(?:$|[^|\s])"#).ok()
        });
        let (Some(words), Some(lists), Some(numbers)) = (&*WORDS, &*LISTS, &*NUMBERS) else { return };
        let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
        for found in words.captures_iter(source) {
            let field = found.get(1).or_else(|| found.get(4)).map_or("", |m| m.as_str());
            let word = found.get(2).or_else(|| found.get(3)).map_or("", |m| m.as_str());
            seen.insert((field.to_owned(), word.to_owned()));
        }
        for found in lists.captures_iter(source) {
            for word in found[2].split(',') {
                seen.insert((found[1].to_owned(), word.trim().trim_matches(['"', '\'']).to_owned()));
            }
        }
        for (field, word) in seen {
            let known: &[&str] = if field == "status" { &STATUS } else { &OUTCOME };
            if !known.contains(&word.as_str()) {
                let hint = nearest(&word, known.iter().copied())
                    .map_or_else(|| known.join(", "), |near| format!("did you mean `{near}`?"));
                self.problems.error(place, format!("a step's {field} is never «{word}»")).hint(hint);
            }
        }
        for found in numbers.captures_iter(source) {
            let id = found.get(1).or_else(|| found.get(3)).map_or("", |m| m.as_str());
            let name = found.get(2).or_else(|| found.get(4)).map_or("", |m| m.as_str());
            let script =
                self.steps.iter().any(|at| at.step.id().as_str() == id && matches!(at.step.action, Action::Run(_)));
            if script {
                self.problems
                    .error(
                        place,
                        format!("`{name}` of `{id}` is text: a script's outputs are, and a number never equals it"),
                    )
                    .hint(format!("steps.{id}.outputs.{name} | int"));
            }
        }
    }
}

/// Only the longest of names that lie in each other.
fn leaves(names: BTreeSet<String>) -> Vec<String> {
    let longer = |name: &String| names.iter().any(|other| other.starts_with(&format!("{name}.")));
    names.iter().filter(|name| !longer(name)).cloned().collect()
}

fn unmangle(name: &str) -> String {
    name.replace("__", "-")
}

fn outside_quotes<'a>(source: &str, words: &[&'a str]) -> Option<&'a str> {
    let mut quote = None;
    for (at, c) in source.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, _) => {
                if let Some(word) = words.iter().find(|word| source[at..].starts_with(**word)) {
                    return Some(word);
                }
            }
            _ => {}
        }
    }
    None
}
