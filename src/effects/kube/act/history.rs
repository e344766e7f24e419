//! `rolloutHistory`, and the revisions of a workload as the cluster keeps them: ReplicaSets of a Deployment,
//! ControllerRevisions of the others.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    ActContext, Fault, Stop, Told, Wire,
    evidence::{images, number, text},
    kinds::{self, encoded},
    patch::{Found, find},
    rollout,
    table::aligned,
};
use crate::{runbook::model::Rollout, visible};

/// One revision of a workload's pod template.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaSetRevision {
    pub revision: i64,
    pub images: Vec<String>,
    pub cause: String,
    /// When its ReplicaSet (or ControllerRevision) was made. A revision that came back keeps its first time.
    pub created: Option<Timestamp>,
    pub name: String,
    pub hash: String,
    pub replicas: i64,
    /// Numbers it had before a rollback gave it a new one.
    pub earlier: Vec<i64>,
    /// As the server has it, the hash label taken out.
    pub template: Value,
}

pub(super) async fn history(cx: &ActContext<'_>, of: &Rollout) -> Result<Told, Stop> {
    let found = find(cx, &of.kind, &of.name, of.namespace.as_ref()).await?;
    rollout::must_roll(&found.resource)?;
    let revisions = revisions_of(cx, &found, cx.namespace(of.namespace.as_ref())).await?;
    let current = current(&found.object, &revisions);
    let head = ["REVISION", "IMAGES", "CREATED", "CHANGE-CAUSE"].map(str::to_owned).to_vec();
    let rows = revisions.iter().map(|one| {
        let mark = if Some(one.revision) == current { " *" } else { "" };
        let created = one.created.map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let cause = if one.cause.is_empty() { "<none>".to_owned() } else { one.cause.clone() };
        vec![format!("{}{mark}", one.revision), one.images.join(","), created, cause]
    });
    cx.say(&visible::line(&found.name));
    aligned(std::iter::once(head).chain(rows).collect()).iter().for_each(|line| cx.say(line));
    let list: Vec<Value> = revisions
        .iter()
        .map(|one| json!({"revision": one.revision, "images": one.images, "cause": one.cause, "created": one.created}))
        .collect();
    let told = Told::new(format!("{} revisions", list.len())).output("count", list.len()).output("revisions", list);
    Ok(told.output("revision", current.map_or(Value::Null, Value::from)))
}

pub(super) async fn revisions_of(
    cx: &ActContext<'_>,
    found: &Found,
    namespace: &str,
) -> Result<Vec<ReplicaSetRevision>, Fault> {
    match found.resource.kind.as_str() {
        "Deployment" => deployment_revisions(&cx.wire, namespace, &found.object, cx.out).await,
        _ => controller_revisions(cx, &found.object, namespace).await,
    }
}

/// The revision in force.
pub(super) fn current(object: &Value, revisions: &[ReplicaSetRevision]) -> Option<i64> {
    let annotation = text(object, "/metadata/annotations/deployment.kubernetes.io~1revision");
    if let Ok(revision) = annotation.parse() {
        return Some(revision);
    }
    let name = text(object, "/status/updateRevision");
    let named = revisions.iter().find(|one| !name.is_empty() && one.name == name);
    named.or_else(|| revisions.last()).map(|one| one.revision)
}

/// A Deployment's revisions, oldest first.
///
/// # Errors
/// The ReplicaSets cannot be read.
pub async fn deployment_revisions(
    wire: &Wire,
    namespace: &str,
    deployment: &Value,
    out: &(dyn Fn(&str) + Send + Sync),
) -> Result<Vec<ReplicaSetRevision>, Fault> {
    let path = kinds::usual("ReplicaSet").map(|one| one.path(namespace)).transpose()?.unwrap_or_default();
    let list = wire.get(&format!("{path}?labelSelector={}", encoded(&selector(deployment))), out).await?;
    let mut all: Vec<_> = owned(&list, deployment).filter_map(of_replica_set).collect();
    all.sort_by_key(|one| one.revision);
    Ok(all)
}

fn owned<'a>(list: &'a Value, owner: &'a Value) -> impl Iterator<Item = &'a Value> {
    let uid = text(owner, "/metadata/uid");
    let items = list.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter(move |one| {
        let owners = one.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|reference| text(reference, "/uid") == uid)
    })
}

fn of_replica_set(set: &Value) -> Option<ReplicaSetRevision> {
    let mut template = set.pointer("/spec/template").cloned()?;
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove("pod-template-hash");
    }
    Some(ReplicaSetRevision {
        revision: text(set, "/metadata/annotations/deployment.kubernetes.io~1revision").parse().ok()?,
        images: images(&template),
        cause: text(set, "/metadata/annotations/kubernetes.io~1change-cause").to_owned(),
        created: text(set, "/metadata/creationTimestamp").parse().ok(),
        name: text(set, "/metadata/name").to_owned(),
        hash: text(set, "/metadata/labels/pod-template-hash").to_owned(),
        replicas: number(set, "/status/replicas"),
        earlier: earlier(set),
        template,
    })
}

/// `deployment.kubernetes.io/revision-history`: `2,5`.
fn earlier(set: &Value) -> Vec<i64> {
    let list = text(set, "/metadata/annotations/deployment.kubernetes.io~1revision-history");
    list.split(',').filter_map(|one| one.trim().parse().ok()).collect()
}

impl ReplicaSetRevision {
    /// Is, or once was, this number: its template is the same.
    pub fn is(&self, revision: i64) -> bool {
        self.revision == revision || self.earlier.contains(&revision)
    }
}

async fn controller_revisions(
    cx: &ActContext<'_>,
    object: &Value,
    namespace: &str,
) -> Result<Vec<ReplicaSetRevision>, Fault> {
    let path = kinds::usual("ControllerRevision").map(|one| one.path(namespace)).transpose()?.unwrap_or_default();
    let list = cx.get(&format!("{path}?labelSelector={}", encoded(&selector(object)))).await?;
    let one = |revision: &Value| {
        let template = revision.pointer("/data/spec/template").cloned()?;
        Some(ReplicaSetRevision {
            revision: revision.get("revision").and_then(Value::as_i64)?,
            images: images(&template),
            cause: text(revision, "/metadata/annotations/kubernetes.io~1change-cause").to_owned(),
            created: text(revision, "/metadata/creationTimestamp").parse().ok(),
            name: text(revision, "/metadata/name").to_owned(),
            hash: text(revision, "/metadata/labels/controller.kubernetes.io~1hash").to_owned(),
            replicas: 0,
            earlier: vec![],
            template,
        })
    };
    let mut all: Vec<_> = owned(&list, object).filter_map(one).collect();
    all.sort_by_key(|one| one.revision);
    Ok(all)
}

/// A workload's own selector, as a query has it.
pub(super) fn selector(object: &Value) -> String {
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let equal =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    let expressions = object.pointer("/spec/selector/matchExpressions").and_then(Value::as_array);
    let set = expressions.into_iter().flatten().map(|one| {
        let key = text(one, "/key");
        let values: Vec<&str> =
            one.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        match text(one, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        }
    });
    equal.chain(set).collect::<Vec<_>>().join(",")
}
