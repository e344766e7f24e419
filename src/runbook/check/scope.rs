//! What a name in an expression stands for, and whether there is such a thing where it stands.

use super::{
    super::{
        expr::{self, Part},
        model::*,
        problem::nearest,
        tree::Place,
    },
    names::{Names, Seen},
    outputs::outputs_of,
};

const BASELINE: [&str; 5] = ["kind", "name", "revision", "images", "age"];

impl Names<'_, '_, '_> {
    /// A step that nobody declares; nothing else is said of the expression then.
    pub(super) fn no_such_step(&mut self, parts: &Part, source: &str, place: Place) -> bool {
        let unknown = parts.all().into_iter().find_map(|part| match part {
            Part::Name { path, .. } if path[0] == "steps" && path.len() > 1 => {
                (!self.steps.contains_key(path[1].as_str())).then(|| path[1].clone())
            }
            _ => None,
        });
        let Some(id) = unknown else { return false };
        // `steps.grey-zone` reads as a subtraction: the whole word is meant.
        let id = source.split_once(&format!("steps.{id}")).map_or(id.clone(), |(_, rest)| {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).unwrap_or(rest.len());
            format!("{id}{}", &rest[..length])
        });
        let hint = nearest(&id, self.ids.iter().copied())
            .map_or_else(|| "name a step of this runbook".to_owned(), |near| format!("did you mean `{near}`?"));
        let place = self.problems.find(place, &id, 0);
        self.problems.error(place, format!("there is no step `{id}`")).hint(hint);
        true
    }

    /// Filters and tests that do not exist would only be missed when the step runs, and so would methods:
    /// a value here is plain data and has none.
    pub(super) fn filters(&mut self, parts: &Part, place: Place) {
        for part in parts.all() {
            let (kind, name, hint) = match part {
                Part::Filter { name, .. } => ("filter", name, "such as `int`, `float`, `length`, `default`"),
                Part::Test { name, .. } => ("test", name, "such as `defined`"),
                Part::Method { name, .. } => {
                    let message = format!("there is no method `{name}`: values here are plain data");
                    self.problems.error(place, message).hint(instead(name));
                    continue;
                }
                _ => continue,
            };
            if !expr::is_known(kind, name) {
                self.problems.error(place, format!("there is no {kind} `{name}`")).hint(hint);
            }
        }
    }

    pub(super) fn name(&mut self, parts: &[&str], open: bool, place: Place, seen: Seen) {
        if self.reaches_in(parts, open, place) {
            return;
        }
        match (seen, parts[0]) {
            (Seen::Condition | Seen::ConditionWithBaseline, "result") | (Seen::ConditionWithBaseline, "baseline") => {
                self.is_leaf(parts, 1, open, "a number", place);
            }
            (Seen::Condition, "baseline") => {
                let message = "`baseline` is not measured: this metric has no `baselineQuery`";
                self.problems.error(place, message).hint("give the metric a `baselineQuery`");
            }
            (Seen::Condition | Seen::ConditionWithBaseline, other) => {
                self.undefined(other, &["result", "baseline"], place);
            }
            (Seen::Alert, "labels") => self.is_leaf(parts, 2, false, "a text", place),
            (Seen::Alert, other) => self.undefined(other, &["labels"], place),
            (_, "params") => {
                let known: Vec<&str> = self.book.params.keys().map(String::as_str).collect();
                self.member("params", parts, &known, place);
            }
            (Seen::Target, other) => self.undefined(other, &["params"], place),
            (_, "secrets") => self.secret(parts, place, seen),
            (_, "target") => self.member("target", parts, &["context", "namespace"], place),
            (Seen::Header | Seen::HeaderWithSecrets, other) => {
                self.undefined(other, &["params", "target"], place);
            }
            (_, "run") => self.member("run", parts, &["id", "operator", "startedAt"], place),
            (_, "selected") => self.member("selected", parts, &["pod", "container"], place),
            (_, "baseline") => self.baseline(parts, place),
            (_, "steps") => self.steps(parts, place),
            (_, other) => {
                let known = ["params", "secrets", "baseline", "run", "target", "steps", "selected"];
                self.undefined(other, &known, place);
            }
        }
    }

    /// `steps[x]`, `run[0]`: what is meant would only be known in the run.
    fn reaches_in(&mut self, parts: &[&str], open: bool, place: Place) -> bool {
        let roots = ["params", "secrets", "run", "target", "selected", "baseline", "steps"];
        let reaches = open && parts.len() == 1 && roots.contains(&parts[0]);
        if reaches {
            let message = format!("`{}[…]` names something that is only known in the run", parts[0]);
            self.problems.error(place, message).hint(format!("write the name out: `{}.name`", parts[0]));
        }
        reaches
    }

    /// Nothing can be taken of a text or a number.
    fn is_leaf(&mut self, parts: &[&str], length: usize, open: bool, what: &str, place: Place) {
        if parts.len() > length || open {
            let leaf = parts[..length.min(parts.len())].join(".");
            let message = format!("`{leaf}` is {what}: it has nothing inside");
            self.problems.error(place, message).hint(format!("write `{leaf}` alone"));
        }
    }

    pub(super) fn undefined(&mut self, name: &str, known: &[&str], place: Place) {
        let hint = nearest(name, known.iter().copied());
        let hint = hint
            .map_or_else(|| format!("in scope here: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        self.problems.error(place, format!("`{name}` is not defined")).hint(hint);
    }

    fn member(&mut self, root: &str, parts: &[&str], known: &[&str], place: Place) {
        let Some(name) = parts.get(1) else { return };
        if known.contains(name) {
            if !(root == "baseline" && *name == "images") {
                self.is_leaf(parts, 2, false, "a single value", place);
            }
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
        let Some(at) = self.steps.get(id).copied() else { return };
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
            return;
        }
        match (*field, &at.step.action) {
            ("choice", action) if !matches!(action, Action::Decision(_)) => {
                let message = format!("`{id}` is a {}; only a decision has a choice", action.name());
                self.problems.error(place, message).hint("`outcome` says how it ended");
            }
            ("outputs", Action::Run(_)) => self.is_leaf(parts, 4, false, "a text", place),
            ("outputs", _) => {}
            _ => self.is_leaf(parts, 3, false, "a word", place),
        }
    }
}

/// What does here what a method does elsewhere.
fn instead(method: &str) -> String {
    match method {
        "startswith" | "startsWith" => "`x is startingwith(\"…\")`".to_owned(),
        "endswith" | "endsWith" => "`x is endingwith(\"…\")`".to_owned(),
        "contains" | "includes" => "`\"…\" in x`".to_owned(),
        "strip" => "`x | trim`".to_owned(),
        "lower" | "upper" | "replace" | "split" | "items" | "title" => format!("`x | {method}`"),
        _ => "use a filter, `x | name`, or a test, `x is name`".to_owned(),
    }
}
