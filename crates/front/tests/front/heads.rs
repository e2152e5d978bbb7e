use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use introspectd_server::Connections;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, Reply, exchange_on, http2_to, received};

/// Limits that hold to the byte: the default, one that is no power of two, for which hyper's buffer
/// has room to spare, and the greatest that can be configured.
pub(crate) const LIMITS: [usize; 3] = [DEFAULT, 40 * 1024, 128 * 1024];

const DEFAULT: usize = 32 * 1024;

/// Connections with this limit; the default is left as it is.
pub(crate) fn limited(settings: Connections, limit: usize) -> Connections {
    if limit == DEFAULT {
        settings
    } else {
        Connections {
            max_head: limit,
            ..settings
        }
    }
}

/// Sends a head of exactly this many bytes over HTTP/1.1, of a client that may pass.
pub(crate) async fn http1_head<T>(stream: T, bytes: usize) -> Reply
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let line = "GET /forward-auth HTTP/1.1\r\n".len();
    let size = |request: &Request<_>| line + fields(request, ": \r\n".len()) + "\r\n".len();
    exchange_on(stream, padded(bytes, Ask::request, size)).await
}

/// The same over HTTP/2, counted as RFC 9113 section 6.5.2 has it.
pub(crate) async fn http2_head(sender: &mut SendRequest<Full<Bytes>>, bytes: usize) -> Reply {
    let address = "127.0.0.1:1".parse().unwrap();
    let pseudo = ":methodGET:schemehttp:authority127.0.0.1:1:path/forward-auth".len() + 4 * 32;
    let request = padded(
        bytes,
        |ask| ask.http2_request(address),
        |request| pseudo + fields(request, 32),
    );
    received(
        soon("an answer", sender.send_request(request))
            .await
            .unwrap(),
        false,
    )
    .await
}

fn fields<B>(request: &Request<B>, overhead: usize) -> usize {
    let lengths = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + overhead);
    lengths.sum()
}

fn padded<R>(bytes: usize, request: impl Fn(&Ask) -> R, size: impl Fn(&R) -> usize) -> R {
    let ask = Ask::form("")
        .to("GET", "/forward-auth")
        .by(&format!("Bearer {ACTIVE}"));
    let ask = ask
        .header("x-introspectd-caller", "Bearer operator-secret")
        .header("x-padding", "");
    let padding = "a".repeat(bytes - size(&request(&ask)));
    request(&ask.header("x-padding", &padding))
}

/// A head of `limit` bytes is taken, and one of a byte more is refused with the reason.
pub(crate) async fn limit_holds(limit: usize, mut send: impl AsyncFnMut(usize) -> Reply) {
    let taken = send(limit).await;
    assert_eq!(taken.status, 200, "{limit}: {taken:#?}");
    let refused = send(limit + 1).await;
    refused.refuses(431, "head_too_long");
    assert_eq!(refused.header("x-introspectd-error"), Some("head_too_long"));
}

