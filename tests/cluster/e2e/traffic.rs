//! The traffic program's numbers, read back by PromQL as a gate would read them.

use serde_json::json;

use crate::support::{Namespace, eventually, http, ours, query, value};

const CHART: &str = "tests/cluster/ml-system/chart";

/// A canary of this tag beside stable v1.4.1, at 20 % of the requests.
fn canary(of: &str, tag: &str) -> Namespace {
    let here = Namespace::new(of);
    here.install("v1.4.1");
    here.helm([
        "upgrade",
        "ml-system",
        CHART,
        "--wait",
        "--timeout=2m",
        "--set",
        "api.hpa.enabled=false",
        "--set",
        &format!("api.image.tag={tag}"),
        "--set",
        "api.canary.enabled=true",
        "--set",
        "api.canary.weight=20",
    ]);
    here
}

fn errors(here: &Namespace, version: &str) -> Option<f64> {
    let of = format!("namespace=\"{}\",version=\"{version}\"", here.name);
    value(&format!(
        "sum(rate(http_requests_total{{{of},code=~\"5..\"}}[10s])) / sum(rate(http_requests_total{{{of}}}[10s]))"
    ))
}

fn near(got: f64, wanted: f64, share: f64) -> bool {
    (got - wanted).abs() <= wanted * share
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn prometheus_counts_what_the_program_counts_and_the_weight_holds() {
    let here = canary("weight", "v1.5.0");
    let rate = |version: &str| {
        let of = format!("namespace=\"{}\",version=\"{version}\"", here.name);
        value(&format!("sum(rate(http_requests_total{{{of}}}[10s]))"))
    };
    eventually("100 canary requests a second", 40, || rate("canary").filter(|r| near(*r, 100.0, 0.05)));
    eventually("400 stable requests a second", 40, || rate("stable").filter(|r| near(*r, 400.0, 0.05)));
    // read before and after: the scraped number lies between
    let counted = || {
        let (_, page) = http("GET", &format!("{}/metrics", ours("TRAFFIC_URL")), None).unwrap();
        let wanted = format!("namespace=\"{}\",service=\"ml-api\",version=\"stable\"", here.name);
        let line = page.lines().find(|l| l.starts_with("http_requests_total") && l.contains(&wanted)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let before = counted();
    let scraped = eventually("a scrape after that", 10, || {
        let of = format!("namespace=\"{}\",version=\"stable\",code=\"200\"", here.name);
        value(&format!("http_requests_total{{{of}}}")).filter(|v| *v >= before)
    });
    assert!(scraped <= counted());
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn bad_is_two_percent_and_raises_the_alert() {
    let here = canary("bad", "v1.5.0-bad");
    eventually("2 % errors", 40, || errors(&here, "canary").filter(|e| near(*e, 0.02, 0.1)));
    assert_eq!(errors(&here, "stable"), Some(0.0));
    let firing = format!(
        "ALERTS{{alertname=\"HighErrorRate\",alertstate=\"firing\",version=\"canary\",namespace=\"{}\"}}",
        here.name
    );
    let alert = eventually("HighErrorRate", 30, || query(&firing).pop());
    assert_eq!(alert.0["version"], "canary", "{alert:?}");
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn grey_is_half_a_percent_and_slowp95_is_slow() {
    let here = canary("grey", "v1.5.0-grey");
    eventually("0.5 % errors", 40, || errors(&here, "canary").filter(|e| near(*e, 0.005, 0.2)));
    let slow = canary("slow95", "v1.5.0-slowp95");
    let p95 = |version: &str| {
        let of = format!("namespace=\"{}\",version=\"{version}\"", slow.name);
        let rate = format!("sum by (le) (rate(http_request_duration_seconds_bucket{{{of}}}[10s]))");
        value(&format!("histogram_quantile(0.95, {rate})")).filter(|v| v.is_finite())
    };
    eventually("a p95 of 1.2 s", 40, || p95("canary").filter(|v| near(*v, 1.2, 0.05)));
    eventually("a p95 of 0.12 s", 40, || p95("stable").filter(|v| near(*v, 0.12, 0.1)));
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn silent_has_no_data_at_all() {
    let here = canary("silent", "v1.5.0-silent");
    let of = format!("namespace=\"{}\"", here.name);
    eventually("the stable version's traffic", 40, || value(&format!("http_requests_total{{{of}}}")));
    assert_eq!(errors(&here, "canary"), None);
    assert!(query(&format!("http_requests_total{{{of},version=\"canary\"}}")).is_empty());
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_version_is_switched_while_it_runs() {
    let here = Namespace::new("switch");
    let tag = format!("v9.{}.0", std::process::id()); // switches are for a tag, wherever it runs
    here.install(&tag);
    eventually("healthy traffic", 40, || errors(&here, "stable").filter(|e| *e == 0.0));
    let switch = format!("{}/control/{tag}", ours("TRAFFIC_URL"));
    let (status, body) = http("PUT", &switch, Some(&json!({"errors": 0.3}))).unwrap();
    assert_eq!(status, 200, "{body}");
    eventually("30 % errors", 40, || errors(&here, "stable").filter(|e| near(*e, 0.3, 0.1)));
    assert_eq!(http("DELETE", &switch, None).unwrap().0, 200);
    eventually("health again", 40, || errors(&here, "stable").filter(|e| *e == 0.0));
    assert_eq!(http("PUT", &switch, Some(&json!({"errrors": 1}))).unwrap().0, 400);
}

#[test]
#[ignore = "needs a cluster: tests/cluster/run"]
fn a_crash_loop_raises_its_alert() {
    let here = Namespace::new("alert");
    here.kubectl(["run", "api", "--image=r.example/api:crash"]);
    let firing =
        format!("ALERTS{{alertname=\"KubePodCrashLooping\",alertstate=\"firing\",namespace=\"{}\"}}", here.name);
    let alert = eventually("KubePodCrashLooping", 60, || query(&firing).pop());
    assert_eq!(alert.0["pod"], "api", "{alert:?}");
}
