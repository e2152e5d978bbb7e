use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Version};
use http_body_util::StreamBody;
use hyper::body::{Body, Frame};
use introspectd_front::ListenerIdentity;
use introspectd_server::Arrival;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, FORM, exchange, received};

#[tokio::test]
async fn a_request_without_a_usable_token_is_invalid() {
    let bench = Bench::start().await;
    for body in [
        "",
        "token=",
        "token",
        "&&",
        "provider=bank",
        "Token=x",
        "{\"token\":\"x\"}",
    ] {
        Ask::form(body)
            .at(&bench)
            .await
            .refuses(400, "invalid_request");
    }
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn a_parameter_twice_is_invalid() {
    let bench = Bench::start().await;
    for rest in [
        "token=b_x",
        "t%6fken=b_x",
        "token=",
        "x=1&x=2",
        "provider=bank&provider=bank",
    ] {
        Ask::form(format!("token={ACTIVE}&{rest}"))
            .at(&bench)
            .await
            .refuses(400, "invalid_request");
    }
    let hints = "token=x&token_type_hint=access_token&token_type_hint=token_id";
    Ask::form(hints)
        .at(&bench)
        .await
        .refuses(400, "invalid_request");
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn a_body_that_is_not_form_encoded_is_invalid() {
    let bench = Bench::start().await;
    for body in [
        &b"token=%"[..],
        b"token=%zz",
        b"token=%ff",
        b"token=\xff",
        b"token=x&%=y",
    ] {
        Ask::form(body)
            .at(&bench)
            .await
            .refuses(400, "invalid_request");
    }
}

#[tokio::test]
async fn an_unknown_provider_is_invalid() {
    let bench = Bench::start().await;
    for name in ["nobody", "", "Bank", "bank%20", "*"] {
        let ask = Ask::form(format!("token={ACTIVE}&provider={name}"));
        ask.at(&bench).await.refuses(400, "invalid_request");
    }
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn a_token_may_have_16_kib_and_no_more() {
    let bench = Bench::start().await;
    for (letter, bytes) in [("a", 1), ("%61", 1), ("%C3%A9", 2)] {
        let longest = letter.repeat(16 * 1024 / bytes);
        assert!(!Ask::token(&longest).at(&bench).await.is_active());
        Ask::token(&format!("{longest}a"))
            .at(&bench)
            .await
            .refuses(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_token_id_needs_its_provider() {
    let bench = Bench::start().await;
    let ask = Ask::form(format!("token={ACTIVE}&token_type_hint=token_id"));
    ask.at(&bench).await.refuses(400, "invalid_request");
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let bench = Bench::start().await;
    let elsewhere = [
        "/",
        "/introspect/",
        "/Introspect",
        "//introspect",
        "/%69ntrospect",
        "/x/../introspect",
    ];
    for target in elsewhere {
        for method in ["GET", "POST"] {
            let reply = Ask::token(ACTIVE).to(method, target).at(&bench).await;
            reply.refuses(404, "not_found");
        }
    }
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn other_method_is_refused_with_the_allowed_ones() {
    let bench = Bench::start().await;
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        let reply = Ask::token(ACTIVE)
            .to(method, "/introspect")
            .at(&bench)
            .await;
        reply.refuses(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some("POST"));
    }
    let reply = Ask::form("").to("HEAD", "/introspect").at(&bench).await;
    assert_eq!((reply.status, reply.body.as_str()), (405, ""));
}

#[tokio::test]
async fn another_content_type_is_not_read() {
    let bench = Bench::start().await;
    for content_type in [
        "application/json",
        "text/plain",
        "multipart/form-data",
        "",
        "application/x-www-form",
    ] {
        let ask = Ask::token(ACTIVE).header("content-type", content_type);
        ask.at(&bench).await.refuses(415, "unsupported_media_type");
    }
    let none = Ask::token(ACTIVE).without("content-type");
    none.at(&bench).await.refuses(415, "unsupported_media_type");
    for content_type in [
        format!("{FORM};charset=UTF-8"),
        FORM.to_ascii_uppercase(),
        format!("{FORM} ; x=y"),
    ] {
        assert!(
            Ask::token(ACTIVE)
                .header("content-type", &content_type)
                .at(&bench)
                .await
                .is_active()
        );
    }
}

#[tokio::test]
async fn a_body_with_a_content_coding_is_not_read() {
    let bench = Bench::start().await;
    let json = Ask::form("{\"all\":true}").to("POST", "/v1/cache/purge");
    let json = json
        .header("content-type", "application/json")
        .by("Bearer admin-secret");
    let admin = |target: &str| {
        Ask::token(ACTIVE)
            .to("POST", target)
            .by("Bearer admin-secret")
    };
    for ask in [
        Ask::token(ACTIVE),
        admin("/revoke"),
        admin("/v1/explain"),
        json,
    ] {
        for coding in [
            "gzip",
            "GZIP",
            "deflate",
            "br",
            "x-unknown",
            "gzip, identity",
            "identity, gzip",
            "",
        ] {
            let reply = ask
                .clone()
                .header("content-encoding", coding)
                .at(&bench)
                .await;
            reply.refuses(415, "unsupported_media_type");
            assert_eq!(reply.header("accept-encoding"), Some("identity"));
        }
        let twice = ask
            .clone()
            .and("content-encoding", "identity")
            .and("content-encoding", "gzip");
        twice
            .at(&bench)
            .await
            .refuses(415, "unsupported_media_type");
    }
    for identity in ["identity", "Identity"] {
        assert!(
            Ask::token(ACTIVE)
                .header("content-encoding", identity)
                .at(&bench)
                .await
                .is_active()
        );
    }
}

const LIMIT: usize = 64 * 1024;

fn padded(bytes: usize) -> String {
    let form = format!("token={ACTIVE}&x=");
    let padding = "a".repeat(bytes - form.len());
    form + &padding
}

#[tokio::test]
async fn a_body_may_have_64_kib_and_no_more() {
    let bench = Bench::start().await;
    assert!(Ask::form(padded(LIMIT)).at(&bench).await.is_active());
    Ask::form(padded(LIMIT + 1))
        .at(&bench)
        .await
        .refuses(413, "payload_too_large");
}

#[tokio::test]
async fn a_body_is_refused_by_its_announced_length() {
    let bench = Bench::start().await;
    for length in [LIMIT + 1, 1 << 40] {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        let head = format!(
            "POST /introspect HTTP/1.1\r\nhost: x\r\nauthorization: Bearer operator-secret\r\n\
             content-type: {FORM}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // Not a byte of it is sent, nor waited for.
        let mut reply = [0; 12];
        soon("an answer", stream.read_exact(&mut reply))
            .await
            .unwrap();
        assert_eq!(&reply, b"HTTP/1.1 413");
    }
}

fn chunked(bytes: usize) -> Request<impl Body<Data = Bytes, Error = Infallible> + Send + 'static> {
    let body = Bytes::from(padded(bytes));
    let chunks: Vec<_> = body
        .chunks(1000)
        .map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))))
        .collect();
    Ask::form("")
        .request()
        .map(|_| StreamBody::new(stream::iter(chunks)))
}

#[tokio::test]
async fn a_body_of_unknown_length_is_refused_once_it_is_too_long() {
    let bench = Bench::start().await;
    assert!(exchange(bench.address, chunked(LIMIT)).await.is_active());
    exchange(bench.address, chunked(LIMIT + 1))
        .await
        .refuses(413, "payload_too_large");
}

/// A body that never comes.
struct Silent;

impl Body for Silent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let bench = Bench::start().await;
    let before = tokio::time::Instant::now();
    let response = bench
        .api
        .handler(&ListenerIdentity::default(), &Arrival::default())
        .answer(Ask::form("").request().map(|_| Silent))
        .await;
    received(response, false)
        .await
        .refuses(408, "request_timeout");
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn unread_body_may_end_before_the_answer_or_ends_the_connection() {
    let bench = Bench::start().await;
    for (version, close) in [(Version::HTTP_11, Some("close")), (Version::HTTP_2, None)] {
        let before = tokio::time::Instant::now();
        let mut request = Ask::form("").by("Bearer wrong").request().map(|_| Silent);
        *request.version_mut() = version;
        let handler = bench
            .api
            .handler(&ListenerIdentity::default(), &Arrival::default());
        let reply = received(handler.answer(request).await, false).await;
        reply.refuses(401, "invalid_client");
        assert_eq!(before.elapsed().as_secs(), 1, "{version:?}");
        assert_eq!(reply.header("connection"), close);
    }
}