/// All that comes back until the connection ends; a reset ends it, too.
async fn all_of(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = soon("the end of the connection", stream.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_long_head_is_taken_up_to_its_limit() {
    let bench = Bench::start().await;
    let cookie = "c".repeat(30 * 1024);
    assert!(
        Ask::token(ACTIVE)
            .header("cookie", &cookie)
            .at(&bench)
            .await
            .is_active()
    );
    let mut http2 = http2_to(bench.address).await;
    let request = Ask::token(ACTIVE)
        .header("cookie", &cookie)
        .http2_request(bench.address);
    assert!(
        received(http2.send_request(request).await.unwrap(), false)
            .await
            .is_active()
    );
}

#[tokio::test]
async fn a_head_over_32_kib_is_refused_without_harm_to_others() {
    let bench = Bench::start().await;
    let mut neighbour = http2_to(bench.address).await;
    for head in [
        format!(
            "POST /introspect HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
            "a".repeat(40 * 1024)
        ),
        format!(
            "POST /introspect?{} HTTP/1.1\r\nhost: x\r\n\r\n",
            "a".repeat(40 * 1024)
        ),
        format!(
            "POST /introspect HTTP/1.1\r\nhost: x\r\n{}\r\n",
            "x: y\r\n".repeat(8 * 1024)
        ),
        // Without an end: what is kept is bounded.
        format!("POST /introspect HTTP/1.1\r\nx: {}", "a".repeat(4 << 20)),
    ] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        // It may be refused while it is sent.
        let _ = soon(
            "the head to be taken or refused",
            stream.write_all(head.as_bytes()),
        )
        .await;
        let reply = all_of(&mut stream).await;
        let refused = ["", "HTTP/1.1 431 ", "HTTP/1.1 414 "].iter().any(|status| {
            if status.is_empty() {
                reply.is_empty()
            } else {
                reply.starts_with(status)
            }
        });
        assert!(refused, "{reply}");
        assert!(!reply.contains("aaaa"));
        let request = Ask::token(ACTIVE).http2_request(bench.address);
        assert!(
            received(neighbour.send_request(request).await.unwrap(), false)
                .await
                .is_active()
        );
    }
}

#[tokio::test]
async fn a_head_over_32_kib_is_refused_over_http_2() {
    let bench = Bench::start().await;
    let mut http2 = http2_to(bench.address).await;
    let request = Ask::token(ACTIVE)
        .header("x", &"a".repeat(40 * 1024))
        .http2_request(bench.address);
    match soon("a refusal", http2.send_request(request)).await {
        Ok(response) => assert_eq!(response.status(), 431),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
    assert_eq!(bench.bank.asked(), [ACTIVE]);
}

#[tokio::test]
async fn head_is_taken_up_to_its_limit_and_refused_with_the_reason_above() {
    for limit in LIMITS {
        let bench = Bench::start_on(|settings| limited(settings, limit)).await;
        limit_holds(limit, async |bytes| {
            http1_head(TcpStream::connect(bench.address).await.unwrap(), bytes).await
        })
        .await;
        let mut http2 = http2_to(bench.address).await;
        limit_holds(limit, async |bytes| http2_head(&mut http2, bytes).await).await;
        // The connection goes on.
        assert_eq!(http2_head(&mut http2, limit).await.status, 200);
    }
}

#[tokio::test]
async fn long_target_is_refused_with_the_reason() {
    let bench = Bench::start_on(|settings| limited(settings, 128 * 1024)).await;
    for (bytes, status) in [(70 * 1024, "414"), (130 * 1024, "431")] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        let head = format!(
            "GET /forward-auth?{} HTTP/1.1\r\nhost: x\r\n\r\n",
            "a".repeat(bytes)
        );
        let _ = soon(
            "the head to be taken or refused",
            stream.write_all(head.as_bytes()),
        )
        .await;
        let reply = all_of(&mut stream).await;
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let has = |line: &str| {
            head.lines()
                .any(|present| present.eq_ignore_ascii_case(line))
        };
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{reply}");
        assert!(
            has("x-introspectd-error: head_too_long") && has("cache-control: no-store"),
            "{reply}"
        );
        assert!(
            has("connection: close") && has(&format!("content-length: {}", body.len())),
            "{reply}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(body).unwrap()["error"],
            "head_too_long"
        );
    }
}

/// The h2 crate refuses it, and names no reason.
#[tokio::test]
async fn http_2_head_far_over_the_limit_is_refused() {
    let bench = Bench::start().await;
    let mut http2 = http2_to(bench.address).await;
    let request = Ask::token(ACTIVE)
        .header("x", &"a".repeat(100 * 1024))
        .http2_request(bench.address);
    assert_eq!(
        soon("a refusal", http2.send_request(request))
            .await
            .unwrap()
            .status(),
        431
    );
    assert_eq!(http2_head(&mut http2, DEFAULT).await.status, 200);
    assert_eq!(bench.bank.asked(), [ACTIVE]);
}

#[tokio::test]
async fn non_http_bytes_are_refused() {
    let bench = Bench::start().await;
    for nonsense in [
        "\r\n\r\n\r\nnonsense\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}",
        "GET\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        stream.write_all(nonsense.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let reply = all_of(&mut stream).await;
        assert!(
            reply.is_empty() || reply.starts_with("HTTP/1.1 400 "),
            "{reply}"
        );
    }
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
}
