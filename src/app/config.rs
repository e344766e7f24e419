//! What is in force: a flag wins over the environment, that over `config.yaml`; and where each value came from.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use serde::Deserialize;

use super::{Fault, state};
use crate::{cli::Common, runbook::model, visible};

/// `config.yaml` in the directory that `directories` names: defaults for the common flags, and who operates.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    pub operator: Option<String>,
    pub state_dir: Option<PathBuf>,
    /// Where named runbooks are looked for.
    pub runbooks: Vec<PathBuf>,
    /// Behind the flag and the runbook, before the kubeconfig's current one.
    pub context: Option<String>,
    pub namespace: Option<String>,
    pub kubeconfig: Option<PathBuf>,
    pub read_only: bool,
    pub no_color: bool,
    pub ascii: bool,
    pub log_level: Option<String>,
    /// Whom the library asks what fires.
    pub prometheus: Option<model::Prometheus>,
    /// What `prometheus` may name as `${{ secrets.x }}`.
    pub secrets: IndexMap<String, model::Secret>,
}

pub fn dirs() -> Option<directories::ProjectDirs> {
    directories::ProjectDirs::from("", "", "ripcord")
}

fn path() -> Option<PathBuf> {
    dirs().map(|dirs| dirs.config_dir().join("config.yaml"))
}

/// The file's words; nothing where there is no file.
///
/// # Errors
/// It is there and cannot be read, or holds a key that means nothing.
pub fn config() -> Result<Config, Fault> {
    let Some(path) = path() else { return Ok(Config::default()) };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Config::default());
        }
        Err(error) => return Err(Fault::usage(format!("{}: {error}", path.display()))),
    };
    let wrong = |why: String| Fault::usage(format!("{}: {why}; mend it or take it away", path.display()));
    match crate::runbook::data::read(&text).map_err(wrong)? {
        serde_json::Value::Null => Ok(Config::default()),
        value => serde_json::from_value(value).map_err(|error| wrong(error.to_string())),
    }
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Fills in what no flag and no environment says.
pub fn in_force(mut common: Common) -> Result<Common, Fault> {
    let config = config()?;
    common.fallback.context = config.context;
    common.fallback.namespace = config.namespace;
    if common.kubeconfig.is_none() && !is_set("KUBECONFIG") {
        common.kubeconfig = config.kubeconfig;
    }
    common.read_only |= config.read_only;
    common.no_color |= config.no_color;
    common.ascii |= config.ascii;
    common.log_level = common.log_level.or(config.log_level);
    Ok(common)
}

/// `given` is what was typed, before [`in_force`].
pub fn print(given: &Common) -> Result<u8, Fault> {
    let (config, file) = (config()?, "config.yaml");
    let row = |name: &str, value: &str, from: &str| outln!("{name:<12} {:<40} {from}", visible::line(value));
    let shown = |path: &Path| path.display().to_string();
    let operator = state::operator()?;
    row("operator", &operator.value, operator.from);
    let dir = state::state_dir(given)?;
    row("stateDir", &shown(&dir.value), dir.from);
    row(
        "runbooks",
        &env::join_paths(state::search_path()?).unwrap_or_default().to_string_lossy(),
        &runbooks_from(&config),
    );
    let behind = "the runbook, else the kubeconfig";
    for (name, flag, config) in
        [("context", &given.context, &config.context), ("namespace", &given.namespace, &config.namespace)]
    {
        match (flag, config) {
            (Some(value), _) => row(name, value, &format!("--{name}")),
            (None, Some(value)) => row(name, value, "config.yaml, where the runbook names none"),
            (None, None) => row(name, "-", behind),
        }
    }
    match (&given.kubeconfig, env::var("KUBECONFIG").ok().filter(|value| !value.is_empty()), &config.kubeconfig) {
        (Some(path), ..) => row("kubeconfig", &shown(path), "--kubeconfig"),
        (None, Some(path), _) => row("kubeconfig", &path, "KUBECONFIG"),
        (None, None, Some(path)) => row("kubeconfig", &shown(path), file),
        (None, None, None) => row("kubeconfig", "~/.kube/config", "the default"),
    }
    let colour = if is_set("NO_COLOR") { "NO_COLOR" } else { "" };
    for (name, flag, env, config, value) in [
        ("readOnly", given.read_only, "", config.read_only, "--read-only"),
        ("noColor", given.no_color, colour, config.no_color, "--no-color"),
        ("ascii", given.ascii, "", config.ascii, "--ascii"),
    ] {
        match (flag, !env.is_empty(), config) {
            (true, ..) => row(name, "true", value),
            (_, true, _) => row(name, "true", env),
            (_, _, true) => row(name, "true", file),
            _ => row(name, "false", "the default"),
        }
    }
    match (&given.log_level, &config.log_level) {
        (Some(level), _) => row("logLevel", level, "--log-level"),
        (None, Some(level)) => row("logLevel", level, file),
        (None, None) => row("logLevel", "-", "the default: no diagnostics"),
    }
    let server = config.prometheus.as_ref().and_then(|spec| spec.url.as_deref().or(spec.service.as_deref()));
    row("prometheus", server.unwrap_or("-"), if server.is_some() { file } else { "the runbooks" });
    let there = |path: &PathBuf| if path.exists() { "read" } else { "not there" };
    path().inspect(|path| row(file, &shown(path), there(path)));
    Ok(0)
}

fn runbooks_from(config: &Config) -> String {
    let named = [("RIPCORD_RUNBOOKS", is_set("RIPCORD_RUNBOOKS")), ("config.yaml", !config.runbooks.is_empty())];
    named
        .iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| *name)
        .chain(["the default"])
        .collect::<Vec<_>>()
        .join(", ")
}
