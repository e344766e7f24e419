//! One step by itself: its risk, its retries, its probe, its gate, its script.

use std::collections::{BTreeMap, HashSet};

use super::{
    super::{
        expr,
        model::*,
        params::{env_name, is_refused_env},
        problem::{Problems, nearest},
        tree::Node,
        value::Tpl,
    },
    At,
    header::{exactly_one, param_rules},
    web::web,
};

pub(super) fn check(book: &Runbook, at: &At<'_>, problems: &mut Problems<'_>) {
    if !at.is_written() {
        return;
    }
    common(book, at, problems);
    match &at.step.action {
        Action::Run(run) => {
            let node = at.node.get("run").unwrap_or(at.node);
            script(run, node, at, problems);
        }
        Action::Analysis(gate) => analysis(book, gate, at, problems),
        Action::Checklist(list) => checklist(book, list, at, problems),
        Action::Decision(decision) => decision_rules(decision, at, problems),
        Action::Input(fields) => {
            let node = at.node.get("input").unwrap_or(at.node);
            if fields.is_empty() {
                problems
                    .error(node.place, "an input that asks for nothing")
                    .hint("name a field: {pod: {type: string}}");
            }
            for (name, field) in fields {
                let node = node.get(name).unwrap_or(node);
                param_rules(name, &field.as_param(), node, problems);
                if field.pick == Some(Pick::Revisions)
                    && field.of.as_ref().is_none_or(|of| of.helm_release.is_some() == of.deployment.is_some())
                {
                    problems
                        .error(node.place, "`pick: revisions` needs `of: {helmRelease: …}` or `of: {deployment: …}`")
                        .hint("say whose revisions are offered");
                }
            }
        }
        Action::PortForward(forward) => {
            let given = [
                ("service", forward.service.is_some()),
                ("pod", forward.pod.is_some()),
                ("deployment", forward.deployment.is_some()),
            ];
            exactly_one(&given, at.action(), "portForward", problems);
            if forward.port.is_none() {
                let place = at.node.get("portForward").map_or(at.node.place, |node| node.place);
                problems.error(place, "missing key `port`").hint("the port of the service or the pod");
            }
        }
        Action::Http(http) => web(http, at.node.get("http").unwrap_or(at.node), problems),
        Action::Approval(approval) => approval_rules(approval, at, problems),
        _ => {}
    }
}

fn approval_rules(approval: &Approval, at: &At<'_>, problems: &mut Problems<'_>) {
    let node = at.node.get("approval").unwrap_or(at.node);
    let Some(Tpl::Value(wanted)) = approval.min_approvals else { return };
    let known = approval.approvers.len();
    let open = approval.approvers.iter().any(|name| name.contains(['*', '?', '[', '{']) || expr::is_templated(name));
    if wanted == 0 {
        problems
            .error(node.get("minApprovals").map_or(node.place, |node| node.place), "an approval by nobody is none")
            .hint("1 or more, or leave the step out");
    } else if known > 0 && !open && (wanted as usize) > known {
        let message = format!("{wanted} approvals are wanted and only {known} people may give one");
        problems
            .error(node.get("minApprovals").map_or(node.place, |node| node.place), message)
            .hint("name more `approvers`, or a pattern such as \"*@corp\"");
    }
}

