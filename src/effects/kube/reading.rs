//! Pods as a measurement: restarts since a moment and how many are ready, read now. Judges nothing; the gates do.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::{
    connect::Cluster,
    watch::{Failure, Pods, Source, list_rows},
};
use crate::observe::pods::{PodCount, RestartTally};

/// Remembers what it saw, so that restarts are counted and not only the last one noticed. One for a run.
#[derive(Default)]
pub struct PodReader {
    tallies: HashMap<(String, Timestamp), RestartTally>,
}

impl PodReader {
    /// One list of the pods that fit `selector`; `since` in our clock, `skew` as the heartbeat has it (seconds).
    ///
    /// # Errors
    /// The API did not answer within `limit`, or refused.
    pub async fn read(
        &mut self,
        cluster: &Cluster,
        namespace: &str,
        selector: &str,
        since: Timestamp,
        skew: i64,
        limit: Duration,
    ) -> Result<PodCount, Failure> {
        let kind = Pods { namespace: namespace.to_owned(), selector: Some(selector.to_owned()), field: None };
        let source = Source {
            client: cluster.client.clone(),
            server: cluster.server.clone(),
            what: format!("list pods in ns {namespace}"),
        };
        let rows = match tokio::time::timeout(limit, list_rows(&kind, &source)).await {
            Ok(rows) => rows?,
            Err(_) => return Err(Failure::away(&cluster.server, &format!("no answer in {} s", limit.as_secs()))),
        };
        let theirs = since.checked_add(jiff::SignedDuration::from_secs(skew)).unwrap_or(since);
        let tally = self.tallies.entry((selector.to_owned(), since)).or_insert_with(|| RestartTally::new(theirs));
        Ok(tally.look(&rows))
    }
}

/// One look with nothing remembered.
///
/// # Errors
/// As [`PodReader::read`].
pub async fn pods_reading(cluster: &Cluster, selector: &str, since: Timestamp) -> Result<PodCount, Failure> {
    let limit = Duration::from_secs(10);
    PodReader::default().read(cluster, &cluster.namespace, selector, since, 0, limit).await
}
