//! An overlay, rendered by the operator's own `kubectl kustomize` or `kustomize`. Talks to no cluster.

use std::{path::Path, process::Stdio};

use tokio::process::Command;

use super::{ActContext, Stop};
use crate::visible;

/// The rendered documents.
pub(super) async fn build(cx: &ActContext<'_>, overlay: &str) -> Result<String, Stop> {
    let folder = cx.workdir.join(overlay);
    if !folder.is_dir() {
        return Err(Stop::failed(
            "notFound",
            format!("no overlay {overlay} under the directory the run was started in"),
        ));
    }
    for (program, verb) in [("kubectl", "kustomize"), ("kustomize", "build")] {
        if let Some(rendered) = render(cx, program, verb, &folder).await? {
            return Ok(rendered);
        }
    }
    Err(Stop::failed("unsupported", "neither kubectl nor kustomize is here to render the overlay; install one of them"))
}

/// `None`: that program is not here.
async fn render(cx: &ActContext<'_>, program: &str, verb: &str, folder: &Path) -> Result<Option<String>, Stop> {
    let mut command = Command::new(program);
    command.arg(verb).arg(folder).current_dir(&cx.workdir).env("KUBECONFIG", "/dev/null");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Stop::failed("unsupported", format!("{program} cannot be started: {error}"))),
    };
    let work = child.wait_with_output();
    let output = match tokio::time::timeout_at(cx.wire.deadline(), work).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(Stop::failed("unsupported", format!("{program}: {error}"))),
        Err(_) => return Err(Stop::failed("timeout", format!("{program} {verb} did not finish in time"))),
    };
    if output.status.success() {
        return Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(Stop::failed("refused", format!("{program} {verb}: {}", visible::line(last))))
}
