//! Traffic for a test cluster whose containers never run: watches the real pods and
//! Services, and counts requests, errors and latencies as a service made of these pods
//! would, for a real Prometheus to scrape. Also answers the service's HTTP calls and
//! writes the pods' logs. It decides nothing about a pod's fate: kwok does.
//!
//! A Service takes part when it carries the annotation `ripcord.dev/rps`; how a version
//! behaves follows from its image tag (`behaviour.rs`) and can be changed while it runs.

mod behaviour;
mod flow;
mod http;
mod logs;
mod page;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Parser;

/// Counts requests as a service made of the cluster's pods would.
#[derive(Parser)]
struct Options {
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Where `/metrics`, `/control` and the service itself are served.
    #[arg(long)]
    listen: SocketAddr,
    /// Where the pods' logs are written, in the container runtime's format.
    #[arg(long)]
    logs: PathBuf,
}

/// Everything the program knows, behind one lock that is never held across an await.
#[derive(Default)]
pub struct State {
    pub world: world::World,
    pub flow: flow::Flow,
    pub switches: behaviour::Switches,
}

pub type Shared = Arc<Mutex<State>>;

/// The state also after a panic elsewhere: it is only counters.
pub fn locked(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

const TICK: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    // fails only if one is installed already, which is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::read_from(&options.kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
    let client = kube::Client::try_from(config)?;
    let shared = Shared::default();
    let watched = world::Watched::start(&client);
    let listener = tokio::net::TcpListener::bind(options.listen).await?;
    tokio::spawn(http::serve(listener, shared.clone(), client.clone()));
    tokio::spawn(logs::keep(shared.clone(), client, options.logs));
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let world = watched.read();
        let mut state = locked(&shared);
        let State { world: known, flow, switches } = &mut *state;
        *known = world;
        flow.advance(known, switches, TICK.as_secs_f64());
    }
}
