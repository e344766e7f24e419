//! The objects of the embedded cluster, as an API server keeps them: one counter of versions, a log of what changed
//! that is cut at its old end, preconditions, generations. Moves nothing by itself and knows no clock.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::names::Names;
use crate::effects::kube::act::kinds::Resource;

/// Changes remembered for watches; an older version is answered with 410.
const REMEMBERED: usize = 1_000;

/// Where an object is kept. An empty namespace: the kind has none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub plural: String,
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(plural: &str, namespace: &str, name: &str) -> Self {
        Self { plural: plural.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Added,
    Modified,
    Deleted,
}

impl Happened {
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change, as a watch tells it.
#[derive(Clone, Debug)]
pub struct Change {
    pub version: u64,
    pub happened: Happened,
    pub key: Key,
    pub object: Arc<Value>,
}

/// The namespaces in which something changed; `None`: all of them, it is too long ago to say.
pub struct Touched(Option<BTreeSet<String>>);

impl Touched {
    pub fn holds(&self, namespace: &str) -> bool {
        self.0.as_ref().is_none_or(|all| all.contains(namespace))
    }

    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(BTreeSet::is_empty)
    }
}

/// Why the store says no; the HTTP side makes a Status of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum No {
    #[error("not found")]
    NotFound,
    #[error("already exists")]
    Exists,
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Invalid(String),
}

#[derive(Debug)]
pub struct Store {
    objects: BTreeMap<Key, Value>,
    version: u64,
    log: VecDeque<Change>,
    /// Changes up to this version are forgotten.
    forgotten: u64,
    pub names: Names,
}

impl Store {
    pub fn new(seed: u64) -> Self {
        Self { objects: BTreeMap::new(), version: 100, log: VecDeque::new(), forgotten: 100, names: Names::new(seed) }
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// Of one namespace, or of all where it is empty.
    pub fn list(&self, plural: &str, namespace: &str) -> impl Iterator<Item = (&Key, &Value)> {
        let fits = move |key: &Key| key.plural == plural && (namespace.is_empty() || key.namespace == namespace);
        self.objects.range(Key::new(plural, namespace, "")..).take_while(move |(key, _)| fits(key))
    }

    /// Where something changed after a version.
    pub fn touched(&self, version: u64) -> Touched {
        Touched(self.since(version).map(|changes| changes.map(|change| change.key.namespace.clone()).collect()))
    }

    /// What changed after a version; `None` where that is too long ago.
    pub fn since(&self, version: u64) -> Option<impl Iterator<Item = &Change>> {
        (version >= self.forgotten).then(|| self.log.iter().filter(move |change| change.version > version))
    }

    /// Makes an object; the server's own fields are put on.
    ///
    /// # Errors
    /// One of that name is there.
    pub fn create(
        &mut self,
        resource: &Resource,
        namespace: &str,
        mut object: Value,
        now: Timestamp,
    ) -> Result<Value, No> {
        let name = match object.pointer("/metadata/name").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => match object.pointer("/metadata/generateName").and_then(Value::as_str) {
                Some(stem) if !stem.is_empty() => format!("{stem}{}", self.names.suffix(5)),
                _ => return Err(No::Invalid("name or generateName is required".into())),
            },
        };
        let namespace = if resource.namespaced { namespace } else { "" };
        let key = Key::new(&resource.plural, namespace, &name);
        if self.objects.contains_key(&key) {
            return Err(No::Exists);
        }
        object["apiVersion"] = json!(resource.api_version());
        object["kind"] = json!(resource.kind);
        let meta = &mut object["metadata"];
        meta["name"] = json!(name);
        if resource.namespaced {
            meta["namespace"] = json!(namespace);
        }
        meta["uid"] = json!(self.names.uid());
        meta["creationTimestamp"] = json!(stamp(now));
        if object.get("spec").is_some() && resource.plural != "pods" {
            object["metadata"]["generation"] = json!(1);
        }
        Ok(self.put(key, object, Happened::Added))
    }

