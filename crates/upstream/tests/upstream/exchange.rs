//! One question and what comes of it.

use std::future::pending;
use std::time::Duration;

use http::StatusCode;
use introspectd_core::{BadAnswer, Failure, Outage, Unreachable};
use introspectd_simulators::{Answer as Said, Fault, Simulator};
use introspectd_upstream::{Dialect, Request, Response, Segment, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::provider::{
    Silent, authorizations, connected, connection, open, silent, until_deadline, upstream, uri,
};

const MIB: usize = 1024 * 1024;
const SHORT: &str = "timeout = \"50ms\"";

async fn ask(server: &Simulator<Silent>, more: &str) -> Result<Response, Failure> {
    open(&server.base_url(), more)
        .send(Request::get(uri(&server.base_url(), "/x")))
        .await
}

async fn failure(server: &Simulator<Silent>, more: &str) -> Failure {
    ask(server, more).await.err().expect("a failure")
}

async fn after(fault: Fault, more: &str) -> Failure {
    let server = silent().await;
    server.next(fault);
    failure(&server, more).await
}

/// A server that reads one request's head and then does `then` with the connection.
pub(crate) async fn raw<F: Future<Output = ()> + Send>(
    then: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        then(stream).await;
    });
    format!("http://{address}")
}

async fn raw_failure(base_url: &str, more: &str) -> Failure {
    open(base_url, more)
        .send(Request::get(uri(base_url, "/x")))
        .await
        .err()
        .expect("a failure")
}

