//! A client for one context and one namespace, chosen once and then pinned.
//!
//! Nothing here asks the API anything: the console opens before the cluster answers. Which cluster it
//! really is (its identity) is asked elsewhere.

mod auth;
mod changed;
mod kubeconfig;
mod plugin;
mod proxy;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
};
use sha2::{Digest as _, Sha256};

pub use changed::next_change;
pub use kubeconfig::NoSuchContext;
pub use plugin::{LIMIT as PLUGIN_LIMIT, PluginError};

use crate::effects::helm::StandIn;

/// What a flag, a runbook or nobody said; `None` is what kubectl would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// One file, as `--kubeconfig`; otherwise `KUBECONFIG`'s list, otherwise `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    pub context: Option<String>,
    pub namespace: Option<String>,
    /// The service account of the pod we run in, no kubeconfig.
    pub in_cluster: bool,
}

/// One context of one kubeconfig, pinned: `kubectl config use-context` in another window moves nothing here.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    /// `in-cluster` when there is no kubeconfig.
    pub context: String,
    pub namespace: String,
    /// The API server's URL.
    pub server: String,
    /// SHA-256 of the certificate authority, 64 hex digits; `system` when the machine's own store is used.
    pub ca_hash: String,
    /// `insecure-skip-tls-verify`: refused on a protected target.
    pub insecure: bool,
    /// Only the pinned context, its cluster and its user: what a child process may be given.
    pub kubeconfig: Option<Arc<Kubeconfig>>,
    /// Answers for Helm where the operator's own could reach nothing: the demo's simulation.
    pub helm: Option<&'static StandIn>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("context", &self.context)
            .field("namespace", &self.namespace)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Loads, pins, and builds the client. Runs a credential plugin once (20 s at most, its own stderr kept off the screen).