    /// Changes an object. Nothing is told where nothing changed; a new spec is a new generation.
    ///
    /// # Errors
    /// It is not there, or is not the one that was meant.
    pub fn update(&mut self, key: &Key, change: impl FnOnce(&mut Value) -> Result<(), No>) -> Result<Value, No> {
        let before = self.objects.get(key).ok_or(No::NotFound)?;
        let mut after = before.clone();
        change(&mut after)?;
        for fixed in ["uid", "creationTimestamp", "resourceVersion", "generation", "name", "namespace"] {
            keep(&mut after, before, fixed);
        }
        if &after == before {
            return Ok(after);
        }
        if before.get("spec") != after.get("spec") && before.pointer("/metadata/generation").is_some() {
            let generation = before.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
            after["metadata"]["generation"] = json!(generation + 1);
        }
        Ok(self.put(key.clone(), after, Happened::Modified))
    }

    /// The same where nothing is in the way; the object as it is then, if it is there.
    pub fn change(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Value> {
        let changed = self.update(key, |object| {
            change(object);
            Ok(())
        });
        changed.ok()
    }

    pub fn delete(&mut self, key: &Key) -> Result<Value, No> {
        let object = self.objects.remove(key).ok_or(No::NotFound)?;
        Ok(self.tell(key.clone(), object, Happened::Deleted))
    }

    fn put(&mut self, key: Key, object: Value, happened: Happened) -> Value {
        let object = self.tell(key.clone(), object, happened);
        self.objects.insert(key, object.clone());
        object
    }

    fn tell(&mut self, key: Key, mut object: Value, happened: Happened) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.log.push_back(Change { version: self.version, happened, key, object: Arc::new(object.clone()) });
        while self.log.len() > REMEMBERED {
            self.forgotten = self.log.pop_front().map_or(self.forgotten, |change| change.version);
        }
        object
    }
}

fn keep(after: &mut Value, before: &Value, field: &str) {
    if let Some(meta) = after.get_mut("metadata").and_then(Value::as_object_mut) {
        match before.pointer(&format!("/metadata/{field}")) {
            Some(value) => _ = meta.insert(field.to_owned(), value.clone()),
            None => _ = meta.remove(field),
        }
    }
}

/// As the API writes a time: whole seconds.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::kube::act::kinds::usual;

    fn store() -> (Store, Resource) {
        (Store::new(1), usual("Deployment").unwrap())
    }

    fn at() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_new_spec_is_a_new_generation_and_no_change_is_no_news() {
        let (mut store, kind) = store();
        let made =
            store.create(&kind, "ml", json!({"metadata": {"name": "a"}, "spec": {"replicas": 1}}), at()).unwrap();
        assert_eq!(made["metadata"]["generation"], 1);
        let key = Key::new("deployments", "ml", "a");
        let version = store.version();
        store.change(&key, |_| ());
        assert_eq!(store.version(), version);
        let status = store.change(&key, |one| one["status"] = json!({"replicas": 1})).unwrap();
        assert_eq!(status["metadata"]["generation"], 1);
        let spec = store.change(&key, |one| one["spec"]["replicas"] = json!(2)).unwrap();
        assert_eq!(spec["metadata"]["generation"], 2);
        assert_eq!(spec["metadata"]["uid"], made["metadata"]["uid"]);
        let told: Vec<_> = store.since(version).unwrap().map(|change| change.happened).collect();
        assert_eq!(told, [Happened::Modified, Happened::Modified]);
    }

    #[test]
    fn what_is_long_ago_is_forgotten_and_said_to_be() {
        let (mut store, kind) = store();
        let first = store.version();
        store.create(&kind, "ml", json!({"metadata": {"name": "a"}, "spec": {}}), at()).unwrap();
        assert_eq!(store.since(first).unwrap().count(), 1);
        let key = Key::new("deployments", "ml", "a");
        for n in 0..REMEMBERED {
            store.change(&key, |one| one["spec"]["n"] = json!(n));
        }
        assert!(store.since(first).is_none());
        assert_eq!(store.since(store.version() - 3).unwrap().count(), 3);
    }

    #[test]
    fn a_name_is_taken_once() {
        let (mut store, kind) = store();
        store.create(&kind, "ml", json!({"metadata": {"name": "a"}}), at()).unwrap();
        assert_eq!(store.create(&kind, "ml", json!({"metadata": {"name": "a"}}), at()), Err(No::Exists));
        let other = store.create(&kind, "ml", json!({"metadata": {"generateName": "a-"}}), at()).unwrap();
        assert!(other["metadata"]["name"].as_str().unwrap().starts_with("a-"));
    }
}
