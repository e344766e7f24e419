//! The `kubernetes:` and `helm:` verbs: which keys go together, and that a recorded revision is of the thing it is used on.

use serde_json::Value;

use super::{
    super::{
        expr::{self, Part, Piece, is_templated},
        model::*,
        problem::Problems,
        tree::{Kind, Node},
        value::Tpl,
    },
    At, Outer,
    header::exactly_one,
};

pub(super) fn check(book: &Runbook, at: &At<'_>, outer: Option<&Outer>, problems: &mut Problems<'_>) {
    let baseline = outer.map_or(book.baseline.as_ref(), |outer| outer.baseline.as_ref());
    let name = at.step.action.name();
    let Some(action) = at.node.get(name).filter(|_| at.is_written()) else { return };
    match &at.step.action {
        Action::Kubernetes(verb) => {
            let node = action.get(verb.verb()).unwrap_or(action);
            kubernetes(verb, node, problems);
            if let Kubernetes::RolloutUndo(undo) = verb {
                let other = !is_templated(&undo.kind) && !undo.kind.eq_ignore_ascii_case("Deployment");
                let here = elsewhere(undo.namespace.as_deref(), book, outer).is_none() && !other;
                of_the_baseline(&BaselineSpec::Deployment(undo.name.clone()), here, baseline, node, problems);
            }
        }
        Action::Helm(helm) => {
            let node = action.get(helm.verb()).unwrap_or(action);
            helm_rules(helm, node, problems);
            let here = elsewhere(namespace(helm), book, outer).is_none();
            of_the_baseline(&BaselineSpec::HelmRelease(release(helm).to_owned()), here, baseline, node, problems);
        }
        _ => {}
    }
}

fn release(helm: &Helm) -> &str {
    match helm {
        Helm::Upgrade(of) => &of.release,
        Helm::Rollback(of) => &of.release,
        Helm::Status(of) => &of.release,
        Helm::History(of) => &of.release,
        Helm::Diff(of) => &of.release,
    }
}

fn namespace(helm: &Helm) -> Option<&str> {
    match helm {
        Helm::Upgrade(of) => of.namespace.as_deref(),
        Helm::Rollback(of) => of.namespace.as_deref(),
        Helm::Status(of) => of.namespace.as_deref(),
        Helm::History(of) => of.namespace.as_deref(),
        Helm::Diff(of) => of.namespace.as_deref(),
    }
}

/// Another namespace than the target's, which is where the baseline lies.
fn elsewhere<'a>(namespace: Option<&'a str>, book: &Runbook, outer: Option<&Outer>) -> Option<&'a str> {
    let target = outer.map_or(&book.target, |outer| &outer.target);
    let known = target.namespace.as_deref().filter(|namespace| !is_templated(namespace))?;
    namespace.filter(|namespace| !is_templated(namespace) && *namespace != known)
}

pub(super) fn kubernetes(verb: &Kubernetes, node: &Node, problems: &mut Problems<'_>) {
    match verb {
        Kubernetes::Apply(apply) => {
            let given = [
                ("files", !apply.files.is_empty()),
                ("kustomize", apply.kustomize.is_some()),
                ("manifest", apply.manifest.is_some()),
            ];
            exactly_one(&given, node.place, "apply", problems);
        }
        Kubernetes::Get(of) | Kubernetes::Describe(of) => objects(of, node, problems),
        Kubernetes::Logs(of) => {
            let given = [("name", of.name.is_some()), ("selector", of.selector.is_some())];
            exactly_one(&given, node.place, "logs", problems);
        }
        Kubernetes::Events(of) => events(of, node, problems),
        Kubernetes::Delete(delete) => {
            let given = [("name", delete.name.is_some()), ("selector", delete.selector.is_some())];
            exactly_one(&given, node.place, "delete", problems);
        }
        Kubernetes::Wait(wait) => wait_rules(wait, node, problems),
        Kubernetes::Snapshot(snapshot) if snapshot.kinds.is_empty() => {
            problems.error(node.place, "a snapshot of nothing").hint("name the kinds to keep");
        }
        Kubernetes::RolloutStatus(of) | Kubernetes::RolloutRestart(of) | Kubernetes::RolloutHistory(of) => {
            workload(&of.kind, node, problems);
        }
        Kubernetes::RolloutUndo(undo) => {
            workload(&undo.kind, node, problems);
            if matches!(undo.to_revision, Some(Tpl::Value(revision)) if revision < 1) {
                let place = node.get("toRevision").map_or(node.place, |node| node.place);
                problems
                    .error(place, "revisions begin at 1")
                    .hint("`${{ baseline.revision }}`, or a number of the history");
            }
        }
        Kubernetes::Scale(scale) => counts(scale, node, problems),
        Kubernetes::Exec(exec) if exec.command.is_empty() => {
            problems.error(node.place, "a command of nothing").hint("command: [program, argument, …]");
        }
        Kubernetes::Patch(patch) => {
            let fits = match patch.patch_type {
                Tpl::Value(PatchType::Json) => patch.patch.is_array(),
                Tpl::Value(PatchType::Merge | PatchType::Strategic) => patch.patch.is_object(),
                Tpl::Template(_) => patch.patch.is_array() || patch.patch.is_object(),
            };
            if !fits {
                let place = node.get("patch").map_or(node.place, |node| node.place);
                let hint = "a merge or strategic patch is a map; a json patch a list of {op, path, value}";
                problems.error(place, "this patch is not of its `type`").hint(hint);
            }
        }
        _ => {}
    }
}

