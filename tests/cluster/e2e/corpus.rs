//! The pods pane's row against the server's own Table: a generated corpus of pods, each status written as it stands.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use ripcord::{
    effects::kube::connect::{ConnectOptions, connect},
    observe::pods::{PodRow, SlimPod},
};
use serde_json::{Value, json};

use crate::support::Namespace;

const PODS: u64 = 400;

/// A small generator with a seed, so that a failure can be looked at again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
}

fn time(dice: &mut Dice) -> String {
    let ago = [5, 47, 119, 121, 300, 3599, 7300, 40_000, 200_000, 900_000][usize::try_from(dice.roll(10)).unwrap()];
    (Timestamp::now() - jiff::SignedDuration::from_secs(ago)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn state(dice: &mut Dice) -> Value {
    match dice.roll(6) {
        0 => {
            json!({"waiting": {"reason": dice.pick(&["CrashLoopBackOff", "ImagePullBackOff", "PodInitializing", "ContainerCreating", ""])}})
        }
        1 => {
            json!({"terminated": {"exitCode": dice.roll(3), "reason": dice.pick(&["Completed", "Error", "OOMKilled", ""])}})
        }
        2 => json!({"terminated": {"exitCode": 137, "signal": dice.roll(2) * 9}}),
        3 => json!({}),
        _ => json!({"running": {"startedAt": time(dice)}}),
    }
}

fn container(dice: &mut Dice, name: &str) -> Value {
    let mut status = json!({"name": name, "image": "i", "imageID": "", "ready": !dice.one_in(3), "restartCount": dice.roll(4) * dice.roll(9), "state": state(dice)});
    if !dice.one_in(3) {
        status["started"] = json!(!dice.one_in(3));
    }
    if dice.one_in(2) {
        status["lastState"] = json!({"terminated": {"exitCode": 1, "finishedAt": time(dice)}});
    }
    status
}

struct Made {
    pod: Value,
    status: Value,
    deleted: bool,
}

fn made(dice: &mut Dice, n: u64) -> Made {
    let names = |prefix: &str, count: u64| (0..count).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
    let (mains, inits) = (names("c", 1 + dice.roll(3)), names("i", dice.roll(4) * dice.roll(2)));
    let init_specs: Vec<Value> = inits
        .iter()
        .map(|name| {
            let mut spec = json!({"name": name, "image": "i"});
            if dice.one_in(2) {
                spec["restartPolicy"] = json!("Always");
            }
            spec
        })
        .collect();
    let deleted = dice.one_in(6);
    let mut pod = json!({"metadata": {"name": format!("p{n:04}"), "finalizers": if deleted { json!(["ripcord.dev/hold"]) } else { json!(null) }},
        "spec": {"schedulerName": "nobody", "containers": mains.iter().map(|name| json!({"name": name, "image": "i"})).collect::<Vec<_>>(), "initContainers": init_specs}});
    if dice.one_in(5) {
        pod["spec"]["readinessGates"] = json!([{"conditionType": "a/x"}, {"conditionType": "a/y"}]);
    }
    if dice.one_in(12) {
        pod["spec"]["schedulingGates"] = json!([{"name": "a/hold"}]);
    }
    let mut conditions = vec![];
    for kind in ["Initialized", "Ready", "PodScheduled", "a/x", "a/y"] {
        if !dice.one_in(3) {
            let reason = if kind == "PodScheduled" { dice.pick(&["", "Unschedulable", "SchedulingGated"]) } else { "" };
            conditions.push(json!({"type": kind, "status": dice.pick(&["True", "False"]), "reason": reason}));
        }
    }
    let seen = |dice: &mut Dice, names: &[String]| {
        let some = usize::try_from(dice.roll(names.len() as u64 + 1))
            .unwrap()
            .max(names.len().saturating_sub(usize::from(!dice.one_in(3))));
        names[..some.min(names.len())].iter().map(|name| container(dice, name)).collect::<Vec<_>>()
    };
    let mut status = json!({"phase": dice.pick(&["Pending", "Running", "Running", "Succeeded", "Failed", "Unknown"]),
        "conditions": conditions, "initContainerStatuses": seen(dice, &inits), "containerStatuses": seen(dice, &mains)});
    if dice.one_in(8) {
        status["reason"] = json!(dice.pick(&["Evicted", "NodeLost", "NodeAffinity"]));
    }
    if dice.one_in(2) {
        status["podIP"] = json!("10.1.2.3");
        status["podIPs"] = json!([{"ip": "10.1.2.3"}]);
    }
    if dice.one_in(9) {
        status["nominatedNodeName"] = json!("node-9");
    }
    Made { pod, status, deleted }
}

async fn write(api: &Api<Pod>, made: Made) -> Result<(), kube::Error> {
    let pod: Pod = serde_json::from_value(made.pod).unwrap();
    let name = pod.metadata.name.clone().unwrap();
    api.create(&PostParams::default(), &pod).await?;
    // a status the server refuses leaves the pod as it was made: that is a row too
    let _ = api.patch_status(&name, &PatchParams::default(), &Patch::Merge(json!({"status": made.status}))).await;
    if made.deleted {
        api.delete(&name, &DeleteParams::default()).await?;
    }
    Ok(())
}

async fn table(client: &Client, namespace: &str) -> Value {
    let request = http::Request::get(format!("/api/v1/namespaces/{namespace}/pods?includeObject=Object"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(vec![])
        .unwrap();
    client.request(request).await.unwrap()
}

/// NAME READY STATUS RESTARTS AGE IP NODE NOMINATED GATES, as ours would be at `now`.
fn ours(object: &Value, now: Timestamp) -> Vec<String> {
    let slim: SlimPod = serde_json::from_value(object.clone()).unwrap();
    let row = PodRow::new(&slim);
    row.cells(now).into_iter().chain(row.wide_cells()).collect()
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn every_row_is_the_servers_own() {
    let here = Namespace::new("corpus");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let options = ConnectOptions {
            kubeconfig: Some(here.kubeconfig.clone()),
            namespace: Some(here.name.clone()),
            ..ConnectOptions::default()
        };
        let client = connect(options).await.unwrap().client;
        let api: Api<Pod> = Api::namespaced(client.clone(), &here.name);
        let mut dice = Dice(20_261_123);
        for n in 0..PODS {
            write(&api, made(&mut dice, n)).await.unwrap();
        }
        let before = Timestamp::now();
        let answer = table(&client, &here.name).await;
        let after = Timestamp::now();
        for name in (0..PODS).map(|n| format!("p{n:04}")) {
            let none = json!({"metadata": {"finalizers": null}});
            let _ = api.patch(&name, &PatchParams::default(), &Patch::Merge(none)).await;
        }
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(rows.len() as u64, PODS);
        let mut words = std::collections::BTreeSet::new();
        for row in rows {
            let theirs: Vec<String> = row["cells"].as_array().unwrap()[..9]
                .iter()
                .map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned))
                .collect();
            words.insert(theirs[2].clone());
            // an age may tick while the server prints
            let moments = [before - Duration::from_secs(1), before, after, after + Duration::from_secs(1)];
            let agrees = moments.iter().any(|now| ours(&row["object"], *now) == theirs);
            assert!(agrees, "server {theirs:?}\nours   {:?}\n{}", ours(&row["object"], after), row["object"]);
        }
        assert!(words.len() > 15, "the corpus is too tame: {words:?}");
    });
}
