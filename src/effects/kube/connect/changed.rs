//! The kubeconfig may change while we are pinned to one context of it: that is noticed and said. Nothing follows it.

use std::time::Duration;

use super::{Cluster, ConnectOptions, kubeconfig};

const EVERY: Duration = Duration::from_secs(3);

/// Waits for the next change of the current context, or of where the pinned one leads; answers what to say of it.
pub async fn next_change(cluster: &Cluster, options: &ConnectOptions) -> String {
    let options = ConnectOptions { context: Some(cluster.context.clone()), ..options.clone() };
    let mut before = seen(&options).await;
    loop {
        tokio::time::sleep(EVERY).await;
        let now = seen(&options).await;
        // a file that is just being written is looked at again
        if now.is_some() && before.is_some() && now != before {
            let (current, _) = now.unwrap_or_default();
            let current = crate::visible::line(&current).into_owned();
            return format!(
                "the kubeconfig changed (current context: {current}); this stays on {} at {}",
                cluster.context, cluster.server
            );
        }
        before = now.or(before);
    }
}

/// The current context, and the server of the pinned one.
async fn seen(options: &ConnectOptions) -> Option<(String, String)> {
    let options = options.clone();
    tokio::task::spawn_blocking(move || {
        let current = kubeconfig::current_context(&options).ok()?;
        let pinned = kubeconfig::pin(&options).ok()?;
        let server = pinned.kubeconfig.clusters.first()?.cluster.as_ref()?.server.clone();
        Some((current, server.unwrap_or_default()))
    })
    .await
    .ok()?
}
