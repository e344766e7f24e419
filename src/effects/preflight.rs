//! What `doctor` and every start look at before the first step: tools, cluster, permissions, disk.
//! Each piece answers for itself; nothing here decides whether a run may begin.

use std::{path::Path, process::Stdio, time::Duration};

use regex::Regex;
use semver::{Version, VersionReq};

use super::kube::{
    act::Wire,
    connect::Cluster,
    identity,
    permissions::{self, Answer},
};
use crate::{
    engine::fact::TargetIdentity,
    runbook::model::{Action, Helm, Runbook},
    visible,
};

/// One answer. `ok: None` means it could not be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub ok: Option<bool>,
    pub detail: String,
}

impl Check {
    pub fn new(name: impl Into<String>, ok: Option<bool>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), ok, detail: detail.into() }
    }
}

/// Each tool of `requires.tools`: there, and of a version that will do.
pub async fn tools(book: &Runbook) -> Vec<Check> {
    let asked = book.requires.tools.iter().map(|(tool, requirement)| tool_check(tool, requirement));
    futures::future::join_all(asked).await
}

async fn tool_check(tool: &str, requirement: &str) -> Check {
    let name = format!("tool {tool}");
    let said = match version_of(tool).await {
        Ok(said) => said,
        Err(why) => return Check::new(name, Some(false), why),
    };
    let Some(version) = version_in(&said) else {
        let first = visible::line(said.lines().next().unwrap_or_default()).into_owned();
        return Check::new(name, None, format!("it does not say its version: {first}"));
    };
    if requirement.trim().is_empty() {
        return Check::new(name, Some(true), version.to_string());
    }
    match VersionReq::parse(requirement) {
        // Builds of a distribution (1.27.3-eks) count as what they are built from.
        Ok(wanted) => {
            let plain = Version::new(version.major, version.minor, version.patch);
            let ok = wanted.matches(&plain);
            let detail = if ok {
                version.to_string()
            } else {
                format!("{version} is here, {requirement} is needed; install it")
            };
            Check::new(name, Some(ok), detail)
        }
        Err(error) => Check::new(name, None, format!("«{requirement}» is no version requirement: {error}")),
    }
}

/// What the tool prints of its version, by the words it understands.
async fn version_of(tool: &str) -> Result<String, String> {
    let words: &[&[&str]] = match tool {
        "kubectl" => &[&["version", "--client"]],
        "helm" => &[&["version", "--short"]],
        _ => &[&["--version"], &["version"], &["-V"]],
    };
    let mut last = String::new();
    for words in words {
        match run(tool, words).await? {
            (true, said) => return Ok(said),
            (false, said) => last = said,
        }
    }
    Ok(last)
}

async fn run(tool: &str, words: &[&str]) -> Result<(bool, String), String> {
    let mut command = tokio::process::Command::new(tool);
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(Duration::from_secs(10), command.output()).await {
        Err(_) => return Err(format!("{tool} does not answer within 10 s")),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("it is not installed, or not on the PATH".to_owned());
        }
        Ok(Err(error)) => return Err(format!("{tool} cannot be started: {error}")),
        Ok(Ok(output)) => output,
    };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), said))
}

/// The first thing that reads like a version.
fn version_in(text: &str) -> Option<Version> {
    let pattern = Regex::new(r"(\d+)\.(\d+)(?:\.(\d+))?(-[0-9A-Za-z.-]+)?").ok()?;
    let found = pattern.captures(text)?;
    let number = |at: usize| found.get(at).and_then(|one| one.as_str().parse().ok()).unwrap_or(0);
    let mut version = Version::new(number(1), number(2), number(3));
    if let Some(pre) = found.get(4) {
        version.pre = semver::Prerelease::new(pre.as_str().trim_start_matches('-')).unwrap_or_default();
    }
    Some(version)
}

