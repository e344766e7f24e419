//! Where things are kept, who the operator is, and where each of these came from.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    Fault,
    config::{config, dirs},
    shipped,
};
use crate::{cli::Common, runbook::problem::nearest};

/// A value and where it came from.
pub struct Sourced<T> {
    pub value: T,
    pub from: &'static str,
}

/// Root of state: flag, environment, config, then the directory of the platform.
pub fn state_dir(common: &Common) -> Result<Sourced<PathBuf>, Fault> {
    if let Some(dir) = &common.state_dir {
        return Ok(Sourced { value: dir.clone(), from: "--state-dir" });
    }
    if let Some(dir) = env::var_os("RIPCORD_STATE_DIR").filter(|dir| !dir.is_empty()) {
        return Ok(Sourced { value: dir.into(), from: "RIPCORD_STATE_DIR" });
    }
    if let Some(dir) = config()?.state_dir {
        return Ok(Sourced { value: dir, from: "config.yaml" });
    }
    let dirs = dirs().ok_or_else(|| Fault::usage("no home directory is known; give --state-dir"))?;
    let dir = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned();
    Ok(Sourced { value: dir, from: "the platform" })
}

/// `operator` of the config, else `user@host`.
pub fn operator() -> Result<Sourced<String>, Fault> {
    if let Some(operator) = config()?.operator {
        return Ok(Sourced { value: operator, from: "config.yaml" });
    }
    Ok(Sourced { value: format!("{}@{}", user(), host()), from: "the system" })
}

/// The name of the process's own user, not of an environment variable.
pub fn user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid{uid}"))
}

pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Where named runbooks are looked for: the search path, the config's, then what stands beside.
pub fn search_path() -> Result<Vec<PathBuf>, Fault> {
    let mut path: Vec<PathBuf> =
        env::var_os("RIPCORD_RUNBOOKS").map(|dirs| env::split_paths(&dirs).collect()).unwrap_or_default();
    path.extend(config()?.runbooks);
    path.push("runbooks".into());
    Ok(path)
}

/// A path as given, or the file of the library whose `metadata.name` is that.
pub fn find_runbook(given: &str) -> Result<PathBuf, Fault> {
    let path = Path::new(given);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if given.contains('/') || given.ends_with(".yaml") || given.ends_with(".yml") {
        return Ok(path.to_owned()); // loading it says what is wrong with it
    }
    let mut names = Vec::new();
    for file in library()? {
        match name_of(&file) {
            Some(name) if name == given => return Ok(file),
            name => names.extend(name),
        }
    }
    let dirs: Vec<_> = search_path()?.iter().map(|dir| dir.display().to_string()).collect();
    let known = names.iter().map(String::as_str).chain(shipped::ALL.iter().map(|(name, _)| *name));
    let hint = nearest(given, known).map_or_else(String::new, |near| format!("did you mean `{near}`? Or "));
    Err(Fault::usage(format!(
        "there is no runbook «{given}» in {}; {hint}give a path, or set RIPCORD_RUNBOOKS",
        dirs.join(", ")
    )))
}

/// Every YAML file of the search path, in its order.
pub fn library() -> Result<Vec<PathBuf>, Fault> {
    let mut all = Vec::new();
    for dir in search_path()? {
        let Ok(entries) = fs::read_dir(dir) else { continue };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml"));
        files.sort();
        all.extend(files);
    }
    Ok(all)
}

/// `metadata.name`, read cheaply: it need not pass `check` to be found.
fn name_of(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok().filter(|text| text.len() < 1 << 20)?;
    crate::runbook::data::read(&text).ok()?.pointer("/metadata/name")?.as_str().map(str::to_owned)
}

/// A run by its id, or by the part of it that only one has.
pub fn find_run(state_dir: &Path, given: &str) -> Result<String, Fault> {
    let runs = state_dir.join("runs");
    if !given.is_empty() && !given.contains('/') && runs.join(given).is_dir() {
        return Ok(given.to_owned());
    }
    let entries = fs::read_dir(&runs).map(|entries| {
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    });
    let mut like: Vec<String> =
        entries.unwrap_or_default().into_iter().filter(|name| !given.is_empty() && name.contains(given)).collect();
    like.sort();
    match like.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Fault::usage(format!("there is no run «{given}» in {}; `ripcord runs` lists them", runs.display()))),
        many => Err(Fault::usage(format!("«{given}» could be any of\n         {}", many.join("\n         ")))),
    }
}
