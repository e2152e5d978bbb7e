//! The application that a gateway protects: it answers with what reached it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use introspectd_tests::Reply;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::AbortHandle;

/// Server on loopback that reads raw bytes itself, so that no library normalizes them.
pub(crate) struct Application {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

/// A request as it reached the application.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Application {
    pub(crate) fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        // Many come at once, and one that does not fit waits for a second.
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&requests))).abort_handle();
        Self {
            address,
            requests,
            accepting,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of requests since the start or [`forget`](Self::forget).
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Resets the count.
    pub(crate) fn forget(&self) {
        self.requests.store(0, Relaxed);
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Received {
    /// Request as the application received it.
    #[track_caller]
    pub(crate) fn told_by(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{reply:?}");
        let told = reply.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let headers = told["headers"].as_array().unwrap().iter();
        Self {
            target: text(&told["target"]),
            body: text(&told["body"]),
            headers: headers
                .map(|pair| (text(&pair[0]), text(&pair[1])))
                .collect(),
        }
    }

    /// All values of a header, by any name that an application may take for it.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(known, _)| taken_for(known) == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Returns true if any header contains this.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.headers.iter().any(|(_, value)| value.contains(text))
    }

    /// All headers that an application may take for a part of the identity, sorted.
    pub(crate) fn identity(&self) -> Vec<(String, &str)> {
        let mut identity: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (taken_for(name), value.as_str()))
            .filter(|(name, _)| name.starts_with("x-auth-"))
            .collect();
        identity.sort();
        identity
    }
}

/// All servers ignore case; some make `_` of `-`, and a few of all that is neither letter nor
/// digit.
fn taken_for(name: &str) -> String {
    let known = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(known).collect()
}

async fn accept(listener: TcpListener, requests: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&requests)));
    }
}

/// One request: the connection ends with its answer.
async fn serve(stream: TcpStream, requests: Arc<AtomicUsize>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let head = read_head(&mut stream).await?;
    requests.fetch_add(1, Relaxed);
    let (line, fields) = head.split_once("\r\n")?;
    let target = line.split(' ').nth(1)?;
    let headers: Vec<_> = fields
        .lines()
        .filter_map(|line| line.split_once(':'))
        .collect();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.trim()))
        .collect();
    let body = read_body(&mut stream, &headers).await?;

    // `/answer/403` is answered so.
    let status = target.strip_prefix("/answer/").unwrap_or("200");
    let body = json!({"target": target, "headers": headers, "body": body}).to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: \
            {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// Up to the empty line, which is left out. Each byte becomes the character of its number: none is
/// lost.
async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head.iter().map(|&byte| char::from(byte)).collect())
}

async fn read_body(stream: &mut BufReader<TcpStream>, headers: &[(&str, &str)]) -> Option<String> {
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(Some(0), |(_, length)| length.parse().ok())?];
    stream.read_exact(&mut body).await.ok()?;
    String::from_utf8(body).ok()
}
