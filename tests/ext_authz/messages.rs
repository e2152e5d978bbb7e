//! Messages that no honest Envoy sends, over HTTP/2 by hand: whatever they are, the answer refuses,
//! and is no gRPC error.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use bytes::Bytes;
use envoy_types::ext_authz::v3::pb::CheckResponse;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use introspectd_server::ListenAddress;
use introspectd_tests::EDGE_SECRET;
use prost::Message;
use tokio::net::TcpStream;

use crate::envoy::{Client, ENOUGH, Form, Harness, denied, ok, question};

type Body = BoxBody<Bytes, Infallible>;

/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Raw(http2::SendRequest<Body>);

impl Raw {
    async fn to(harness: &Harness) -> Self {
        let ListenAddress::Tcp(address) = &harness.gateway.grpc()[0] else {
            panic!("not on TCP")
        };
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// Sends a check. Every response must be a gRPC success.
    async fn check(&mut self, headers: &[(&str, &str)], body: Body) -> CheckResponse {
        let mut request =
            Request::post("http://introspectd/envoy.service.auth.v3.Authorization/Check")
                .header("content-type", "application/grpc")
                .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = self.0.send_request(request.body(body).unwrap());
        let response = tokio::time::timeout(PATIENCE, sent)
            .await
            .expect("an answer")
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/grpc");
        assert!(
            !response.headers().contains_key("grpc-status"),
            "trailers only: an error"
        );
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
        let framed = collected.to_bytes();
        assert_eq!(framed[..5], prefix(0, framed.len() - 5));
        CheckResponse::decode(&framed[5..]).unwrap()
    }
}

fn known() -> [(&'static str, &'static str); 1] {
    assert_eq!(EDGE_SECRET, "edge-secret-0f6b1f0d3c");
    [("x-introspectd-caller", "Bearer edge-secret-0f6b1f0d3c")]
}

fn prefix(flag: u8, length: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(length).unwrap().to_be_bytes();
    [flag, a, b, c, d]
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&prefix(flag, message.len())[..], message].concat()
}

fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

/// A body that has sent this, and neither goes on nor ends.
fn hanging(begun: Vec<Bytes>) -> Body {
    let frames = stream::iter(begun).map(|data| Ok(Frame::data(data)));
    BodyExt::boxed(StreamBody::new(frames.chain(stream::pending())))
}

/// A question that would be allowed.
fn good() -> Vec<u8> {
    question(Some("orders"), &Client::showing(ENOUGH), Form::Plain).encode_to_vec()
}

/// The same, with a header of so many bytes.
fn padded(bytes: usize) -> Vec<u8> {
    let client = Client::showing(ENOUGH).with("x-padding", &"a".repeat(bytes));
    question(Some("orders"), &client, Form::Plain).encode_to_vec()
}

#[track_caller]
fn refused(response: CheckResponse, status: i32, error: &str) {
    let denied = denied(response);
    assert_eq!(denied.status.unwrap().code, status, "{}", denied.body);
    let headers: HeaderMap = denied
        .headers
        .into_iter()
        .map(|option| option.header.unwrap())
        .map(|header| (header.key.parse().unwrap(), header.value.parse().unwrap()))
        .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
        .into_iter()
        .collect();
    assert_eq!(headers["x-introspectd-error"], error);
    assert_eq!(headers["cache-control"], "no-store");
    assert!(denied.body.contains(error));
}

/// A gRPC error in its place is what Envoy may be configured to let pass.
#[tokio::test]
async fn head_over_the_limit_is_denied_without_a_grpc_error() {
    let harness = Harness::open().await;
    let mut raw = Raw::to(&harness).await;
    let padding = "a".repeat(40 * 1024);
    let long = [known()[0], ("x-padding", padding.as_str())];
    refused(
        raw.check(&long, whole(framed(0, &good()))).await,
        431,
        "head_too_long",
    );
    ok(raw.check(&known(), whole(framed(0, &good()))).await);
}

#[tokio::test]
async fn unreadable_message_is_denied_without_a_grpc_error() {
    let harness = Harness::open().await;
    let mut raw = Raw::to(&harness).await;
    let not_utf8 = {
        // Field 1 (attributes), in it field 10 (context_extensions), in it field 1 (key).
        let entry = [&[0x0a, 2][..], b"\xff\xfe"].concat();
        let extension = [&[0x52, u8::try_from(entry.len()).unwrap()][..], &entry].concat();
        [
            &[0x0a, u8::try_from(extension.len()).unwrap()][..],
            &extension,
        ]
        .concat()
    };
    let gzip = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let two = [framed(0, &good()), framed(0, &good())].concat();
    let trailing = [framed(0, &good()), vec![0]].concat();
    let good_length = good().len();
    for (case, headers, body) in [
        ("no UTF-8", vec![], framed(0, &not_utf8)),
        ("no protobuf", vec![], framed(0, &[0xff; 40])),
        ("a group that does not end", vec![], framed(0, &[0x0b; 40])),
        (
            "compressed",
            vec![("grpc-encoding", "gzip")],
            framed(1, &gzip),
        ),
        ("flagged as compressed", vec![], framed(1, &good())),
        ("an unknown flag", vec![], framed(2, &good())),
        ("two messages", vec![], two),
        ("a byte behind", vec![], trailing),
        (
            "cut off",
            vec![],
            framed(0, &good())[..good_length].to_vec(),
        ),
        ("a prefix alone", vec![], prefix(0, 10).to_vec()),
        ("half a prefix", vec![], vec![0, 0]),
        ("nothing", vec![], vec![]),
    ] {
        println!("{case}");
        let headers = [known().to_vec(), headers].concat();
        refused(
            raw.check(&headers, whole(body)).await,
            400,
            "invalid_request",
        );
    }
    // Of a coding that is named and not used, nothing is wrong.
    let named = [known().to_vec(), vec![("grpc-encoding", "gzip")]].concat();
    ok(raw.check(&named, whole(framed(0, &good()))).await);
}