fn common(book: &Runbook, at: &At<'_>, problems: &mut Problems<'_>) {
    let common = &at.step.common;
    let risk = at.step.action.risk();
    if common.confirm == Confirm::None && at.step.risk() == Risk::Destructive {
        problems
            .error(at.key("confirm"), "`confirm: none` on a destructive step")
            .hint("leave it out, or `confirm: key`");
    }
    if common.risk.is_some_and(|given| given < risk) {
        problems
            .error(at.key("risk"), "a runbook may raise a risk, not lower it")
            .hint(format!("this action is {risk:?}; for a harmless script say `confirm: none`").to_lowercase());
    }
    if common.retries.is_some() && matches!(at.step.action, Action::Analysis(_)) {
        problems
            .error(at.node.key_place("retries"), "`retries` on a gate would let a bad reading be tried away")
            .hint("use `failureLimit`, or lead `onFailed` to a decision");
    }
    if common.evidence.is_some() && !matches!(at.step.action, Action::Manual(_)) {
        problems
            .error(at.node.key_place("evidence"), "`evidence` belongs to a `manual` step")
            .hint("what a machine step writes is kept anyway");
    }
    if !common.outputs.is_empty() && !matches!(at.step.action, Action::Run(_)) {
        problems
            .error(at.node.key_place("outputs"), "`outputs` are what a script writes; other actions have their own")
            .hint("see the table of outputs");
    }
    for (name, node) in common.outputs.iter().zip(at.node.get("outputs").map(Node::items).unwrap_or_default()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            problems
                .error(node.place, format!("«{name}» is not the name of an output"))
                .hint("letters, digits and `_`");
        }
    }
    if let Some(backoff) = common.retries.as_ref().map(|retries| &retries.backoff)
        && !(backoff.factor >= 1.0 && backoff.factor.is_finite())
    {
        let place =
            at.node.get("retries").and_then(|node| node.get("backoff")).map_or(at.node.place, |node| node.place);
        problems.error(place, "a backoff `factor` below 1 would hurry").hint("1 waits as long each time, 2 doubles it");
    }
    env(at, problems);
    if let Some(verify) = &common.verify {
        probe(verify, at.node.get("verify").unwrap_or(at.node), book.prometheus.is_some(), problems);
    }
}

fn env(at: &At<'_>, problems: &mut Problems<'_>) {
    let mut taken = BTreeMap::new();
    for name in at.step.common.env.keys() {
        let place = at.node.get("env").map_or(at.node.place, |node| node.key_place(name));
        if is_refused_env(name) {
            problems
                .error(place, format!("{name} may not be set: it changes what a script is, not what it is told"))
                .hint("choose another name");
        } else if name.is_empty()
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            problems
                .error(place, format!("«{name}» is not the name of an environment variable"))
                .hint("letters, digits and `_`, no digit first");
        }
        if let Some(other) = taken.insert(env_name(name), name) {
            problems
                .error(place, format!("`{name}` and `{other}` differ only in their letters' size"))
                .hint("rename one of them");
        }
    }
}

/// Values reach a script through its environment, never through its text.
fn script(run: &Run, node: &Node, at: &At<'_>, problems: &mut Problems<'_>) {
    let given = [("argv", run.argv.is_some()), ("script", run.script.is_some())];
    let (place, body) = (node.get("script").unwrap_or(node), run.script.as_deref().unwrap_or_default());
    if !exactly_one(&given, node.place, "run", problems) {
        return;
    }
    if run.argv.as_ref().is_some_and(Vec::is_empty) {
        problems.error(node.place, "`argv` is empty").hint("the first entry is the program");
    }
    if run.argv.is_some() && run.shell.is_some() {
        problems
            .error(node.key_place("shell"), "`argv` runs without a shell")
            .hint("leave `shell` out, or use `script`");
    }
    if run.script.is_some() && body.trim().is_empty() {
        problems.error(place.place, "the script is empty").hint("write what it runs, or leave the step out");
    }
    if let Some((number, line)) = body.lines().enumerate().find(|(_, line)| line.contains("${{")) {
        let source = line.split_once("${{").map_or("", |(_, rest)| rest.split("}}").next().unwrap_or_default()).trim();
        let mut name = env_name(source.rsplit('.').next().unwrap_or("value"));
        if is_refused_env(&name) {
            name.insert_str(0, "THE_");
        }
        let mut here = place.place;
        if body.contains('\n') {
            here.line += number + 1;
            here.column = 1;
        }
        let id = at.step.id();
        problems
            .error(here, format!("`${{{{` in the script of `{id}`: a value would become shell text"))
            .hint(format!("give it as `env: {{{name}: \"${{{{ {source} }}}}\"}}` and use \"${name}\" in the script"));
    }
}