/// The cluster answers, is the right one, and its TLS is checked where the target is protected.
/// With the target to pin, where it may be.
pub async fn cluster(cluster: &Cluster, book: &Runbook) -> (Check, Option<TargetIdentity>) {
    let name = format!("cluster {}", cluster.context);
    let known = match identity::identify(cluster).await {
        Ok(known) => known,
        Err(error) => return (Check::new(name, Some(false), format!("{error:#}")), None),
    };
    match identity::pin(cluster, &book.target, &known) {
        Ok(pinned) => (Check::new(name, Some(true), format!("{} ({})", known.detail, cluster.server)), Some(pinned)),
        Err(error) => (Check::new(name, Some(false), error.to_string()), None),
    }
}

/// Every permission of the forward steps and of the way back, Helm's objects included.
pub async fn permissions(cluster: &Cluster, book: &Runbook, workdir: &Path) -> Vec<Check> {
    let wire = Wire::looking(&cluster.client, Duration::from_secs(20));
    let mut needed = permissions::needed(book, workdir);
    for (step, release, back) in helm_writes(book) {
        let own = permissions::of_release(&wire, &cluster.namespace, release, step, back).await.unwrap_or_default();
        for one in own {
            match needed.iter_mut().find(|other| other.permission == one.permission) {
                Some(other) => other.back |= one.back,
                None => needed.push(one),
            }
        }
    }
    let answers = permissions::ask(&wire, &cluster.namespace, needed).await;
    answers.iter().map(permission_check).collect()
}

/// Step, release, and whether it is of the way back.
fn helm_writes(book: &Runbook) -> Vec<(&str, &str, bool)> {
    let all = book.steps.iter().map(|step| (step, false)).chain(book.rollback.iter().map(|step| (step, true)));
    let mut found = vec![];
    for (step, back) in all {
        match &step.action {
            Action::Helm(Helm::Upgrade(upgrade)) => found.push((step.id().as_str(), upgrade.release.as_str(), back)),
            Action::Helm(Helm::Rollback(rollback)) => found.push((step.id().as_str(), rollback.release.as_str(), back)),
            _ => {}
        }
    }
    found
}

fn permission_check(answer: &Answer) -> Check {
    let permission = &answer.needed.permission;
    Check::new(format!("may {} {}", permission.verb, permission.resource), answer.allowed, answer.line())
}

/// Room for the trail and its outputs: under 100 MiB is too little.
pub fn disk(state_dir: &Path) -> Check {
    const LEAST: u64 = 100 << 20;
    let mut at = state_dir;
    while !at.exists() {
        match at.parent() {
            Some(parent) => at = parent,
            None => break,
        }
    }
    match rustix::fs::statvfs(at) {
        Ok(seen) => {
            let free = seen.f_bavail.saturating_mul(seen.f_frsize);
            let detail = format!("{} MiB free for the trail in {}", free >> 20, state_dir.display());
            Check::new("disk", Some(free >= LEAST), detail)
        }
        Err(error) => Check::new("disk", None, format!("{}: {error}", state_dir.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_tools_print() {
        for (said, want) in [
            ("v3.22.0+gdeadbee", "3.22.0"),
            ("Client Version: v1.32.4-eks-1\nKustomize Version: v5.5.0", "1.32.4-eks-1"),
            ("jq-1.7", "1.7.0"),
            ("GNU bash, version 5.2.15(1)-release", "5.2.15"),
        ] {
            assert_eq!(version_in(said).unwrap().to_string(), want, "{said}");
        }
        assert_eq!(version_in("no number"), None);
    }

    #[tokio::test]
    async fn a_tool_is_there_or_it_is_said_to_be_missing() {
        assert_eq!(tool_check("bash", ">=3").await.ok, Some(true));
        let old = tool_check("bash", ">=99").await;
        assert_eq!(old.ok, Some(false));
        assert!(old.detail.contains(">=99 is needed"), "{}", old.detail);
        assert!(tool_check("no-such-tool-here", "").await.detail.contains("not installed"));
    }

    #[test]
    fn the_disk_of_a_folder_that_is_not_there_yet_is_its_parents() {
        let folder = tempfile::tempdir().unwrap();
        assert!(disk(&folder.path().join("a/b")).ok.is_some());
    }
}
