//! Everything above the steps: metadata, params, secrets, calendar, baseline, metrics, guards, panes.

use std::collections::BTreeMap;

use super::{
    super::{
        expr::is_templated,
        model::*,
        params::{self, env_name, is_refused_env},
        problem::{Problems, nearest},
        tree::{Node, Place},
    },
    Outer, is_native_write,
    web::web_address,
};

pub(super) fn check(book: &Runbook, tree: &Node, outer: Option<&Outer>, problems: &mut Problems<'_>) {
    if book.steps.is_empty() {
        problems
            .error(tree.key_place("steps"), "a runbook needs at least one step")
            .hint("- {id: first, run: \"echo hello\"}");
    }
    values(book, tree, problems);
    tools(book, tree, problems);
    if let Some(calendar) = &book.calendar {
        calendar_rules(calendar, tree, problems);
    }
    if book.prometheus.is_none() && book.requires.reachable.contains(&Reachable::Prometheus) {
        problems
            .warning(place(tree, &["requires", "reachable"]), "there is no `prometheus:` to reach")
            .hint("say where it is: `prometheus: {url: …}` or `{service: namespace/name:port}`");
    }
    if let (Some(prometheus), Some(node)) = (&book.prometheus, tree.get("prometheus")) {
        where_metrics_are(prometheus, node, tree.key_place("prometheus"), problems);
    }
    alerts(book, tree, problems);
    metrics(book, tree, problems);
    baseline(book, tree, outer.is_some(), problems);
    if let Some(outer) = outer {
        same_target(book, outer, tree, problems);
        for (key, there) in [
            ("baseline", book.baseline.is_some()),
            ("calendar", book.calendar.is_some()),
            ("rollback", tree.get("rollback").is_some()),
        ] {
            if there {
                problems.warning(tree.key_place(key), format!("`{key}` is ignored while this runbook lies in another"));
            }
        }
    }
}

