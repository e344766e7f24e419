//! Gates on a real Prometheus that scrapes a small service whose fate a test decides. Ignored where there is no
//! `prometheus` to run: `cargo test --test it gates -- --ignored`.

use std::{
    io,
    path::Path,
    process::{Child, Command as Process, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ripcord::{
    effects::prometheus::{Prometheus, Queries},
    engine::{
        Actor, Command, Effect, Fact, Input, Report, Ticket,
        fact::{Opened, StepResult},
        message::{Measured, Reading, Via},
    },
    runbook::{load_str, model},
    session::{Journal, Now, Performer, Receipt, Session},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

const HEALTHY: u8 = 0;
const BAD: u8 = 1;
const GREY: u8 = 2;
const SLOW: u8 = 3;
const SILENT: u8 = 4;

/// Counts a hundred requests at each scrape; how many of them fail is its fate.
struct Service {
    fate: Arc<AtomicU8>,
    port: u16,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fate = Arc::new(AtomicU8::new(HEALTHY));
        let told = fate.clone();
        let (requests, errors) = (AtomicU64::new(0), AtomicU64::new(0));
        tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let fate = told.load(Ordering::Relaxed);
                let requests = requests.fetch_add(1000, Ordering::Relaxed) + 1000;
                let more = match fate {
                    BAD => 50,
                    GREY => 5,
                    _ => 0,
                };
                let errors = errors.fetch_add(more, Ordering::Relaxed) + more;
                let latency = if fate == SLOW { 2.0 } else { 0.1 };
                let body = format!("requests_total {requests}\nerrors_total {errors}\nlatency_seconds {latency}\n");
                let head = if fate == SILENT { "503 Service Unavailable" } else { "200 OK" };
                let answer = format!(
                    "HTTP/1.1 {head}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { fate, port }
    }
}

/// A real server with its own folder; killed when dropped.
struct Server {
    dir: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    async fn start(service: &Service) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- {{job_name: s, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}\n",
            service.port
        );
        std::fs::write(dir.path().join("p.yaml"), config).unwrap();
        let mut server = Self { dir, port, child: None };
        server.up().await;
        server
    }

    async fn up(&mut self) {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let child = Process::new("prometheus")
            .arg(format!("--config.file={}", path("p.yaml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is on the PATH");
        self.child = Some(child);
        let url = format!("http://127.0.0.1:{}/-/ready", self.port);
        for _ in 0..200 {
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("prometheus does not get ready");
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    async fn client(&self) -> Arc<Prometheus> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spec = model::Prometheus { url: Some(format!("http://127.0.0.1:{}", self.port)), ..Default::default() };
        let none = async { anyhow::bail!("no cluster here") };
        let client = Prometheus::connect(&spec, |text| Ok(text.to_owned()), Path::new("/"), none).await.unwrap();
        Arc::new(client.patient(Duration::from_secs(1), Duration::from_millis(1500)))
    }
}

struct Memory;

impl Journal for Memory {
    fn append(&mut self, _: Now, _: &[Fact]) -> io::Result<Receipt> {
        Ok(Receipt::default())
    }

    fn append_reserved(&mut self, _: Now, _: &[Fact]) -> Receipt {
        Receipt::default()
    }
}

struct Hands {
    client: Arc<Prometheus>,
    reports: mpsc::Sender<(Ticket, Report)>,
}

impl Performer for Hands {
    fn start(&mut self, effect: Effect, _: &Receipt) {
        let Effect::Measure { ticket, slot, metrics } = effect else { return };
        for what in metrics {
            let (client, reports, ticket) = (self.client.clone(), self.reports.clone(), ticket.clone());
            tokio::spawn(async move {
                let Measured::Query { query, baseline_query, samples_query, stale_after, .. } = &what.what else {
                    return;
                };
                let queries = Queries {
                    query,
                    baseline: baseline_query.as_deref(),
                    samples: samples_query.as_deref(),
                    baseline_samples: None,
                    stale_after: stale_after.get(),
                };
                let reading = client.measure(&queries, slot).await;
                let _ = reports.send((ticket, Report::Sample { metric: what.metric, slot, reading })).await;
            });
        }
    }
}

const BOOK: &str = r#"
apiVersion: ripcord/v1
kind: Runbook
metadata: {name: canary}
prometheus: {url: "http://127.0.0.1:1"}
metrics:
  error_rate:
    query: sum(rate(errors_total[4s])) / sum(rate(requests_total[4s]))
    samplesQuery: sum(increase(requests_total[$window]))
    successCondition: result < 0.001
    failureCondition: result > 0.01
    staleAfter: 3s
  latency: {query: max(latency_seconds), successCondition: result < 0.5, failureCondition: result > 1, staleAfter: 3s}
steps:
  - id: gate
    analysis:
      for: 6s
      interval: 1s
      initialDelay: 1s
      metrics: [{metric: error_rate, minSamples: 3000}, {metric: latency}]
      onSuccessful: good
      onFailed: bad
      onInconclusive: bad
      onError: bad
  - {id: bad, end: {category: escalated, code: stopped}}
  - {id: good, end: {category: resolved, code: passed}}
"#;

struct Stage {
    service: Service,
    server: Server,
    session: Session<Memory, Hands>,
    reports: mpsc::Receiver<(Ticket, Report)>,
    begun: Instant,
    facts: Vec<Fact>,
}

#[expect(clippy::disallowed_methods, reason = "a real clock for a real server")]
fn wall() -> Timestamp {
    Timestamp::now()
}

impl Stage {
    async fn set() -> Self {
        let service = Service::start().await;
        let server = Server::start(&service).await;
        let client = server.client().await;
        // a few scrapes, so that a rate exists
        let warm = Queries {
            query: "sum(rate(requests_total[4s]))",
            baseline: None,
            samples: None,
            baseline_samples: None,
            stale_after: Duration::from_secs(3),
        };
        while !matches!(client.measure(&warm, wall()).await, Reading::Value { .. }) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let book = load_str("r.yaml", BOOK).unwrap().book;
        let (sender, reports) = mpsc::channel(64);
        let me = Actor::system("t", Via::Console);
        let opened = Opened {
            format: 1,
            run: "r".into(),
            program: Default::default(),
            runbook: Box::new(book),
            runbook_hash: String::new(),
            runbook_path: "r.yaml".into(),
            params: Default::default(),
            target: Default::default(),
            operator: me.clone(),
            host: "h".into(),
            pid: 1,
            workdir: "/".into(),
            started_at: wall(),
            rollback_of: None,
            previous: None,
            carried: Default::default(),
            read_only: false,
            baseline: None,
        };
        let begun = Instant::now();
        let now = Now { wall: wall(), boot_ms: 0 };
        let session = Session::open(now, opened, Memory, Hands { client, reports: sender }).unwrap();
        let mut stage = Self { service, server, session, reports, begun, facts: Vec::new() };
        stage.hear(&Input::Command { by: me, command: Command::Start });
        stage
    }

    fn hear(&mut self, input: &Input) {
        let boot_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap();
        let recorded = self.session.handle(Now { wall: wall(), boot_ms }, input).unwrap();
        self.facts.extend(recorded.facts);
    }

    /// Drives for a time, or to the gate's end.
    async fn drive(&mut self, time: Duration) -> Option<StepResult> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            if let Some(outcome) = self.outcome() {
                return Some(outcome);
            }
            match tokio::time::timeout(Duration::from_millis(100), self.reports.recv()).await {
                Ok(Some((ticket, report))) => self.hear(&Input::Report { ticket, report }),
                Ok(None) => break,
                Err(_) => self.hear(&Input::Clock),
            }
        }
        self.outcome()
    }

    fn outcome(&self) -> Option<StepResult> {
        self.session.run().state(&"gate".into()).and_then(|state| state.outcome)
    }

    fn fate(&self, fate: u8) {
        self.service.fate.store(fate, Ordering::Relaxed);
    }

    fn why(&self) -> String {
        let lines = self.facts.iter().filter_map(|fact| match fact {
            Fact::GateBegan { at, .. } => Some(format!("began {at}")),
            Fact::GateSample { metric, slot, reading, verdict, .. } => {
                Some(format!("{slot} {metric} {verdict:?} {reading:?}"))
            }
            Fact::GateVerdict { verdict, reasons, .. } => Some(format!("{verdict:?}: {reasons:?}")),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn began(&self) -> usize {
        self.facts.iter().filter(|fact| matches!(fact, Fact::GateBegan { .. })).count()
    }

    fn is(&self, want: StepResult) {
        assert_eq!(self.outcome(), Some(want), "\n{}", self.why());
    }
}

const LONG: Duration = Duration::from_secs(40);

#[tokio::test]
#[ignore = "needs prometheus"]
async fn each_fate_comes_to_its_verdict() {
    let told = async |fate, want| {
        let mut stage = Stage::set().await;
        stage.fate(fate);
        stage.drive(LONG).await;
        stage.is(want);
    };
    futures::join!(
        told(HEALTHY, StepResult::Succeeded),
        told(BAD, StepResult::Failed),
        told(GREY, StepResult::Inconclusive),
        told(SLOW, StepResult::Failed),
        told(SILENT, StepResult::Inconclusive),
    );
}

#[tokio::test]
#[ignore = "needs prometheus"]
async fn a_server_killed_in_mid_gate_and_back_passes_only_on_a_whole_window() {
    let mut stage = Stage::set().await;
    stage.drive(Duration::from_secs(3)).await;
    stage.server.kill();
    assert_eq!(stage.drive(Duration::from_secs(5)).await, None, "{}", stage.why());
    stage.server.up().await;
    stage.drive(LONG).await;
    // It was away for longer than its samples stay fresh, so those slots are lost and the hold began again;
    // right after the restart the window of the rate may be empty, and that is not good either.
    let outcome = stage.outcome();
    let passed_whole = outcome == Some(StepResult::Succeeded) && stage.began() > 1;
    assert!(passed_whole || outcome == Some(StepResult::Inconclusive), "\n{}", stage.why());
}

#[tokio::test]
#[ignore = "needs prometheus"]
async fn a_server_that_stays_away_ends_as_error() {
    let mut stage = Stage::set().await;
    stage.drive(Duration::from_secs(3)).await;
    stage.server.kill();
    stage.drive(LONG).await;
    stage.is(StepResult::Error);
}

#[tokio::test]
#[ignore = "needs prometheus"]
async fn a_server_that_hangs_and_goes_on_is_asked_again() {
    let mut stage = Stage::set().await;
    stage.drive(Duration::from_secs(3)).await;
    stage.server.signal(rustix::process::Signal::STOP);
    assert_eq!(stage.drive(Duration::from_secs(3)).await, None, "{}", stage.why());
    stage.server.signal(rustix::process::Signal::CONT);
    stage.drive(LONG).await;
    let outcome = stage.outcome();
    assert!(matches!(outcome, Some(StepResult::Succeeded | StepResult::Inconclusive)), "\n{}", stage.why());
}

#[tokio::test]
#[ignore = "needs prometheus"]
async fn a_console_that_slept_through_several_slots_reads_them_from_history() {
    let mut good = Stage::set().await;
    good.drive(Duration::from_secs(2)).await;
    tokio::time::sleep(Duration::from_secs(5)).await; // nobody hears the clock
    good.drive(LONG).await;
    good.is(StepResult::Succeeded);
    assert_eq!(good.began(), 1, "history filled it: {}", good.why());

    let mut bad = Stage::set().await;
    bad.drive(Duration::from_secs(2)).await;
    bad.fate(BAD);
    tokio::time::sleep(Duration::from_secs(3)).await;
    bad.fate(HEALTHY);
    tokio::time::sleep(Duration::from_secs(3)).await;
    bad.drive(LONG).await;
    bad.is(StepResult::Failed);
}
