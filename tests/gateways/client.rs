//! A client that writes its requests by hand, so that hostile bytes go out as they are.

use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_tests::Reply;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any gateway is patient.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An HTTP/1.1 request, as bytes in the making.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    line: String,
    fields: Vec<u8>,
    connection: String,
    body: String,
}

impl Request {
    /// `GET` with this raw target.
    pub(crate) fn get(target: &str) -> Self {
        Self {
            line: format!("GET {target} HTTP/1.1"),
            fields: b"Host: api.example\r\n".to_vec(),
            connection: "close".to_owned(),
            body: String::new(),
        }
    }

    /// `OPTIONS` with this raw target.
    pub(crate) fn options(target: &str) -> Self {
        Self {
            line: format!("OPTIONS {target} HTTP/1.1"),
            ..Self::get(target)
        }
    }

    /// `POST` with a form.
    pub(crate) fn post(target: &str, form: &str) -> Self {
        let request = Self {
            body: form.to_owned(),
            ..Self::get(target)
        };
        let request = Self {
            line: format!("POST {target} HTTP/1.1"),
            ..request
        };
        let length = form.len().to_string();
        request
            .header("Content-Type", "application/x-www-form-urlencoded")
            .header("Content-Length", &length)
    }

    /// Adds a header, beside any others of the same name. The value may be any bytes.
    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields
            .extend([name.as_bytes(), b": ", value.as_ref(), b"\r\n"].concat());
        self
    }

    /// Adds a bearer token.
    #[must_use]
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Adds these options to `Connection`.
    #[must_use]
    pub(crate) fn connection(mut self, words: &str) -> Self {
        self.connection = format!("close, {words}");
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let last = format!("Connection: {}\r\n\r\n{}", self.connection, self.body);
        [self.line.as_bytes(), b"\r\n", &self.fields, last.as_bytes()].concat()
    }
}

/// Sends a request on a connection of its own. None where the server closed it without a word.
pub(crate) async fn exchange(address: SocketAddr, request: &Request) -> Option<Reply> {
    let answer = timeout(PATIENCE, answer(address, request)).await;
    let answer = answer.unwrap_or_else(|_| panic!("no end of an answer to {request:?}"));
    (!answer.is_empty()).then(|| parsed(&answer))
}

async fn answer(address: SocketAddr, request: &Request) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses a request may do so before it has read all of it.
    let _ = stream.write_all(&request.bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// Parses exactly one response: bytes behind it would be a smuggled one.
fn parsed(answer: &[u8]) -> Reply {
    let text = || String::from_utf8_lossy(answer);
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no whole head in {:?}", text()));
    let head = &answer[..end];
    let body = &answer[end + 4..];
    let mut lines = head
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_end);
    let status = String::from_utf8_lossy(lines.next().unwrap())
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: HeaderMap = lines.map(field).collect();
    let body = if headers
        .get("transfer-encoding")
        .is_some_and(|value| value == "chunked")
    {
        unchunked(body)
    } else {
        let length = headers
            .get("content-length")
            .map(|value| value.to_str().unwrap().parse().unwrap());
        assert_eq!(length.unwrap_or(body.len()), body.len(), "{}", text());
        body.to_vec()
    };
    Reply {
        status,
        headers,
        body: body.into(),
    }
}

fn field(line: &[u8]) -> (HeaderName, HeaderValue) {
    let colon = line
        .iter()
        .position(|&byte| byte == b':')
        .expect("a header");
    let name = &line[..colon];
    let value = line[colon + 1..].trim_ascii();
    (
        HeaderName::from_bytes(name).unwrap(),
        HeaderValue::from_bytes(value).unwrap(),
    )
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body
            .windows(2)
            .position(|window| window == b"\r\n")
            .expect("the size of a chunk");
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
        if size == 0 {
            assert!(
                body.is_empty(),
                "something follows the answer: {}",
                String::from_utf8_lossy(body)
            );
            return whole;
        }
    }
}
