//! `exec`: a command in a container, without a terminal. It runs once; when the connection is cut nobody can say
//! how far it came.

use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::api::{Api, AttachParams};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{ActContext, Stop, Told, evidence::evidence, kinds, kinds::segment, wire::of_error};
use crate::runbook::model::Exec;

/// Kept of the output for `outputs.stdout`.
const KEPT: usize = 64 * 1024;

pub(super) async fn exec(cx: &ActContext<'_>, exec: &Exec) -> Result<Told, Stop> {
    let namespace = segment(cx.namespace(exec.namespace.as_ref()))?;
    let pod = kinds::resolve(&cx.wire, "Pod").await?;
    let name = segment(exec.pod.strip_prefix("pod/").unwrap_or(&exec.pod))?;
    let path = pod.path_of(namespace, name)?;
    let found = cx.get(&path).await.map_err(|fault| Stop::about(&pod.object_name(name), fault))?;
    if exec.command.is_empty() {
        return Err(Stop::failed("refused", "exec needs a command"));
    }
    if cx.wire.is_cancelled() {
        return Err(super::Fault::Cancelled.into());
    }
    let params = AttachParams {
        container: exec.container.clone(),
        stdin: false,
        stdout: true,
        stderr: true,
        ..AttachParams::default()
    };
    let api: Api<Pod> = Api::namespaced(cx.wire.client().clone(), namespace);
    let mut process = match api.exec(name, exec.command.clone(), &params).await {
        Ok(process) => process,
        Err(error) => return Err(Stop::of_write(of_error(&error), Some(evidence(&found)))),
    };
    let status = process.take_status();
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let lost = |why: &str| Stop::Lost {
        why: format!("the command in {name} was cut off: {why}"),
        before: Some(evidence(&found)),
    };
    let work = async {
        let (kept, ()) = tokio::join!(lines(cx, stdout, true), async {
            lines(cx, stderr, false).await;
        });
        (
            kept,
            match status {
                Some(status) => status.await,
                None => None,
            },
        )
    };
    let (kept, status) = match tokio::time::timeout_at(cx.wire.deadline(), work).await {
        Ok(done) => done,
        Err(_) => return Err(lost("it did not end within the time for this step")),
    };
    let Some(status) = status else { return Err(lost("the connection closed without an exit status")) };
    // What the command did inside nobody sees; whether its pod outlived it is seen.
    let told = match cx.get(&path).await {
        Ok(after) => Told::wrote("exit 0", Some(evidence(&found)), &after),
        Err(_) => Told { before: Some(evidence(&found)), ..Told::new("exit 0") },
    };
    ended(name, &status, told.output("stdout", crate::visible::text(kept.trim_end()).into_owned()))
}

fn ended(pod: &str, status: &Status, told: Told) -> Result<Told, Stop> {
    match exit_code(status) {
        Some(0) => Ok(told.output("exitCode", 0)),
        Some(code) => {
            let told = Told { summary: format!("exit {code}"), ..told.output("exitCode", code) };
            Err(Stop::failed("exit", format!("the command in {pod} ended with exit {code}")).with(told))
        }
        None => {
            let message = status.message.as_deref().unwrap_or("the command could not be run");
            Err(Stop::failed("refused", crate::visible::line(message).into_owned()).with(told))
        }
    }
}

fn exit_code(status: &Status) -> Option<i32> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details.as_ref()?.causes.as_ref()?;
    causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?.message.as_deref()?.parse().ok()
}

/// Lines to the step's output; the beginning is kept where asked for.
async fn lines(cx: &ActContext<'_>, from: Option<impl AsyncRead + Unpin>, keep: bool) -> String {
    let Some(mut from) = from else { return String::new() };
    let (mut kept, mut open, mut piece) = (String::new(), Vec::new(), [0u8; 8192]);
    while let Ok(n) = from.read(&mut piece).await {
        if n == 0 {
            break;
        }
        open.extend_from_slice(&piece[..n]);
        while let Some(at) = open.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = open.drain(..=at).collect();
            say(cx, &line[..at], keep, &mut kept);
        }
        if open.len() > KEPT {
            say(cx, &std::mem::take(&mut open), keep, &mut kept);
        }
    }
    if !open.is_empty() {
        say(cx, &open, keep, &mut kept);
    }
    kept
}

fn say(cx: &ActContext<'_>, line: &[u8], keep: bool, kept: &mut String) {
    let line = String::from_utf8_lossy(line);
    cx.say(&line);
    if keep && kept.len() < KEPT {
        kept.push_str(&line);
        kept.push('\n');
    }
}
