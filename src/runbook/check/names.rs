//! Every template and expression of a runbook, also in branches that are rarely taken: where they stand.
//! What the names in them mean is checked in `scope`.

use std::collections::HashMap;

use super::{
    super::{
        expr::{self, Part, Piece},
        model::*,
        problem::Problems,
        tree::{Kind, Node, Place},
    },
    At, Outer, compare, slips,
};

/// Where an expression stands, and so what it may see.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Seen {
    /// Params, steps, run, target, baseline, selected.
    Step,
    /// The same, and secrets as the whole value.
    StepWithSecrets,
    /// Params alone: the target is worked out first.
    Target,
    /// Params and target: before any step ran.
    Header,
    HeaderWithSecrets,
    /// `result`, a number.
    Condition,
    /// `result` and, measured at the same time, `baseline`.
    ConditionWithBaseline,
    /// `labels.x`.
    Alert,
}

pub(super) struct Names<'a, 'b, 'c> {
    pub book: &'a Runbook,
    pub ids: Vec<&'a str>,
    pub steps: HashMap<&'a str, &'a At<'a>>,
    pub outer: Option<&'a Outer>,
    pub problems: &'b mut Problems<'c>,
}

pub(super) fn check(book: &Runbook, tree: &Node, steps: &[At<'_>], outer: Option<&Outer>, problems: &mut Problems<'_>) {
    let by_id: HashMap<&str, &At<'_>> = steps.iter().rev().map(|at| (at.step.id().as_str(), at)).collect();
    let ids = steps.iter().map(|at| at.step.id().as_str()).collect();
    let mut names = Names { book, ids, steps: by_id, outer, problems };
    names.header(tree);
    for at in steps.iter().filter(|at| at.is_written()) {
        names.step(at);
    }
}

impl Names<'_, '_, '_> {
    fn header(&mut self, tree: &Node) {
        for key in ["description", "params", "secrets", "requires", "calendar"] {
            self.plain(tree.get(key));
        }
        self.texts(tree.get("target"), &[], Seen::Target);
        self.texts(tree.get("panes"), &[], Seen::Header);
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
        if let Some(Kind::Map(entries)) = tree.get("metadata").map(|node| &node.kind) {
            for (key, node) in entries {
                match key.name.as_str() {
                    "alerts" => node.items().iter().for_each(|alert| self.alert(alert)),
                    _ => self.plain(Some(node)),
                }
            }
        }
        let Some(Kind::Map(metrics)) = tree.get("metrics").map(|node| &node.kind) else { return };
        for (_, metric) in metrics {
            for key in ["query", "samplesQuery", "baselineQuery", "baselineSamplesQuery", "title"] {
                self.texts(metric.get(key), &[], Seen::Step);
            }
            self.conditions(metric, metric.get("baselineQuery").is_some());
        }
    }

    fn alert(&mut self, alert: &Node) {
        self.texts(alert.get("params"), &[], Seen::Alert);
        self.plain(alert.get("name").or(Some(alert)).filter(|node| node.text().is_some()));
    }

    /// Nothing is filled in here: what looks like a template would be taken as it stands.
    fn plain(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        match &node.kind {
            Kind::Map(entries) => entries.iter().for_each(|(_, node)| self.plain(Some(node))),
            Kind::Seq(items) => items.iter().for_each(|item| self.plain(Some(item))),
            Kind::Scalar { .. } => {
                if node.text().is_some_and(expr::is_templated) {
                    let place = self.problems.find(node.place, "${{", 0);
                    self.problems
                        .error(place, "no template is filled in here; it would be taken as it stands")
                        .hint("write the value; templates stand in actions, `env`, `target`, `title` and `doc`");
                }
            }
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
        self.plain(at.node.get("undo"));
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
            Action::Runbook(_) => {
                self.plain(action.get("ref"));
                self.texts(action.get("with"), &[], Seen::Step);
            }
            _ => self.texts(Some(action), &["goto", "id"], Seen::Step),
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
        let Some(parts) = self.parts(source, place, &[]) else { return };
        for part in parts.all() {
            if let (Part::Name { path, .. }, Some(known)) = (part, known)
                && !known.contains(&path[0].as_str())
            {
                self.undefined(&path[0], known, place);
            }
        }
        if matches!(known, Some(["result"])) {
            compare::numbers(&parts, place, self.problems);
        }
        self.filters(&parts, place);
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
            if let Piece::Expression { source, at } = piece {
                let seen = match seen {
                    Seen::StepWithSecrets if !alone || !is_plain_name(source) => Seen::Step,
                    Seen::HeaderWithSecrets if !alone || !is_plain_name(source) => Seen::Header,
                    seen => seen,
                };
                // The same template may stand there before.
                let written = &text[at - "${{".len()..at + source.len()];
                let before = text[..at - "${{".len()].matches(written).count();
                let place = self.problems.find(place, written, before);
                self.expression(source, place, seen);
            }
        }
    }

    fn expression(&mut self, source: &str, place: Place, seen: Seen) {
        let ids = std::mem::take(&mut self.ids);
        let parts = self.parts(source, place, &ids);
        self.ids = ids;
        let Some(parts) = parts else { return };
        if self.no_such_step(&parts, source, place) {
            return;
        }
        let mut told = Vec::new();
        for part in parts.all() {
            if let Part::Name { path, open } = part
                && !told.contains(&path)
            {
                told.push(path);
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let here = self.problems.find(place, &path.join("."), 0);
                self.name(&path, *open, here, seen);
            }
        }
        self.filters(&parts, place);
        match seen {
            Seen::Condition | Seen::ConditionWithBaseline => compare::numbers(&parts, place, self.problems),
            _ => compare::check(&parts, place, self.book, &self.steps, self.problems),
        }
    }

    fn parts(&mut self, source: &str, place: Place, ids: &[&str]) -> Option<Part> {
        match expr::look(source, ids) {
            Ok(parts) => Some(parts),
            Err(error) => {
                slips::tell(source, &error, place, self.problems);
                None
            }
        }
    }
}

/// One name and nothing done to it: `secrets.api_key`, `secrets["api-key"]`.
fn is_plain_name(source: &str) -> bool {
    matches!(expr::look(source, &[]), Ok(Part::Name { path, open: false }) if path.len() == 2)
}
