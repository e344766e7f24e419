//! The head of an HTTP/1.1 request: enough of it to know what is asked for, and to ask
//! that the connection ends with the answer.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Longer heads than this are refused.
const LIMIT: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub struct Head {
    pub method: String,
    pub path: String,
    /// The connection becomes something else (exec, port-forward): it is passed through.
    pub upgrade: bool,
    /// What goes to the server: the head as changed, and what was read after it.
    pub bytes: Vec<u8>,
}

/// `None` if the client went away without asking anything.
pub async fn read(client: &mut (impl AsyncRead + Unpin)) -> Result<Option<Head>> {
    let mut read = Vec::with_capacity(4096);
    loop {
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            return parse(&read, end).map(Some);
        }
        if read.len() > LIMIT {
            return Err(Error::new(ErrorKind::InvalidData, "the request's head is too long"));
        }
        if client.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(read: &[u8], end: usize) -> Result<Head> {
    let bad = || Error::new(ErrorKind::InvalidData, "not an HTTP request");
    let text = std::str::from_utf8(&read[..end]).map_err(|_| bad())?;
    let mut lines = text.split("\r\n");
    let first = lines.next().ok_or_else(bad)?;
    let mut words = first.split(' ');
    let method = words.next().ok_or_else(bad)?.to_owned();
    let path = words.next().ok_or_else(bad)?.to_owned();
    let headers: Vec<&str> = lines.collect();
    let upgrade = headers.iter().any(|h| named(h, "upgrade"));
    let mut bytes = format!("{first}\r\n").into_bytes();
    for header in headers.iter().filter(|h| upgrade || !named(h, "connection")) {
        bytes.extend_from_slice(format!("{header}\r\n").as_bytes());
    }
    bytes.extend_from_slice(if upgrade { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    bytes.extend_from_slice(&read[end + 4..]);
    Ok(Head { method, path, upgrade, bytes })
}

fn named(header: &str, name: &str) -> bool {
    header.split(':').next().is_some_and(|n| n.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_connection_is_made_to_end_and_the_body_is_kept() {
        let text = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nbody";
        let head = read(&mut &text[..]).await.unwrap().unwrap();
        assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/a?b=c"));
        let sent = String::from_utf8(head.bytes).unwrap();
        assert!(sent.ends_with("Host: x\r\nConnection: close\r\n\r\nbody"), "{sent}");
    }

    #[tokio::test]
    async fn an_upgrade_is_left_as_it_is() {
        let text = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        let head = read(&mut &text[..]).await.unwrap().unwrap();
        assert!(head.upgrade);
        assert_eq!(head.bytes, text);
    }
}
