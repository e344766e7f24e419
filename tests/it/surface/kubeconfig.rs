//! What scripts see of clusters: the run's own, or none, and never what happens to be the current context.

use super::super::{desk::Desk, said::words};

const CURRENT: &str = "
apiVersion: v1
kind: Config
current-context: production
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: u, user: {token: production-token}}]
contexts: [{name: production, context: {cluster: c, user: u}}]
";

#[test]
fn a_context_that_is_not_made_yet_leads_nowhere_and_not_to_the_current_one() {
    let desk = Desk::new();
    let own = desk.path("own");
    std::fs::write(&own, CURRENT).unwrap();
    // The first step sees nothing; the second makes the context where it was told the operator's own file is; the
    // third sees that context and no other.
    let book = desk.book(
        "target: {context: made-here, namespace: x}
baseline: {none: it is made here}
steps:
- {id: before, confirm: none, run: 'grep -q made-here \"$KUBECONFIG\"; ! grep -q production \"$KUBECONFIG\"'}
- {id: make, confirm: none, run: 'sed -i \"s/production/made-here/g\" \"$RIPCORD_KUBECONFIG\"'}
- {id: after, confirm: none, run: 'grep -q 127.0.0.1:1 \"$KUBECONFIG\"; grep -q made-here-token \"$KUBECONFIG\"'}
",
    );
    let mut command = desk.command(&["run", &book, "--headless"]);
    let output = command.env("KUBECONFIG", &own).output().unwrap();
    let said = words(&output);
    assert!(output.status.success(), "{said}");
}
