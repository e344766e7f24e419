//! A shell in a container, through the API, in a terminal that was lent to us; the session is kept as an asciicast.
//!
//! What comes from the container goes to the operator's terminal as it is, as in any shell: the caller confirms,
//! records the act, gives the terminal away before and takes it back after.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    time::Instant,
};

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{AttachParams, TerminalSize},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
};

use super::connect::Cluster;
use crate::redact::{RedactStream, Redactor};

/// The best shell there is, without knowing the image.
pub const DEFAULT: [&str; 3] = ["sh", "-c", "command -v bash >/dev/null && exec bash || exec sh"];

/// Where, and how large the terminal is at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellSpec {
    pub namespace: String,
    pub pod: String,
    pub container: Option<String>,
    pub command: Vec<String>,
    pub columns: u16,
    pub rows: u16,
}

/// What the trail keeps of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellEnd {
    /// `None`: the connection was cut before the shell said how it ended.
    pub exit: Option<i32>,
    /// Of the whole cast file, 64 hex digits.
    pub sha256: String,
    pub seconds: u64,
}

/// Runs until the shell ends, the connection is cut, or `input` ends. `sizes` carries (columns, rows).
///
/// # Errors
/// The cast file cannot be made or written (nothing unrecorded runs), or the container refuses.
pub async fn shell(
    cluster: &Cluster,
    spec: &ShellSpec,
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
    mut sizes: mpsc::Receiver<(u16, u16)>,
    cast: &Path,
    secrets: &Redactor,
) -> anyhow::Result<ShellEnd> {
    let mut record = Cast::create(cast, spec, secrets)?;
    let began = Instant::now();
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &spec.namespace);
    let params = AttachParams { container: spec.container.clone(), ..AttachParams::interactive_tty() };
    let mut process = api
        .exec(&spec.pod, spec.command.clone(), &params)
        .await
        .with_context(|| format!("no shell in {}", spec.pod))?;
    let (Some(mut stdin), Some(mut stdout)) = (process.stdin(), process.stdout()) else {
        anyhow::bail!("the API server gave no terminal for {}", spec.pod)
    };
    let resizer = process.terminal_size();
    let status = process.take_status();
    if let Some(mut resizer) = resizer.clone() {
        let _ = resizer.try_send(TerminalSize { width: spec.columns, height: spec.rows });
    }
    let mut input = input;
    let (mut keys, mut said) = ([0u8; 4096], vec![0u8; 16 * 1024]);
    let mut typing = true;
    loop {
        tokio::select! {
            read = stdout.read(&mut said) => {
                let count = read.unwrap_or(0);
                if count == 0 {
                    break;
                }
                record.output(began, &said[..count])?;
                output.write_all(&said[..count]).await?;
                output.flush().await?;
            }
            read = input.read(&mut keys), if typing => match read {
                Ok(count) if count > 0 && stdin.write_all(&keys[..count]).await.is_ok() => {}
                _ => typing = false,
            },
            Some((columns, rows)) = sizes.recv() => {
                record.event(began, "r", &format!("{columns}x{rows}"))?;
                if let Some(mut resizer) = resizer.clone() {
                    let _ = resizer.try_send(TerminalSize { width: columns, height: rows });
                }
            }
        }
    }
    let exit = match status {
        Some(status) => status.await.and_then(|status| exit_code(&status)),
        None => None,
    };
    Ok(ShellEnd { exit, sha256: record.finish(began)?, seconds: began.elapsed().as_secs() })
}

fn exit_code(status: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Status) -> Option<i32> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details.as_ref()?.causes.as_ref()?;
    causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?.message.as_ref()?.parse().ok()
}

/// An asciicast v2 file, secrets taken out, hashed as it is written.
struct Cast {
    file: BufWriter<File>,
    hash: Sha256,
    secrets: RedactStream,
    /// The beginning of a character whose end has not come yet.
    part: Vec<u8>,
}

impl Cast {
    fn create(path: &Path, spec: &ShellSpec, secrets: &Redactor) -> anyhow::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(|| {
            format!("the session cannot be recorded in {}; no shell without a record", path.display())
        })?;
        let mut cast =
            Self { file: BufWriter::new(file), hash: Sha256::new(), secrets: secrets.stream(), part: Vec::new() };
        let title = format!("{}/{}", spec.namespace, spec.pod);
        cast.line(&json!({"version": 2, "width": spec.columns, "height": spec.rows, "title": title, "command": spec.command.join(" ")}))?;
        Ok(cast)
    }

    fn output(&mut self, began: Instant, bytes: &[u8]) -> anyhow::Result<()> {
        let mut clean = std::mem::take(&mut self.part);
        self.secrets.push(bytes, &mut clean);
        let whole = whole_characters(&clean);
        self.part = clean.split_off(whole);
        if clean.is_empty() { Ok(()) } else { self.event(began, "o", &String::from_utf8_lossy(&clean)) }
    }

    fn event(&mut self, began: Instant, kind: &str, data: &str) -> anyhow::Result<()> {
        self.line(&json!([began.elapsed().as_secs_f64(), kind, data]))
    }

    fn line(&mut self, value: &serde_json::Value) -> anyhow::Result<()> {
        let line = format!("{value}\n");
        self.hash.update(line.as_bytes());
        self.file.write_all(line.as_bytes()).context("the session's record cannot be written")
    }

    fn finish(mut self, began: Instant) -> anyhow::Result<String> {
        let mut rest = std::mem::take(&mut self.part);
        self.secrets.finish(&mut rest);
        if !rest.is_empty() {
            self.event(began, "o", &String::from_utf8_lossy(&rest))?;
        }
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// How much of it ends with a whole character; bytes that never become one are not waited for.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ShellSpec {
        ShellSpec {
            namespace: "shop".into(),
            pod: "api".into(),
            container: None,
            command: vec!["sh".into()],
            columns: 80,
            rows: 24,
        }
    }

    #[test]
    fn the_cast_holds_what_was_seen_without_secrets_and_its_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.cast");
        let secrets = Redactor::new([("token", "hunter2secret")]).unwrap();
        let began = Instant::now();
        let mut cast = Cast::create(&path, &spec(), &secrets).unwrap();
        for piece in [&b"echo \x1b[1mhunter2"[..], b"secret\r\n\xc3", b"\xbc\r\n"] {
            cast.output(began, piece).unwrap();
        }
        let hash = cast.finish(began).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(hash, Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>());
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines[0]["version"].as_u64(), lines[0]["width"].as_u64()), (Some(2), Some(80)));
        let said: String = lines[1..].iter().map(|line| line[2].as_str().unwrap()).collect();
        assert!(
            said.starts_with("echo \u{1b}[1m") && said.ends_with("\r\nü\r\n") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn without_a_record_there_is_no_shell() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.cast");
        std::fs::write(&path, "there already").unwrap();
        let secrets = Redactor::new([]).unwrap();
        assert!(
            Cast::create(&path, &spec(), &secrets).err().unwrap().to_string().contains("no shell without a record")
        );
    }
}