fn where_metrics_are(prometheus: &Prometheus, node: &Node, at: Place, problems: &mut Problems<'_>) {
    let given = [("url", prometheus.url.is_some()), ("service", prometheus.service.is_some())];
    exactly_one(&given, at, "prometheus", problems);
    for (key, url) in [("url", &prometheus.url), ("alertmanager", &prometheus.alertmanager)] {
        if let Some(url) = url {
            web_address(url, node.get(key).map_or(at, |node| node.place), problems);
        }
    }
    if let Some(service) = prometheus.service.as_deref().filter(|service| !is_templated(service)) {
        let parts = service.split_once('/').and_then(|(space, rest)| Some((space, rest.rsplit_once(':')?)));
        let whole = parts.is_some_and(|(space, (name, port))| {
            !space.is_empty() && !name.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !whole {
            problems
                .error(node.get("service").map_or(at, |node| node.place), format!("«{service}» names no service"))
                .hint("namespace/name:port, as in monitoring/prometheus:9090");
        }
    }
}

/// A nested runbook acts where the one that holds it acts, and nowhere else.
fn same_target(book: &Runbook, outer: &Outer, tree: &Node, problems: &mut Problems<'_>) {
    let (own, held) = (&book.target, &outer.target);
    for (key, own, held) in [
        ("context", &own.context, &held.context),
        ("namespace", &own.namespace, &held.namespace),
        ("clusterUID", &own.cluster_uid, &held.cluster_uid),
        ("lockKey", &own.lock_key, &held.lock_key),
    ] {
        if own.is_some() && own != held {
            let held = held.as_deref().unwrap_or("not given");
            another(key, held, own.as_deref().is_some_and(is_templated), tree, problems);
        }
    }
    let says = tree.get("target").is_some_and(|target| target.get("protected").is_some());
    if says && own.protected != held.protected {
        another("protected", if held.protected { "true" } else { "false" }, false, tree, problems);
    }
}

fn another(key: &str, held: &str, templated: bool, tree: &Node, problems: &mut Problems<'_>) {
    let hint = match templated {
        true => "leave it out: it is compared as it is written, and a nested runbook acts where its parent does",
        false => "leave it out: a nested runbook acts where its parent does",
    };
    problems
        .error(
            place(tree, &["target", key]),
            format!("another target: `{key}` is {held} in the runbook that holds this one"),
        )
        .hint(hint);
}

pub(super) fn place(tree: &Node, path: &[&str]) -> Place {
    path.iter().fold(tree, |node, key| node.get(key).unwrap_or(node)).place
}

pub(super) fn exactly_one(given: &[(&str, bool)], at: Place, what: &str, problems: &mut Problems<'_>) -> bool {
    let there: Vec<_> = given.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    let names: Vec<_> = given.iter().map(|(name, _)| *name).collect();
    match there.as_slice() {
        [_] => return true,
        [] => problems
            .error(at, format!("{what} needs exactly one of {}", names.join(", ")))
            .hint(format!("write one of them, for example `{}: …`", names[0])),
        [first, ..] => problems
            .error(at, format!("{what} takes exactly one of {}, not {}", names.join(", "), there.join(" and ")))
            .hint(format!("keep one, for example `{first}`")),
    };
    false
}

fn values(book: &Runbook, tree: &Node, problems: &mut Problems<'_>) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let names =
        book.params.keys().map(|name| ("params", name)).chain(book.secrets.keys().map(|name| ("secrets", name)));
    for (section, name) in names {
        let at = tree.get(section).map_or(tree.place, |node| node.key_place(name));
        let env = env_name(name);
        if !env.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        {
            problems
                .error(at, format!("`{name}` cannot be an environment variable"))
                .hint("letters, digits, `_` and `-`, a letter first");
        }
        if is_refused_env(&env) {
            problems
                .error(at, format!("`{name}` would set {env}, which changes what a script is"))
                .hint("choose another name");
        }
        if let Some(other) = taken.insert(env.clone(), name) {
            problems.error(at, format!("`{name}` and `{other}` are both {env} in a script")).hint("rename one of them");
        }
    }
    for (name, param) in &book.params {
        let node = tree.get("params").and_then(|node| node.get(name)).unwrap_or(tree);
        param_rules(name, param, node, problems);
    }
    for (name, secret) in &book.secrets {
        let at = tree.get("secrets").map_or(tree.place, |node| node.key_place(name));
        let given = [
            ("fromEnv", secret.from_env.is_some()),
            ("fromFile", secret.from_file.is_some()),
            ("prompt", secret.prompt),
        ];
        exactly_one(&given, at, &format!("the secret `{name}`"), problems);
    }
}

pub(super) fn param_rules(name: &str, param: &Param, node: &Node, problems: &mut Problems<'_>) {
    if let Some(pattern) = &param.pattern
        && let Err(error) = regex::Regex::new(pattern)
    {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().to_owned();
        problems
            .error(node.key_place("pattern"), format!("`{name}`: the pattern is not one: {why}"))
            .hint("a regular expression without look-around, as in '^v[0-9]+$'");
        return;
    }
    if let Some(default) = &param.default
        && !default.as_str().is_some_and(is_templated)
        && let Err(why) = params::check(name, param, default)
    {
        problems
            .error(
                node.get("default").map_or(node.place, |node| node.place),
                format!("the default breaks its own rule: {why}"),
            )
            .hint("change the default, or the rule beside it");
    }
    if matches!(param.kind, ParamType::String | ParamType::Bool) && (param.min.is_some() || param.max.is_some()) {
        let key = if param.min.is_some() { "min" } else { "max" };
        problems
            .error(node.key_place(key), format!("`{name}`: `{key}` needs a number"))
            .hint("`type: int`, `number` or `duration`; a text has a `pattern`");
    }
    for (allowed, node) in param.one_of.iter().zip(node.get("enum").map(Node::items).unwrap_or_default()) {
        let bare = Param { one_of: Vec::new(), ..param.clone() };
        if let Err(why) = params::check(name, &bare, allowed) {
            problems
                .error(node.place, format!("this word breaks the rule beside it: {why}"))
                .hint("leave the word out, or change the rule");
        }
    }
    if let (Some(min), Some(max)) = (param.min, param.max)
        && min > max
    {
        problems
            .error(node.key_place("min"), format!("`{name}`: min {min} is above max {max}"))
            .hint("no value could be given; turn them round");
    }
}

/// What an alert's labels are given to is asked for by name; without such a param they go nowhere.
fn alerts(book: &Runbook, tree: &Node, problems: &mut Problems<'_>) {
    let nodes = tree.get("metadata").and_then(|node| node.get("alerts")).map(Node::items).unwrap_or_default();
    for (alert, node) in book.metadata.alerts.iter().zip(nodes) {
        let (Alert::With(alert), Some(given)) = (alert, node.get("params")) else { continue };
        for name in alert.params.keys().filter(|name| !book.params.contains_key(*name)) {
            let hint = match nearest(name, book.params.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare it: `params: {{{name}: {{}}}}`"),
            };
            problems.warning(given.key_place(name), format!("there is no param `{name}` to give it to")).hint(hint);
        }
    }
}

fn tools(book: &Runbook, tree: &Node, problems: &mut Problems<'_>) {
    for (tool, requirement) in &book.requires.tools {
        if !requirement.is_empty() && semver::VersionReq::parse(requirement).is_err() {
            let at = place(tree, &["requires", "tools", tool]);
            problems
                .error(at, format!("{tool}: «{requirement}» is not a version requirement"))
                .hint("as in Cargo: \">=3.12\", \"^1.2\", or \"\" for any");
        }
    }
}

fn calendar_rules(calendar: &Calendar, tree: &Node, problems: &mut Problems<'_>) {
    if let Some(zone) = calendar.timezone.as_deref().filter(|zone| *zone != "UTC")
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        problems
            .error(place(tree, &["calendar", "timezone"]), format!("the time zone «{zone}» is not known"))
            .hint("an IANA name such as Europe/Berlin");
    }
    let nodes = tree.get("calendar").and_then(|node| node.get("closed")).map(Node::items).unwrap_or_default();
    for (rule, node) in calendar.closed.iter().zip(nodes) {
        if rule.days.is_empty() && rule.from.is_none() && rule.to.is_none() {
            problems
                .error(node.place, "a closed time names `days`, or `from` and `to`")
                .hint("{days: [Sat, Sun]} or {from: 2026-12-20, to: 2027-01-02}");
        }
        if let (Some(from), Some(to)) = (rule.from, rule.to)
            && from > to
        {
            problems.error(node.key_place("from"), format!("{from} is after {to}")).hint("turn the two days round");
        }
    }
}

fn metrics(book: &Runbook, tree: &Node, problems: &mut Problems<'_>) {
    let known = || book.metrics.keys().map(String::as_str);
    let mut named = |name: &str, at: Place| {
        if !book.metrics.contains_key(name) {
            let hint = nearest(name, known())
                .map_or_else(|| "declare it under `metrics:`".to_owned(), |near| format!("did you mean `{near}`?"));
            problems.error(at, format!("there is no metric `{name}`")).hint(hint);
        }
    };
    let panes = tree.get("panes").and_then(|node| node.get("metrics")).map(Node::items).unwrap_or_default();
    for (name, node) in book.panes.metrics.iter().zip(panes) {
        named(name, node.place);
    }
    let nodes = tree.get("guards").map(Node::items).unwrap_or_default();
    for (guard, node) in book.guards.iter().zip(nodes) {
        if let Some(name) = &guard.metric {
            named(name, node.get("metric").map_or(node.place, |node| node.place));
        }
    }
    for (guard, node) in book.guards.iter().zip(nodes) {
        guard_rules(book, guard, node, problems);
    }
    if !book.metrics.is_empty() && book.prometheus.is_none() {
        problems
            .warning(tree.key_place("metrics"), "metrics without `prometheus:` cannot be read")
            .hint("say where it is: `prometheus: {url: …}` or `{service: namespace/name:port}`");
    }
}

fn guard_rules(book: &Runbook, guard: &Guard, node: &Node, problems: &mut Problems<'_>) {
    if !exactly_one(
        &[("metric", guard.metric.is_some()), ("pods", guard.pods.is_some())],
        node.place,
        "a guard",
        problems,
    ) {
        return;
    }
    if let Some(metric) = guard.metric.as_ref().and_then(|name| book.metrics.get(name))
        && metric.failure_condition.is_none()
        && metric.success_condition.is_none()
    {
        problems.error(node.place, "this guard's metric has no condition").hint("give the metric a `failureCondition`");
    }
    if guard.metric.is_some() && (guard.max_restarts.is_some() || guard.min_ready.is_some()) {
        problems
            .error(node.place, "`maxRestarts` and `minReady` belong to a guard over `pods`")
            .hint("make it a guard of its own: {pods: {selector: …}, maxRestarts: 0}");
    }
    if guard.interval.is_some_and(|interval| interval.get().is_zero()) {
        problems.error(node.key_place("interval"), "the interval must be longer than zero").hint("15s is the default");
    }
    let own = guard.pods.as_ref().is_some_and(|pods| pods.max_restarts.is_some() || pods.min_ready.is_some());
    if guard.pods.is_some() && !own && guard.max_restarts.is_none() && guard.min_ready.is_none() {
        problems
            .error(node.place, "a guard over pods needs `maxRestarts` or `minReady`")
            .hint("`maxRestarts: 0` trips at the first restart");
    }
    if guard.on_failure == GuardAction::Rollback && book.rollback.is_empty() {
        problems
            .error(node.place, "this guard rolls back, and there is no way back")
            .hint("write `rollback:` steps, or a `baseline:` that gives one");
    }
}

fn baseline(book: &Runbook, tree: &Node, nested: bool, problems: &mut Problems<'_>) {
    if let Some(BaselineSpec::None(reason)) = &book.baseline
        && reason.trim().is_empty()
    {
        problems
            .error(tree.key_place("baseline"), "`baseline: {none: …}` needs a reason")
            .hint("say why there is nothing to go back to");
    }
    let writes = book.steps.iter().any(is_native_write);
    if writes && book.baseline.is_none() && !nested {
        let message = "it writes to the cluster and records no baseline, so a rollback has no target";
        problems
            .warning(tree.key_place("steps"), message)
            .hint("`baseline: {helmRelease: …}`, `{deployment: …}`, or `{none: why}`");
    }
}
