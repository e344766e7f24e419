//! `snapshot`: one file of everything named (and what `get all` forgets is named by the runbook), 0600, cleaned so
//! that it applies, read back, counted, hashed. Restoring it is `apply`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{io::AsyncWriteExt, process::Command};

use super::{
    ActContext, Stop, Told,
    evidence::{cleaned, text},
    kinds::{self, encoded},
    manifest,
};
use crate::{runbook::model::Snapshot, visible};

pub(super) async fn snapshot(cx: &ActContext<'_>, snapshot: &Snapshot) -> Result<Told, Stop> {
    let namespace = cx.namespace(snapshot.namespace.as_ref());
    let (objects, counts) = gather(cx, snapshot, namespace).await?;
    if objects.is_empty() {
        return Err(Stop::failed(
            "notFound",
            format!("nothing of these kinds is in {namespace}; there is nothing to keep"),
        ));
    }
    let yaml = manifest::yaml_documents(&objects).map_err(|why| Stop::failed("unsupported", why))?;
    let back = manifest::parse(&yaml, "the snapshot").map_err(|why| Stop::failed("unsupported", why))?;
    if back != objects {
        return Err(Stop::failed("unsupported", "the snapshot does not read back as what was read; nothing was kept"));
    }
    let encrypt = !snapshot.age_recipients.is_empty();
    let bytes = if encrypt { age(cx, &snapshot.age_recipients, yaml.as_bytes()).await? } else { yaml.into_bytes() };
    let path = place(cx, &snapshot.to, namespace, encrypt)?;
    write(&path, &bytes).map_err(|error| Stop::failed("refused", format!("{}: {error}", path.display())))?;
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let file = path.strip_prefix(&cx.workdir).unwrap_or(&path).display().to_string();
    for (kind, count) in &counts {
        cx.say(&format!("{count:>5}  {kind}"));
    }
    let summary = format!("{} objects in {}, sha256 {}", objects.len(), visible::line(&file), &sha256[..16]);
    cx.say(&summary);
    let told = Told::new(summary).output("count", objects.len()).output("counts", json!(counts));
    Ok(told.output("file", file).output("sha256", sha256).output("bytes", bytes.len()))
}

type Counts = BTreeMap<String, usize>;

async fn gather(cx: &ActContext<'_>, snapshot: &Snapshot, namespace: &str) -> Result<(Vec<Value>, Counts), Stop> {
    let query = snapshot.selector.as_ref().map_or_else(String::new, |one| format!("&labelSelector={}", encoded(one)));
    let (mut objects, mut counts) = (vec![], BTreeMap::new());
    for kind in &snapshot.kinds {
        let resource = kinds::resolve(&cx.wire, kind).await?;
        let path = resource.path(namespace)?;
        let mut next = String::new();
        let mut kept = 0;
        loop {
            let page = cx.get(&format!("{path}?limit=500{query}{next}")).await;
            let page = page.map_err(|fault| Stop::about(&resource.full_name(), fault))?;
            for mut object in page.get("items").and_then(Value::as_array).cloned().unwrap_or_default() {
                object["apiVersion"] = json!(resource.api_version());
                object["kind"] = json!(resource.kind);
                if is_made_by_the_cluster(&object) {
                    continue;
                }
                kept += 1;
                objects.push(for_apply(object));
            }
            match text(&page, "/metadata/continue") {
                "" => break,
                token => next = format!("&continue={}", encoded(token)),
            }
        }
        counts.insert(resource.kind, kept);
    }
    Ok((objects, counts))
}

/// What a controller makes by itself would come back twice, or not at all.
fn is_made_by_the_cluster(object: &Value) -> bool {
    let owned = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owned = owned.is_some_and(|list| list.iter().any(|one| one.get("controller") == Some(&Value::Bool(true))));
    let name = text(object, "/metadata/name");
    match text(object, "/kind") {
        "Secret" => owned || text(object, "/type") == "kubernetes.io/service-account-token",
        "ConfigMap" => owned || name == "kube-root-ca.crt",
        "ServiceAccount" => owned || name == "default",
        _ => owned,
    }
}

/// Without what the server gave it and would refuse or ignore when it comes back.
fn for_apply(object: Value) -> Value {
    let mut object = cleaned(object);
    let drop = |object: &mut Value, at: &str, keys: &[&str]| {
        if let Some(map) = object.pointer_mut(at).and_then(Value::as_object_mut) {
            keys.iter().for_each(|key| {
                map.remove(*key);
            });
        }
    };
    match text(&object, "/kind").to_owned().as_str() {
        "Service" if text(&object, "/spec/clusterIP") != "None" => {
            drop(&mut object, "/spec", &["clusterIP", "clusterIPs", "healthCheckNodePort"]);
        }
        "PersistentVolumeClaim" => {
            drop(&mut object, "/spec", &["volumeName"]);
            drop(
                &mut object,
                "/metadata/annotations",
                &["pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"],
            );
        }
        "Job" => {
            drop(&mut object, "/spec", &["selector"]);
            let keys =
                ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"];
            drop(&mut object, "/spec/template/metadata/labels", &keys);
            drop(&mut object, "/metadata/labels", &keys);
        }
        "Pod" => drop(&mut object, "/spec", &["nodeName"]),
        _ => {}
    }
    object
}

/// The file, or a new name in the folder (`to` ends in `/`, or is one).
fn place(cx: &ActContext<'_>, to: &str, namespace: &str, encrypted: bool) -> Result<PathBuf, Stop> {
    let path = cx.workdir.join(to);
    if !to.ends_with('/') && !path.is_dir() {
        return Ok(path);
    }
    let bad = |error: std::io::Error| Stop::failed("refused", format!("{}: {error}", path.display()));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(bad)?;
    let at = cx.now.strftime("%Y%m%dT%H%M%SZ");
    let end = if encrypted { ".yaml.age" } else { ".yaml" };
    Ok(path.join(format!("{namespace}-{at}{end}")))
}

/// Never over a file that is there, never through a link, on disk before it is called kept.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if let Some(folder) = path.parent() {
        File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()?;
    }
    Ok(())
}

/// The operator's own `age`. The plain text goes through a pipe and never touches the disk.
async fn age(cx: &ActContext<'_>, recipients: &[String], plain: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut command = Command::new("age");
    command.arg("--encrypt").arg("--armor");
    for recipient in recipients {
        if recipient.starts_with('-') {
            return Err(Stop::failed("refused", "an age recipient starts with age1 or ssh-"));
        }
        command.arg("--recipient").arg(recipient);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Stop::failed(
            "unsupported",
            "ageRecipients needs the tool `age`, which is not here; install it, or leave ageRecipients out",
        ),
        _ => Stop::failed("unsupported", format!("age cannot be started: {error}")),
    })?;
    let mut stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin.take() {
            stdin.write_all(plain).await?;
            stdin.shutdown().await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let work = async { tokio::join!(feed, child.wait_with_output()) };
    let Ok((fed, output)) = tokio::time::timeout_at(cx.wire.deadline(), work).await else {
        return Err(Stop::failed("timeout", "age did not finish in time"));
    };
    let output = output.map_err(|error| Stop::failed("unsupported", format!("age: {error}")))?;
    if !output.status.success() || fed.is_err() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it said nothing");
        return Err(Stop::failed("refused", format!("age could not encrypt: {}", visible::line(said))));
    }
    Ok(output.stdout)
}
