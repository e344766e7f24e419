//! TLS on both sides: a server with a good and an expired certificate, a client that
//! trusts the cluster's CA. HTTP/1.1 only, since the proxy reads what passes.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
pub type Stream = Box<dyn Duplex>;

pub struct Tls {
    good: TlsAcceptor,
    expired: TlsAcceptor,
    client: TlsConnector,
}

impl Tls {
    pub fn read(ca: &Path, good: (&Path, &Path), expired: (&Path, &Path)) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).with_context(|| ca.display().to_string())?)?;
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Tls { good: acceptor(good)?, expired: acceptor(expired)?, client: TlsConnector::from(Arc::new(client)) })
    }

    pub async fn accept(&self, stream: TcpStream, expired: bool) -> std::io::Result<Stream> {
        let acceptor = if expired { &self.expired } else { &self.good };
        Ok(Box::new(acceptor.accept(stream).await?))
    }

    pub async fn connect(&self, stream: TcpStream) -> std::io::Result<Stream> {
        let name = ServerName::from(std::net::IpAddr::from([127, 0, 0, 1]));
        Ok(Box::new(self.client.connect(name, stream).await?))
    }
}

fn acceptor((cert, key): (&Path, &Path)) -> anyhow::Result<TlsAcceptor> {
    let chain = vec![CertificateDer::from_pem_file(cert).with_context(|| cert.display().to_string())?];
    let key = PrivateKeyDer::from_pem_file(key).with_context(|| key.display().to_string())?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
