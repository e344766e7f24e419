//! A release's revision as Helm keeps it, so that what reads Helm's Secrets reads these too.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::effects::helm::{Release, encode};

/// The chart's version, in whose place it says what it is.
pub const VERSION: &str = "simulated";

/// A revision that Helm would have made.
pub fn release(name: &str, namespace: &str, revision: i64, manifest: String, at: Timestamp) -> Release {
    Release {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        revision,
        status: "superseded".into(),
        chart: format!("{name}-{VERSION}"),
        app_version: VERSION.into(),
        images: vec![],
        updated: Some(at),
        description: "Upgrade complete (simulated)".into(),
        manifest,
        manager: String::new(),
    }
}

pub fn name_of(release: &Release) -> String {
    format!("sh.helm.release.v1.{}.v{}", release.name, release.revision)
}

/// What of its Secret changes with its status.
///
/// # Errors
/// It cannot be packed.
pub fn state(release: &Release) -> Result<Value, String> {
    let chart = release.chart.rsplit_once('-').unwrap_or((&release.chart, ""));
    let packed = encode(&json!({
        "name": release.name, "namespace": release.namespace, "version": release.revision, "manifest": release.manifest,
        "chart": {"metadata": {"name": chart.0, "version": chart.1, "appVersion": release.app_version}},
        "info": {"status": release.status, "last_deployed": release.updated, "description": release.description},
    }));
    let packed = packed.map_err(|error| error.to_string())?;
    Ok(json!({"metadata": {"labels": {"status": release.status}}, "data": {"release": packed}}))
}

/// The whole Secret.
///
/// # Errors
/// As [`state`].
pub fn secret(release: &Release) -> Result<Value, String> {
    let mut secret = state(release)?;
    secret["apiVersion"] = json!("v1");
    secret["kind"] = json!("Secret");
    secret["type"] = json!("helm.sh/release.v1");
    secret["metadata"]["name"] = json!(name_of(release));
    let labels = &mut secret["metadata"]["labels"];
    labels["owner"] = json!("helm");
    labels["name"] = json!(release.name);
    labels["version"] = json!(release.revision.to_string());
    Ok(secret)
}
