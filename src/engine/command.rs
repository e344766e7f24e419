//! An act as one would type it: for previews, intents, the clipboard and the report. Pure text;
//! what is really sent is decided by the adapters, from the same data.

use serde_json::{Value, json};

use crate::runbook::{
    model::{Action, Apply, Delete, Helm, HelmRollback, HelmUpgrade, Http, Kubernetes, Notify, Run},
    value::Tpl,
};

/// One line, or the whole script where there is one. Secrets stand as `${{ secrets.x }}`.
pub fn line(action: &Action, namespace: &str, context: &str) -> String {
    match action {
        Action::Run(run) => of_run(run),
        Action::Http(http) => of_http(http),
        Action::Kubernetes(verb) => Kubectl::new(namespace, context).line(verb),
        Action::Helm(helm) => of_helm(helm, namespace, context),
        Action::Wait(Tpl::Value(dur)) => format!("wait {dur}"),
        Action::Analysis(gate) => {
            let names = gate.metrics.iter().map(|metric| metric.metric.as_deref().unwrap_or("pods"));
            format!("gate on {}", names.collect::<Vec<_>>().join(", "))
        }
        Action::PortForward(forward) => {
            let to = [("service/", &forward.service), ("pod/", &forward.pod), ("deployment/", &forward.deployment)];
            let to = to.iter().find_map(|(kind, name)| name.as_ref().map(|name| format!("{kind}{name}")));
            let ports = match (port(forward.local_port.as_ref()), port(forward.port.as_ref())) {
                (Some(local), Some(remote)) => format!(" {local}:{remote}"),
                (None, Some(remote)) => format!(" {remote}"),
                _ => String::new(),
            };
            format!("kubectl port-forward {}{ports}", to.unwrap_or_default())
        }
        Action::Notify(notify) => of_notify(notify),
        Action::Runbook(nested) => format!("runbook {}", nested.reference),
        Action::Manual(text) => text.clone(),
        Action::Approval(approval) => approval.prompt.clone(),
        Action::Decision(decision) => decision.prompt.clone(),
        other => other.name().to_owned(),
    }
}

fn port(port: Option<&Tpl<u16>>) -> Option<u16> {
    port.and_then(Tpl::value)
}

fn of_run(run: &Run) -> String {
    match (&run.argv, &run.script) {
        (Some(argv), _) => argv.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" "),
        (None, Some(script)) => script.trim_end().to_owned(),
        (None, None) => String::new(),
    }
}

fn of_http(http: &Http) -> String {
    let mut line = format!("{} {}", http.method().to_uppercase(), http.url);
    for (name, value) in &http.headers {
        line.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
    }
    line + &of_body(http.body.as_ref(), http.json.as_ref())
}

/// What is sent, as `curl` would be told it; JSON goes before text, as in the request.
fn of_body(body: Option<&String>, json: Option<&Value>) -> String {
    match (json, body) {
        (Some(json), _) => format!(" --json {}", quoted(&json.to_string())),
        (None, Some(body)) => format!(" --data-raw {}", quoted(body)),
        (None, None) => String::new(),
    }
}

/// The message, and where it goes.
fn of_notify(notify: &Notify) -> String {
    match notify {
        Notify::Slack(slack) => format!("notify slack {}: {}", slack.webhook, slack.text),
        Notify::Pagerduty(page) => {
            let to = page.url.as_ref().map_or_else(String::new, |url| format!(" {url}"));
            let from = page.source.as_deref().unwrap_or("ripcord");
            let severity = json!(page.severity);
            let severity = severity.as_str().unwrap_or_default();
            format!("notify pagerduty{to}: {} ({severity}, from {from})", page.summary)
        }
        Notify::Webhook(hook) => {
            let empty = json!({});
            let body = of_body(None, hook.json.as_ref().or(Some(&empty)));
            let header = |(name, value): (&String, &String)| format!(" -H {}", quoted(&format!("{name}: {value}")));
            format!("notify webhook {}{}{body}", hook.url, hook.headers.iter().map(header).collect::<String>())
        }
    }
}

