//! What is typed to `helm`: argv, never a shell; flags first, `--`, then names, so that no value becomes a flag.

use indexmap::IndexMap;
use serde_json::Value;

use crate::runbook::{
    model::{Helm, HelmDiff, HelmRollback, HelmUpgrade},
    value::{Dur, Tpl},
};

/// The words after which Helm does exactly this act. `note` goes into `--description`.
/// `None` for what is read natively (status, history).
pub fn argv(helm: &Helm, context: &str, namespace: &str, kubeconfig: &str, note: &str) -> Option<Vec<String>> {
    let (verb, own) = match helm {
        Helm::Upgrade(upgrade) => ("upgrade", upgrade.namespace.as_deref()),
        Helm::Rollback(rollback) => ("rollback", rollback.namespace.as_deref()),
        Helm::Diff(diff) => ("template", diff.namespace.as_deref()),
        Helm::Status(_) | Helm::History(_) => return None,
    };
    let mut words = Words(vec!["helm".into(), verb.into()]);
    words.pair("--kubeconfig", kubeconfig);
    words.pair("--kube-context", context);
    words.pair("--namespace", own.unwrap_or(namespace));
    match helm {
        Helm::Upgrade(upgrade) => words.upgrade(upgrade, note),
        Helm::Rollback(rollback) => words.rollback(rollback),
        Helm::Diff(diff) => words.template(diff),
        Helm::Status(_) | Helm::History(_) => {}
    }
    Some(words.0)
}

struct Words(Vec<String>);

impl Words {
    fn pair(&mut self, flag: &str, value: &str) {
        if !value.is_empty() {
            self.0.extend([flag.to_owned(), value.to_owned()]);
        }
    }

    fn flag(&mut self, on: bool, flag: &str) {
        if on {
            self.0.push(flag.to_owned());
        }
    }

    fn timeout(&mut self, timeout: Option<&Tpl<Dur>>) {
        if let Some(timeout) = timeout.and_then(Tpl::value) {
            self.pair("--timeout", &format!("{}s", timeout.get().as_secs_f64().ceil()));
        }
    }

    fn values(&mut self, files: &[String], set: &IndexMap<String, Value>, version: Option<&String>) {
        files.iter().for_each(|file| self.pair("--values", file));
        for (key, value) in set {
            match value {
                Value::String(text) => self.pair("--set-string", &format!("{key}={}", escaped(text))),
                Value::Array(_) | Value::Object(_) => self.pair("--set-json", &format!("{key}={value}")),
                other => self.pair("--set", &format!("{key}={other}")),
            }
        }
        if let Some(version) = version {
            self.pair("--version", version);
        }
    }

    fn upgrade(&mut self, upgrade: &HelmUpgrade, note: &str) {
        self.values(&upgrade.values, &upgrade.set, upgrade.version.as_ref());
        self.flag(upgrade.install.is_on(), "--install");
        self.flag(upgrade.create_namespace.is_on(), "--create-namespace");
        self.flag(upgrade.wait.is_on(), "--wait");
        self.flag(upgrade.atomic.is_on(), "--atomic");
        self.timeout(upgrade.timeout.as_ref());
        self.pair("--description", note);
        self.names(&[&upgrade.release, &upgrade.chart]);
    }

    /// Rollback has no `--description`: Helm itself writes «Rollback to N».
    fn rollback(&mut self, rollback: &HelmRollback) {
        self.flag(rollback.wait.is_on(), "--wait");
        self.timeout(rollback.timeout.as_ref());
        let revision = rollback.revision.value().unwrap_or_default().to_string();
        self.names(&[&rollback.release, &revision]);
    }

    fn template(&mut self, diff: &HelmDiff) {
        self.values(&diff.values, &diff.set, diff.version.as_ref());
        self.flag(true, "--is-upgrade");
        self.names(&[&diff.release, &diff.chart]);
    }

    fn names(&mut self, names: &[&str]) {
        self.0.push("--".into());
        self.0.extend(names.iter().map(|name| (*name).to_owned()));
    }
}

/// Helm reads `,` as the next pair, `\` as an escape and a leading `{` as a list.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace(',', r"\,");
    match text.strip_prefix('{') {
        Some(rest) => format!(r"\{{{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(helm: Value, note: &str) -> Vec<String> {
        argv(&serde_json::from_value(helm).unwrap(), "prod", "ml", "/run/k", note).unwrap()
    }

    #[test]
    fn an_upgrade_keeps_text_text_and_numbers_numbers() {
        let upgrade = json!({"upgrade": {
            "release": "--post-renderer=x", "chart": "./c", "values": ["v.yaml"], "install": true, "wait": true, "timeout": "1m30s",
            "set": {"image.tag": "1.10,x=\\", "list": "{a", "canary.weight": 10, "on": true, "l": [1]},
        }});
        let words = words(upgrade, "ripcord run-1");
        let has = |pair: [&str; 2]| words.windows(2).any(|two| two == pair);
        assert_eq!(&words[..6], ["helm", "upgrade", "--kubeconfig", "/run/k", "--kube-context", "prod"]);
        for pair in [
            ["--set-string", r"image.tag=1.10\,x=\\"],
            ["--set-string", r"list=\{a"],
            ["--set", "canary.weight=10"],
            ["--set", "on=true"],
            ["--set-json", "l=[1]"],
            ["--timeout", "90s"],
            ["--description", "ripcord run-1"],
        ] {
            assert!(has(pair), "{pair:?} in {words:?}");
        }
        assert_eq!(&words[words.len() - 3..], ["--", "--post-renderer=x", "./c"]);
    }

    #[test]
    fn a_rollback_names_its_revision() {
        let rollback = json!({"rollback": {"release": "ml", "revision": 12, "wait": true, "namespace": "other"}});
        let words = words(rollback, "note");
        assert_eq!(&words[6..], ["--namespace", "other", "--wait", "--", "ml", "12"]);
    }

    #[test]
    fn what_is_read_needs_no_words() {
        assert!(argv(&serde_json::from_value(json!({"status": {"release": "x"}})).unwrap(), "", "", "", "").is_none());
    }
}
