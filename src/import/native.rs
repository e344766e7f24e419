//! kubectl and helm lines as native steps. What is not wholly understood stays a script.

use serde_json::{Map, Value, json};

use super::shell;

pub struct Native {
    pub kind: &'static str,
    pub action: Value,
    pub finish: Vec<String>,
}

/// A command's words: plain ones, and flags with their values.
struct Words {
    plain: Vec<String>,
    flags: Vec<(String, String)>,
}

/// Flags that take no value.
const SWITCHES: [&str; 14] = [
    "--install",
    "--wait",
    "--atomic",
    "--create-namespace",
    "-f-",
    "--follow",
    "--previous",
    "-p",
    "-A",
    "--all-namespaces",
    "--force",
    "--watch",
    "-w",
    "--ignore-not-found",
];

fn read(words: &[String]) -> Words {
    let (mut plain, mut flags) = (Vec::new(), Vec::new());
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') {
            plain.push(word.clone());
        } else if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
            flags.push((name.to_owned(), value.to_owned()));
        } else if SWITCHES.contains(&word.as_str()) || rest.peek().is_none_or(|next| next.starts_with('-')) {
            flags.push((word.clone(), String::new()));
        } else {
            flags.push((word.clone(), rest.next().cloned().unwrap_or_default()));
        }
    }
    Words { plain, flags }
}

impl Words {
    fn take(&mut self, names: &[&str]) -> Option<String> {
        let at = self.flags.iter().position(|(name, _)| names.contains(&name.as_str()))?;
        Some(self.flags.remove(at).1)
    }

    /// Nothing is left that was not understood.
    fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }
}

pub fn action(command: &str) -> Option<Native> {
    let words = shell::words(command);
    let (tool, rest) = words.split_first()?;
    match tool.as_str() {
        "kubectl" => kubectl(rest),
        "helm" => helm(rest),
        _ => None,
    }
}

fn kubectl(words: &[String]) -> Option<Native> {
    let (verb, rest) = words.split_first()?;
    // `-f` follows logs and names files of everything else.
    let rest: Vec<String> = match verb.as_str() {
        "logs" => rest.iter().filter(|word| !matches!(word.as_str(), "-f" | "--follow")).cloned().collect(),
        _ => rest.to_vec(),
    };
    let mut words = read(&rest);
    let mut fields = Map::new();
    if let Some(namespace) = words.take(&["-n", "--namespace"]) {
        fields.insert("namespace".into(), json!(namespace));
    }
    let mut finish = Vec::new();
    let name = match verb.as_str() {
        "get" | "describe" => {
            words.take(&["-w", "--watch"]).inspect(|_| finish.push("the guide watches: use a live pane".into()));
            objects(&mut words, &mut fields)?;
            let output = words.take(&["-o", "--output"]).filter(|output| output == "wide");
            fields.extend(output.map(|output| ("output".into(), json!(output))));
            verb.as_str()
        }
        "logs" => {
            logs(&mut words, &mut fields)?;
            "logs"
        }
        "wait" => {
            objects(&mut words, &mut fields)?;
            fields.insert("for".into(), json!(words.take(&["--for"])?));
            timeout(&mut words, &mut fields);
            "wait"
        }
        "apply" => {
            match (words.take(&["-k", "--kustomize"]), words.take(&["-f", "--filename"])) {
                (Some(folder), None) => fields.insert("kustomize".into(), json!(folder)),
                (None, Some(file)) if !file.contains("://") => fields.insert("files".into(), json!([file])),
                _ => return None,
            };
            "apply"
        }
        "rollout" => rollout(&mut words, &mut fields, &mut finish)?,
        "scale" => {
            object(words.plain.first()?, words.plain.get(1), &mut fields)?;
            fields.insert("replicas".into(), number(&words.take(&["--replicas"])?)?);
            "scale"
        }
        "delete" => {
            objects(&mut words, &mut fields)?;
            (fields.contains_key("name") || fields.contains_key("selector")).then_some(())?;
            finish.push("it takes something away: say what leads back, or `undo: {none: why}`".into());
            "delete"
        }
        "create" if matches!(words.plain.first().map(String::as_str), Some("namespace" | "ns")) => {
            fields.clear();
            fields.insert("name".into(), json!(words.plain.get(1)?));
            "createNamespace"
        }
        "port-forward" => return port_forward(&words, fields),
        _ => return None,
    };
    let understood = words.is_empty();
    understood.then(|| Native { kind: "kubernetes", action: json!({ name: fields }), finish })
}

