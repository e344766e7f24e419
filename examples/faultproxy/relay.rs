//! One request and its answer, with the fault that is meant for it. A stream that is
//! under way (a watch, a log) feels a change of fault at once.

use std::io::Result;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::watch::Receiver;
use tokio::time::sleep;

use crate::Proxy;
use crate::fault::{Fault, Kind};
use crate::head::{self, Head};
use crate::tls::Stream;

pub async fn request(mut client: Stream, proxy: &Proxy) -> Result<()> {
    let Some(head) = head::read(&mut client).await? else { return Ok(()) };
    let fault = proxy.board.take(&head);
    match fault {
        Some(Kind::Cut) => return Ok(()),
        Some(Kind::BlackHole) => {
            proxy.board.until_changed().await;
            return Ok(());
        }
        Some(Kind::Status { code, retry_after }) => return refuse(client, code, retry_after).await,
        Some(Kind::Delay { milliseconds }) => sleep(Duration::from_millis(milliseconds)).await,
        _ => {}
    }
    let mut server = proxy.reach().await?;
    server.write_all(&head.bytes).await?;
    if fault == Some(Kind::DropAfterRequest) {
        return wait_and_drop(client, server).await;
    }
    let pace = match fault {
        Some(Kind::SlowBody { bytes_per_second }) => Some(bytes_per_second.max(1)),
        _ => None,
    };
    Relay { head, pace }.run(client, server, proxy).await
}

/// Both directions of one connection.
struct Relay {
    head: Head,
    /// Bytes a second of the answer.
    pace: Option<u32>,
}

impl Relay {
    async fn run(&self, client: Stream, server: Stream, proxy: &Proxy) -> Result<()> {
        let (client_read, client_write) = split(client);
        let (server_read, server_write) = split(server);
        let mut faults = proxy.board.watch();
        faults.mark_unchanged();
        let mut passing = std::pin::pin!(async {
            tokio::select! {
                // the client may have said all it will while the answer is still coming
                () = async { let _ = self.asked(client_read, server_write).await; std::future::pending().await } => Ok(()),
                done = self.answered(server_read, client_write) => done,
            }
        });
        let struck = tokio::select! {
            done = &mut passing => return done,
            struck = self.struck(&mut faults) => struck,
        };
        // `passing` still holds both ends, but nobody moves it on
        if struck == Some(Kind::BlackHole) {
            let _ = faults.changed().await;
        }
        Ok(())
    }

    async fn struck(&self, faults: &mut Receiver<Option<Fault>>) -> Option<Kind> {
        while faults.changed().await.is_ok() {
            let now = faults.borrow_and_update().clone();
            if self.is_struck_by(now.as_ref()) {
                return now.map(|f| f.kind);
            }
        }
        None
    }

    fn is_struck_by(&self, fault: Option<&Fault>) -> bool {
        fault.is_some_and(|f| {
            f.is_for(&self.head) && matches!(f.kind, Kind::Cut | Kind::BlackHole | Kind::ExpiredCertificate)
        })
    }

    async fn asked(&self, mut from: ReadHalf<Stream>, mut to: WriteHalf<Stream>) -> Result<()> {
        tokio::io::copy(&mut from, &mut to).await?;
        if self.head.upgrade {
            to.shutdown().await?;
        }
        // else: a server may take a closed direction for a client that has gone
        std::future::pending().await
    }

    async fn answered(&self, mut from: ReadHalf<Stream>, mut to: WriteHalf<Stream>) -> Result<()> {
        let mut piece = vec![0; self.pace.map_or(64 * 1024, |bytes| (bytes as usize / 10).max(1))];
        loop {
            let count = from.read(&mut piece).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            to.write_all(&piece[..count]).await?;
            to.flush().await?;
            if self.pace.is_some() {
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Waits until the server has answered, so that the act has surely happened.
async fn wait_and_drop(mut client: Stream, mut server: Stream) -> Result<()> {
    let (mut asked, mut answered) = ([0; 16 * 1024], [0; 1]);
    loop {
        tokio::select! {
            count = client.read(&mut asked) => match count? {
                0 => return Ok(()),
                count => server.write_all(&asked[..count]).await?,
            },
            _ = server.read(&mut answered) => return Ok(()),
        }
    }
}

/// An answer as the API server words it; Prometheus' clients read only the code.
async fn refuse(mut client: Stream, code: u16, retry_after: Option<u32>) -> Result<()> {
    let (words, reason) = match code {
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "Forbidden"),
        410 => ("Gone", "Expired"),
        429 => ("Too Many Requests", "TooManyRequests"),
        500 => ("Internal Server Error", "InternalError"),
        504 => ("Gateway Timeout", "Timeout"),
        _ => ("Fault", ""),
    };
    let details = json!({"retryAfterSeconds": retry_after.unwrap_or(0)});
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("fault proxy: {words}"), "reason": reason, "details": details, "code": code,
    })
    .to_string();
    let retry = retry_after.map(|s| format!("Retry-After: {s}\r\n")).unwrap_or_default();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {code} {words}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{retry}Connection: close\r\n\r\n{body}"
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