///
/// # Errors
/// No such file or context, a plugin that failed ([`PluginError`] is in the chain), credentials that cannot be read.
pub async fn connect(options: ConnectOptions) -> anyhow::Result<Cluster> {
    if options.in_cluster {
        return in_cluster(options);
    }
    let pinned = kubeconfig::pin(&options)?;
    let chosen = KubeConfigOptions { context: Some(pinned.context.clone()), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(pinned.kubeconfig.clone(), &chosen)
        .await
        .map_err(|error| anyhow::anyhow!("context {:?}: {}", pinned.context, kubeconfig::first_line(&error)))?;
    config.proxy_url = proxy::choose(&config, pinned.proxy_url.as_deref())?;
    let source = match config.auth_info.exec.take() {
        Some(exec) => Some(plugin::Plugin::start(exec, &mut config).await?),
        None => None,
    };
    settle(&mut config);
    let (server, ca_hash, insecure) = seen(&config);
    let namespace = options.namespace.unwrap_or_else(|| config.default_namespace.clone());
    config.default_namespace.clone_from(&namespace);
    let client = build(config, source).await?;
    let kubeconfig = Some(Arc::new(pinned.kubeconfig));
    Ok(Cluster { client, context: pinned.context, namespace, server, ca_hash, insecure, kubeconfig, helm: None })
}

fn in_cluster(options: ConnectOptions) -> anyhow::Result<Cluster> {
    let mut config =
        Config::incluster().context("no service account here; leave out --in-cluster to use a kubeconfig")?;
    settle(&mut config);
    let (server, ca_hash, insecure) = seen(&config);
    let namespace = options.namespace.unwrap_or_else(|| config.default_namespace.clone());
    config.default_namespace.clone_from(&namespace);
    let client = Client::try_from(config).context("cannot build a client for the service account")?;
    Ok(Cluster {
        client,
        context: "in-cluster".to_owned(),
        namespace,
        server,
        ca_hash,
        insecure,
        kubeconfig: None,
        helm: None,
    })
}

/// A write is sent once: the crate's own retry would resend POST and PATCH on 429, 503 and 504.
fn settle(config: &mut Config) {
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
}

/// Reading certificates and keys blocks, so not on the runtime's own threads.
async fn build(config: Config, plugin: Option<plugin::Plugin>) -> anyhow::Result<Client> {
    tokio::task::spawn_blocking(move || {
        let builder = ClientBuilder::try_from(config)
            .context("cannot build a client: check the user's certificate, key or token file")?;
        Ok(match plugin {
            Some(plugin) => builder.with_layer(&auth::TokenLayer::new(plugin)).build(),
            None => builder.build(),
        })
    })
    .await?
}

fn seen(config: &Config) -> (String, String, bool) {
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let ca_hash = match &config.root_cert {
        Some(certificates) => {
            let mut hash = Sha256::new();
            for der in certificates {
                hash.update(der);
            }
            hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
        }
        None => "system".to_owned(),
    };
    (crate::visible::line(&server).into_owned(), ca_hash, config.accept_invalid_certs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: one
clusters:
- {name: c1, cluster: {server: 'http://127.0.0.1:1'}}
- {name: c2, cluster: {server: 'http://127.0.0.1:2', insecure-skip-tls-verify: true}}
users:
- {name: u1, user: {token: first}}
- {name: u2, user: {token: second}}
contexts:
- {name: one, context: {cluster: c1, user: u1, namespace: shop}}
- {name: two, context: {cluster: c2, user: u2}}
";

    fn options(file: &tempfile::NamedTempFile) -> ConnectOptions {
        ConnectOptions { kubeconfig: Some(file.path().to_owned()), ..ConnectOptions::default() }
    }

    #[tokio::test]
    async fn the_current_context_and_its_namespace_are_taken_and_nothing_else_is_kept() {
        let config = file(TWO);
        let cluster = connect(options(&config)).await.unwrap();
        assert_eq!((cluster.context.as_str(), cluster.namespace.as_str()), ("one", "shop"));
        assert_eq!(cluster.server, "http://127.0.0.1:1");
        assert_eq!((cluster.ca_hash.as_str(), cluster.insecure), ("system", false));
        let kept = cluster.kubeconfig.unwrap();
        assert_eq!((kept.contexts.len(), kept.clusters.len(), kept.auth_infos.len()), (1, 1, 1));
        assert_eq!(kept.current_context.as_deref(), Some("one"));
        assert_eq!(kept.contexts[0].context.as_ref().unwrap().namespace.as_deref(), Some("shop"));
    }

    #[tokio::test]
    async fn a_named_context_and_namespace_win_and_the_kept_file_says_so() {
        let config = file(TWO);
        let asked =
            ConnectOptions { context: Some("two".into()), namespace: Some("shop-b".into()), ..options(&config) };
        let cluster = connect(asked).await.unwrap();
        assert_eq!((cluster.context.as_str(), cluster.namespace.as_str(), cluster.insecure), ("two", "shop-b", true));
        let kept = cluster.kubeconfig.unwrap();
        assert_eq!(kept.contexts[0].context.as_ref().unwrap().namespace.as_deref(), Some("shop-b"));
    }

    #[tokio::test]
    async fn an_unknown_context_is_named_with_those_that_exist() {
        let config = file(TWO);
        let error = connect(ConnectOptions { context: Some("prod".into()), ..options(&config) }).await.unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains("\"prod\"") && said.contains("one, two"), "{said}");
    }

    #[tokio::test]
    async fn a_broken_file_is_named_and_its_lines_are_not_printed() {
        let config = file("users:\n- {name: u, user: {token: hunter2secret, }\n");
        let said = format!("{:#}", connect(options(&config)).await.unwrap_err());
        assert!(said.contains("kubeconfig") && !said.contains("hunter2secret"), "{said}");
    }

    fn with_plugin(script: &str) -> tempfile::NamedTempFile {
        let quoted = serde_json::to_string(script).unwrap();
        file(&format!(
            "current-context: p\nclusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:1'}}}}]\n\
             contexts: [{{name: p, context: {{cluster: c, user: u}}}}]\n\
             users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, \
             args: ['-c', {quoted}], env: [{{name: PLUGIN_SECRET, value: hunter2secret}}], interactiveMode: IfAvailable}}}}}}]\n"
        ))
    }

    #[tokio::test]
    async fn a_failing_plugin_gives_its_last_line_and_never_its_environment() {
        let config = with_plugin("echo first >&2; printf 'session \\033[2Jexpired\\n\\n' >&2; exit 3");
        let error = connect(options(&config)).await.unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains("session \\u{1b}[2Jexpired") && said.contains("log in in another terminal"), "{said}");
        assert!(!said.contains("hunter2secret") && !said.contains("first"), "{said}");
        assert!(error.downcast_ref::<PluginError>().is_some());
    }

    #[tokio::test]
    async fn a_plugin_may_not_touch_the_terminal_and_is_told_so() {
        let config = with_plugin(
            "test ! -t 0 || exit 9; case $KUBERNETES_EXEC_INFO in *'\"interactive\":false'*) ;; *) exit 8;; esac; \
             echo noise >&2; echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t0k3n\"}}'",
        );
        connect(options(&config)).await.unwrap();
    }
}
