//! What holds on any cluster: one suite, run against the embedded one and against the real one, so that the first
//! cannot drift from the second. Works in a namespace that is its own, by ripcord's own verbs.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use ripcord::{
    effects::kube::act::{ActContext, ActOutcome, Marks, dry_run, perform},
    engine::message::{Done, Failure, Ticket},
    runbook::model::Kubernetes,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub struct Ground {
    pub client: Client,
    pub namespace: String,
}

const NAME: &str = "story";

impl Ground {
    /// Everything, in order.
    pub async fn all(&self) {
        self.a_rollout_is_made_and_told().await;
        self.a_new_image_is_tried_then_rolled_out_and_is_a_revision().await;
        self.a_crash_is_a_failed_rollout_that_says_why().await;
        self.an_undo_brings_the_old_template_back_under_a_new_number().await;
        self.a_wrong_word_is_refused().await;
        self.a_watch_tells_what_comes_and_goes().await;
        self.what_is_deleted_takes_its_own_with_it().await;
    }

    fn context<'a>(&self, out: &'a (dyn Fn(&str) + Send + Sync)) -> ActContext<'a> {
        let marks = Marks { uid: "0190-any".into(), run: "any".into(), sequence: 1, head: "0".repeat(64) };
        let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
        #[expect(clippy::disallowed_methods, reason = "a real cluster lives in real time")]
        let now = jiff::Timestamp::now();
        let (ticket, cancel) = (Ticket::new("any", 1), CancellationToken::new());
        ActContext::new(&self.client, &*self.namespace, marks, ticket, ".", out, cancel, deadline, now)
    }

    /// What came of it, and what was printed.
    async fn act(&self, verb: Value) -> (ActOutcome, String) {
        let verb: Kubernetes = serde_json::from_value(verb).unwrap();
        let said = std::sync::Mutex::new(String::new());
        let out = |line: &str| said.lock().unwrap().push_str(&format!("{line}\n"));
        let outcome = perform(&self.context(&out), &verb).await;
        (outcome, said.into_inner().unwrap())
    }

    async fn done(&self, verb: Value) -> Done {
        match self.act(verb.clone()).await {
            (ActOutcome::Succeeded(done), _) => done,
            (other, said) => panic!("{verb}: {other:?}\n{said}"),
        }
    }

    async fn refused(&self, verb: Value) -> Failure {
        match self.act(verb.clone()).await {
            (ActOutcome::Failed(failure), _) => failure,
            (other, said) => panic!("{verb}: {other:?}\n{said}"),
        }
    }

    async fn rolled_out(&self) -> Done {
        let done = self.done(json!({"rolloutStatus": {"kind": "Deployment", "name": NAME, "timeout": "90s"}})).await;
        assert_eq!(done.summary, format!("deployment \"{NAME}\" successfully rolled out"));
        done
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn image(&self) -> String {
        let object = self.deployments().get(NAME).await.unwrap();
        object.spec.unwrap().template.spec.unwrap().containers[0].image.clone().unwrap()
    }

    async fn a_rollout_is_made_and_told(&self) {
        let manifest = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME},
            "spec": {
                "replicas": 2, "progressDeadlineSeconds": 20, "selector": {"matchLabels": {"app": NAME}},
                "template": {
                    "metadata": {"labels": {"app": NAME}},
                    "spec": {"containers": [{"name": "api", "image": "registry.local/story:v1"}]},
                },
            },
        });
        self.done(json!({"apply": {"manifest": manifest.to_string()}})).await;
        let done = self.rolled_out().await;
        assert_eq!((&done.outputs["revision"], &done.outputs["replicas"]), (&json!(1), &json!(2)));
        let pods = self.done(json!({"get": {"kind": "Pod", "selector": format!("app={NAME}")}})).await;
        assert_eq!((&pods.outputs["count"], &pods.outputs["reason"]), (&json!(2), &json!("")));
        let waited = json!({"wait": {"kind": "Pod", "selector": format!("app={NAME}"), "for": "condition=Ready", "timeout": "30s"}});
        self.done(waited).await;
        self.done(
            json!({"wait": {"kind": "Deployment", "name": NAME, "for": "condition=Available", "timeout": "30s"}}),
        )
        .await;
    }

    async fn a_new_image_is_tried_then_rolled_out_and_is_a_revision(&self) {
        let set = json!({"setImage": {"kind": "Deployment", "name": NAME, "container": "api", "image": "registry.local/story:v2"}});
        let verb: Kubernetes = serde_json::from_value(set.clone()).unwrap();
        let quiet = |_: &str| {};
        let (said, changes) = dry_run(&self.context(&quiet), &verb, &quiet).await;
        said.unwrap();
        let after = changes[0].after.as_ref().unwrap();
        assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["image"], "registry.local/story:v2");
        assert_eq!(self.image().await, "registry.local/story:v1", "a dry run changes nothing");
        let done = self.done(set).await;
        assert_eq!(done.before.unwrap()["images"], json!(["registry.local/story:v1"]));
        assert_eq!(done.after.unwrap()["images"], json!(["registry.local/story:v2"]));
        assert_eq!(self.rolled_out().await.outputs["revision"], json!(2));
        let history = self.done(json!({"rolloutHistory": {"kind": "Deployment", "name": NAME}})).await;
        let numbers: Vec<&Value> =
            history.outputs["revisions"].as_array().unwrap().iter().map(|one| &one["revision"]).collect();
        assert_eq!(numbers, [&json!(1), &json!(2)]);
    }

    async fn a_crash_is_a_failed_rollout_that_says_why(&self) {
        let image = "registry.local/story:v3-crash";
        self.done(json!({"setImage": {"kind": "Deployment", "name": NAME, "container": "api", "image": image}})).await;
        let failure =
            self.refused(json!({"rolloutStatus": {"kind": "Deployment", "name": NAME, "timeout": "90s"}})).await;
        assert_eq!(failure.reason, "progressDeadlineExceeded", "{}", failure.message);
        assert!(failure.message.contains("exceeded its progress deadline"), "{}", failure.message);
        let events = self.done(json!({"events": {"types": ["Warning"]}})).await;
        assert_eq!(events.outputs["reason"], "BackOff");
        let object = self.deployments().get(NAME).await.unwrap();
        let status = object.status.unwrap();
        assert!(status.available_replicas.unwrap_or(0) >= 1, "the old pods are still there: {status:?}");
    }

    async fn an_undo_brings_the_old_template_back_under_a_new_number(&self) {
        let undo = json!({"rolloutUndo": {"kind": "Deployment", "name": NAME, "toRevision": 2}});
        let done = self.done(undo.clone()).await;
        assert_eq!(done.after.unwrap()["images"], json!(["registry.local/story:v2"]));
        assert_eq!(self.rolled_out().await.outputs["revision"], json!(4));
        let again = self.done(undo).await;
        assert!(again.summary.contains("skipped rollback"), "the number it had still means it: {}", again.summary);
        let restart = self.done(json!({"rolloutRestart": {"kind": "Deployment", "name": NAME}})).await;
        assert!(!restart.summary.is_empty());
        assert_eq!(self.rolled_out().await.outputs["revision"], json!(5));
    }

    async fn a_wrong_word_is_refused(&self) {
        let wrong = self
            .refused(json!({"scale": {"kind": "Deployment", "name": NAME, "replicas": 3, "currentReplicas": 7}}))
            .await;
        assert_eq!(wrong.reason, "conflict");
        let missing = self.refused(json!({"get": {"kind": "Deployment", "name": "no-such"}})).await;
        assert_eq!(missing.reason, "notFound", "{}", missing.message);
        assert!(missing.message.contains("deployments.apps \"no-such\" not found"), "{}", missing.message);
        let other = json!({"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}, "spec": {"replicas": 9}});
        let patch = Patch::Merge(&other);
        let refused = self.deployments().patch(NAME, &PatchParams::default(), &patch).await.unwrap_err();
        assert!(matches!(&refused, kube::Error::Api(status) if status.code == 422), "{refused}");
        let mut stale = self.deployments().get(NAME).await.unwrap();
        stale.metadata.resource_version = Some("1".into());
        let refused = self.deployments().replace(NAME, &PostParams::default(), &stale).await.unwrap_err();
        assert!(
            matches!(&refused, kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict"),
            "{refused}"
        );
        let bad = ListParams::default().labels("a in (");
        let refused = self.deployments().list(&bad).await.unwrap_err();
        assert!(matches!(&refused, kube::Error::Api(status) if status.code == 400), "{refused}");
    }

    async fn a_watch_tells_what_comes_and_goes(&self) {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let before = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
        let map = |name: &str, value: &str| -> ConfigMap {
            serde_json::from_value(json!({"metadata": {"name": name, "labels": {"of": "story"}}, "data": {"a": value}}))
                .unwrap()
        };
        maps.create(&PostParams::default(), &map("there", "1")).await.unwrap();
        let twice = maps.create(&PostParams::default(), &map("there", "1")).await.unwrap_err();
        assert!(matches!(&twice, kube::Error::Api(status) if status.reason == "AlreadyExists"), "{twice}");
        let merge = json!({"data": {"a": "2"}});
        maps.patch("there", &PatchParams::default(), &Patch::Merge(&merge)).await.unwrap();
        maps.delete("there", &DeleteParams::default()).await.unwrap();
        let params = WatchParams::default().labels("of=story").timeout(3);
        let told: Vec<WatchEvent<ConfigMap>> =
            maps.watch(&params, &before).await.unwrap().boxed().try_collect().await.unwrap();
        let words: Vec<(&str, String)> = told
            .iter()
            .filter_map(|event| match event {
                WatchEvent::Added(one) => Some(("added", one.name_any())),
                WatchEvent::Modified(one) => Some(("modified", one.name_any())),
                WatchEvent::Deleted(one) => Some(("deleted", one.name_any())),
                _ => None,
            })
            .collect();
        let there = |word| (word, "there".to_owned());
        assert_eq!(words, [there("added"), there("modified"), there("deleted")]);
    }

    async fn what_is_deleted_takes_its_own_with_it(&self) {
        self.done(json!({"scale": {"kind": "Deployment", "name": NAME, "replicas": 1, "currentReplicas": 2}})).await;
        self.rolled_out().await;
        self.done(json!({"delete": {"kind": "Deployment", "name": NAME}})).await;
        let gone =
            json!({"wait": {"kind": "Pod", "selector": format!("app={NAME}"), "for": "delete", "timeout": "60s"}});
        self.done(gone).await;
        let sets = self.done(json!({"get": {"kind": "ReplicaSet", "selector": format!("app={NAME}")}})).await;
        assert_eq!(sets.outputs["count"], json!(0));
    }
}