/// `kubectl …`, built flag by flag.
struct Kubectl<'a> {
    namespace: &'a str,
    context: &'a str,
}

impl<'a> Kubectl<'a> {
    fn new(namespace: &'a str, context: &'a str) -> Self {
        Self { namespace, context }
    }

    fn line(&self, verb: &Kubernetes) -> String {
        let (words, namespace) = words(verb);
        let mut line = format!("kubectl {words}");
        if !matches!(verb, Kubernetes::CreateNamespace(_)) {
            let namespace = namespace.unwrap_or(self.namespace);
            if !namespace.is_empty() {
                line.push_str(&format!(" -n {namespace}"));
            }
        }
        if !self.context.is_empty() {
            line.push_str(&format!(" --context {}", quoted(self.context)));
        }
        line
    }
}

fn named(kind: &str, name: Option<&String>, selector: Option<&String>) -> String {
    match (name, selector) {
        (Some(name), _) => format!("{}/{name}", kind.to_lowercase()),
        (None, Some(selector)) => format!("{} -l {}", kind.to_lowercase(), quoted(selector)),
        (None, None) => kind.to_lowercase(),
    }
}

/// The verb with its flags, and a namespace of its own if it names one.
fn words(verb: &Kubernetes) -> (String, Option<&str>) {
    let timeout = |timeout: &Option<Tpl<crate::runbook::value::Dur>>| {
        timeout.as_ref().and_then(Tpl::value).map_or_else(String::new, |dur| format!(" --timeout={dur}"))
    };
    match verb {
        Kubernetes::Get(of) => {
            let output = of.output.as_ref().map_or_else(String::new, |output| format!(" -o {output}"));
            (
                format!("get {}{output}", named(&of.kind, of.name.as_ref(), of.selector.as_ref())),
                of.namespace.as_deref(),
            )
        }
        Kubernetes::Describe(of) => {
            (format!("describe {}", named(&of.kind, of.name.as_ref(), of.selector.as_ref())), of.namespace.as_deref())
        }
        Kubernetes::Events(of) => {
            let object = of.object.as_ref().map_or_else(String::new, |object| format!(" --for {object}"));
            let types = if of.types.is_empty() { String::new() } else { format!(" --types={}", of.types.join(",")) };
            (format!("events{object}{types}"), of.namespace.as_deref())
        }
        Kubernetes::Logs(of) => (logs_words(of), of.namespace.as_deref()),
        Kubernetes::Wait(wait) => {
            let what = named(&wait.kind, wait.name.as_ref(), wait.selector.as_ref());
            (
                format!("wait {what} --for={}{}", quoted(&wait.condition), timeout(&wait.timeout)),
                wait.namespace.as_deref(),
            )
        }
        Kubernetes::Apply(apply) => (apply_words(apply), apply.namespace.as_deref()),
        Kubernetes::RolloutStatus(of) => {
            (rollout("status", &of.kind, &of.name) + &timeout(&of.timeout), of.namespace.as_deref())
        }
        Kubernetes::RolloutRestart(of) => (rollout("restart", &of.kind, &of.name), of.namespace.as_deref()),
        Kubernetes::RolloutHistory(of) => (rollout("history", &of.kind, &of.name), of.namespace.as_deref()),
        Kubernetes::RolloutUndo(undo) => {
            let to = undo.to_revision.as_ref().and_then(Tpl::value);
            let to = to.map_or_else(String::new, |revision| format!(" --to-revision={revision}"));
            (rollout("undo", &undo.kind, &undo.name) + &to, undo.namespace.as_deref())
        }
        other => write_words(other),
    }
}

