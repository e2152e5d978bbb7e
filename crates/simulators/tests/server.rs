//! Behaviour of every simulator: record, fail, hold, stop.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its own functions included"
)]

mod wire;

use std::io::ErrorKind;
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use introspectd_simulators::{Answer, Fault, Pieces, Recorded, Simulator, Vendor};
use serde_json::json;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;
use wire::Wire;

/// Vendor that returns the path.
struct Echo;

impl Vendor for Echo {
    fn answer(&self, request: &Recorded) -> Answer {
        Answer::json(
            200,
            json!({"path": request.path(), "padding": "0123456789"}),
        )
    }
}

async fn echo() -> Simulator<Echo> {
    Simulator::start(Echo).await.expect("loopback")
}

fn get(server: &Simulator<Echo>, target: &str) -> Wire {
    Wire::new(server.address(), "GET", target)
}

#[tokio::test]
async fn request_is_recorded_as_on_the_wire() {
    let server = echo().await;
    let target = "/a/../b;x/%2e%2E/c%2Fd//?q=%31&q=a+b";
    let request = Wire::new(server.address(), "POST", target).header("X-Case", "Kept");
    request
        .body("application/x-www-form-urlencoded", "token=a%2Bb&x=1+2&x=")
        .reply()
        .await;
    let [recorded] = &server.requests()[..] else {
        panic!("one request")
    };
    assert_eq!(recorded.method, "POST");
    assert_eq!(recorded.target, target);
    assert_eq!(recorded.path(), "/a/../b;x/%2e%2E/c%2Fd//");
    assert_eq!(recorded.header("x-CASE"), Some("Kept"));
    assert_eq!(recorded.header("absent"), None);
    assert_eq!(recorded.version, http::Version::HTTP_11);
    let pairs = [("token", "a+b"), ("x", "1 2"), ("x", "")]
        .map(|(name, value)| (name.into(), value.into()));
    assert_eq!(recorded.form(), pairs);
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_served_and_recorded_alike() {
    let server = echo().await;
    let stream = TcpStream::connect(server.address())
        .await
        .expect("connects");
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.expect("speaks HTTP/2");
    tokio::spawn(connection);
    let uri = format!("{}/a/../b?c", server.base_url());
    let request = http::Request::get(uri)
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let reply = sender.send_request(request).await.expect("an answer");
    assert_eq!(reply.status(), 200);
    reply.into_body().collect().await.expect("a body");
    assert_eq!(server.requests()[0].target, "/a/../b?c");
    assert_eq!(server.requests()[0].version, http::Version::HTTP_2);
}

#[tokio::test]
async fn queued_faults_precede_the_permanent_one() {
    let server = echo().await;
    server.always(Fault::Answer(Answer::empty(500)));
    server.next(Fault::Answer(Answer::retry_after(429, 7)));
    server.next(Fault::Answer(Answer::redirect("/elsewhere")));
    let first = get(&server, "/").reply().await;
    assert_eq!(first.status, 429);
    assert!(first.head.contains("\r\nretry-after: 7"));
    let second = get(&server, "/").reply().await;
    assert_eq!(second.status, 302);
    assert!(second.head.contains("\r\nlocation: /elsewhere"));
    assert_eq!(get(&server, "/").reply().await.status, 500);
    assert_eq!(get(&server, "/").reply().await.status, 500);
    server.next(Fault::Answer(Answer::empty(503)));
    server.clear();
    assert_eq!(get(&server, "/").reply().await.status, 200);
    assert_eq!(server.count(), 5);
    server.forget();
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn delayed_answer_is_the_normal_one() {
    let server = echo().await;
    server.next(Fault::Delay(Duration::from_millis(30)));
    let start = Instant::now();
    assert_eq!(get(&server, "/late").reply().await.json()["path"], "/late");
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn closing_fault_ends_the_connection_without_an_answer() {
    let server = echo().await;
    server.next(Fault::HangUp);
    // Nothing was read before the orderly end.
    assert_eq!(
        get(&server, "/").send().await.unwrap_err().kind(),
        ErrorKind::UnexpectedEof
    );
    assert_eq!(get(&server, "/").reply().await.status, 200);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn reset_fault_resets_the_connection() {
    let server = echo().await;
    server.next(Fault::Reset);
    assert_eq!(
        get(&server, "/").send().await.unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn hanging_request_is_recorded_and_never_answered() {
    let server = echo().await;
    server.next(Fault::Hang);
    let mut hanging = pin!(get(&server, "/").send());
    let recorded = async {
        while server.count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answered = &mut hanging => panic!("it was answered: {:?}", answered.err()),
        () = recorded => {}
    }
    let waited = tokio::time::timeout(Duration::from_millis(50), hanging).await;
    assert!(waited.is_err());
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn truncated_answer_claims_more_than_its_first_half() {
    let server = echo().await;
    let whole = get(&server, "/").reply().await.body;
    server.next(Fault::Truncate);
    let cut = get(&server, "/").reply().await;
    assert_eq!(cut.status, 200);
    assert!(
        cut.head
            .contains(&format!("\r\ncontent-length: {}", whole.len()))
    );
    assert_eq!(cut.body, whole[..whole.len() / 2]);
}

#[tokio::test]
async fn oversized_body_is_json_of_exactly_that_size() {
    let server = echo().await;
    for bytes in [13, 14, 100_000, 2 * 1024 * 1024 + 1] {
        server.next(Fault::Oversize(bytes));
        let reply = get(&server, "/").http10().reply().await;
        assert_eq!(reply.status, 200);
        assert!(reply.head.contains("\r\ncontent-type: application/json"));
        assert_eq!(reply.body.len(), bytes);
        assert!(reply.json()["filler"].is_string());
    }
}

#[tokio::test]
async fn pieces_are_made_while_they_are_sent() {
    let server = echo().await;
    server.next(Fault::Pieces(Pieces::new(|number| {
        (number < 3).then(|| vec![b'0'; number + 1].into())
    })));
    let reply = get(&server, "/").reply().await;
    assert!(reply.head.contains("\r\ntransfer-encoding: chunked"));
    assert_eq!(reply.body, b"1\r\n0\r\n2\r\n00\r\n3\r\n000\r\n0\r\n\r\n");
}

#[tokio::test]
async fn garbage_claims_to_be_json_and_html_does_not() {
    let server = echo().await;
    server.next(Fault::Answer(Answer::garbage()));
    server.next(Fault::Answer(Answer::html(502)));
    let garbage = get(&server, "/").reply().await;
    assert!(garbage.head.contains("application/json"));
    assert!(serde_json::from_slice::<serde_json::Value>(&garbage.body).is_err());
    let html = get(&server, "/").reply().await;
    assert_eq!(html.status, 502);
    assert!(html.head.contains("text/html"));
}

#[tokio::test]
async fn gate_holds_requests_until_it_opens() {
    let server = echo().await;
    let gate = server.gate();
    let requests =
        [get(&server, "/1"), get(&server, "/2")].map(|request| tokio::spawn(request.reply()));
    gate.arrived(2).await;
    assert_eq!(gate.waiting(), 2);
    assert_eq!(server.count(), 2);
    assert!(requests.iter().all(|request| !request.is_finished()));
    gate.open();
    for request in requests {
        assert_eq!(request.await.expect("no panic").status, 200);
    }
    assert_eq!(get(&server, "/3").reply().await.status, 200);
}

#[tokio::test]
async fn dropped_gate_is_open() {
    let server = echo().await;
    let gate = server.gate();
    let request = tokio::spawn(get(&server, "/").reply());
    gate.arrived(1).await;
    drop(gate);
    assert_eq!(request.await.expect("no panic").status, 200);
}

#[tokio::test]
async fn stopped_server_refuses_and_ends_connections() {
    let server = echo().await;
    let gate = server.gate();
    let held = tokio::spawn(get(&server, "/").send());
    gate.arrived(1).await;
    server.stop();
    let refused = std::net::TcpStream::connect(server.address()).expect_err("no listener");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(held.await.expect("no panic").is_err());
    let again = Simulator::bind(Echo, server.address())
        .await
        .expect("the port is free again");
    assert_eq!(get(&again, "/").reply().await.status, 200);
}

/// A port that a test of a refusing server no longer held could be given to the server of another.
#[tokio::test]
async fn port_of_a_stopped_server_is_given_to_no_other() {
    let server = echo().await;
    server.stop();
    let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let taken = other.bind(&server.address().into()).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    assert!(std::net::TcpStream::connect(server.address()).is_err());
}

#[tokio::test]
async fn dropped_server_refuses_connections() {
    let server = echo().await;
    let address = server.address();
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}
