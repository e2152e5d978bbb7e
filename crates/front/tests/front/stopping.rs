use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, exchange, http2_to, received};

async fn until_refused(bench: &Bench) {
    soon("a refused connection", async {
        while !TcpStream::connect(bench.address)
            .await
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        {}
    })
    .await;
}

#[tokio::test]
async fn drain_answers_requests_in_flight_and_accepts_no_others() {
    let bench = Bench::start().await;
    bench.bank.hold();
    let mut idle = TcpStream::connect(bench.address).await.unwrap();
    let http1 = tokio::spawn(exchange(bench.address, Ask::token("b_1").request()));
    let mut sender = http2_to(bench.address).await;
    let request = Ask::token("b_2").http2_request(bench.address);
    let http2 = tokio::spawn(sender.send_request(request));
    bench.bank.arrived(2).await;

    bench.stop.send(true).unwrap();
    until_refused(&bench).await;
    assert_eq!(
        soon("the end of a connection at rest", idle.read(&mut [0]))
            .await
            .unwrap(),
        0
    );
    assert!(!bench.served.is_finished());

    bench.bank.release();
    assert!(!soon("an answer", http1).await.unwrap().is_active());
    let answered = soon("an answer", http2).await.unwrap().unwrap();
    assert!(!received(answered, false).await.is_active());
    drop(sender);
    assert!(
        soon("the end", bench.served).await.unwrap(),
        "all of them ended"
    );
}

#[tokio::test]
async fn idle_connections_are_closed_at_shutdown() {
    let bench = Bench::start().await;
    let mut http2 = http2_to(bench.address).await;
    let request = Ask::token(ACTIVE).http2_request(bench.address);
    assert!(
        received(http2.send_request(request).await.unwrap(), false)
            .await
            .is_active()
    );
    let mut http1 = TcpStream::connect(bench.address).await.unwrap();
    http1
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    soon("an answer", http1.read_u8()).await.unwrap();

    bench.stop.send(true).unwrap();
    assert!(soon("the end", bench.served).await.unwrap());
    soon(
        "the end of the connection",
        http1.read_to_end(&mut Vec::new()),
    )
    .await
    .unwrap();
    assert!(
        soon("the end of the connection", http2.ready())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn drain_has_a_deadline() {
    let bench = Bench::start_draining(Duration::from_millis(200)).await;
    bench.bank.hold();
    let request = Ask::token(ACTIVE).request();
    let asked = tokio::spawn(exchange(bench.address, request));
    bench.bank.arrived(1).await;
    let since = Instant::now();
    bench.stop.send(true).unwrap();
    assert!(
        !soon("the end", bench.served).await.unwrap(),
        "one of them did not end"
    );
    assert!(since.elapsed() >= Duration::from_millis(200));
    asked.abort();
}

#[tokio::test]
async fn dropped_stop_handle_stops_the_server() {
    let bench = Bench::start().await;
    drop(bench.stop);
    assert!(soon("the end", bench.served).await.unwrap());
}
