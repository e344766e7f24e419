//! Where there is no Helm that could reach the cluster, something else answers for it and says so. Only the seam: what
//! answers is the demo's.

use futures::future::BoxFuture;

use super::job::{finish, ready};
use crate::{
    effects::kube::act::{ActContext, ActOutcome},
    runbook::model::{Helm, HelmDiff},
};

/// What answers for Helm.
pub struct StandIn {
    /// What the screen says beside all that it does.
    pub label: &'static str,
    /// The chart as it would be rendered.
    pub render: for<'a> fn(&'a ActContext<'_>, &'a HelmDiff) -> BoxFuture<'a, Result<String, String>>,
    /// An upgrade or a rollback, to its end.
    pub change: for<'a> fn(&'a ActContext<'_>, &'a Helm) -> BoxFuture<'a, ActOutcome>,
}

/// An upgrade or a rollback by what answers for Helm; looked at before and after, as the operator's own is.
pub async fn change(cx: &ActContext<'_>, by: &StandIn, helm: &Helm) -> ActOutcome {
    (cx.out)(by.label);
    match ready(cx, helm).await {
        Ok(before) => {
            let mut outcome = (by.change)(cx, helm).await;
            if let Some(done) = outcome.done_mut() {
                finish(cx, helm, before, done).await;
            }
            outcome
        }
        Err(refused) => ActOutcome::Failed(refused),
    }
}
