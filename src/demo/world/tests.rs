use serde_json::{Value, json};

use super::{
    objects::{condition, number, text},
    store::{Happened, Key},
    *,
};

fn at(seconds: i64) -> Timestamp {
    "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn world() -> World {
    World::new(7, at(0), Setting::quiet())
}

fn deployment(world: &World, name: &str) -> Value {
    world.store.get(&Key::new("deployments", NAMESPACE, name)).unwrap().clone()
}

fn set_image(world: &mut World, name: &str, tag: &str) {
    let key = Key::new("deployments", NAMESPACE, name);
    let image = json!(format!("registry.local/ml-api:{tag}"));
    world.store.change(&key, |one| one["spec"]["template"]["spec"]["containers"][0]["image"] = image);
}

fn scale(world: &mut World, name: &str, replicas: i64) {
    let key = Key::new("deployments", NAMESPACE, name);
    world.store.change(&key, |one| one["spec"]["replicas"] = json!(replicas));
}

#[test]
fn it_begins_as_an_ordinary_day_with_a_history() {
    let world = world();
    let api = deployment(&world, "ml-api");
    assert_eq!(api["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    assert_eq!((number(&api, "/status/availableReplicas"), number(&api, "/status/replicas")), (4, 4));
    assert_eq!(text(condition(&api, "Progressing").unwrap(), "/reason"), "NewReplicaSetAvailable");
    assert_eq!(world.store.list("replicasets", NAMESPACE).count(), 4);
    let pods: Vec<_> = world.store.list("pods", NAMESPACE).map(|(_, pod)| pod).collect();
    assert_eq!(pods.len(), 4);
    assert!(pods.iter().all(|pod| objects::is_ready(pod) && text(pod, "/metadata/creationTimestamp") < "2026-02-24"));
    assert!(world.rules.told().is_empty());
}

#[test]
fn the_same_seed_and_times_give_the_same_world() {
    let story = || {
        let mut world = world();
        scale(&mut world, "ml-api-canary", 1);
        set_image(&mut world, "ml-api-canary", "v1.5.0-crash");
        world.advance(at(90));
        let objects: Vec<String> = world.store.list("pods", "").map(|(_, pod)| pod.to_string()).collect();
        (world.store.version(), objects)
    };
    assert_eq!(story(), story());
}

#[test]
fn a_rolling_update_keeps_its_promises_and_comes_to_an_end() {
    let mut world = world();
    set_image(&mut world, "ml-api", "v1.5.0");
    let mut seen_new = false;
    for half in 0..120 {
        world.advance(at(0) + SignedDuration::from_millis(half * 500));
        let api = deployment(&world, "ml-api");
        assert!(number(&api, "/status/availableReplicas") >= 3, "never under three quarters");
        assert!(number(&api, "/status/replicas") <= 5, "never over five quarters");
        seen_new |= (1..4).contains(&number(&api, "/status/updatedReplicas"));
    }
    let api = deployment(&world, "ml-api");
    let counts =
        ["updatedReplicas", "replicas", "availableReplicas"].map(|name| number(&api, &format!("/status/{name}")));
    assert_eq!(counts, [4, 4, 4]);
    assert!(seen_new);
    assert_eq!(api["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "4");
}

#[test]
fn a_template_that_comes_back_gets_a_new_number_and_keeps_its_old_one() {
    let mut world = world();
    set_image(&mut world, "ml-api", "v1.5.0");
    world.advance(at(60));
    set_image(&mut world, "ml-api", "v1.4.1");
    world.advance(at(120));
    let sets: Vec<_> =
        world.store.list("replicasets", NAMESPACE).map(|(_, set)| set["metadata"]["annotations"].clone()).collect();
    let back = sets.iter().find(|one| one["deployment.kubernetes.io/revision"] == "5").unwrap();
    assert_eq!(back["deployment.kubernetes.io/revision-history"], "3");
}

#[test]
fn a_crashing_canary_loops_with_longer_and_longer_waits_and_misses_its_deadline() {
    let mut world = world();
    set_image(&mut world, "ml-api-canary", "v1.5.0-crash");
    scale(&mut world, "ml-api-canary", 1);
    world.advance(at(100));
    let canary = deployment(&world, "ml-api-canary");
    assert_eq!(text(condition(&canary, "Progressing").unwrap(), "/reason"), "ProgressDeadlineExceeded");
    let (_, pod) = world.store.list("pods", NAMESPACE).find(|(key, _)| key.name.starts_with("ml-api-canary")).unwrap();
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert!(number(status, "/restartCount") >= 3, "{status}");
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    let said = world.logs.of(text(status, "/lastState/terminated/containerID")).unwrap();
    assert!(said.from(0).any(|line| line.text.starts_with("panic:")));
    let events: Vec<_> =
        world.store.list("events", NAMESPACE).filter(|(_, event)| text(event, "/reason") == "BackOff").collect();
    assert_eq!(events.len(), 1);
    assert!(number(events[0].1, "/count") >= 3);
}

#[test]
fn a_canary_goes_bad_after_a_minute_and_its_series_end_with_it() {
    let mut world = world();
    set_image(&mut world, "ml-api-canary", "v1.5.0-bad");
    scale(&mut world, "ml-api-canary", 1);
    world.advance(at(60));
    let errors = |world: &World| {
        let query = r#"sum(rate(http_requests_total{version="canary",code=~"5.."}[30s])) / sum(rate(http_requests_total{version="canary"}[30s]))"#;
        let form = [("query".to_owned(), query.to_owned())].into();
        let told = crate::demo::prometheus::answer(
            &world.series,
            &world.rules,
            "/api/v1/query",
            &form,
            world.now().as_millisecond(),
        );
        told.body["data"]["result"][0]["value"][1].as_str().map(|text| text.parse::<f64>().unwrap())
    };
    assert!(errors(&world).unwrap() < 0.001);
    world.advance(at(130));
    assert!(errors(&world).unwrap() > 0.03);
    scale(&mut world, "ml-api-canary", 0);
    world.advance(at(200));
    assert_eq!(errors(&world), None);
    let gone = world.store.since(0);
    assert!(gone.is_none(), "the oldest changes are forgotten");
}

#[test]
fn deletions_are_told() {
    let mut world = world();
    let version = world.store.version();
    let pod = world.store.list("pods", NAMESPACE).next().map(|(key, _)| key.clone()).unwrap();
    replicasets::going(&mut world.store, &pod, at(0));
    world.advance(at(30));
    let told: Vec<_> =
        world.store.since(version).unwrap().filter(|change| change.key == pod).map(|change| change.happened).collect();
    assert_eq!(told.last(), Some(&Happened::Deleted));
    assert_eq!(number(&deployment(&world, "ml-api"), "/status/availableReplicas"), 4);
}

#[test]
fn the_api_is_away_for_its_time_and_no_longer() {
    let outage = Outage { after: SignedDuration::from_secs(20), lasts: SignedDuration::from_secs(40) };
    let mut world = World::new(7, at(0), Setting { outage: Some(outage), ..Setting::quiet() });
    world.advance(at(100));
    assert!(!world.is_away(), "there is no canary yet");
    scale(&mut world, "ml-api-canary", 1);
    let mut away = 0;
    for second in 100..220 {
        world.advance(at(second));
        away += u32::from(world.is_away());
    }
    assert_eq!(away, 40);
}

#[test]
fn a_world_in_trouble_has_been_so_for_minutes() {
    let setting = Setting { namespace: "shop".into(), canary: Some("v1.5.0-crash".into()), ..Setting::quiet() };
    let world = World::new(7, at(0), setting);
    let pods: Vec<_> = world.store.list("pods", "shop").map(|(_, pod)| pod).collect();
    assert_eq!(pods.len(), 5);
    let sick = pods.iter().find(|pod| !objects::is_ready(pod)).unwrap();
    assert!(number(sick, "/status/containerStatuses/0/restartCount") >= 3, "{sick}");
    let firing: Vec<_> = world.rules.told().iter().map(|one| one["labels"]["alertname"].clone()).collect();
    assert!(firing.contains(&json!("KubePodCrashLooping")), "{firing:?}");
}
