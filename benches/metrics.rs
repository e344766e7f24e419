//! The metrics pane and its readings: what fifty of them cost, how soon the first is drawn, how long a redraw takes.
//! `cargo bench --bench metrics -- memory` prints one of `memory`, `redraw`, `first`, `fifty`; the last takes a minute.
//!
//! They are read from a server in a process of its own, so that its work is not counted here; `PROMETHEUS_URL` asks a
//! real one instead. Nothing here is a test, and nothing fails for being slow.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program that prints figures")]

use std::{
    convert::Infallible,
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use ratatui::{Terminal, backend::TestBackend};
use ripcord::{
    effects::prometheus::{Prometheus, Watched, watch},
    observe::{
        Observation,
        metrics::{MetricsNews, MetricsView, Point, Ring, Seen, Verdict},
    },
    runbook::model,
    tui::{
        theme::Theme,
        view::metrics::{self, Metrics, MetricsState},
    },
};
use tokio::sync::mpsc;

/// Set where this program is the server, not the bench.
const SERVES: &str = "METRICS_BENCH_SERVES";

fn main() {
    if std::env::var_os(SERVES).is_some() {
        return runtime().block_on(serve());
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let figures: [(&str, fn()); 4] = [("memory", memory), ("redraw", redraw), ("first", first), ("fifty", fifty)];
    for (name, figure) in figures {
        if wanted.is_empty() || wanted.iter().any(|want| want == name) {
            figure();
        }
    }
}

fn tell(what: &str, figure: String) {
    println!("{what:<62} {figure}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a real clock for a real server")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A day of a metric and of what it is compared with, at a point every 15 s: under 64 KiB.
fn memory() {
    let day = || {
        let mut ring = Ring::new(15);
        (0..5_760).for_each(|n| ring.fill(Point { at: Timestamp::from_second(n * 15).unwrap(), value: n as f64 }));
        ring.bytes()
    };
    tell("a day at 15 s in a metric, with its baseline (under 64 KiB)", format!("{} KiB", (day() + day()) / 1024));
}

/// The whole screen full of metrics, and one of them as a chart of a whole day: at most 4 ms.
fn redraw() {
    let at = Timestamp::from_second(1_780_000_000).unwrap();
    let mut view = MetricsView::default();
    let watched: Vec<_> = (0..50).map(watched).collect();
    let infos = watched.iter().map(Watched::info).collect();
    view.apply(MetricsNews::Declared { server: "p:9090".into(), every: 15, metrics: infos });
    for (n, watched) in watched.iter().enumerate() {
        let value = |back: i64| 0.002 * ((back + n as i64) as f64 / 40.0).sin().abs();
        let points = (0..5_760).map(|back| Point { at: at - SignedDuration::from_secs(back * 15), value: value(back) });
        let points: Vec<_> = points.collect();
        let seen = Seen::Value { value: value(0), baseline: Some(0.001), samples: Some(2_412.0) };
        view.apply(MetricsNews::History { metric: watched.name.clone(), baseline: points.clone(), points });
        view.apply(MetricsNews::Sample { metric: watched.name.clone(), at, seen, verdict: Verdict::Grey });
    }
    let mut state = MetricsState { span: SignedDuration::from_hours(24), ..MetricsState::default() };
    for (what, open) in [("the pane, 200x60, 50 metrics", false), ("a day as a chart, 200x60", true)] {
        state.open = open;
        let theme = Theme { colour: true, ascii: false };
        let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
        let mut frame = || {
            let scene = Metrics { view: &view, state: &state, theme: &theme, now: at, focused: true };
            terminal.draw(|frame| metrics::draw(frame, frame.area(), &scene, 5)).unwrap();
        };
        frame();
        let begun = Instant::now();
        (0..100).for_each(|_| frame());
        tell(&format!("redraw of {what} (at most 4 ms)"), format!("{:.2?}", begun.elapsed() / 100));
    }
}

/// From nothing to a metric's history in hand, beside the range query alone over a client of its own: at most 1.3.
fn first() {
    let server = Server::start();
    runtime().block_on(async {
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for n in 0..41 {
            let (news, mut heard) = mpsc::channel(64);
            let prometheus = server.client().await;
            let begun = Instant::now();
            let watching = tokio::spawn(watch(prometheus, vec![watched(n)], news));
            while !matches!(heard.recv().await.unwrap(), Observation::Metrics(MetricsNews::History { .. })) {}
            ours.push(begun.elapsed());
            watching.abort();
            plain.push(server.range(&watched(n).query).await);
        }
        let (ours, plain) = (median(ours), median(plain));
        let ratio = ours.as_secs_f64() / plain.as_secs_f64();
        tell("the first sparkline (at most 1.3 x the range query)", format!("{ours:.2?}, {plain:.2?}: {ratio:.2} x"));
    });
}

/// Fifty of them every 15 s, drawn once a second: under 1 % of a core, under 10 MiB on top.
fn fifty() {
    const LOOKED: Duration = Duration::from_secs(60);
    let server = Server::start();
    runtime().block_on(async {
        let theme = Theme { colour: true, ascii: false };
        let mut terminal = Terminal::new(TestBackend::new(120, 35)).unwrap();
        let (mut view, state) = (MetricsView::default(), MetricsState::default());
        let before = resident();
        let (news, mut heard) = mpsc::channel(1_024);
        let watching = tokio::spawn(watch(server.client().await, (0..50).map(watched).collect(), news));
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let (begun, mut from, mut readings) = (Instant::now(), None, 0);
        while from.is_none_or(|(at, _): (Instant, Duration)| at.elapsed() < LOOKED) {
            tokio::select! {
                Some(Observation::Metrics(news)) = heard.recv() => {
                    readings += usize::from(matches!(news, MetricsNews::Sample { .. }) && from.is_some());
                    view.apply(news);
                }
                _ = second.tick() => {
                    let scene = Metrics { view: &view, state: &state, theme: &theme, now: now(), focused: true };
                    terminal.draw(|frame| metrics::draw(frame, frame.area(), &scene, 5)).unwrap();
                    // The day's history is in; from here it is one reading a round.
                    if from.is_none() && begun.elapsed() > Duration::from_secs(10) {
                        from = Some((Instant::now(), cpu()));
                    }
                }
            }
        }
        let (at, used) = from.unwrap();
        let part = (cpu() - used).as_secs_f64() / at.elapsed().as_secs_f64() * 100.0;
        watching.abort();
        assert!(readings >= 150, "{readings} readings");
        tell("50 metrics every 15 s (under 1 % of a core)", format!("{part:.2} %, {readings} readings"));
        let whole: usize = view.rows.iter().map(|row| row.ring.bytes() + row.baseline.bytes()).sum();
        let (grown, highest) = (resident() - before, peak() - before);
        tell(
            "  on top of what there was (under 10 MiB)",
            format!("{grown} KiB, at most {highest} while the day is fetched; {} KiB of points", whole / 1024),
        );
    });
}

fn watched(n: usize) -> Watched {
    let metric: model::Metric = serde_json::from_value(serde_json::json!({
        "title": format!("error rate of service {n}"), "unit": "percent",
        "query": format!("sum(rate(errors_total{{n=\"{n}\"}}[2m])) / sum(rate(requests_total{{n=\"{n}\"}}[2m]))"),
        "successCondition": "result < 0.001", "failureCondition": "result > 0.01",
    }))
    .unwrap();
    Watched {
        name: format!("errors{n}"),
        query: metric.query.clone(),
        baseline: None,
        samples: Some(format!("sum(increase(requests_total{{n=\"{n}\"}}[10m]))")),
        baseline_samples: None,
        stale_after: Duration::from_secs(120),
        needs: Some(3_000),
        metric,
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Processor time of this process, all threads.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|n| fields[*n].parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// KiB held now, and the most ever held.
fn resident() -> u64 {
    status("VmRSS:")
}

fn peak() -> u64 {
    status("VmHWM:")
}

/// Whoever is asked: a process of our own, or a real Prometheus.
struct Server {
    url: String,
    child: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Server {
    fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        if let Ok(url) = std::env::var("PROMETHEUS_URL") {
            return Self { url, child: None };
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.env(SERVES, "1").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { url: format!("http://{}", line.trim()), child: Some(child) }
    }

    async fn client(&self) -> Arc<Prometheus> {
        let spec = model::Prometheus { url: Some(self.url.clone()), ..Default::default() };
        let none = async { anyhow::bail!("no cluster here") };
        Arc::new(Prometheus::connect(&spec, |text| Ok(text.to_owned()), Path::new("/"), none).await.unwrap())
    }

    /// The range query alone, by a client as new as ours.
    async fn range(&self, query: &str) -> Duration {
        let client = reqwest::Client::new();
        let to = now();
        let from = to - SignedDuration::from_mins(30);
        let mut url = reqwest::Url::parse("http://form/").unwrap();
        url.query_pairs_mut().append_pair("query", query).append_pair("step", "15");
        url.query_pairs_mut().append_pair("start", &from.as_second().to_string());
        url.query_pairs_mut().append_pair("end", &to.as_second().to_string());
        let form = url.query().unwrap().to_owned();
        let begun = Instant::now();
        let request = client.post(format!("{}/api/v1/query_range", self.url)).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        begun.elapsed()
    }
}

/// Says where it listens, and answers every query as a Prometheus would that has one number for each.
async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_range = request.uri().path().ends_with("query_range");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let form = String::from_utf8_lossy(&body).into_owned();
    let number = |key: &str| {
        let pair = form.split('&').find_map(|pair| pair.strip_prefix(key));
        pair.and_then(|text| text.parse::<f64>().ok()).unwrap_or_default()
    };
    let mut body = String::from("{\"status\":\"success\",\"data\":{\"resultType\":");
    if is_range {
        body.push_str("\"matrix\",\"result\":[{\"metric\":{},\"values\":[");
        let (mut at, end, step) = (number("start="), number("end="), number("step="));
        while at <= end {
            write!(body, "[{at:.3},\"0.00041234567\"],").unwrap();
            at += step;
        }
        body.pop();
        body.push_str("]}]}}");
    } else {
        let at = number("time=");
        let value = if form.contains("timestamp") { at - 5.0 } else { 0.0004 };
        write!(body, "\"vector\",\"result\":[{{\"metric\":{{}},\"value\":[{at:.3},\"{value}\"]}}]}}}}").unwrap();
    }
    Ok(Response::new(Full::new(Bytes::from(body))))
}
