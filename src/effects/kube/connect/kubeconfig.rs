//! Kubeconfig files as kubectl reads them, cut down to the one context that is pinned. Runs no plugin.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use kube::config::{ExecInteractiveMode, Kubeconfig, KubeconfigError, NamedContext};

use super::ConnectOptions;

pub(super) struct Pinned {
    pub context: String,
    pub kubeconfig: Kubeconfig,
    /// The cluster's own `proxy-url`.
    pub proxy_url: Option<String>,
}

/// Nobody made that context yet; perhaps a step of the runbook does.
#[derive(Debug, thiserror::Error)]
#[error("no context {context:?} in the kubeconfig; it has {known}")]
pub struct NoSuchContext {
    context: String,
    known: String,
}

pub(super) fn pin(options: &ConnectOptions) -> anyhow::Result<Pinned> {
    let mut all = read(options)?;
    let context = match options.context.clone().or_else(|| all.current_context.clone().filter(|name| !name.is_empty()))
    {
        Some(context) => context,
        None => bail!("the kubeconfig names no current context; say --context NAME ({})", known(&all.contexts)),
    };
    let known = known(&all.contexts);
    all.contexts.retain(|named| named.name == context);
    all.contexts.truncate(1);
    let Some(chosen) = all.contexts.first_mut().and_then(|named| named.context.as_mut()) else {
        return Err(NoSuchContext { context, known }.into());
    };
    if let Some(namespace) = &options.namespace {
        chosen.namespace = Some(namespace.clone());
    }
    let (cluster, user) = (chosen.cluster.clone(), chosen.user.clone());
    all.clusters.retain(|named| named.name == cluster);
    all.auth_infos.retain(|named| Some(&named.name) == user.as_ref());
    for exec in all.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()?.exec.as_mut()) {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    all.current_context = Some(context.clone());
    let proxy_url =
        all.clusters.first().and_then(|named| named.cluster.as_ref()?.proxy_url.clone()).filter(|url| !url.is_empty());
    Ok(Pinned { context, kubeconfig: all, proxy_url })
}

/// What another `kubectl` would take now.
pub(super) fn current_context(options: &ConnectOptions) -> anyhow::Result<String> {
    Ok(read(options)?.current_context.unwrap_or_default())
}

fn known(contexts: &[NamedContext]) -> String {
    if contexts.is_empty() {
        return "no contexts at all".to_owned();
    }
    let names: Vec<&str> = contexts.iter().map(|named| named.name.as_str()).collect();
    crate::visible::line(&names.join(", ")).into_owned()
}

/// `--kubeconfig`, else the files of `KUBECONFIG` merged (a missing one is left out, as kubectl does), else the usual one.
fn read(options: &ConnectOptions) -> anyhow::Result<Kubeconfig> {
    if let Some(path) = &options.kubeconfig {
        return read_one(path);
    }
    let listed: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map(|value| std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if listed.is_empty() {
        let home = std::env::home_dir().context("no home directory; say --kubeconfig FILE")?;
        let usual = home.join(".kube/config");
        return if is_missing(&usual) { Ok(Kubeconfig::default()) } else { read_one(&usual) };
    }
    let mut merged = Kubeconfig::default();
    for path in listed.iter().filter(|path| !is_missing(path)) {
        let next = read_one(path)?;
        merged =
            merged.merge(next).map_err(|error| anyhow!("kubeconfig {}: {}", path.display(), first_line(&error)))?;
    }
    Ok(merged)
}

fn is_missing(path: &Path) -> bool {
    matches!(path.metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
}

fn read_one(path: &Path) -> anyhow::Result<Kubeconfig> {
    Kubeconfig::read_from(path)
        .map_err(|error| anyhow!("cannot read kubeconfig {}: {}", path.display(), first_line(&error)))
}

/// The first line only: what follows in a parse error is the file's own text, and that holds secrets.
pub(super) fn first_line(error: &KubeconfigError) -> String {
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        said = inner.to_string();
        source = inner.source();
    }
    crate::visible::line(said.lines().next().unwrap_or("unreadable")).into_owned()
}
