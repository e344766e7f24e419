//! Credential plugins, run by us: no terminal for them, their stderr kept, 20 s, and nothing of their environment printed.
//!
//! The crate's own runner lets a plugin write on the screen, waits for ever, and runs it three times a client.

use std::{process::Stdio, sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use kube::{Config, config::ExecConfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::{io::AsyncReadExt as _, sync::Mutex};

/// How long a plugin may take before it is killed.
pub const LIMIT: Duration = Duration::from_secs(20);
/// What of its stderr and stdout is read at most.
const CAP: u64 = 1 << 20;
/// A token this near its end is replaced before it is used.
const EARLY: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Why there is no credential, in words that end in what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    #[error("credential plugin {name} gave no answer in {} s and was stopped; log in in another terminal, then Ctrl-r", LIMIT.as_secs())]
    Hung { name: String },
    #[error("credential plugin {name}: {said}; log in in another terminal, then Ctrl-r")]
    Failed { name: String, said: String },
    #[error("credential plugin {name} cannot be started: {said}")]
    Missing { name: String, said: String },
    #[error("credential plugin {name} gave no credential that can be used: {said}")]
    Unusable { name: String, said: String },
}

#[derive(Deserialize)]
struct Answer {
    status: Option<Credential>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    #[serde(default, deserialize_with = "secret")]
    token: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    client_certificate_data: Option<SecretString>,
    #[serde(default, deserialize_with = "secret")]
    client_key_data: Option<SecretString>,
    expiration_timestamp: Option<Timestamp>,
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
}

/// A plugin and the token it gave last; cloned handles share both.
#[derive(Clone)]
pub(super) struct Plugin {
    exec: Arc<ExecConfig>,
    server: Arc<str>,
    last: Arc<Mutex<Credential>>,
}

impl Plugin {
    /// Runs it once; a client certificate goes into `config`, a token stays here and is renewed when it ends.
    pub async fn start(exec: ExecConfig, config: &mut Config) -> anyhow::Result<Self> {
        let server: Arc<str> = config.cluster_url.to_string().into();
        let first = run(&exec, &server, LIMIT).await?;
        if let (Some(certificate), Some(key)) = (&first.client_certificate_data, &first.client_key_data) {
            let encode = |pem: &SecretString| {
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem.expose_secret())
            };
            config.auth_info.client_certificate_data = Some(encode(certificate));
            config.auth_info.client_key_data = Some(encode(key).into());
        }
        Ok(Self { exec: Arc::new(exec), server, last: Arc::new(Mutex::new(first)) })
    }

    /// The token in force, renewed if it ends within a minute. Callers wait for one run, not for one each.
    pub async fn token(&self) -> Result<Option<SecretString>, PluginError> {
        let mut last = self.last.lock().await;
        if last.expiration_timestamp.is_some_and(|end| now().duration_until(end) < EARLY) {
            *last = run(&self.exec, &self.server, LIMIT).await?;
        }
        Ok(last.token.clone())
    }

    /// After a 401 with `refused`: a new one, unless somebody has already fetched it.
    pub async fn renew(&self, refused: Option<&SecretString>) -> Result<(), PluginError> {
        let mut last = self.last.lock().await;
        if last.token.as_ref().map(|token| token.expose_secret()) == refused.map(|token| token.expose_secret()) {
            *last = run(&self.exec, &self.server, LIMIT).await?;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a token's end is a moment of the real clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

async fn run(exec: &ExecConfig, server: &str, limit: Duration) -> Result<Credential, PluginError> {
    let command = exec.command.clone().unwrap_or_default();
    let name = crate::visible::line(command.rsplit('/').next().unwrap_or_default()).into_owned();
    let mut child = prepare(exec, server, &command)
        .spawn()
        .map_err(|error| PluginError::Missing { name: name.clone(), said: missing(exec, &error) })?;
    let group = child.id();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
    let Ok((out, err, status)) = tokio::time::timeout(limit, work).await else {
        stop(group);
        return Err(PluginError::Hung { name });
    };
    if !status.as_ref().is_ok_and(|status| status.success()) {
        let code = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = last_line(&err).unwrap_or(code);
        return Err(PluginError::Failed { name, said });
    }
    parse(&out).map_err(|error| PluginError::Unusable { name, said: format!("{error:#}") })
}

fn prepare(exec: &ExecConfig, server: &str, command: &str) -> tokio::process::Command {
    let mut process = tokio::process::Command::new(command);
    process.args(exec.args.iter().flatten()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.kill_on_drop(true).process_group(0);
    for pair in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (pair.get("name"), pair.get("value")) {
            process.env(name, value);
        }
    }
    let mut info = serde_json::json!({
        "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": {"interactive": false},
    });
    if exec.provide_cluster_info {
        let cluster = exec.cluster.as_ref().and_then(|cluster| serde_json::to_value(cluster).ok());
        info["spec"]["cluster"] = cluster.unwrap_or_else(|| serde_json::json!({ "server": server }));
    }
    process.env("KUBERNETES_EXEC_INFO", info.to_string());
    process
}

/// The whole group: a plugin is often a script around another program.
fn stop(group: Option<u32>) {
    let pid = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

async fn read(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(CAP).read_to_end(&mut bytes).await;
        // what is over the cap is read and dropped, or the plugin would wait for us
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    bytes
}

fn parse(out: &[u8]) -> anyhow::Result<Credential> {
    // the plugin's words are not repeated here: they hold the token
    let answer: Answer = serde_json::from_slice(out).ok().context("its output is no ExecCredential")?;
    let credential = answer.status.context("its output holds no status")?;
    anyhow::ensure!(
        credential.token.is_some()
            || (credential.client_certificate_data.is_some() && credential.client_key_data.is_some()),
        "neither a token nor a certificate with its key"
    );
    Ok(credential)
}

fn missing(exec: &ExecConfig, error: &std::io::Error) -> String {
    match exec.install_hint.as_deref().and_then(|hint| hint.lines().find(|line| !line.trim().is_empty())) {
        Some(hint) => format!("{error}; {}", crate::visible::line(hint.trim())),
        None => error.to_string(),
    }
}

fn last_line(stderr: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    let short: String = line.trim().chars().take(300).collect();
    Some(crate::visible::line(&short).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ExecConfig {
        ExecConfig { command: Some("sh".into()), args: Some(vec!["-c".into(), script.into()]), ..ExecConfig::default() }
    }

    #[tokio::test]
    async fn a_hanging_plugin_is_stopped_with_its_children_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", pid.display());
        let error = run(&shell(&script), "", Duration::from_millis(300)).await.err().unwrap();
        assert_eq!(error, PluginError::Hung { name: "sh".into() });
        let child: i32 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
        let stat = format!("/proc/{child}/stat");
        for _ in 0..200 {
            match std::fs::read_to_string(&stat) {
                Ok(text) if !text.contains(") Z ") => tokio::time::sleep(Duration::from_millis(10)).await,
                _ => return,
            }
        }
        panic!("the plugin's child still runs");
    }

    #[tokio::test]
    async fn a_token_is_renewed_before_it_ends_and_after_a_refusal_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        let count = dir.path().join("n");
        let end = |file: &str| {
            format!("n=$(cat {c} 2>/dev/null || echo 0); n=$((n+1)); echo $n > {c}; {file}", c = count.display())
        };
        let long = end(r#"echo "{\"status\":{\"token\":\"t$n\",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\"}}""#);
        let mut config = Config::new("http://127.0.0.1:1".parse().unwrap());
        let plugin = Plugin::start(shell(&long), &mut config).await.unwrap();
        let seen = |token: Option<SecretString>| token.unwrap().expose_secret().to_owned();
        let first = plugin.token().await.unwrap();
        assert_eq!(seen(plugin.token().await.unwrap()), "t1");
        plugin.renew(first.as_ref()).await.unwrap();
        plugin.renew(first.as_ref()).await.unwrap();
        assert_eq!(seen(plugin.token().await.unwrap()), "t2");
        let short = end(r#"echo "{\"status\":{\"token\":\"t$n\",\"expirationTimestamp\":\"2001-01-01T00:00:00Z\"}}""#);
        let plugin = Plugin::start(shell(&short), &mut config).await.unwrap();
        assert_eq!(seen(plugin.token().await.unwrap()), "t4");
    }

    #[tokio::test]
    async fn an_answer_that_is_no_credential_is_not_repeated() {
        let said = run(&shell("echo 'token: hunter2secret'"), "", LIMIT).await.err().unwrap().to_string();
        assert!(said.contains("no ExecCredential") && !said.contains("hunter2secret"), "{said}");
        let absent = ExecConfig {
            command: Some("no-such-plugin-here".into()),
            install_hint: Some("\nbrew install it\n".into()),
            ..ExecConfig::default()
        };
        let said = run(&absent, "", LIMIT).await.err().unwrap().to_string();
        assert!(said.contains("no-such-plugin-here") && said.contains("brew install it"), "{said}");
    }
}
