//! How a server is reached: by URL over our own HTTP client, or as a service through the API server's proxy; where
//! that proxy is refused, through a port-forward of our own.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Limited};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};

use super::answer::Bad;
use crate::{
    effects::kube::{
        connect::Cluster,
        forward::{self, Forward},
    },
    runbook::{model, value::Tpl},
};

/// More than this is no answer to a question a console asks.
const LARGEST: usize = 16 << 20;

/// What came back, whole.
pub(super) struct Raw {
    pub status: u16,
    pub body: Vec<u8>,
    pub date: Option<Timestamp>,
}

pub struct Endpoint {
    name: String,
    way: Way,
}

enum Way {
    Http(Box<prometheus_http_query::Client>),
    Proxy(Box<Proxied>),
}

struct Proxied {
    cluster: Cluster,
    /// `/api/v1/namespaces/NS/services/NAME:PORT/proxy/`
    path: String,
    headers: HeaderMap,
    /// What to forward to, and the way there once the proxy was refused.
    service: model::PortForward,
    forward: tokio::sync::OnceCell<Forwarded>,
}

/// A port of this machine that leads to the service, open as long as this lives.
struct Forwarded {
    client: prometheus_http_query::Client,
    _open: Forward,
}

impl Endpoint {
    /// A URL, with a path prefix or none.
    ///
    /// # Errors
    /// No URL, a header that is none, a CA file that cannot be read.
    pub fn http(
        url: &str,
        spec: &model::Prometheus,
        reveal: impl Fn(&str) -> anyhow::Result<String>,
        workdir: &Path,
    ) -> anyhow::Result<Self> {
        let mut client = builder(headers(spec, &reveal)?);
        if let Some(file) = &spec.ca_file {
            let path = workdir.join(file);
            let pem = std::fs::read(&path).with_context(|| format!("prometheus.caFile {}", path.display()))?;
            let certs = reqwest::Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|certs| !certs.is_empty()) // a file without any is no error to the parser
                .with_context(|| format!("prometheus.caFile {} holds no certificate", path.display()))?;
            client = client.tls_certs_merge(certs);
        }
        let client = client.build().context("the HTTP client for prometheus")?;
        let plain = reqwest::Url::parse(url).with_context(|| format!("prometheus.url «{url}»"))?;
        if !plain.username().is_empty() || plain.password().is_some() {
            bail!("prometheus.url holds a user; put it under prometheus.basic, with the password as a secret");
        }
        // the crate would double a slash at the end
        let way = prometheus_http_query::Client::from(client, url.trim_end_matches('/'))
            .map_err(|error| anyhow::anyhow!("{error:#}"))?;
        Ok(Self { name: url.trim_end_matches('/').to_owned(), way: Way::Http(Box::new(way)) })
    }

    /// `namespace/name:port`, through the API server: no port is opened on this machine, and RBAC holds. Where that
    /// way is forbidden (`services/proxy` often is) a port on loopback is forwarded.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn service(
        cluster: &Cluster,
        service: &str,
        spec: &model::Prometheus,
        reveal: impl Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<Self> {
        let parts = service.split_once('/').and_then(|(ns, rest)| Some((ns, rest.split_once(':')?)));
        let Some((namespace, (name, port))) = parts else {
            bail!("prometheus.service «{service}» is not namespace/name:port");
        };
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if ![namespace, name, port].into_iter().all(plain) {
            bail!("prometheus.service «{service}» is not namespace/name:port");
        }
        let path = format!("/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy/");
        let mut headers = headers(spec, &reveal)?;
        // The API server's own credentials travel in this header and end there.
        if headers.remove(http::header::AUTHORIZATION).is_some() {
            bail!("prometheus.bearer and basic cannot pass through the API server; use prometheus.url");
        }
        let forward = model::PortForward {
            service: Some(format!("{namespace}/{name}")),
            pod: None,
            deployment: None,
            port: port.parse().ok().map(Tpl::Value),
            local_port: Some(Tpl::Value(0)), // a free one
            until: None,
        };
        let none = tokio::sync::OnceCell::new();
        let proxied = Proxied { cluster: cluster.clone(), path, headers, service: forward, forward: none };
        Ok(Self { name: service.to_owned(), way: Way::Proxy(Box::new(proxied)) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A form by POST; an empty one by GET.
    pub(super) async fn send(&self, path: &'static str, form: &[(&'static str, String)]) -> Result<Raw, Bad> {
        match &self.way {
            Way::Http(client) => self.over_http(client, path, form).await,
            Way::Proxy(way) => self.by_service(way, path, form).await,
        }
    }

    /// Through the API server, until that is refused once.
    async fn by_service(&self, way: &Proxied, path: &'static str, form: &[(&'static str, String)]) -> Result<Raw, Bad> {
        if let Some(open) = way.forward.get() {
            return self.over_http(&open.client, path, form).await;
        }
        let raw = self.proxied(way, path, form).await?;
        if raw.status != 403 {
            return Ok(raw);
        }
        match way.forward.get_or_try_init(|| forwarded(way)).await {
            Ok(open) => self.over_http(&open.client, path, form).await,
            Err(error) => {
                tracing::warn!(%error, service = %self.name, "no port-forward either");
                Ok(raw)
            }
        }
    }

    async fn proxied(&self, way: &Proxied, path: &'static str, form: &[(&'static str, String)]) -> Result<Raw, Bad> {
        let url = format!("{}{path}", way.path);
        let mut request = if form.is_empty() {
            http::Request::get(url).body(kube::client::Body::empty())
        } else {
            http::Request::post(url)
                .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(kube::client::Body::from(encode(form).into_bytes()))
        }
        .map_err(|error| Bad::Error(format!("{}: {error}", self.name)))?;
        request.headers_mut().extend(way.headers.clone());
        let response = way.cluster.client.send(request).await.map_err(|error| self.away(&error))?;
        let (status, date) = (response.status().as_u16(), date(response.headers()));
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| self.away(error.as_ref()))?.to_bytes().to_vec();
        Ok(Raw { status, body, date })
    }

    async fn over_http(
        &self,
        client: &prometheus_http_query::Client,
        path: &'static str,
        form: &[(&'static str, String)],
    ) -> Result<Raw, Bad> {
        // The crate builds the request and is handed nothing to decode: it drops warnings.
        let mut given = form.iter().cloned();
        let sent = match (path, given.next()) {
            ("api/v1/query", Some((_, query))) => {
                let mut builder = client.query(query);
                for (name, value) in given {
                    builder = builder.query(name, value);
                }
                builder.post_raw().await.map_err(|error| self.away(&error))?
            }
            _ => {
                let base = client.base_url().as_str().trim_end_matches('/');
                let request = client.inner();
                let request = if form.is_empty() {
                    request.get(format!("{base}/{path}"))
                } else {
                    request
                        .post(format!("{base}/{path}"))
                        .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                        .body(encode(form))
                };
                request.send().await.map_err(|error| self.away(&error.without_url()))?
            }
        };
        self.whole(sent).await
    }

    async fn whole(&self, mut response: reqwest::Response) -> Result<Raw, Bad> {
        let (status, date) = (response.status().as_u16(), date(response.headers()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.away(&error.without_url()))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(Bad::Error(format!("{}: an answer of more than {} MiB", self.name, LARGEST >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Raw { status, body, date })
    }

    /// The innermost cause says it: `Connection refused`.
    fn away(&self, error: &(dyn std::error::Error + 'static)) -> Bad {
        let mut cause = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        Bad::Away(format!("{}: {}", self.name, crate::visible::line(&cause.to_string())))
    }
}

fn encode(form: &[(&'static str, String)]) -> String {
    let mut url = reqwest::Url::parse("http://form/").ok();
    if let Some(url) = &mut url {
        url.query_pairs_mut().extend_pairs(form);
    }
    url.and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    // HTTP says GMT where RFC 2822 prefers an offset; both are read.
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn headers(spec: &model::Prometheus, reveal: impl Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let secret = |what: &str, text: &str| -> anyhow::Result<HeaderValue> {
        let mut value =
            HeaderValue::from_str(text).with_context(|| format!("prometheus.{what} cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    };
    for (name, value) in &spec.headers {
        let key = HeaderName::try_from(name.as_str()).with_context(|| format!("prometheus.headers: «{name}»"))?;
        headers.insert(key, secret("headers", &reveal(value)?)?);
    }
    if let Some(bearer) = &spec.bearer {
        headers.insert(http::header::AUTHORIZATION, secret("bearer", &format!("Bearer {}", reveal(bearer)?))?);
    }
    if let Some(basic) = &spec.basic {
        use base64::Engine as _;
        let pair = format!("{}:{}", reveal(&basic.username)?, reveal(&basic.password)?);
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        headers.insert(http::header::AUTHORIZATION, secret("basic", &format!("Basic {pair}"))?);
    }
    Ok(headers)
}

fn builder(headers: HeaderMap) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .default_headers(headers)
        .connect_timeout(Duration::from_secs(5))
        .redirect(redirect::Policy::none())
}

async fn forwarded(way: &Proxied) -> anyhow::Result<Forwarded> {
    let open = forward::open(&way.cluster, &way.service).await?;
    let client = builder(way.headers.clone()).no_proxy().build().context("the HTTP client for prometheus")?;
    let client = prometheus_http_query::Client::from(client, &format!("http://{}", open.local))
        .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    Ok(Forwarded { client, _open: open })
}
