//! Other people's kubeconfigs: the restricted user and the credential plugins.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Namespace, Running, ours, output, repository};

fn kubeconfig(name: &str) -> PathBuf {
    PathBuf::from(ours("RIPCORD_CLUSTER_STATE")).join("kubeconfigs").join(name)
}

fn as_user(user: &str, argv: &[&str]) -> Result<String, String> {
    let mut command = std::process::Command::new("kubectl");
    output(command.env("KUBECONFIG", kubeconfig(user)).current_dir(repository()).stdin(Stdio::null()).args(argv))
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn the_restricted_user_sees_what_its_role_says() {
    let _here = Namespace::new("people");
    let may = |verb: &str, what: &str, namespace: &str| {
        let answer = as_user("restricted", &["auth", "can-i", verb, what, "-n", namespace]);
        answer.is_ok_and(|a| a.trim() == "yes")
    };
    assert!(may("list", "pods", "ml-system-production"));
    let log =
        as_user("restricted", &["auth", "can-i", "get", "pods", "--subresource=log", "-n", "ml-system-production"]);
    assert!(log.is_err_and(|words| words.contains("no\n")));
    assert!(may("list", "deployments.apps", "off-limits"));
    assert!(!may("list", "pods", "off-limits"));
    let error = as_user("restricted", &["get", "pods", "-n", "off-limits"]).unwrap_err();
    assert!(error.contains("Forbidden") && error.contains("restricted@corp"), "{error}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_credential_plugin_works_fails_asks_or_hangs() {
    let _here = Namespace::new("plugins");
    assert!(as_user("exec-works", &["get", "nodes"]).unwrap().contains("node-1"));
    let failed = as_user("exec-fails", &["get", "nodes"]).unwrap_err();
    assert!(failed.contains("your session has expired"), "{failed}");
    let asked = as_user("exec-asks", &["get", "nodes"]).unwrap_err();
    assert!(asked.contains("nobody answered"), "{asked}");
    let mut hanging = std::process::Command::new("kubectl");
    hanging.env("KUBECONFIG", kubeconfig("exec-hangs")).args(["get", "nodes"]).stdin(Stdio::null());
    let mut hanging = Running::start(hanging.stdout(Stdio::null()).stderr(Stdio::null()));
    std::thread::sleep(Duration::from_secs(3));
    assert!(hanging.0.try_wait().unwrap().is_none(), "it did not hang");
}