fn probe(probe: &Probe, node: &Node, has_prometheus: bool, problems: &mut Problems<'_>) {
    let given = [
        ("query", probe.query.is_some()),
        ("http", probe.http.is_some()),
        ("run", probe.run.is_some()),
        ("kubernetes", probe.kubernetes.is_some()),
        ("helm", probe.helm.is_some()),
    ];
    if !exactly_one(&given, node.place, "a probe", problems) {
        return;
    }
    if probe.query.is_some() && !has_prometheus {
        problems
            .warning(node.key_place("query"), "a query without `prometheus:` cannot be asked")
            .hint("say where it is: `prometheus: {url: …}` or `{service: namespace/name:port}`");
    }
    if probe.query.is_some() && probe.success_condition.is_none() {
        problems.error(node.place, "a query needs a `successCondition`").hint("for example `result == 0`");
    }
    let writes = probe.kubernetes.as_ref().is_some_and(|verb| verb.risk() > Risk::Read)
        || probe.helm.as_ref().is_some_and(|helm| helm.risk() > Risk::Read)
        || probe.http.as_ref().is_some_and(|http| !http.is_read());
    if writes {
        problems.error(node.place, "a probe only looks; this one would write").hint("make it a step");
    }
    if let Some(run) = &probe.run {
        let node = node.get("run").unwrap_or(node);
        exactly_one(&[("argv", run.argv.is_some()), ("script", run.script.is_some())], node.place, "run", problems);
        if run.interactive {
            problems
                .error(node.key_place("interactive"), "a probe looks by itself; it cannot be interactive")
                .hint("make it a step of its own");
        }
    }
    if let Some(http) = &probe.http {
        web(http, node.get("http").unwrap_or(node), problems);
    }
    if let Some(verb) = &probe.kubernetes
        && let Some(node) = node.get("kubernetes").and_then(|node| node.get(verb.verb()))
    {
        super::verbs::kubernetes(verb, node, problems);
    }
    if probe.run.as_ref().and_then(|run| run.script.as_deref()).is_some_and(|body| body.contains("${{")) {
        problems
            .error(
                node.get("run").map_or(node.place, |node| node.place),
                "`${{` in a script: a value would become shell text",
            )
            .hint("params and secrets are in its environment");
    }
}

fn checklist(book: &Runbook, list: &Checklist, at: &At<'_>, problems: &mut Problems<'_>) {
    let node = at.node.get("checklist").unwrap_or(at.node);
    let items = node.get("items").map(Node::items).unwrap_or_default();
    if list.items.is_empty() {
        problems.error(node.place, "a checklist without items").hint("items: [one thing to look at]");
    }
    let mut seen = HashSet::new();
    for (item, node) in list.items.iter().zip(items) {
        part_id(seen.insert(&item.id), &item.id, node, ("item id", "an item"), problems);
        if let Some(looks) = &item.probe {
            probe(looks, node.get("probe").unwrap_or(node), book.prometheus.is_some(), problems);
        }
    }
}

/// Items and options are named in answers and trails, as steps are.
fn part_id(is_new: bool, id: &str, node: &Node, (called, what): (&str, &str), problems: &mut Problems<'_>) {
    if !is_new {
        let at = node.get("id").map_or(node.place, |node| node.place);
        problems.error(at, format!("the {called} `{id}` is there twice")).hint("rename one of them");
    }
    if !super::flow::is_id(id)
        && let Some(node) = node.get("id")
    {
        problems.error(node.place, format!("«{id}» is not the id of {what}")).hint("[a-z][a-z0-9-]{0,62}");
    }
}