fn rollout(words: &mut Words, fields: &mut Map<String, Value>, finish: &mut Vec<String>) -> Option<&'static str> {
    object(words.plain.get(1)?, words.plain.get(2), fields)?;
    Some(match words.plain.first()?.as_str() {
        "status" => {
            timeout(words, fields);
            "rolloutStatus"
        }
        "restart" => "rolloutRestart",
        "history" => "rolloutHistory",
        "undo" => {
            match words.take(&["--to-revision"]) {
                Some(revision) => drop(fields.insert("toRevision".into(), number(&revision)?)),
                None => {
                    finish.push("to which revision? `toRevision: ${{ baseline.revision }}` with a `baseline:`".into())
                }
            }
            "rolloutUndo"
        }
        _ => return None,
    })
}

fn logs(words: &mut Words, fields: &mut Map<String, Value>) -> Option<()> {
    if let Some(selector) = words.take(&["-l", "--selector"]) {
        fields.insert("selector".into(), json!(selector));
    } else {
        let given = words.plain.first()?;
        let (kind, name) = given.split_once('/').unwrap_or(("pod", given));
        fields.insert("kind".into(), json!(kind_of(kind)?));
        fields.insert("name".into(), json!(name));
    }
    fields.extend(words.take(&["-c", "--container"]).map(|value| ("container".into(), json!(value))));
    fields.extend(words.take(&["--tail"]).and_then(|value| Some(("tail".into(), number(&value)?))));
    fields.extend(words.take(&["--since"]).map(|value| ("since".into(), json!(value))));
    fields.extend(words.take(&["-p", "--previous"]).map(|_| ("previous".into(), json!(true))));
    Some(())
}

/// `pods`, `pod x`, `deployment/x`, with a selector or without.
fn objects(words: &mut Words, fields: &mut Map<String, Value>) -> Option<()> {
    (words.plain.len() <= 2).then_some(())?;
    let first = words.plain.first()?;
    match first.split_once('/') {
        Some((kind, name)) => {
            fields.insert("kind".into(), json!(kind_of(kind)?));
            fields.insert("name".into(), json!(name));
        }
        None => {
            fields.insert("kind".into(), json!(kind_of(first)?));
            fields.extend(words.plain.get(1).map(|name| ("name".into(), json!(name))));
        }
    }
    fields.extend(words.take(&["-l", "--selector"]).map(|selector| ("selector".into(), json!(selector))));
    Some(())
}

fn object(first: &str, second: Option<&String>, fields: &mut Map<String, Value>) -> Option<()> {
    let (kind, name) = match first.split_once('/') {
        Some((kind, name)) => (kind, name),
        None => (first, second?.as_str()),
    };
    fields.insert("kind".into(), json!(kind_of(kind)?));
    fields.insert("name".into(), json!(name));
    Some(())
}

/// kubectl's short and plural names.
fn kind_of(name: &str) -> Option<&'static str> {
    Some(match name.to_lowercase().trim_end_matches('s') {
        "po" | "pod" => "Pod",
        "deploy" | "deployment" => "Deployment",
        "svc" | "service" => "Service",
        "ing" | "ingre" => "Ingress",
        "n" | "namespace" => "Namespace",
        "no" | "node" => "Node",
        "cm" | "configmap" => "ConfigMap",
        "secret" => "Secret",
        "hpa" | "horizontalpodautoscaler" => "HorizontalPodAutoscaler",
        "pdb" | "poddisruptionbudget" => "PodDisruptionBudget",
        "pvc" | "persistentvolumeclaim" => "PersistentVolumeClaim",
        "cj" | "cronjob" => "CronJob",
        "job" => "Job",
        "statefulset" | "st" => "StatefulSet",
        "daemonset" | "d" => "DaemonSet",
        "replicaset" | "r" => "ReplicaSet",
        _ => return None,
    })
}

fn number(text: &str) -> Option<Value> {
    text.parse::<i64>().ok().map(Value::from)
}

fn timeout(words: &mut Words, fields: &mut Map<String, Value>) {
    fields.extend(words.take(&["--timeout"]).map(|timeout| ("timeout".into(), json!(timeout))));
}

fn port_forward(words: &Words, mut fields: Map<String, Value>) -> Option<Native> {
    let (kind, name) = words.plain.first()?.split_once('/')?;
    let (local, port) = words.plain.get(1)?.split_once(':')?;
    let key = match kind_of(kind)? {
        "Service" => "service",
        "Pod" => "pod",
        "Deployment" => "deployment",
        _ => return None,
    };
    let name = fields.remove("namespace").and_then(|space| Some(format!("{}/{name}", space.as_str()?)));
    let name = name.or_else(|| words.plain.first()?.split_once('/').map(|(_, name)| name.to_owned()))?;
    let action = json!({ key: name, "port": number(port)?, "localPort": number(local)? });
    words.is_empty().then(|| Native { kind: "portForward", action, finish: Vec::new() })
}

