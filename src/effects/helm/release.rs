//! A release as Helm keeps it: one Secret a revision, base64 over gzip over JSON. Needs no `helm`.

use std::io::{Read as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    effects::kube::act::{
        Fault, Wire,
        kinds::{encoded, segment},
        parse_manifests,
    },
    observe::human,
    visible,
};

/// A Secret holds 1 MiB; nothing honest unpacks to more than this.
const LARGEST: u64 = 64 << 20;

/// One revision of a release.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    pub name: String,
    pub namespace: String,
    pub revision: i64,
    /// Helm's word: `deployed`, `superseded`, `failed`, `pending-upgrade`, `pending-rollback`, `uninstalled` …
    pub status: String,
    /// `ml-system-1.4.2`.
    pub chart: String,
    pub app_version: String,
    /// Of the manifest, each once.
    pub images: Vec<String>,
    pub updated: Option<Timestamp>,
    pub description: String,
    pub manifest: String,
    /// Who wrote the Secret, as the API server recorded it: `helm`, `ripcord` …
    pub manager: String,
}

impl Release {
    pub fn is_pending(&self) -> bool {
        self.status.starts_with("pending-")
    }

    /// What goes into the trail as before and after.
    pub fn evidence(&self) -> Value {
        json!({
            "kind": "HelmRelease", "name": self.name, "revision": self.revision, "status": self.status,
            "chart": self.chart, "images": self.images, "description": self.description,
        })
    }

    /// The run that made it, where the description says so.
    pub fn run(&self) -> Option<&str> {
        self.description.strip_prefix("ripcord ").and_then(|rest| rest.split(' ').next())
    }
}

/// Every revision Helm still keeps, oldest first.
///
/// # Errors
/// The Secrets cannot be read. A release nobody knows is an empty list.
pub async fn releases(
    wire: &Wire,
    namespace: &str,
    name: &str,
    out: &(dyn Fn(&str) + Send + Sync),
) -> Result<Vec<Release>, Fault> {
    let selector = encoded(&format!("owner=helm,name={}", segment(name)?));
    let path = format!("/api/v1/namespaces/{}/secrets?labelSelector={selector}", segment(namespace)?);
    let list = wire.get(&path, out).await?;
    let items = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut all = vec![];
    for item in items.iter().filter(|one| one.get("type").and_then(Value::as_str) == Some("helm.sh/release.v1")) {
        let data = item.pointer("/data/release").and_then(Value::as_str).unwrap_or_default();
        let mut release = decode(data).map_err(|why| {
            let secret = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            Fault::Odd(format!("the Secret {} is no release of Helm's: {why}", visible::line(secret)))
        })?;
        release.manager = manager(item);
        all.push(release);
    }
    all.sort_by_key(|one| one.revision);
    Ok(all)
}

fn manager(secret: &Value) -> String {
    let entries = secret.pointer("/metadata/managedFields").and_then(Value::as_array);
    let last = entries
        .into_iter()
        .flatten()
        .max_by_key(|one| one.get("time").and_then(Value::as_str).unwrap_or_default().to_owned());
    let manager = last.and_then(|one| one.get("manager")?.as_str()).unwrap_or_default();
    visible::line(manager).into_owned()
}

/// The value of `data.release`, as the API server gives it.
///
/// # Errors
/// It is not what Helm 3 or 4 writes.
pub fn decode(data: &str) -> Result<Release, String> {
    let outer = STANDARD.decode(data.trim()).map_err(|error| error.to_string())?;
    let inner = STANDARD.decode(outer.trim_ascii()).map_err(|error| error.to_string())?;
    let mut json = vec![];
    if inner.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(inner.as_slice()).take(LARGEST).read_to_end(&mut json).map_err(|error| error.to_string())?;
    } else {
        json = inner;
    }
    let release: Value = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    Ok(of(&release))
}

