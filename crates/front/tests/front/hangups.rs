//! A client that hangs up frees its place among those who read lists.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::bench::{Bench, soon};
use crate::client::{Ask, http2_to};

const LISTER: &str = "Bearer idle-secret";

fn list() -> Ask {
    Ask::form("")
        .to("GET", "/v1/tokens?provider=bank")
        .without("content-type")
        .by(LISTER)
}

/// A client that has asked for a list over HTTP/1.1 and does not wait for it.
async fn lister(bench: &Bench) -> TcpStream {
    let request = format!(
        "GET /v1/tokens?provider=bank HTTP/1.1\r\nhost: x\r\nauthorization: {LISTER}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Starts a bench whose lists are held back.
async fn slow() -> Bench {
    let bench = Bench::start().await;
    bench.bank.lists([]);
    bench.bank.hold();
    bench
}

#[tokio::test]
async fn a_list_whose_client_hung_up_leaves_its_place_to_the_next() {
    let bench = slow().await;
    let mut listers = Vec::new();
    for _ in 0..4 {
        listers.push(lister(&bench).await);
    }
    bench.bank.lists_arrived(4).await;
    // These wait for a place.
    listers.extend([lister(&bench).await, lister(&bench).await]);
    drop(listers);
    let asking = list();
    let last = asking.at(&bench);
    let release = async {
        // The places of those who are gone are free while all that they asked for is still held
        // back.
        bench.bank.lists_arrived(5).await;
        bench.bank.release();
    };
    let (reply, ()) = soon("an answer", futures_util::future::join(last, release)).await;
    assert_eq!(reply.status, 200, "{reply:#?}");
}

#[tokio::test]
async fn a_list_whose_stream_was_reset_leaves_its_place_to_the_next() {
    let bench = slow().await;
    let mut http2 = http2_to(bench.address).await;
    let requests: Vec<_> = (0..4)
        .map(|_| http2.send_request(list().http2_request(bench.address)))
        .collect();
    bench.bank.lists_arrived(4).await;
    drop(requests);
    let asking = list();
    let release = async {
        bench.bank.lists_arrived(5).await;
        bench.bank.release();
    };
    let (reply, ()) = soon(
        "an answer",
        futures_util::future::join(asking.at(&bench), release),
    )
    .await;
    assert_eq!(reply.status, 200, "{reply:#?}");
}

#[tokio::test]
async fn a_client_that_waits_for_its_list_gets_it() {
    let bench = slow().await;
    let asking = list();
    let release = async {
        bench.bank.lists_arrived(1).await;
        bench.bank.release();
    };
    let (reply, ()) = soon(
        "an answer",
        futures_util::future::join(asking.at(&bench), release),
    )
    .await;
    assert_eq!(reply.status, 200, "{reply:#?}");
}
