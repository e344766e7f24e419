//! A proxy in front of the test cluster's API server (TLS ended here) or its Prometheus,
//! which does on demand what bad networks and servers do: cut, hold, delay, lose the
//! answer, refuse, trickle, show an expired certificate. A test or a person switches it
//! at the control address (`control.rs`). One connection carries one request, so that
//! a fault can be meant for some requests and not for others.

mod control;
mod fault;
mod head;
mod relay;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tokio::net::{TcpListener, TcpStream};

use fault::{Board, Kind};
use tls::{Stream, Tls};

/// Passes requests on, or spoils them as the control address says.
#[derive(Parser)]
struct Options {
    #[arg(long)]
    listen: SocketAddr,
    /// The server behind.
    #[arg(long)]
    to: SocketAddr,
    /// `GET`, `PUT`, `DELETE` a fault here.
    #[arg(long)]
    control: SocketAddr,
    /// With these five the proxy speaks TLS on both sides, else plain HTTP.
    #[arg(long, requires_all = ["cert", "key", "expired_cert", "expired_key"])]
    ca: Option<PathBuf>,
    #[arg(long)]
    cert: Option<PathBuf>,
    #[arg(long)]
    key: Option<PathBuf>,
    #[arg(long)]
    expired_cert: Option<PathBuf>,
    #[arg(long)]
    expired_key: Option<PathBuf>,
}

impl Options {
    fn tls(&self) -> anyhow::Result<Option<Tls>> {
        match (&self.ca, &self.cert, &self.key, &self.expired_cert, &self.expired_key) {
            (Some(ca), Some(cert), Some(key), Some(expired_cert), Some(expired_key)) => {
                Tls::read(ca, (cert, key), (expired_cert, expired_key)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

struct Proxy {
    to: SocketAddr,
    tls: Option<Tls>,
    board: Board,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    // fails only if one is installed already, which is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    let board = Board::default();
    let proxy = Arc::new(Proxy { to: options.to, tls: options.tls()?, board: board.clone() });
    let listener = TcpListener::bind(options.listen).await?;
    let control = TcpListener::bind(options.control).await?;
    tokio::spawn(control::serve(control, board));
    loop {
        let (stream, _) = listener.accept().await?;
        let proxy = Arc::clone(&proxy);
        // a broken connection is what this program is for
        tokio::spawn(async move { proxy.connection(stream).await.ok() });
    }
}

impl Proxy {
    async fn connection(&self, stream: TcpStream) -> std::io::Result<()> {
        match self.board.for_connections() {
            Some(Kind::Cut) => return Ok(()),
            Some(Kind::BlackHole) => {
                self.board.until_changed().await;
                return Ok(());
            }
            _ => {}
        }
        let client = self.greet(stream).await?;
        relay::request(client, self).await
    }

    /// The client's side, after the handshake if there is one.
    async fn greet(&self, stream: TcpStream) -> std::io::Result<Stream> {
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let expired = self.board.for_connections() == Some(Kind::ExpiredCertificate);
        tls.accept(stream, expired).await
    }

    /// The server's side.
    async fn reach(&self) -> std::io::Result<Stream> {
        let stream = TcpStream::connect(self.to).await?;
        match &self.tls {
            Some(tls) => tls.connect(stream).await,
            None => Ok(Box::new(stream)),
        }
    }
}
