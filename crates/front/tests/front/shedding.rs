//! Requests over the limit of requests in flight.

use std::num::NonZeroUsize;
use std::sync::Arc;

use introspectd_server::{Connections, Requests};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, Reply, http2_to, received};
use crate::provider::good;

/// A bench for so many requests in flight, and the limit itself.
async fn limited(requests: usize) -> (Bench, Arc<Requests>) {
    let limit = Requests::new(requests, NonZeroUsize::MIN);
    let requests = Arc::clone(&limit);
    let bench = Bench::start_on(|settings| Connections {
        requests,
        ..settings
    })
    .await;
    (bench, limit)
}

/// Holds so many requests in flight, until their provider is released.
async fn fill(bench: &Bench, requests: usize) -> Vec<tokio::task::JoinHandle<Reply>> {
    bench.bank.hold();
    let mut filling = Vec::new();
    for number in 0..requests {
        let token = format!("b_{number}");
        bench.bank.knows(&token, good());
        let (address, request) = (bench.address, Ask::token(&token).request());
        filling.push(tokio::spawn(crate::client::exchange(address, request)));
    }
    bench.bank.arrived(requests).await;
    filling
}

impl Reply {
    #[track_caller]
    fn is_shed(&self) {
        self.refuses(503, "temporarily_unavailable");
        assert_eq!(self.header("retry-after"), Some("1"), "{self:#?}");
    }
}

#[tokio::test]
async fn further_request_is_refused_until_one_ends() {
    let (bench, limit) = limited(3).await;
    let filling = fill(&bench, 3).await;
    assert_eq!(limit.in_flight(), 3);
    for ask in [
        Ask::token(ACTIVE),
        Ask::token(ACTIVE).by("Bearer wrong"),
        Ask::form("").to("GET", "/v1/providers"),
        Ask::form("").to("GET", "/openapi.json"),
        Ask::form("").to("GET", "/nothing"),
    ] {
        ask.at(&bench).await.is_shed();
    }
    let mut http2 = http2_to(bench.address).await;
    let request = Ask::token(ACTIVE).http2_request(bench.address);
    let response = soon("an answer", http2.send_request(request))
        .await
        .unwrap();
    received(response, false).await.is_shed();
    assert_eq!(bench.bank.asked().len(), 3, "nothing is asked upstream");
    assert_eq!(limit.in_flight(), 3);

    bench.bank.release();
    for request in filling {
        assert!(
            request.await.unwrap().is_active(),
            "it is not refused for others"
        );
    }
    assert_eq!(limit.in_flight(), 0);
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
}

#[tokio::test]
async fn policy_may_rename_the_status() {
    let (bench, _limit) = limited(1).await;
    let _filling = fill(&bench, 1).await;
    for (policy, status) in [("default", 503), ("as-401", 401), ("as-403", 403)] {
        let ask = Ask::form("").to("GET", &format!("/forward-auth/{policy}"));
        let reply = ask.at(&bench).await;
        reply.refuses(status, "temporarily_unavailable");
        assert_eq!(
            reply.header("x-introspectd-error"),
            Some("temporarily_unavailable")
        );
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
}

#[tokio::test]
async fn caller_that_goes_away_frees_its_place() {
    let (bench, limit) = limited(1).await;
    bench.bank.hold();
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let request = "GET /v1/providers/bank/tokens/b_1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \
                   operator-secret\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    bench.bank.arrived(1).await;
    assert_eq!(limit.in_flight(), 1);
    drop(stream);
    bench.bank.release();
    soon("the place", async {
        while limit.in_flight() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A body that came with the head is read, and the connection goes on; one that is still to come is
/// not waited for, and the connection says that it closes.
#[tokio::test]
async fn body_that_has_not_come_is_not_waited_for() {
    let (bench, _limit) = limited(1).await;
    let _filling = fill(&bench, 1).await;
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let head = "POST /introspect HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\n";
    for _ in 0..3 {
        stream
            .write_all(format!("{head}token=x").as_bytes())
            .await
            .unwrap();
        let answer = next_answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = next_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}

async fn next_answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"}") {
        read.push(soon("an answer", stream.read_u8()).await.unwrap());
    }
    String::from_utf8(read)
        .unwrap()
        .to_ascii_lowercase()
        .replacen("http/1.1", "HTTP/1.1", 1)
}
