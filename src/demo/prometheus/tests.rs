use super::*;

/// A canary at 100 requests a second of which 2 % fail, a stable one at 400 without errors; scraped every 5 s.
fn scraped() -> Series {
    let mut series = Series::default();
    for n in 0..=24 {
        let (at, seconds) = (n * 5_000, n as f64 * 5.0);
        for (version, rate, errors) in [("canary", 100.0, 0.02), ("stable", 400.0, 0.0)] {
            for (code, part) in [("200", 1.0 - errors), ("500", errors)] {
                let labels = [("version", version), ("code", code)].map(|(a, b)| (a.to_owned(), b.to_owned()));
                series.put("http_requests_total", &labels.into(), at, rate * part * seconds);
            }
        }
    }
    series
}

fn form(query: &str, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = more.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    pairs.chain([("query".to_owned(), query.to_owned())]).collect()
}

/// The one value of an instant query at two minutes.
fn value(query: &str) -> f64 {
    let told = answer(&scraped(), &Rules::default(), "/api/v1/query", &form(query, &[("time", "120")]), 0);
    let data = &told.body["data"];
    let sample = if data["resultType"] == "scalar" { &data["result"] } else { &data["result"][0]["value"] };
    assert_eq!(told.status, 200, "{query}: {}", told.body);
    sample[1].as_str().unwrap_or_else(|| panic!("{query}: {}", told.body)).parse().unwrap()
}

#[test]
fn what_runbooks_ask_is_answered() {
    let near = |query: &str, want: f64| {
        let got = value(query);
        assert!((got - want).abs() < 1e-9, "{query}: {got}, not {want}");
    };
    let errors = r#"sum(rate(http_requests_total{version="canary",code=~"5.."}[1m]))"#;
    near(&format!(r#"{errors} / sum(rate(http_requests_total{{version="canary"}}[1m]))"#), 0.02);
    near("sum(increase(http_requests_total[60s]))", 30_000.0);
    near(r#"max(timestamp(http_requests_total{version="stable"}))"#, 120.0);
    near("vector(1)", 1.0);
    near("time()", 120.0);
    near("count(count by (version) (http_requests_total))", 2.0);
    near(r#"count(ALERTS{severity="critical",alertstate="firing"}) or vector(0)"#, 0.0);
    near(r#"sum(rate(http_requests_total{version="canary"}[1m])) > bool 99"#, 1.0);
    near("absent(nothing)", 1.0);
    near(r#"sum(http_requests_total offset 1m)"#, 30_000.0);
    near("-1 + 2 * 3", 5.0);
    near("count(http_requests_total unless on (version) http_requests_total{version=\"canary\"})", 2.0);
}

#[test]
fn nothing_is_nothing_and_what_is_not_known_is_said() {
    let told =
        |query: &str| answer(&scraped(), &Rules::default(), "/api/v1/query", &form(query, &[("time", "120")]), 0);
    assert_eq!(told("nothing").body["data"]["result"], json!([]));
    assert_eq!(told(r#"http_requests_total > 1e9"#).body["data"]["result"], json!([]));
    for wrong in ["sum(", "topk(1, http_requests_total)", "max_over_time(http_requests_total[1m:10s])"] {
        let told = told(wrong);
        assert_eq!((told.status, told.body["status"].as_str()), (400, Some("error")), "{wrong}");
    }
}

#[test]
fn a_range_has_a_point_a_step_and_gaps_where_nothing_was() {
    let query = form("sum(rate(http_requests_total[1m]))", &[("start", "-86380"), ("end", "120"), ("step", "30")]);
    let told = answer(&scraped(), &Rules::default(), "/api/v1/query_range", &query, 0);
    let values = told.body["data"]["result"][0]["values"].as_array().unwrap().clone();
    assert_eq!(values.last().unwrap(), &json!([110.0, "500"]));
    assert_eq!(values.first().unwrap()[0], 20.0);
}

#[test]
fn an_alert_is_pending_then_firing_then_gone() {
    let mut series = scraped();
    let mut rules = Rules::default();
    rules.evaluate(&mut series, 90_000);
    assert_eq!(rules.told()[0]["state"], "pending");
    rules.evaluate(&mut series, 120_000);
    let told = rules.told();
    assert_eq!(
        (told.len(), told[0]["state"].as_str(), told[0]["labels"]["version"].as_str()),
        (1, Some("firing"), Some("canary"))
    );
    let firing = form(r#"count(ALERTS{severity="critical",alertstate="firing"})"#, &[("time", "120")]);
    assert_eq!(answer(&series, &rules, "/api/v1/query", &firing, 0).body["data"]["result"][0]["value"][1], "1");
    rules.evaluate(&mut series, 1_000_000);
    assert!(rules.told().is_empty());
}