#[tokio::test]
async fn a_refused_port_is_unreachable() {
    let server = silent().await;
    server.stop();
    assert_eq!(
        failure(&server, "").await,
        Failure::outage(Outage::Unreachable(Unreachable::Refused))
    );
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_told_from_a_reset() {
    assert_eq!(
        after(Fault::HangUp, "").await,
        Failure::outage(Outage::Closed)
    );
    assert_eq!(
        after(Fault::Reset, "").await,
        Failure::outage(Outage::Unreachable(Unreachable::Reset))
    );
}

#[tokio::test]
async fn what_changes_something_is_not_repeated() {
    let server = silent().await;
    let upstream = open(&server.base_url(), "");
    let uri = || uri(&server.base_url(), "/x");
    for (fault, outage) in [
        (Fault::HangUp, Outage::Closed),
        (Fault::Reset, Outage::Unreachable(Unreachable::Reset)),
    ] {
        assert!(upstream.send(Request::get(uri())).await.is_ok());
        server.forget();
        server.next(fault.clone());
        let failure = Some(Failure::outage(outage));
        assert_eq!(upstream.send(Request::delete(uri())).await.err(), failure);
        assert!(upstream.send(Request::get(uri())).await.is_ok());
        server.next(fault);
        assert_eq!(
            upstream
                .send(Request::post(uri()).empty("application/octet-stream"))
                .await
                .err(),
            failure
        );
        let methods: Vec<_> = server
            .requests()
            .into_iter()
            .map(|request| request.method)
            .collect();
        assert_eq!(methods, ["DELETE", "GET", "POST"]);
    }
}

#[tokio::test]
async fn several_exchanges_may_share_the_time_of_one() {
    let server = silent().await;
    let upstream = open(&server.base_url(), "");
    let uri = || uri(&server.base_url(), "/x");
    let both = async {
        upstream.send(Request::get(uri())).await?;
        upstream.send(Request::get(uri())).await
    };
    assert!(upstream.in_time(both).await.is_ok());
    let began = Instant::now();
    let told = until_deadline(
        &server,
        3,
        upstream.in_time(two_slow_ones(&server, &upstream)),
    );
    assert_eq!(told.await, Err(Failure::Timeout));
    assert!(began.elapsed() < Duration::from_secs(70));
}

/// Exchanges of which one takes forty seconds, and the next has no answer.
async fn two_slow_ones(server: &Simulator<Silent>, upstream: &Upstream) -> Result<(), Failure> {
    server.next(Fault::Delay(Duration::from_secs(40)));
    server.next(Fault::Hang);
    for _ in 0..2 {
        upstream
            .send(Request::get(uri(&server.base_url(), "/x")))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn many_exchanges_may_take_longer_than_one_and_end_all_the_same() {
    let server = silent().await;
    let upstream = open(&server.base_url(), "timeout = \"60s\"");
    let began = Instant::now();
    let many = Upstream::within(Duration::from_secs(80), two_slow_ones(&server, &upstream));
    let ended = until_deadline(&server, 1, many).await;
    assert_eq!(ended, Err(Failure::Timeout));
    assert!((80..90).contains(&began.elapsed().as_secs()));
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let server = silent().await;
    server.next(Fault::Hang);
    let told = until_deadline(&server, 1, failure(&server, "")).await;
    assert_eq!(told, Failure::Timeout);
}

#[tokio::test]
async fn no_connection_in_time_is_told_from_no_answer_in_time() {
    // The kernel drops what comes when the queue is full; how long it is differs by one or two.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        queue.push(stream.unwrap());
    }
    assert_eq!(
        raw_failure(&format!("http://{address}"), SHORT).await,
        Failure::ConnectTimeout
    );
}

#[tokio::test]
async fn the_timeout_bounds_a_body_that_stops() {
    let base_url = raw(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            .await
            .unwrap();
        // From here on time passes in leaps.
        tokio::time::pause();
        pending().await
    });
    assert_eq!(raw_failure(&base_url.await, "").await, Failure::Timeout);
}

#[tokio::test]
async fn the_timeout_bounds_a_body_that_trickles() {
    let base_url = raw(|mut stream| async move {
        tokio::time::pause();
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
        let mut written = stream.write_all(head).await;
        while written.is_ok() {
            pace.tick().await;
            written = stream.write_all(b"{").await;
        }
    });
    assert_eq!(raw_failure(&base_url.await, "").await, Failure::Timeout);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_answer() {
    assert_eq!(
        after(Fault::Truncate, "").await,
        BadAnswer::Truncated.into()
    );
    let base_url = raw(|mut stream| async move {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}")
            .await
            .unwrap();
    });
    assert_eq!(
        raw_failure(&base_url.await, "").await,
        BadAnswer::Truncated.into()
    );
}

#[tokio::test]
async fn a_body_may_have_one_mebibyte_and_not_a_byte_more() {
    let server = silent().await;
    server.next(Fault::Oversize(MIB));
    assert_eq!(ask(&server, "").await.unwrap().ok().unwrap().len(), MIB);
    server.next(Fault::Oversize(MIB + 1));
    assert_eq!(failure(&server, "").await, BadAnswer::TooLarge.into());
    let declared = Said::text(200, "application/json", vec![b' '; MIB + 1]);
    assert_eq!(
        after(Fault::Answer(declared), "").await,
        BadAnswer::TooLarge.into()
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_takes_the_credential_nowhere() {
    let target = silent().await;
    for status in [301, 302, 303, 307, 308] {
        let server = silent().await;
        let redirect = Said::empty(status).with_header("location", &target.base_url());
        server.always(Fault::Answer(redirect));
        let credentials = "credentials = { type = \"bearer\", token = { literal = \"hunter2\" } }";
        let upstream = upstream(Dialect::FormEndpoint, &server.base_url(), credentials);
        let got = upstream
            .send(Request::get(uri(&server.base_url(), "/x")))
            .await
            .err();
        assert_eq!(got, Some(BadAnswer::Redirect(status).into()));
        let posted = upstream
            .send(
                Request::post(uri(&server.base_url(), "/x"))
                    .form(&[("token", "t")])
                    .repeatable(),
            )
            .await
            .err();
        assert_eq!(posted, Some(BadAnswer::Redirect(status).into()));
        let deleted = upstream
            .send(Request::delete(uri(&server.base_url(), "/x")))
            .await
            .err();
        assert_eq!(deleted, Some(BadAnswer::Redirect(status).into()));
        assert_eq!(
            authorizations(&server),
            vec![Some("Bearer hunter2".to_owned()); 3]
        );
    }
    assert_eq!(target.count(), 0);
}

#[tokio::test]
async fn a_status_that_is_about_us_or_the_provider_is_a_failure() {
    let out = |status, seconds: Option<u64>| Failure::Unavailable {
        outage: Outage::Status(status),
        retry_after: seconds.map(Duration::from_secs),
    };
    for (said, failure) in [
        (
            Said::json(401, serde_json::json!({})),
            BadAnswer::Credentials(401).into(),
        ),
        (Said::html(403), BadAnswer::Credentials(403).into()),
        (Said::empty(429), out(429, None)),
        (Said::retry_after(429, 7), out(429, Some(7))),
        (Said::html(500), BadAnswer::Status(500).into()),
        (Said::html(501), BadAnswer::Status(501).into()),
        (Said::html(502), out(502, None)),
        (Said::retry_after(503, 30), out(503, Some(30))),
        (Said::html(504), out(504, None)),
    ] {
        let status = said.status;
        assert_eq!(after(Fault::Answer(said), "").await, failure, "{status}");
    }
}

#[tokio::test]
async fn what_may_be_about_the_token_reaches_the_adapter() {
    let server = silent().await;
    for status in [200, 201, 204, 400, 404, 409] {
        server.next(Fault::Answer(Said::empty(status)));
        assert_eq!(ask(&server, "").await.unwrap().status.as_u16(), status);
    }
    server.next(Fault::Answer(Said::json(404, serde_json::json!({"a": 1}))));
    let answer = ask(&server, "").await.unwrap();
    assert_eq!(
        (answer.status, answer.body.as_ref()),
        (StatusCode::NOT_FOUND, &b"{\"a\":1}"[..])
    );
    assert_eq!(answer.ok(), Err(BadAnswer::Status(404)));
}

#[tokio::test]
async fn a_status_stays_what_it_is_when_the_page_below_it_breaks_off() {
    for (status, failure) in [
        ("503 x", Failure::outage(Outage::Status(503))),
        ("403 x", BadAnswer::Credentials(403).into()),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\n<html>");
        let base_url =
            raw(|mut stream| async move { stream.write_all(answer.as_bytes()).await.unwrap() })
                .await;
        assert_eq!(raw_failure(&base_url, "").await, failure);
    }
}

#[tokio::test]
async fn what_is_no_http_is_told() {
    for said in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\0\x01\x02\x03",
        "HTTP/1.1 two hundred\r\n\r\n",
    ] {
        let base_url =
            raw(move |mut stream| async move { stream.write_all(said.as_bytes()).await.unwrap() })
                .await;
        assert_eq!(
            raw_failure(&base_url, "").await,
            BadAnswer::NotHttp.into(),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn a_question_asks_for_json_and_says_who_we_are() {
    let server = silent().await;
    let upstream = open(&server.base_url(), "");
    upstream
        .send(Request::get(uri(&server.base_url(), "/x?y=z")))
        .await
        .unwrap();
    upstream
        .send(
            Request::post(uri(&server.base_url(), "/i"))
                .form(&[("token", "a+b &"), ("x", "")])
                .repeatable(),
        )
        .await
        .unwrap();
    let [got, posted] = &server.requests()[..] else {
        panic!("two requests")
    };
    for request in [got, posted] {
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        assert!(
            request
                .header("user-agent")
                .is_some_and(|agent| agent.starts_with("introspectd/"))
        );
        assert_eq!(request.header("authorization"), None);
    }
    assert_eq!(
        (got.method.as_str(), got.target.as_str()),
        ("GET", "/x?y=z")
    );
    assert_eq!(
        (got.header("content-type"), got.body.as_slice()),
        (None, &b""[..])
    );
    assert_eq!(
        (posted.method.as_str(), posted.target.as_str()),
        ("POST", "/i")
    );
    assert_eq!(
        posted.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(posted.body, b"token=a%2Bb+%26&x=");
}

#[tokio::test]
async fn what_changes_something_says_how_long_its_body_is_or_has_none() {
    let server = silent().await;
    let upstream = open(&server.base_url(), "");
    upstream
        .send(Request::delete(uri(&server.base_url(), "/d")))
        .await
        .unwrap();
    upstream
        .send(
            Request::delete(uri(&server.base_url(), "/j"))
                .json(serde_json::json!({"id": "a\"b"}).to_string()),
        )
        .await
        .unwrap();
    upstream
        .send(Request::post(uri(&server.base_url(), "/p?a=b")).empty("application/octet-stream"))
        .await
        .unwrap();
    let requests = server.requests();
    let sent: Vec<_> = requests
        .iter()
        .map(|request| {
            let (length, media_type) = (
                request.header("content-length"),
                request.header("content-type"),
            );
            assert_eq!(request.header("transfer-encoding"), None);
            (
                request.method.as_str(),
                request.target.as_str(),
                length,
                media_type,
                request.body.as_slice(),
            )
        })
        .collect();
    assert_eq!(
        sent,
        [
            ("DELETE", "/d", None, None, &b""[..]),
            (
                "DELETE",
                "/j",
                Some("13"),
                Some("application/json"),
                br#"{"id":"a\"b"}"#
            ),
            (
                "POST",
                "/p?a=b",
                Some("0"),
                Some("application/octet-stream"),
                b""
            ),
        ]
    );
}

#[tokio::test]
async fn a_segment_arrives_encoded_below_the_base_path() {
    let server = silent().await;
    let connection = connection(
        Dialect::Rest,
        &format!("{}/asg/", server.base_url()),
        "credentials = { type = \"none\" }",
    );
    let segment = Segment::parse("a+b:c&d=e f", &[]).unwrap();
    let uri = connection
        .address
        .with_segment("/tokens", &segment)
        .unwrap();
    connected(connection).send(Request::get(uri)).await.unwrap();
    assert_eq!(
        server.requests()[0].target,
        "/asg/tokens/a%2Bb%3Ac%26d%3De%20f"
    );
}

#[tokio::test]
async fn interim_responses_without_end_end_at_the_deadline() {
    let base_url = raw(|mut stream| async move {
        tokio::time::pause();
        let hints = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
        while stream.write_all(hints).await.is_ok() {
            // Nothing rests here, so that no timer would end by itself.
            tokio::time::advance(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(raw_failure(&base_url.await, "").await, Failure::Timeout);
}

#[tokio::test]
async fn a_head_without_end_is_no_answer() {
    let base_url = raw(|mut stream| async move {
        let mut written = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while written.is_ok() {
            written = stream.write_all(b"x-filler: 0123456789\r\n").await;
        }
    });
    assert_eq!(
        raw_failure(&base_url.await, "").await,
        BadAnswer::NotHttp.into()
    );
}

#[tokio::test]
async fn trailers_without_end_are_no_answer() {
    let base_url = raw(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n";
        let mut written = stream.write_all(head).await;
        while written.is_ok() {
            written = stream.write_all(b"x-filler: 0123456789\r\n").await;
        }
    });
    assert_eq!(
        raw_failure(&base_url.await, "").await,
        BadAnswer::Truncated.into()
    );
}

#[tokio::test]
async fn a_folded_header_is_read_as_one_line() {
    for body in ["2\r\n \t", "\r\n  2"] {
        let head =
            format!("HTTP/1.1 200 OK\r\nx-one: a,\r\n b\r\ncontent-length: {body}\r\n\r\n{{}}");
        let base_url = raw(|mut stream| async move {
            stream.write_all(head.as_bytes()).await.unwrap();
            pending().await
        });
        let base_url = base_url.await;
        let answer = open(&base_url, "")
            .send(Request::get(uri(&base_url, "/x")))
            .await
            .unwrap();
        assert_eq!(answer.body, "{}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_undone_within_the_cap() {
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text).unwrap();
        encoder.finish().unwrap()
    };
    let server = silent().await;
    let said = |coding: &str, body: Vec<u8>| {
        let said =
            Said::text(200, "application/json", body).with_header("content-encoding", coding);
        server.next(Fault::Answer(said));
    };
    said("gzip", gzip(b"{\"a\":1}"));
    assert_eq!(ask(&server, "").await.unwrap().body, "{\"a\":1}");
    said("gzip", gzip(&vec![b' '; MIB + 1]));
    assert_eq!(failure(&server, "").await, BadAnswer::TooLarge.into());
    said("br", gzip(b"{}"));
    assert_eq!(failure(&server, "").await, BadAnswer::Compressed.into());
    // Whatever became of the page below it, the status counts.
    server.next(Fault::Answer(
        Said::html(503).with_header("content-encoding", "br"),
    ));
    assert_eq!(
        failure(&server, "").await,
        Failure::outage(Outage::Status(503))
    );
}