fn helm(words: &[String]) -> Option<Native> {
    let (verb, rest) = words.split_first()?;
    let mut words = read(rest);
    let mut fields = Map::new();
    let mut finish = Vec::new();
    let namespace = words.take(&["-n", "--namespace"]);
    fields.extend(namespace.map(|namespace| ("namespace".into(), json!(namespace))));
    fields.insert("release".into(), json!(words.plain.first()?));
    let name = match verb.as_str() {
        "upgrade" | "install" => {
            fields.insert("chart".into(), json!(words.plain.get(1)?));
            if verb == "install" || words.take(&["--install", "-i"]).is_some() {
                fields.insert("install".into(), json!(true));
            }
            if words.take(&["--create-namespace"]).is_some() {
                finish.push("create the namespace first, with `kubernetes: {createNamespace: …}`".into());
            }
            let (mut files, mut set) = (Vec::new(), Map::new());
            while let Some(file) = words.take(&["-f", "--values"]) {
                files.push(json!(file));
            }
            while let Some(pair) = words.take(&["--set", "--set-string"]) {
                let (key, value) = pair.split_once('=')?;
                set.insert(key.to_owned(), json!(value));
            }
            fields.extend((!files.is_empty()).then(|| ("values".into(), Value::Array(files))));
            fields.extend((!set.is_empty()).then(|| ("set".into(), Value::Object(set))));
            fields.extend(words.take(&["--wait"]).map(|_| ("wait".into(), json!(true))));
            fields.extend(words.take(&["--atomic"]).map(|_| ("atomic".into(), json!(true))));
            timeout(&mut words, &mut fields);
            "upgrade"
        }
        "rollback" => {
            // Without one it would go to «current - 1», which may be the same bad image: it is not optional.
            fields.insert("revision".into(), number(words.plain.get(1)?)?);
            fields.extend(words.take(&["--wait"]).map(|_| ("wait".into(), json!(true))));
            finish.push("a fixed revision is right once: `${{ baseline.revision }}` with a `baseline:`".into());
            "rollback"
        }
        "status" => "status",
        "history" => {
            fields.extend(words.take(&["--max"]).and_then(|max| Some(("max".into(), number(&max)?))));
            "history"
        }
        _ => return None,
    };
    words.is_empty().then(|| Native { kind: "helm", action: json!({ name: fields }), finish })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_lines_become_native() {
        for (line, kind, want) in [
            (
                "kubectl get pods -n x -l app=y",
                "kubernetes",
                json!({"get": {"kind": "Pod", "namespace": "x", "selector": "app=y"}}),
            ),
            (
                "kubectl rollout status deployment/ml-api --timeout=5m",
                "kubernetes",
                json!({"rolloutStatus": {"kind": "Deployment", "name": "ml-api", "timeout": "5m"}}),
            ),
            (
                "kubectl scale deployment ml-api --replicas=0",
                "kubernetes",
                json!({"scale": {"kind": "Deployment", "name": "ml-api", "replicas": 0}}),
            ),
            ("kubectl apply -k k8s/dev/", "kubernetes", json!({"apply": {"kustomize": "k8s/dev/"}})),
            (
                "kubectl logs -n x -l app=y --tail=100 -f",
                "kubernetes",
                json!({"logs": {"namespace": "x", "selector": "app=y", "tail": 100}}),
            ),
            (
                "kubectl port-forward -n x svc/api 5000:80",
                "portForward",
                json!({"service": "x/api", "port": 80, "localPort": 5000}),
            ),
            (
                "helm rollback ml 3 -n x --wait",
                "helm",
                json!({"rollback": {"namespace": "x", "release": "ml", "revision": 3, "wait": true}}),
            ),
            (
                "helm upgrade --install ml ./chart --set a.b=c",
                "helm",
                json!({"upgrade": {"release": "ml", "chart": "./chart", "install": true, "set": {"a.b": "c"}}}),
            ),
        ] {
            let native = action(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((native.kind, native.action), (kind, want), "{line}");
        }
    }

    #[test]
    fn what_is_not_wholly_understood_stays_a_script() {
        for line in [
            "kubectl get certificate",
            "kubectl get pods --frob=1",
            "helm rollback ml",
            "kubectl cluster-info",
            "helm repo update",
        ] {
            assert!(action(line).is_none(), "{line}");
        }
    }
}