fn counts(scale: &Scale, node: &Node, problems: &mut Problems<'_>) {
    for (key, given) in [("replicas", Some(&scale.replicas)), ("currentReplicas", scale.current_replicas.as_ref())] {
        if matches!(given, Some(Tpl::Value(count)) if *count < 0) {
            let place = node.get(key).map_or(node.place, |node| node.place);
            problems
                .error(place, format!("`{key}` cannot be less than 0"))
                .hint("0 stops every pod; more is how many run");
        }
    }
}

fn objects(of: &Objects, node: &Node, problems: &mut Problems<'_>) {
    if of.name.is_some() && of.selector.is_some() {
        problems.error(node.key_place("selector"), "`name` and `selector` exclude each other").hint("keep one");
    }
    const FORMS: [&str; 4] = ["wide", "yaml", "json", "name"];
    if let Some(output) = of.output.as_deref().filter(|output| !is_templated(output) && !FORMS.contains(output)) {
        let place = node.get("output").map_or(node.place, |node| node.place);
        problems.error(place, format!("«{output}» is not a form of output")).hint(FORMS.join(", "));
    }
}

fn events(of: &EventsOf, node: &Node, problems: &mut Problems<'_>) {
    if let Some(object) = of.object.as_deref().filter(|object| !is_templated(object) && !object.contains('/')) {
        let place = node.get("for").map_or(node.place, |node| node.place);
        problems.error(place, format!("«{object}» names no object")).hint("kind/name, as in `pod/ml-api-0`");
    }
    for (kind, node) in of.types.iter().zip(node.get("types").map(Node::items).unwrap_or_default()) {
        if !is_templated(kind) && !["Normal", "Warning"].contains(&kind.as_str()) {
            problems.error(node.place, format!("«{kind}» is not a type of event")).hint("Normal, Warning");
        }
    }
}

fn wait_rules(wait: &WaitFor, node: &Node, problems: &mut Problems<'_>) {
    let given = [("name", wait.name.is_some()), ("selector", wait.selector.is_some())];
    exactly_one(&given, node.place, "wait", problems);
    let value = |start: &str| wait.condition.strip_prefix(start).is_some_and(|value| !value.trim().is_empty());
    let known = ["delete", "create"].contains(&wait.condition.as_str()) || value("condition=") || value("jsonpath=");
    if !is_templated(&wait.condition) && !known {
        problems
            .error(
                node.get("for").map_or(node.place, |node| node.place),
                format!("«{}» cannot be waited for", wait.condition),
            )
            .hint("condition=NAME[=VALUE], jsonpath={.path}=VALUE, delete, create");
    }
}

fn workload(kind: &str, node: &Node, problems: &mut Problems<'_>) {
    const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
    if !is_templated(kind) && !KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        problems
            .error(node.get("kind").map_or(node.place, |node| node.place), format!("a {kind} has no rollout"))
            .hint(KINDS.join(", "));
    }
}

fn helm_rules(helm: &Helm, node: &Node, problems: &mut Problems<'_>) {
    let set = match helm {
        Helm::Upgrade(upgrade) => Some(&upgrade.set),
        Helm::Diff(diff) => Some(&diff.set),
        Helm::Rollback(rollback) => {
            if matches!(rollback.revision, Tpl::Value(revision) if revision < 1) {
                let place = node.get("revision").map_or(node.place, |node| node.place);
                problems
                    .error(place, "a release has no such revision; to Helm, 0 is «current − 1»")
                    .hint("`${{ baseline.revision }}`: after a promotion «current − 1» is the same bad image");
            }
            None
        }
        _ => None,
    };
    for (key, value) in set.into_iter().flatten() {
        if matches!(value, Value::Array(_) | Value::Object(_) | Value::Null) {
            let place = node.get("set").map_or(node.place, |node| node.key_place(key));
            problems
                .error(place, format!("`{key}` is not a single value"))
                .hint("one dotted key each, or a `values` file");
        }
    }
}

/// `baseline.revision` counts the revisions of one release or Deployment, and means nothing on another.
/// `here`: it is of the baseline's kind, and in its namespace.
fn of_the_baseline(
    used_on: &BaselineSpec,
    here: bool,
    baseline: Option<&BaselineSpec>,
    node: &Node,
    problems: &mut Problems<'_>,
) {
    let same = here
        && match (used_on, baseline) {
            (BaselineSpec::HelmRelease(on), Some(BaselineSpec::HelmRelease(of)))
            | (BaselineSpec::Deployment(on), Some(BaselineSpec::Deployment(of))) => {
                on == of || is_templated(on) || is_templated(of)
            }
            _ => false,
        };
    if same || baseline.is_none() || !names_the_revision(node) {
        return;
    }
    let (what, hint) = match used_on {
        _ if !here => ("this".to_owned(), "it is of a Deployment or a release in the target's namespace".to_owned()),
        BaselineSpec::Deployment(name) => {
            (format!("the Deployment `{name}`"), format!("declare `baseline: {{deployment: {name}}}`"))
        }
        BaselineSpec::HelmRelease(name) | BaselineSpec::None(name) => {
            (format!("the release `{name}`"), format!("declare `baseline: {{helmRelease: {name}}}`"))
        }
    };
    problems.error(node.place, format!("the baseline is not of {what}")).hint(hint);
}

fn names_the_revision(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(entries) => entries.iter().any(|(_, node)| names_the_revision(node)),
        Kind::Seq(items) => items.iter().any(names_the_revision),
        Kind::Scalar { .. } => node.text().is_some_and(|text| {
            let pieces = expr::pieces(text).unwrap_or_default();
            pieces.iter().any(|piece| match piece {
                Piece::Expression { source, .. } => expr::look(source, &[]).is_ok_and(|parts| {
                    parts
                        .all()
                        .iter()
                        .any(|part| matches!(part, Part::Name { path, .. } if *path == ["baseline", "revision"]))
                }),
                Piece::Text(_) => false,
            })
        }),
    }
}
