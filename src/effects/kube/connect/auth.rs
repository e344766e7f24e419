//! Puts the plugin's token on each request and fetches a new one after a 401. The request itself is not sent again.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use kube::client::Body;
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use tower::{BoxError, Layer, Service, ServiceExt as _};

use super::plugin::Plugin;

pub(super) struct TokenLayer {
    plugin: Plugin,
}

impl TokenLayer {
    pub fn new(plugin: Plugin) -> Self {
        Self { plugin }
    }
}

impl<S> Layer<S> for TokenLayer {
    type Service = Tokened<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Tokened { plugin: self.plugin.clone(), inner: Arc::new(Mutex::new(inner)) }
    }
}

/// The inner service is locked only while a request is handed over, not while it is answered.
pub(super) struct Tokened<S> {
    plugin: Plugin,
    inner: Arc<Mutex<S>>,
}

type Answer<B> = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

impl<S, B> Service<Request<Body>> for Tokened<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Answer<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (plugin, inner) = (self.plugin.clone(), self.inner.clone());
        Box::pin(async move {
            let token = plugin.token().await?;
            if let Some(token) = &token {
                let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))?;
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            let answer = {
                let mut inner = inner.lock().await;
                inner.ready().await?.call(request)
            };
            let response = answer.await?;
            if response.status() == StatusCode::UNAUTHORIZED {
                // the caller sees the 401; its next try goes out with the new token
                plugin.renew(token.as_ref()).await?;
            }
            Ok(response)
        })
    }
}