#[tokio::test]
async fn message_over_64_kib_is_denied_without_a_grpc_error() {
    let harness = Harness::open().await;
    let mut raw = Raw::to(&harness).await;
    let fitting = padded(64 * 1024 - good().len() - 40);
    assert!(fitting.len() > 64 * 1024 - 40 && fitting.len() <= 64 * 1024);
    ok(raw.check(&known(), whole(framed(0, &fitting))).await);
    for bytes in [64 * 1024, 1 << 20] {
        refused(
            raw.check(&known(), whole(framed(0, &padded(bytes)))).await,
            413,
            "payload_too_large",
        );
    }
    let announced = prefix(0, u32::MAX as usize).to_vec();
    refused(
        raw.check(&known(), whole(announced)).await,
        413,
        "payload_too_large",
    );
    // Pieces as small as they can be.
    let pieces: Vec<_> = framed(0, &good())
        .into_iter()
        .map(|byte| Bytes::from(vec![byte]))
        .collect();
    let frames = stream::iter(pieces).map(|data| Ok::<_, Infallible>(Frame::data(data)));
    ok(raw
        .check(&known(), BodyExt::boxed(StreamBody::new(frames)))
        .await);
}

#[tokio::test]
async fn unknown_caller_is_denied_before_its_message() {
    let harness = Harness::open().await;
    let mut raw = Raw::to(&harness).await;
    let begun = Instant::now();
    for headers in [vec![], vec![("x-introspectd-caller", "Bearer wrong")]] {
        refused(
            raw.check(&headers, hanging(vec![])).await,
            401,
            "invalid_client",
        );
        let announced = Bytes::copy_from_slice(&prefix(0, 64 * 1024));
        refused(
            raw.check(&headers, hanging(vec![announced])).await,
            401,
            "invalid_client",
        );
        refused(
            raw.check(&headers, whole(framed(0, &padded(1 << 20))))
                .await,
            401,
            "invalid_client",
        );
        refused(
            raw.check(&headers, whole(framed(1, &[0xff; 40]))).await,
            401,
            "invalid_client",
        );
    }
    // Each waits a second for what it will not read; a message has ten.
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn unfinished_message_is_denied_in_time() {
    let harness = Harness::open().await;
    let mut raw = Raw::to(&harness).await;
    let begun = Instant::now();
    let message = framed(0, &good());
    let half = Bytes::copy_from_slice(&message[..message.len() / 2]);
    let all = Bytes::from(message);
    let mut second = Raw(raw.0.clone());
    let (first, second) = tokio::join!(
        async { raw.check(&known(), hanging(vec![half])).await },
        async { second.check(&known(), hanging(vec![all])).await }
    );
    refused(first, 408, "request_timeout");
    refused(second, 408, "request_timeout");
    assert!(
        (10..30).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn messages_of_a_connection_are_limited_to_a_mebibyte() {
    let harness = Harness::open().await;
    let raw = Raw::to(&harness).await;
    // Sixteen announce 64 KiB each, which is all that there is to be had, and send no more.
    let mut holding: Vec<_> = (0..16)
        .map(|_| {
            let mut raw = Raw(raw.0.clone());
            let announced = Bytes::copy_from_slice(&prefix(0, 64 * 1024));
            tokio::spawn(async move { raw.check(&known(), hanging(vec![announced])).await })
        })
        .collect();
    let mut waiting = Raw(raw.0.clone());
    let begun = Instant::now();
    let mut waiting = tokio::spawn(async move {
        let answered = waiting.check(&known(), whole(framed(0, &good()))).await;
        (answered, begun.elapsed())
    });
    // Other connections do not wait for these.
    ok(Raw::to(&harness)
        .await
        .check(&known(), whole(framed(0, &good())))
        .await);
    // When their time is over, it is refused as they are, or answered in their place.
    for held in &mut holding {
        refused(held.await.unwrap(), 408, "request_timeout");
    }
    let (answered, after) = tokio::time::timeout(PATIENCE, &mut waiting)
        .await
        .expect("an answer")
        .unwrap();
    assert!(answered.http_response.is_some());
    assert!(after > Duration::from_secs(9), "{after:?}");
    ok(Raw(raw.0.clone())
        .check(&known(), whole(framed(0, &good())))
        .await);
}

#[tokio::test]
async fn large_health_request_is_not_buffered() {
    let harness = Harness::open().await;
    let mut raw = Raw::to(&harness).await;
    let request = Request::post("http://introspectd/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(whole(framed(0, &[0; 1 << 20])))
        .unwrap();
    let response = tokio::time::timeout(PATIENCE, raw.0.send_request(request))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(response.headers()["grpc-status"], "3");
}