fn write_words(verb: &Kubernetes) -> (String, Option<&str>) {
    match verb {
        Kubernetes::SetImage(set) => {
            let what = named(&set.kind, Some(&set.name), None);
            (format!("set image {what} {}={}", set.container, quoted(&set.image)), set.namespace.as_deref())
        }
        Kubernetes::Scale(scale) => {
            let replicas = scale.replicas.value().unwrap_or_default();
            let current = scale.current_replicas.as_ref().and_then(Tpl::value);
            let current = current.map_or_else(String::new, |current| format!(" --current-replicas={current}"));
            let what = named(&scale.kind, Some(&scale.name), None);
            (format!("scale {what} --replicas={replicas}{current}"), scale.namespace.as_deref())
        }
        Kubernetes::Delete(delete) => (delete_words(delete), delete.namespace.as_deref()),
        Kubernetes::CreateNamespace(create) => (format!("create namespace {}", create.name), None),
        Kubernetes::Snapshot(snapshot) => (
            format!("get {} -o yaml > {}", snapshot.kinds.join(","), quoted(&snapshot.to)),
            snapshot.namespace.as_deref(),
        ),
        Kubernetes::Exec(exec) => {
            let container = exec.container.as_ref().map_or_else(String::new, |container| format!(" -c {container}"));
            let command: Vec<_> = exec.command.iter().map(|arg| quoted(arg)).collect();
            (format!("exec {}{container} -- {}", exec.pod, command.join(" ")), exec.namespace.as_deref())
        }
        Kubernetes::Patch(patch) => {
            let kind = serde_json::to_value(&patch.patch_type).ok();
            let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("strategic");
            let what = named(&patch.kind, Some(&patch.name), None);
            (format!("patch {what} --type={kind} -p {}", quoted(&patch.patch.to_string())), patch.namespace.as_deref())
        }
        other => (other.verb().to_owned(), None),
    }
}

fn rollout(verb: &str, kind: &str, name: &str) -> String {
    format!("rollout {verb} {}/{name}", kind.to_lowercase())
}

fn logs_words(of: &crate::runbook::model::LogsOf) -> String {
    let mut words = match (&of.selector, &of.name) {
        (Some(selector), _) => format!("logs -l {}", quoted(selector)),
        (None, Some(name)) => match &of.kind {
            Some(kind) => format!("logs {}/{name}", kind.to_lowercase()),
            None => format!("logs {name}"),
        },
        (None, None) => "logs".to_owned(),
    };
    if let Some(container) = &of.container {
        words.push_str(&format!(" -c {container}"));
    }
    if of.previous.is_on() {
        words.push_str(" --previous");
    }
    if let Some(tail) = of.tail.as_ref().and_then(Tpl::value) {
        words.push_str(&format!(" --tail={tail}"));
    }
    if let Some(since) = of.since.as_ref().and_then(Tpl::value) {
        words.push_str(&format!(" --since={since}"));
    }
    words
}

fn apply_words(apply: &Apply) -> String {
    let what = match (&apply.kustomize, &apply.manifest) {
        (Some(overlay), _) => format!("-k {}", quoted(overlay)),
        (None, Some(_)) => "-f - (a manifest of the runbook)".to_owned(),
        (None, None) => apply.files.iter().map(|file| format!("-f {}", quoted(file))).collect::<Vec<_>>().join(" "),
    };
    let manager = apply.field_manager.as_deref().unwrap_or("ripcord");
    let force = if apply.force_conflicts.is_on() { " --force-conflicts" } else { "" };
    format!("apply --server-side --field-manager={manager}{force} {what}")
}

fn delete_words(delete: &Delete) -> String {
    let mut words = format!("delete {}", named(&delete.kind, delete.name.as_ref(), delete.selector.as_ref()));
    if let Some(grace) = delete.grace_period.as_ref().and_then(Tpl::value) {
        words.push_str(&format!(" --grace-period={grace}"));
    }
    if delete.force.is_on() {
        words.push_str(" --force");
    }
    words
}

