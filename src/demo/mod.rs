//! The embedded cluster and metrics behind `ripcord demo`: a small world in the process, asked over the very API
//! that a real cluster has. Nothing listens, nothing is installed, nothing outside is touched.
//!
//! What is simulated and what is not: the objects, their controllers and kubelets, what Helm would do to them, the
//! requests, Prometheus' samples and a part of PromQL are; ripcord's own side (client, watches, acts, gates, trail) is the same code as ever.

mod api;
mod helm;
mod prometheus;
mod scenario;
mod world;

use jiff::Timestamp;

pub use scenario::Scenario;

use self::{
    api::Embedded,
    world::{Setting, World},
};
use crate::effects::kube::connect::Cluster;
pub use world::NAMESPACE;

/// The context's name, and with it the word to type.
pub const CONTEXT: &str = "demo";
/// In place of an API server's URL: there is none.
pub const SERVER: &str = "embedded://demo";
/// The runbook that is played.
pub const BOOK: &str = include_str!("../../runbooks/demo.yaml");

/// How a demo begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// The runbook brings the trouble itself.
    Quiet,
    /// The runbook brings an image of its own to this namespace; whatever its tag, the scenario is what becomes of it.
    ToDeploy { namespace: String },
    /// A canary with this tag is there already, in this namespace: for runbooks that look for trouble.
    InTrouble { namespace: String, tag: String },
}

/// Starts a world that lives by this clock until the cluster and all that was made of it are dropped. Needs a runtime.
pub fn cluster(scenario: Scenario, beginning: Beginning, seed: u64, clock: fn() -> Timestamp) -> Cluster {
    let quiet = Setting { outage: scenario.outage(), ..Setting::quiet() };
    let setting = match beginning {
        Beginning::Quiet => quiet,
        Beginning::ToDeploy { namespace } => Setting { namespace, fate: scenario.fate(), ..quiet },
        Beginning::InTrouble { namespace, tag } => Setting { namespace, canary: Some(tag), ..quiet },
    };
    let namespace = setting.namespace.clone();
    let embedded = Embedded::new(World::new(seed, clock(), setting), clock);
    embedded.live();
    Cluster {
        client: embedded.client(&namespace),
        context: CONTEXT.to_owned(),
        namespace,
        server: SERVER.to_owned(),
        ca_hash: "embedded".to_owned(),
        insecure: false,
        kubeconfig: None,
        helm: Some(&helm::STAND_IN),
    }
}