fn decision_rules(decision: &Decision, at: &At<'_>, problems: &mut Problems<'_>) {
    let node = at.node.get("decision").unwrap_or(at.node);
    let options = node.get("options").map(Node::items).unwrap_or_default();
    if decision.options.is_empty() {
        problems.error(node.place, "a decision without options").hint("options: [{id: on, goto: …}]");
    }
    let mut seen = HashSet::new();
    for (option, node) in decision.options.iter().zip(options) {
        part_id(seen.insert(&option.id), &option.id, node, ("option", "an option"), problems);
    }
}

fn analysis(book: &Runbook, gate: &Analysis, at: &At<'_>, problems: &mut Problems<'_>) {
    let node = at.node.get("analysis").unwrap_or(at.node);
    exactly_one(&[("for", gate.duration.is_some()), ("count", gate.count.is_some())], node.place, "a gate", problems);
    if gate.metrics.is_empty() {
        problems
            .error(node.key_place("metrics"), "a gate without metrics can show nothing")
            .hint("metrics: [{metric: name}]");
    }
    let interval = gate.interval.clone().unwrap_or(Tpl::Value(Analysis::INTERVAL));
    if let (Some(Tpl::Value(whole)), Tpl::Value(interval)) = (&gate.duration, &interval)
        && interval > whole
    {
        let key = if gate.interval.is_some() { "interval" } else { "for" };
        problems
            .error(node.key_place(key), format!("the interval {interval} is longer than the window {whole}"))
            .hint("one reading would pass for the whole window: write a shorter `interval`");
    }
    if gate.count == Some(Tpl::Value(0)) {
        problems
            .error(node.key_place("count"), "a gate that measures nothing can show nothing")
            .hint("`count: 1` or more");
    }
    if gate.interval.as_ref().and_then(Tpl::value).is_some_and(|interval| interval.get().is_zero()) {
        problems
            .error(node.key_place("interval"), "the interval must be longer than zero")
            .hint(format!("{} is the default", Analysis::INTERVAL));
    }
    let nodes = node.get("metrics").map(Node::items).unwrap_or_default();
    for (given, node) in gate.metrics.iter().zip(nodes) {
        gate_metric(book, given, node, problems);
    }
}

fn gate_metric(book: &Runbook, given: &GateMetric, node: &Node, problems: &mut Problems<'_>) {
    if !exactly_one(
        &[("metric", given.metric.is_some()), ("pods", given.pods.is_some())],
        node.place,
        "each entry",
        problems,
    ) {
        return;
    }
    if let Some(pods) = &given.pods {
        if pods.max_restarts.is_none() && pods.min_ready.is_none() {
            problems
                .error(node.place, "pods in a gate need `maxRestarts` or `minReady`")
                .hint("`maxRestarts: 0` fails at the first restart");
        }
        return;
    }
    let Some(name) = &given.metric else { return };
    let Some(metric) = book.metrics.get(name) else {
        let hint = nearest(name, book.metrics.keys().map(String::as_str));
        let hint =
            hint.map_or_else(|| "declare it under `metrics:`".to_owned(), |near| format!("did you mean `{near}`?"));
        problems
            .error(node.get("metric").map_or(node.place, |node| node.place), format!("there is no metric `{name}`"))
            .hint(hint);
        return;
    };
    let success = given.success_condition.is_some() || metric.success_condition.is_some();
    let failure = given.failure_condition.is_some() || metric.failure_condition.is_some();
    if !(success && failure) {
        let missing = if success { "failureCondition" } else { "successCondition" };
        problems
            .error(node.place, format!("`{name}` has no {missing}: a gate needs both rules"))
            .hint("between the two it is inconclusive, and a person decides");
    }
    if given.min_samples.is_some() && metric.samples_query.is_none() {
        problems
            .error(node.key_place("minSamples"), format!("`{name}` has no `samplesQuery` to count samples with"))
            .hint("give the metric one, or leave `minSamples` out");
    }
}
