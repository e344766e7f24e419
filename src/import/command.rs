//! One part of a shell block as a step: native where it is known, else a script, with what is to be finished.

use serde_json::{Value, json};

use super::{emit::Draft, native, shell::Part};

/// Words of commands that take away.
const DESTRUCTIVE: [&str; 22] = [
    "kubectl delete",
    "kubectl drain",
    "helm uninstall",
    "helm delete",
    "helm rollback",
    "rollout undo",
    "--replicas=0",
    "delete from",
    "drop schema",
    "git reset --hard",
    "rm -r",
    "rm -f",
    "terraform destroy",
    "minikube delete",
    "kind delete",
    "system prune",
    "drop table",
    "drop database",
    "truncate table",
    "git push --force",
    "aws s3 rm",
    "shutdown",
];

/// Commands that want a terminal.
const INTERACTIVE: [&str; 11] = [
    "kubectl exec -it",
    "kubectl exec -ti",
    "docker login",
    "kubectl edit",
    "docker run -it",
    "docker exec -it",
    "ssh ",
    "vim ",
    "vi ",
    "nano ",
    "psql",
];

/// Commands that do not end by themselves.
const ENDLESS: [&str; 6] = ["minikube tunnel", "kubectl proxy", "watch ", "tail -f", "top", "docker logs -f"];

pub fn step(id: String, title: &str, part: &Part, doc: String) -> Draft {
    let commands: Vec<&str> = part.script.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    if commands.iter().all(|line| line.trim().is_empty()) || part.script.lines().all(|line| !looks_like_command(line)) {
        return by_hand(id, title, part, doc);
    }
    let native = if part.single { native::action(&part.script) } else { None };
    match native {
        Some(native) => {
            let mut step = Draft::new(id, title, native.kind, native.action, doc);
            step.finish.extend(native.finish);
            step.script = Some(part.script.clone());
            step
        }
        None => script(id, title, part, doc),
    }
}

/// Comments alone, or a shape no shell has.
fn by_hand(id: String, title: &str, part: &Part, doc: String) -> Draft {
    let words: Vec<&str> = part.script.lines().map(|line| line.trim_start_matches(['#', ' '])).collect();
    let mut step = Draft::new(id, title, "manual", json!(words.join("\n")), doc);
    step.finish.push("the guide says it in words: check that a person can do it".into());
    step
}

fn looks_like_command(line: &str) -> bool {
    let first = line.trim_start().chars().next();
    first.is_some_and(|c| {
        c.is_ascii_lowercase()
            || matches!(c, '.' | '/' | '$' | '_' | '{' | '(' | '[' | '!' | '"')
            || c.is_ascii_uppercase() && line.contains('=')
    })
}

fn script(id: String, title: &str, part: &Part, doc: String) -> Draft {
    let has = |words: &[&str]| words.iter().any(|word| part.script.to_lowercase().contains(word));
    let interactive = has(&INTERACTIVE);
    let text = part.script.trim_end();
    let action: Value = match interactive {
        true => json!({ "script": text, "interactive": true }),
        false => json!(text),
    };
    let mut step = Draft::new(id, title, "run", action, doc);
    step.script = Some(part.script.clone());
    if has(&DESTRUCTIVE) {
        step.extra.push(("risk", json!("destructive")));
        step.finish.push("it takes something away: name what leads back, or `undo: {none: why}`".into());
    }
    if interactive {
        step.finish.push("it wants a terminal: headless it fails; is there a command that does not?".into());
    }
    if part.script.split('\'').skip(1).step_by(2).any(|quoted| quoted.contains("${")) {
        step.finish.push("a placeholder stands between single quotes, where the shell leaves it alone".into());
    }
    if has(&ENDLESS) {
        step.finish.push("it does not end by itself: give it a `timeout`, or a live pane".into());
    }
    if part.script.contains("sudo ") {
        step.finish.push("sudo asks for a password, and nobody is there to type it".into());
    }
    if part.script.contains("export ") {
        step.finish.push("an `export` ends with its step: write it as `env:` of the steps that need it".into());
    }
    if part.script.lines().any(|line| line.contains("curl") && line.contains('|') && line.contains("sh")) {
        step.finish.push("it runs what it downloads: pin a version and a checksum".into());
    }
    step
}
