//! An HTTP client that sends its target exactly as given, one connection a request.

use std::io;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request in the making.
pub(crate) struct Wire {
    address: SocketAddr,
    version: &'static str,
    line: String,
    headers: Vec<String>,
    body: String,
}

/// Response up to the end of the connection.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The status line and the headers, names in lower case.
    pub(crate) head: String,
    /// Everything after them, not decoded.
    pub(crate) body: Vec<u8>,
}

impl Wire {
    /// A request to `target`.
    pub(crate) fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        let line = format!("{method} {target}");
        Self {
            address,
            version: "HTTP/1.1",
            line,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Uses HTTP/1.0, which has no chunks.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub(crate) fn http10(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(format!("{name}: {value}"));
        self
    }

    /// Adds Basic credentials.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub(crate) fn basic(self, name: &str, password: &str) -> Self {
        let encoded = STANDARD.encode(format!("{name}:{password}"));
        self.header("authorization", &format!("Basic {encoded}"))
    }

    /// Adds a bearer token.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets the body.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub(crate) fn body(mut self, content_type: &str, body: &str) -> Self {
        self.body = body.to_owned();
        self.header("content-type", content_type)
    }

    /// Sends it and reads until the server closes.
    pub(crate) async fn send(self) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(self.address).await?;
        let Self {
            version,
            line,
            headers,
            body,
            ..
        } = self;
        let headers: String = headers
            .iter()
            .map(|header| format!("{header}\r\n"))
            .collect();
        let length = body.len();
        let head = format!(
            "{line} {version}\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n"
        );
        stream
            .write_all(format!("{head}{headers}\r\n{body}").as_bytes())
            .await?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await?;
        Reply::parsed(&received)
    }

    /// Sends it and expects an answer.
    pub(crate) async fn reply(self) -> Reply {
        self.send().await.expect("the server answers")
    }
}

impl Reply {
    fn parsed(received: &[u8]) -> io::Result<Self> {
        let end = received
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self {
            status,
            head,
            body: received[end + 4..].to_vec(),
        })
    }

    /// The body, which must be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}
