//! Every name in every template and expression, also in branches that are rarely taken.

use std::collections::BTreeSet;

use super::{
    super::{
        expr::{self, Piece},
        model::*,
        problem::{Problems, nearest},
        tree::{Kind, Node, Place},
    },
    At, Outer, compare,
    outputs::outputs_of,
    words::{self, Word, as_written},
};

const BASELINE: [&str; 5] = ["kind", "name", "revision", "images", "age"];
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
    /// `result`, a number.
    Condition,
    /// `result` and, measured at the same time, `baseline`.
    ConditionWithBaseline,
    /// `labels.x`.
    Alert,
}

struct Names<'a, 'b, 'c> {
    book: &'a Runbook,
    ids: Vec<&'a str>,
    steps: &'a [At<'a>],
    outer: Option<&'a Outer>,
    problems: &'b mut Problems<'c>,
}

pub(super) fn check(book: &Runbook, tree: &Node, steps: &[At<'_>], outer: Option<&Outer>, problems: &mut Problems<'_>) {
    let ids = steps.iter().map(|at| at.step.id().as_str()).collect();
    let mut names = Names { book, ids, steps, outer, problems };
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
            self.conditions(metric, metric.get("baselineQuery").is_some());
        }
    }

    fn conditions(&mut self, node: &Node, with_baseline: bool) {
        let seen = if with_baseline { Seen::ConditionWithBaseline } else { Seen::Condition };
        for key in ["successCondition", "failureCondition"] {
            if let Some(condition) = node.get(key) {
                self.condition(condition, |names, text, place| names.expression(text, place, seen));
            }
        }
    }

    /// A condition may hold templates; they are filled in before it is evaluated.
    fn condition(&mut self, node: &Node, look: impl FnOnce(&mut Self, &str, Place)) {
        let Some(text) = node.text() else { return };
        if !expr::is_templated(text) {
            return look(self, text, node.place);
        }
        self.template(text, node.place, Seen::Step);
        if let Ok(pieces) = expr::pieces(text) {
            let filled: String =
                pieces.iter().map(|piece| if let Piece::Text(text) = piece { text } else { "1" }).collect();
            look(self, &filled, node.place);
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
                    let named = metric.get("metric").and_then(Node::text);
                    let named = named.and_then(|name| self.book.metrics.get(name));
                    self.conditions(metric, named.is_some_and(|metric| metric.baseline_query.is_some()));
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
        if let Some(condition) = node.get("successCondition") {
            let known = super::outputs::of_probe(node);
            self.condition(condition, |names, text, place| names.probe_condition(text, place, known));
        }
    }

    /// A probe's own rule sees what the look gave, and nothing else.
    fn probe_condition(&mut self, source: &str, place: Place, known: Option<&[&str]>) {
        if self.operators(source, place) {
            return;
        }
        match expr::names(source, &[]) {
            Err(error) => self.cannot_be_evaluated(source, &error.why, place),
            Ok(names) => {
                let roots: BTreeSet<&str> = names.iter().filter_map(|name| name.split('.').next()).collect();
                if let Some(known) = known {
                    for root in roots.into_iter().filter(|root| !known.contains(root)) {
                        self.undefined(root, known, place);
                    }
                }
                self.filters(source, place);
            }
        }
    }

    /// `&&` and `||`, which people bring along; true if one was found.
    fn operators(&mut self, source: &str, place: Place) -> bool {
        let words = words::words(source);
        let twice = |sign: &str| {
            words.windows(2).any(|two| {
                two[0].to == two[1].from && two[0].word == Word::Sign(sign) && two[1].word == Word::Sign(sign)
            })
        };
        for (sign, word) in [("&", "and"), ("|", "or")] {
            if twice(sign) {
                let message = format!("`{sign}{sign}` is not an operator here");
                self.problems.error(place, message).hint(format!("write `{word}`"));
                return true;
            }
        }
        false
    }

    fn cannot_be_evaluated(&mut self, source: &str, why: &str, place: Place) {
        let problem = self.problems.error(place, format!("«{}» cannot be evaluated: {why}", source.trim()));
        if source.contains("${{") {
            problem.hint("this is an expression already: write it without `${{ }}`");
        }
    }

    /// Filters and tests that do not exist would only be missed when the step runs.
    fn filters(&mut self, source: &str, place: Place) {
        for (kind, name) in words::filters_and_tests(&words::words(source)) {
            if !expr::is_known(kind, name) {
                let hint =
                    if kind == "filter" { "such as `int`, `float`, `length`, `default`" } else { "such as `defined`" };
                self.problems.error(place, format!("there is no {kind} `{name}`")).hint(hint);
            }
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
        let alone = pieces.len() == 1;
        for piece in pieces {
            if let Piece::Expression { source, .. } = piece {
                let seen = match seen {
                    Seen::StepWithSecrets if !alone || !is_plain_name(source) => Seen::Step,
                    Seen::HeaderWithSecrets if !alone || !is_plain_name(source) => Seen::Header,
                    seen => seen,
                };
                self.expression(source, place, seen);
            }
        }
    }

    fn expression(&mut self, source: &str, place: Place, seen: Seen) {
        if self.operators(source, place) {
            return;
        }
        let (plain, unknown) = words::as_names(source, &self.ids);
        if let Some(id) = unknown {
            let hint = nearest(&id, self.ids.iter().copied())
                .map_or_else(|| "name a step of this runbook".to_owned(), |near| format!("did you mean `{near}`?"));
            self.problems.error(place, format!("there is no step `{id}`")).hint(hint);
            return;
        }
        match expr::names(&plain, &[]) {
            Err(error) => self.cannot_be_evaluated(source, &error.why, place),
            Ok(names) => {
                for name in leaves(names) {
                    self.name(&as_written(&name), place, seen);
                }
                self.filters(source, place);
                compare::check(&plain, place, self.book, self.steps, self.problems);
            }
        }
    }

    fn name(&mut self, name: &str, place: Place, seen: Seen) {
        let parts: Vec<&str> = name.split('.').collect();
        match (seen, parts[0]) {
            (Seen::Condition | Seen::ConditionWithBaseline, "result") | (Seen::ConditionWithBaseline, "baseline") => {}
            (Seen::Condition, "baseline") => {
                let message = "`baseline` is not measured: this metric has no `baselineQuery`";
                self.problems.error(place, message).hint("give the metric a `baselineQuery`");
            }
            (Seen::Condition | Seen::ConditionWithBaseline, other) => {
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
        // `params.image-tag` reads as a subtraction.
        if let Some(dashed) = known.iter().find(|known| known.split('-').next() == Some(name)) {
            let message = format!("`{root}.{name}` is not defined");
            self.problems.error(place, message).hint(format!("a name with a dash is {root}[\"{dashed}\"]"));
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
        let baseline = self.outer.map_or(self.book.baseline.as_ref(), |outer| outer.baseline.as_ref());
        if !matches!(baseline, Some(BaselineSpec::HelmRelease(_) | BaselineSpec::Deployment(_))) {
            let message = match self.outer {
                Some(_) => "`baseline` is not declared in the runbook that holds this one",
                None => "`baseline` is not declared here",
            };
            self.problems.error(place, message).hint(
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
}

/// Only the longest of names that lie in each other.
fn leaves(names: BTreeSet<String>) -> Vec<String> {
    let longer = |name: &String| names.iter().any(|other| other.starts_with(&format!("{name}.")));
    names.iter().filter(|name| !longer(name)).cloned().collect()
}

/// One name and nothing done to it: `secrets.api_key`, `secrets["api-key"]`.
fn is_plain_name(source: &str) -> bool {
    let (plain, _) = words::as_names(source.trim(), &[]);
    let words = words::words(&plain);
    matches!(words::paths(&words).as_slice(), [path] if path.words.len() == words.len() && path.parts.len() == 2)
}
