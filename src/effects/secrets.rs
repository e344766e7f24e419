//! Secrets: read once at the start, handed out at the moment of use, never shown. What must not hold them is
//! cleaned by `redact`, not here.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use indexmap::IndexMap;
use secrecy::{ExposeSecret, SecretString};

use crate::runbook::{model::Secret, value::StepId};

/// Shorter ones would be found everywhere; `semantics.md`, «Values».
pub const SHORTEST: usize = 6;

/// Values by the runbook that declares them (empty for the outermost, else the path of its step) and name.
#[derive(Clone, Debug, Default)]
pub struct SecretStore {
    values: BTreeMap<(String, String), SecretString>,
}

/// Why a secret cannot be used. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("secret «{name}»: {problem}")]
pub struct SecretProblem {
    pub name: String,
    pub problem: String,
}

impl SecretStore {
    /// Reads every declared secret of one runbook. `given` answers for those that are asked for (a prompt, an
    /// answers file), and goes before the environment and files. Collects all problems.
    pub fn load(
        &mut self,
        scope: &str,
        declared: &IndexMap<String, Secret>,
        workdir: &Path,
        given: impl Fn(&str) -> Option<SecretString>,
    ) -> Vec<SecretProblem> {
        let mut problems = Vec::new();
        for (name, secret) in declared {
            let value = match given(name) {
                Some(value) => Ok(value),
                None => read(secret, workdir),
            };
            if let Err(problem) = value.and_then(|value| self.put(scope, name, value)) {
                problems.push(SecretProblem { name: name.clone(), problem });
            }
        }
        problems
    }

    /// One secret.
    ///
    /// # Errors
    /// It is too short to be told from other text, or cannot be an environment variable.
    pub fn insert(&mut self, scope: &str, name: &str, value: SecretString) -> Result<(), SecretProblem> {
        self.put(scope, name, value).map_err(|problem| SecretProblem { name: name.to_owned(), problem })
    }

    fn put(&mut self, scope: &str, name: &str, value: SecretString) -> Result<(), String> {
        let text = value.expose_secret();
        if text.len() < SHORTEST {
            return Err(format!(
                "it has fewer than {SHORTEST} bytes and could not be kept out of the output; use a longer one"
            ));
        }
        if text.contains('\0') {
            return Err("it holds a NUL byte, which no environment variable can; store it encoded".into());
        }
        self.values.insert((scope.to_owned(), name.to_owned()), value);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A text as the step may use it: a whole `${{ secrets.NAME }}` becomes the value, everything else stays.
    ///
    /// # Errors
    /// No such secret.
    pub fn resolve<'a>(&'a self, step: &StepId, text: &'a str) -> Result<Cow<'a, str>, SecretProblem> {
        let Some(name) = placeholder(text) else { return Ok(Cow::Borrowed(text)) };
        let scope = step.parent().map(|parent| parent.0).unwrap_or_default();
        match self.values.get(&(scope, name.to_owned())) {
            Some(value) => Ok(Cow::Borrowed(value.expose_secret())),
            None => Err(SecretProblem {
                name: name.to_owned(),
                problem: "it has no value in this run; give it again and resume".into(),
            }),
        }
    }

    /// Names and values, for the redactor and for nothing else.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.values.iter().map(|((_, name), value)| (name.clone(), value.expose_secret().to_owned())).collect()
    }
}

/// The name in a text that is one whole `${{ secrets.NAME }}`.
fn placeholder(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("${{")?.strip_suffix("}}")?.trim();
    let name = match inner.strip_prefix("secrets.") {
        Some(name) => name,
        None => inner.strip_prefix("secrets[")?.strip_suffix(']')?.trim().trim_matches(['"', '\'']),
    };
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    plain.then_some(name)
}

fn read(secret: &Secret, workdir: &Path) -> Result<SecretString, String> {
    if let Some(variable) = &secret.from_env {
        return std::env::var(variable)
            .map(SecretString::from)
            .map_err(|_| format!("${variable} is not set (or not UTF-8); export it before the start"));
    }
    if let Some(file) = &secret.from_file {
        let path = workdir.join(file);
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        return Ok(SecretString::from(text.trim_end_matches(['\n', '\r']).to_owned()));
    }
    Err("nobody gave it; type it when asked, or put it under `secrets:` of the answers file".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> SecretStore {
        let mut store = SecretStore::default();
        store.insert("", "api-token", SecretString::from("outer-value")).unwrap();
        store.insert("sub", "api-token", SecretString::from("inner-value")).unwrap();
        store
    }

    #[test]
    fn only_a_whole_placeholder_is_a_secret() {
        let store = store();
        let at = |step: &str, text: &str| store.resolve(&step.into(), text).map(Cow::into_owned);
        assert_eq!(at("tell", "${{ secrets.api-token }}").unwrap(), "outer-value");
        assert_eq!(at("tell", "${{secrets['api-token']}}").unwrap(), "outer-value");
        assert_eq!(at("sub/tell", "${{ secrets.api-token }}").unwrap(), "inner-value");
        assert_eq!(at("tell", "plain ${{ secrets.api-token }}").unwrap(), "plain ${{ secrets.api-token }}");
        let missing = at("tell", "${{ secrets.other }}").unwrap_err().to_string();
        assert!(missing.contains("«other»") && missing.contains("resume"), "{missing}");
    }

    #[test]
    fn all_problems_at_once_and_no_value_in_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("good"), "from a file\n").unwrap();
        std::fs::write(dir.path().join("short"), "abc\n").unwrap();
        let file = |name: &str| Secret { from_file: Some(name.into()), ..Secret::default() };
        let declared: IndexMap<String, Secret> = [
            ("good".to_owned(), file("good")),
            ("short".to_owned(), file("short")),
            ("gone".to_owned(), file("gone")),
            ("unset".to_owned(), Secret { from_env: Some("RIPCORD_TEST_NOT_SET".into()), ..Secret::default() }),
            ("asked".to_owned(), Secret { prompt: true, ..Secret::default() }),
            ("typed".to_owned(), Secret { prompt: true, ..Secret::default() }),
        ]
        .into();
        let mut store = SecretStore::default();
        let typed = |name: &str| (name == "typed").then(|| SecretString::from("typed value"));
        let problems = store.load("", &declared, dir.path(), typed);
        let named: Vec<_> = problems.iter().map(|problem| problem.name.as_str()).collect();
        assert_eq!(named, ["short", "gone", "unset", "asked"]);
        assert!(!format!("{problems:?}").contains("abc"));
        assert_eq!(store.resolve(&"x".into(), "${{ secrets.good }}").unwrap(), "from a file");
        assert!(!format!("{store:?}").contains("typed value"));
    }
}
