//! The right cluster or nothing: what a target is known by, and whether it still is that one.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{
    act::{Fault, Wire},
    connect::Cluster,
};
use crate::{engine::fact::TargetIdentity, runbook::model::Target};

const LIMIT: Duration = Duration::from_secs(10);

/// What the cluster behind a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `uid:<kube-system UID>`, or `url+ca:<hash>` where that may not be read.
    pub word: String,
    /// For people and the trail: how it is known.
    pub detail: String,
}

/// Asks the cluster who it is.
///
/// # Errors
/// It cannot be reached, or refuses for another reason than a missing permission.
pub async fn identify(cluster: &Cluster) -> anyhow::Result<Identity> {
    let wire = Wire::looking(&cluster.client, LIMIT);
    match wire.get("/api/v1/namespaces/kube-system", &|_| {}).await {
        Ok(object) => match object.pointer("/metadata/uid").and_then(serde_json::Value::as_str) {
            Some(uid) if !uid.is_empty() => Ok(by_uid(uid)),
            _ => anyhow::bail!("the cluster's kube-system namespace has no UID; this is no Kubernetes API"),
        },
        Err(fault) if fault.code() == 403 => Ok(by_address(cluster)),
        Err(Fault::Refused(status)) if status.code == 404 => {
            anyhow::bail!("the cluster has no kube-system namespace, so nobody can say which one it is")
        }
        Err(fault) => Err(anyhow::anyhow!("cannot ask {} who it is: {fault}", cluster.server)),
    }
}

fn by_uid(uid: &str) -> Identity {
    let uid = crate::visible::line(uid);
    Identity { word: format!("uid:{uid}"), detail: format!("UID of kube-system is {uid}") }
}

fn by_address(cluster: &Cluster) -> Identity {
    let hash = Sha256::digest(format!("{}\n{}", cluster.server, cluster.ca_hash).as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let detail = "the UID of kube-system may not be read: known by API server URL and CA instead".to_owned();
    Identity { word: format!("url+ca:{hash}"), detail }
}

/// Pins a run to what is there now, if the runbook allows it.
///
/// # Errors
/// Another cluster than `clusterUID` says, or a protected target without checked TLS; says what to do.
pub fn pin(cluster: &Cluster, target: &Target, identity: &Identity) -> anyhow::Result<TargetIdentity> {
    if let Some(uid) = &target.cluster_uid
        && identity.word != format!("uid:{uid}")
    {
        anyhow::bail!(
            "context {} is not the cluster this runbook is for: clusterUID is {uid}, here it is {}; choose another --context",
            cluster.context,
            identity.word
        );
    }
    if target.protected && cluster.insecure {
        anyhow::bail!(
            "context {} has insecure-skip-tls-verify, so nobody knows who answers; a protected target needs its certificate-authority",
            cluster.context
        );
    }
    Ok(TargetIdentity {
        context: cluster.context.clone(),
        namespace: cluster.namespace.clone(),
        server: cluster.server.clone(),
        identity: identity.word.clone(),
        protected: target.protected,
    })
}

/// Is it still the cluster this run is pinned to? Asked at resume, after a new login and before every mutating step.
///
/// # Errors
/// It is another one, or cannot be asked; nothing may be sent then.
pub async fn check(cluster: &Cluster, pinned: &TargetIdentity) -> Result<Identity, String> {
    if pinned.protected && cluster.insecure {
        return Err("insecure-skip-tls-verify is refused on a protected target".into());
    }
    let now = identify(cluster).await.map_err(|error| error.to_string())?;
    same(cluster, pinned, &now)?;
    Ok(now)
}

/// Is what answered the one that was pinned?
///
/// # Errors
/// It is another one.
pub fn same(cluster: &Cluster, pinned: &TargetIdentity, now: &Identity) -> Result<(), String> {
    if now.word == pinned.identity {
        return Ok(());
    }
    Err(format!(
        "context {} leads to another cluster than this run began on (then {}, now {}); nothing was sent, check the kubeconfig",
        cluster.context, pinned.identity, now.word
    ))
}
