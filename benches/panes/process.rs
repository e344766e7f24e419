//! What a process takes, as the kernel counts it.

use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

/// Clock ticks a second, on every Linux that there is.
const TICKS: f64 = 100.0;

/// Processor time from a moment on.
pub struct Watched {
    pid: u32,
    before: f64,
    began: Instant,
}

impl Watched {
    pub fn begin(pid: u32) -> Self {
        Self { pid, before: used(pid), began: Instant::now() }
    }

    /// Of one core.
    pub fn percent(&self) -> f64 {
        (used(self.pid) - self.before) / self.began.elapsed().as_secs_f64() * 100.0
    }
}

fn used(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / TICKS).sum()
}

pub fn resident(pid: u32) -> f64 {
    mebibytes(pid, "VmRSS:").unwrap()
}

pub fn peak(pid: u32) -> f64 {
    mebibytes(pid, "VmHWM:").unwrap()
}

fn mebibytes(pid: u32, what: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(what))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// How long `kubectl get pods` takes, and the most memory it had.
pub async fn kubectl(namespace: &str, kubeconfig: &Path) -> (Duration, f64) {
    let began = Instant::now();
    let mut command = tokio::process::Command::new("kubectl");
    command.args(["get", "pods", "-n", namespace]).env("KUBECONFIG", kubeconfig).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    let mut most = 0.0f64;
    loop {
        tokio::select! {
            ended = child.wait() => {
                assert!(ended.unwrap().success());
                return (began.elapsed(), most);
            }
            () = tokio::time::sleep(Duration::from_millis(10)) => {
                most = most.max(mebibytes(pid, "VmHWM:").unwrap_or(0.0));
            }
        }
    }
}