/// A release as Helm writes it, and as the API server gives it: what [`decode`] reads.
///
/// # Errors
/// It cannot be packed.
pub fn encode(release: &Value) -> std::io::Result<String> {
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(release.to_string().as_bytes())?;
    Ok(STANDARD.encode(STANDARD.encode(gzip.finish()?)))
}

fn of(release: &Value) -> Release {
    let text = |pointer: &str| release.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let shown = |pointer: &str| visible::line(text(pointer)).into_owned();
    let manifest = text("/manifest").to_owned();
    Release {
        name: shown("/name"),
        namespace: shown("/namespace"),
        revision: release.get("version").and_then(Value::as_i64).unwrap_or_default(),
        status: shown("/info/status"),
        chart: format!("{}-{}", shown("/chart/metadata/name"), shown("/chart/metadata/version")),
        app_version: shown("/chart/metadata/appVersion"),
        images: images(&manifest),
        updated: text("/info/last_deployed").parse().ok(),
        description: shown("/info/description"),
        manifest,
        manager: String::new(),
    }
}

/// Every `image:` of a pod template in a manifest. One that does not parse has none.
fn images(manifest: &str) -> Vec<String> {
    let mut all = vec![];
    for object in parse_manifests(manifest, "the manifest").unwrap_or_default() {
        for at in ["/spec/template", "/spec/jobTemplate/spec/template", ""] {
            let template = if at.is_empty() && object.get("kind").and_then(Value::as_str) != Some("Pod") {
                None
            } else {
                object.pointer(at)
            };
            for image in template.map(crate::effects::kube::act::images).unwrap_or_default() {
                let image = visible::line(&image).into_owned();
                if !all.contains(&image) {
                    all.push(image);
                }
            }
        }
    }
    all
}

/// A release somebody else is changing, or whose Helm died over it: who, since when, which revision, what to do.
pub fn pending(releases: &[Release], now: Timestamp) -> Option<String> {
    let last = releases.last().filter(|last| last.is_pending())?;
    let by = match (last.run(), last.manager.as_str()) {
        (Some(run), _) => format!("by ripcord run {run}"),
        (None, "") => "by somebody unknown".to_owned(),
        (None, manager) => format!("by {manager}"),
    };
    Some(format!(
        "release {} is {}: revision {} began {} ago {by}; if no helm runs any more, roll back to a deployed revision",
        last.name,
        last.status,
        last.revision,
        human::since(now, last.updated),
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn release(revision: i64, status: &str, image: &str) -> Value {
        json!({
            "name": "ml", "namespace": "ml", "version": revision,
            "chart": {"metadata": {"name": "ml-system", "version": "1.2.3", "appVersion": "9"}},
            "info": {"status": status, "last_deployed": "2026-11-23T10:00:00.123456789+01:00", "description": "Upgrade complete"},
            "manifest": format!("---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: a\nspec:\n  template:\n    spec:\n      containers:\n      - image: {image}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: s}}\n"),
        })
    }

    #[test]
    fn a_release_is_read_without_helm() {
        let read = decode(&encode(&release(7, "deployed", "ml:7")).unwrap()).unwrap();
        assert_eq!((read.revision, read.status.as_str(), read.chart.as_str()), (7, "deployed", "ml-system-1.2.3"));
        assert_eq!(read.images, ["ml:7"]);
        assert_eq!(read.updated.unwrap().to_string(), "2026-11-23T09:00:00.123456789Z");
        assert!(decode("bm90IGEgcmVsZWFzZQ==").is_err());
    }

    #[test]
    fn a_pending_release_says_who_when_and_which() {
        let mut stuck = decode(&encode(&release(8, "pending-upgrade", "x")).unwrap()).unwrap();
        stuck.description = "ripcord run-9 canary.1 head 00".into();
        let said = pending(&[stuck], "2026-11-23T09:10:00Z".parse().unwrap()).unwrap();
        assert!(
            said.starts_with("release ml is pending-upgrade: revision 8 began 9m59s ago by ripcord run run-9"),
            "{said}"
        );
    }
}