fn of_helm(helm: &Helm, namespace: &str, context: &str) -> String {
    let (mut words, own) = match helm {
        Helm::Upgrade(upgrade) => (upgrade_words(upgrade), upgrade.namespace.as_deref()),
        Helm::Rollback(rollback) => (rollback_words(rollback), rollback.namespace.as_deref()),
        Helm::Status(release) => (format!("helm status {}", release.release), release.namespace.as_deref()),
        Helm::History(history) => {
            let max = history.max.as_ref().and_then(Tpl::value).map_or_else(String::new, |max| format!(" --max {max}"));
            (format!("helm history {}{max}", history.release), history.namespace.as_deref())
        }
        Helm::Diff(diff) => {
            (format!("helm diff upgrade {} {}", diff.release, quoted(&diff.chart)), diff.namespace.as_deref())
        }
    };
    let namespace = own.unwrap_or(namespace);
    if !namespace.is_empty() {
        words.push_str(&format!(" --namespace {namespace}"));
    }
    if !context.is_empty() {
        words.push_str(&format!(" --kube-context {}", quoted(context)));
    }
    words
}

fn upgrade_words(upgrade: &HelmUpgrade) -> String {
    let mut words = format!("helm upgrade {} {}", upgrade.release, quoted(&upgrade.chart));
    for file in &upgrade.values {
        words.push_str(&format!(" --values {}", quoted(file)));
    }
    for (key, value) in &upgrade.set {
        match value {
            serde_json::Value::String(text) => {
                let text = text.replace('\\', "\\\\").replace(',', "\\,");
                words.push_str(&format!(" --set-string {}", quoted(&format!("{key}={text}"))));
            }
            other => words.push_str(&format!(" --set {}", quoted(&format!("{key}={other}")))),
        }
    }
    let flags = [
        (upgrade.install.is_on(), " --install"),
        (upgrade.create_namespace.is_on(), " --create-namespace"),
        (upgrade.wait.is_on(), " --wait"),
        (upgrade.atomic.is_on(), " --atomic"),
    ];
    words.extend(flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag));
    if let Some(version) = &upgrade.version {
        words.push_str(&format!(" --version {}", quoted(version)));
    }
    if let Some(timeout) = upgrade.timeout.as_ref().and_then(Tpl::value) {
        words.push_str(&format!(" --timeout {timeout}"));
    }
    words
}

fn rollback_words(rollback: &HelmRollback) -> String {
    let revision = rollback.revision.value().map_or_else(String::new, |revision| format!(" {revision}"));
    let wait = if rollback.wait.is_on() { " --wait" } else { "" };
    let timeout = rollback.timeout.as_ref().and_then(Tpl::value);
    let timeout = timeout.map_or_else(String::new, |timeout| format!(" --timeout {timeout}"));
    format!("helm rollback {}{revision}{wait}{timeout}", rollback.release)
}

/// An argument as a POSIX shell would need it; plain words stay as they are.
pub fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        return arg.to_owned();
    }
    format!("'{}'", arg.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(action: serde_json::Value) -> String {
        line(&serde_json::from_value(action).unwrap(), "ml", "prod")
    }

    #[test]
    fn acts_read_as_one_would_type_them() {
        for (action, want) in [
            (json!({"run": {"argv": ["echo", "a b", "it's"]}}), r"echo 'a b' 'it'\''s'"),
            (json!({"http": {"url": "http://x/health"}}), "GET http://x/health"),
            (
                json!({"kubernetes": {"rolloutUndo": {"kind": "Deployment", "name": "ml-api", "toRevision": 7}}}),
                "kubectl rollout undo deployment/ml-api --to-revision=7 -n ml --context prod",
            ),
            (
                json!({"kubernetes": {"scale": {"kind": "Deployment", "name": "a", "replicas": 0, "currentReplicas": 2}}}),
                "kubectl scale deployment/a --replicas=0 --current-replicas=2 -n ml --context prod",
            ),
            (
                json!({"helm": {"rollback": {"release": "ml", "revision": 5, "wait": true}}}),
                "helm rollback ml 5 --wait --namespace ml --kube-context prod",
            ),
            (
                json!({"helm": {"upgrade": {"release": "ml", "chart": "./c", "set": {"tag": "a,b", "weight": 10}}}}),
                r"helm upgrade ml ./c --set-string 'tag=a\,b' --set weight=10 --namespace ml --kube-context prod",
            ),
            (json!({"wait": "5m"}), "wait 5m"),
        ] {
            assert_eq!(written(action), want);
        }
    }
}
