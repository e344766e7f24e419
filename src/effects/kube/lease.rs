//! The lock of a target: a Lease that says who runs what since when. It tells, it does not fence: every act still
//! checks its own objects.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::act::{Fault, Wire, kinds::segment, wire::Write};
use crate::{observe::human, visible};

/// Seconds without renewal after which it may be taken.
pub const LASTS: i64 = 60;
/// How often the holder renews it.
pub const RENEW_EVERY: std::time::Duration = std::time::Duration::from_secs(20);

/// What is written into the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub namespace: String,
    /// `target.lockKey`, else the runbook's name: whoever uses the same word excludes each other.
    pub key: String,
    /// `user@host`.
    pub who: String,
    pub run: String,
    pub runbook: String,
}

impl Claim {
    fn name(&self) -> String {
        let hash = Sha256::digest(self.key.as_bytes());
        format!("ripcord-{}", hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    fn path(&self) -> Result<String, Fault> {
        Ok(format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", segment(&self.namespace)?))
    }

    /// The Lease itself.
    fn own_path(&self) -> Result<String, Fault> {
        Ok(format!("{}/{}", self.path()?, self.name()))
    }

    fn body(&self, now: Timestamp, since: Timestamp) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.name(), "annotations": {
                "ripcord.dev/key": self.key, "ripcord.dev/run": self.run, "ripcord.dev/runbook": self.runbook}},
            "spec": {
                "holderIdentity": format!("{} {}", self.who, self.run), "leaseDurationSeconds": LASTS,
                "acquireTime": micro(since), "renewTime": micro(now),
            },
        })
    }
}

/// Kubernetes' MicroTime.
fn micro(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Somebody else's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The run that holds it: what has to be typed to take it over.
    pub id: String,
    pub holder: String,
    pub runbook: String,
    pub since: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, holder, runbook, since } = self;
        write!(f, "the target is locked by {holder} ({runbook}, for {since}); wait, or take it over by typing {id}")
    }
}

/// The lock in our hands.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    claim: Claim,
    since: Timestamp,
    version: Value,
    uid: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Locked {
    Ours(Held),
    Others(Holder),
    /// No permission, or no such API: a recorded warning, not a refusal.
    Unavailable(String),
}

/// Takes the lock if it is free, ours already, or expired; or held by `take_over`, typed by somebody.
///
/// # Errors
/// The cluster cannot be asked.
pub async fn take(wire: &Wire, claim: &Claim, now: Timestamp, take_over: Option<&str>) -> Result<Locked, Fault> {
    let (path, one) = (claim.path()?, claim.own_path()?);
    // Twice: between our look and our word somebody else may have spoken.
    for _ in 0..3 {
        let there = match wire.get(&one, &|_| {}).await {
            Ok(lease) => Some(lease),
            Err(fault) if fault.is_not_found() => None,
            Err(fault) if fault.code() == 403 => return Ok(Locked::Unavailable(fault.to_string())),
            Err(fault) => return Err(fault),
        };
        let written = match &there {
            None => wire.write(&Write::post(path.clone(), claim.body(now, now))).await,
            Some(lease) => {
                if let Some(holder) = holder(lease, claim, now, take_over) {
                    return Ok(Locked::Others(holder));
                }
                wire.write(&replace(&one, claim, lease, now, now)).await
            }
        };
        match written {
            Ok(lease) => return Ok(Locked::Ours(held(claim, now, &lease))),
            Err(fault) if fault.code() == 409 => {}
            Err(fault) if matches!(fault.code(), 403 | 404) => return Ok(Locked::Unavailable(fault.to_string())),
            // Unknown: look again; it is ours if our name is in it.
            Err(Fault::Lost(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::Lost("the lock keeps changing hands".into()))
}

/// Who keeps us out now; nothing is written.
///
/// # Errors
/// The cluster cannot be asked.
pub async fn holder_of(
    wire: &Wire,
    claim: &Claim,
    now: Timestamp,
    take_over: Option<&str>,
) -> Result<Option<Holder>, Fault> {
    match wire.get(&claim.own_path()?, &|_| {}).await {
        Ok(lease) => Ok(holder(&lease, claim, now, take_over)),
        Err(fault) if matches!(fault.code(), 403 | 404) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn replace(path: &str, claim: &Claim, lease: &Value, now: Timestamp, since: Timestamp) -> Write {
    let mut body = claim.body(now, since);
    body["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"].clone();
    body["metadata"]["uid"] = lease["metadata"]["uid"].clone();
    Write { method: http::Method::PUT, ..Write::post(path, body) }
}

fn held(claim: &Claim, since: Timestamp, lease: &Value) -> Held {
    let of = |key: &str| lease["metadata"][key].clone();
    Held { claim: claim.clone(), since, version: of("resourceVersion"), uid: of("uid") }
}

/// Who holds it, if that keeps us out.
fn holder(lease: &Value, claim: &Claim, now: Timestamp, take_over: Option<&str>) -> Option<Holder> {
    let text =
        |pointer: &str| visible::line(lease.pointer(pointer).and_then(Value::as_str).unwrap_or_default()).into_owned();
    let id = text("/metadata/annotations/ripcord.dev~1run");
    if id == claim.run || (take_over == Some(id.as_str()) && !id.is_empty()) {
        return None;
    }
    let time = |pointer: &str| text(pointer).parse::<Timestamp>().ok();
    let lasts = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(LASTS);
    let expired = time("/spec/renewTime").is_none_or(|at| now.duration_since(at) > SignedDuration::from_secs(lasts));
    if expired {
        return None;
    }
    let since = human::since(now, time("/spec/acquireTime"));
    Some(Holder {
        id,
        holder: text("/spec/holderIdentity"),
        runbook: text("/metadata/annotations/ripcord.dev~1runbook"),
        since,
    })
}

impl Held {
    /// Says we are still here.
    ///
    /// # Errors
    /// Refused with 409: somebody took it over, and is named by a new look.
    pub async fn renew(&mut self, wire: &Wire, now: Timestamp) -> Result<(), Fault> {
        let path = self.claim.own_path()?;
        let lease = json!({"metadata": {"resourceVersion": self.version, "uid": self.uid}});
        let written = wire.write(&replace(&path, &self.claim, &lease, now, self.since)).await?;
        *self = held(&self.claim, self.since, &written);
        Ok(())
    }

    /// Gives it back; one that is somebody else's by now stays.
    pub async fn release(self, wire: &Wire) {
        let Ok(path) = self.claim.own_path() else { return };
        let body = json!({"preconditions": {"uid": self.uid, "resourceVersion": self.version}});
        let _ = wire.write(&Write::delete(path, body)).await;
    }
}
