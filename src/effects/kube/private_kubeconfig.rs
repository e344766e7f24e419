//! A kubeconfig for child processes: only the pinned context, 0600, so that `kubectl config use-context` in another
//! window moves nothing. Removed when the run is closed.

use std::{
    ffi::OsString,
    fs::{DirBuilder, File},
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use rustix::fs::OFlags;
use serde_json::json;

use super::connect::Cluster;

const NAME: &str = "kubeconfig";
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The file in the run's folder, written if it is not there as it should be.
///
/// # Errors
/// The folder cannot be written to, or something that is not ours lies under that name.
pub fn ensure(cluster: &Cluster, run_dir: &Path) -> anyhow::Result<PathBuf> {
    put(run_dir, &content(cluster)?)
}

/// For a context that is not made yet: a kubeconfig that leads nowhere, so that no child acts on what happens to be
/// the current context.
///
/// # Errors
/// As [`ensure`].
pub fn nowhere(context: &str, run_dir: &Path) -> anyhow::Result<PathBuf> {
    put(run_dir, &serde_json::to_vec(&json!({"apiVersion": "v1", "kind": "Config", "current-context": context}))?)
}

/// What the operator's own tools would read.
pub fn of_the_operator(given: Option<&Path>) -> OsString {
    let inherited = || std::env::var_os("KUBECONFIG").filter(|files| !files.is_empty());
    let usual = || std::env::home_dir().map(|home| home.join(".kube/config").into_os_string());
    given.map(|file| file.as_os_str().to_owned()).or_else(inherited).or_else(usual).unwrap_or_default()
}

fn put(run_dir: &Path, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = run_dir.join(NAME);
    if holds(&path, bytes) {
        return Ok(path);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(run_dir)?;
    // Whole or not at all: a child may read the old one this very moment, and another look may write its own.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let fresh = run_dir.join(format!(".{NAME}.{}.{number}", std::process::id()));
    let _ = std::fs::remove_file(&fresh);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .with_context(|| format!("cannot write {}", fresh.display()))?;
    file.write_all(bytes)?;
    std::fs::rename(&fresh, &path)?;
    Ok(path)
}

/// Credentials do not stay behind.
pub fn remove(run_dir: &Path) {
    let _ = std::fs::remove_file(run_dir.join(NAME));
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let Ok(mut file) = File::options().read(true).custom_flags(flags).open(path) else { return false };
    let private = file.metadata().is_ok_and(|meta| {
        use std::os::unix::fs::MetadataExt;
        meta.is_file() && meta.mode() & 0o077 == 0 && meta.uid() == rustix::process::getuid().as_raw()
    });
    let mut there = vec![];
    private && file.read_to_end(&mut there).is_ok() && there == bytes
}

/// JSON is YAML; kubectl and Helm read it.
fn content(cluster: &Cluster) -> anyhow::Result<Vec<u8>> {
    if let Some(kubeconfig) = &cluster.kubeconfig {
        return Ok(serde_json::to_vec(kubeconfig.as_ref())?);
    }
    Ok(serde_json::to_vec(&json!({
        "apiVersion": "v1", "kind": "Config", "current-context": cluster.context,
        "clusters": [{"name": "pinned", "cluster": {
            "server": cluster.server, "certificate-authority": format!("{SERVICE_ACCOUNT}/ca.crt")}}],
        "users": [{"name": "pinned", "user": {"tokenFile": format!("{SERVICE_ACCOUNT}/token")}}],
        "contexts": [{"name": cluster.context, "context": {
            "cluster": "pinned", "user": "pinned", "namespace": cluster.namespace}}],
    }))?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::effects::kube::connect::{ConnectOptions, connect};

    const TWO: &str = "
current-context: one
clusters: [{name: c1, cluster: {server: 'http://127.0.0.1:1'}}, {name: c2, cluster: {server: 'http://127.0.0.1:2'}}]
users: [{name: u1, user: {token: first-token}}, {name: u2, user: {token: second-token}}]
contexts: [{name: one, context: {cluster: c1, user: u1}}, {name: two, context: {cluster: c2, user: u2}}]
";

    #[test]
    fn many_at_once_do_not_take_each_others_file_away() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let run = folder.path().join(round.to_string());
            std::thread::scope(|all| {
                let writers: Vec<_> = (0..8).map(|_| all.spawn(|| nowhere("made-later", &run))).collect();
                writers.into_iter().for_each(|writer| drop(writer.join().unwrap().unwrap()));
            });
            assert_eq!(std::fs::read_dir(&run).unwrap().count(), 1, "nothing is left beside it");
        }
    }

    #[tokio::test]
    async fn a_child_gets_the_pinned_context_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("config");
        std::fs::write(&source, TWO).unwrap();
        let options = ConnectOptions {
            kubeconfig: Some(source.clone()),
            context: Some("two".into()),
            ..ConnectOptions::default()
        };
        let cluster = connect(options).await.unwrap();
        let run = folder.path().join("run");
        let path = ensure(&cluster, &run).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("second-token") && !text.contains("first-token"), "{text}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // It reads back as the same target.
        let again =
            connect(ConnectOptions { kubeconfig: Some(path.clone()), ..ConnectOptions::default() }).await.unwrap();
        assert_eq!((again.server, again.context), (cluster.server.clone(), "two".to_owned()));
        // A link put in its place is not written through.
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&source, &path).unwrap();
        ensure(&cluster, &run).unwrap();
        assert_eq!(std::fs::read_to_string(&source).unwrap(), TWO);
        remove(&run);
        assert!(!path.exists());
    }
}
