//! Lifetimes of connections: idle ones, unsent answers, and the greatest age.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use super::{GET, Served};

/// Seconds after which a client that sends this, and then nothing, is closed.
async fn seconds_until_closed(first: &[u8]) -> u64 {
    let mut client = Served::default().connect();
    let start = Instant::now();
    client.write_all(first).await.unwrap();
    let _ = client.read_to_end(&mut Vec::new()).await;
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn silent_client_is_closed_wherever_it_stopped() {
    for first in [
        &b""[..],
        b"P",
        b"PRI * HTTP/2.0\r\n",
        b"POST /introspect HTTP/1.1\r\nhost:",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let seconds = seconds_until_closed(first).await;
        // A request of five seconds is seen to have ended after eight.
        assert!((30..=39).contains(&seconds), "{seconds} s for {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn request_in_flight_is_not_idle() {
    let mut stream = Served {
        takes: Duration::from_secs(3600),
        ..Served::default()
    }
    .connect();
    let start = Instant::now();
    assert!(ask(&mut stream, GET).await.starts_with("http/1.1 200"));
    assert_eq!(start.elapsed().as_secs(), 3600);
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert!(
        (3630..=3636).contains(&start.elapsed().as_secs()),
        "its end begins an idle time"
    );
}

/// Status of the next answer, whose body is read.
async fn ask(stream: &mut DuplexStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    stream
        .read_exact(&mut vec![0; length.parse().unwrap()])
        .await
        .unwrap();
    head
}

#[tokio::test(start_paused = true)]
async fn connection_at_rest_resumes_where_it_was() {
    let mut stream = Served::default().connect();
    for rest in [0, 1, 3, 25, 28, 5, 29] {
        sleep(Duration::from_secs(rest)).await;
        assert!(
            ask(&mut stream, GET).await.starts_with("http/1.1 200"),
            "after {rest} s"
        );
    }
    // Part of a head comes before a rest, and the other part after it.
    let (begin, end) = GET.split_at(20);
    stream.write_all(begin).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    assert!(ask(&mut stream, end).await.starts_with("http/1.1 200"));
    // What comes in one piece is answered in one go.
    stream.write_all(&[GET, GET].concat()).await.unwrap();
    assert!(ask(&mut stream, b"").await.starts_with("http/1.1 200"));
    sleep(Duration::from_secs(10)).await;
    assert!(ask(&mut stream, b"").await.starts_with("http/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn client_that_leaves_at_rest_ends_its_connection() {
    let mut stream = Served::default().connect();
    ask(&mut stream, GET).await;
    sleep(Duration::from_secs(5)).await;
    stream.shutdown().await.unwrap();
    let start = Instant::now();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}

fn aging(max_age: u64) -> Served {
    Served {
        max_age: Duration::from_secs(max_age),
        ..Served::default()
    }
}

#[tokio::test(start_paused = true)]
async fn old_http_1_connection_ends_with_connection_close() {
    let mut stream = aging(600).connect();
    let start = Instant::now();
    loop {
        sleep(Duration::from_millis(500)).await;
        if ask(&mut stream, GET).await.contains("connection: close") {
            break;
        }
    }
    let age = start.elapsed().as_secs();
    assert!((539..=601).contains(&age), "{age}");
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

/// Closed while it rests, it might cut off a request that is on its way.
#[tokio::test(start_paused = true)]
async fn old_http_1_connection_at_rest_is_told_with_its_next_answer() {
    let mut stream = aging(600).connect();
    let start = Instant::now();
    while !ask(&mut stream, GET).await.contains("connection: close") {
        let rest = Duration::from_secs(20);
        let ended = timeout(rest, stream.read(&mut [0])).await;
        assert!(ended.is_err(), "closed after {:?}", start.elapsed());
    }
    let age = start.elapsed().as_secs();
    assert!((540..=620).contains(&age), "{age}");
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn old_http_2_connection_ends_by_goaway_and_answers_what_it_has() {
    let stream = TokioIo::new(aging(100).connect());
    let (mut http2, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let start = Instant::now();
    while http2.ready().await.is_ok() {
        let request = http::Request::get("http://x/openapi.json")
            .body(String::new())
            .unwrap();
        let Ok(response) = http2.send_request(request).await else {
            break;
        };
        http_body_util::BodyExt::collect(response.into_body())
            .await
            .unwrap();
        sleep(Duration::from_millis(500)).await;
    }
    connection.await.unwrap().unwrap();
    assert!(
        (89..=101).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn request_that_outlives_its_connections_age_is_answered_within_a_grace() {
    let served = Served {
        takes: Duration::from_secs(20),
        ..aging(10)
    };
    assert!(
        ask(&mut served.connect(), GET)
            .await
            .contains("connection: close")
    );
    let mut slow = Served {
        takes: Duration::from_secs(3600),
        ..aging(10)
    }
    .connect();
    let start = Instant::now();
    slow.write_all(GET).await.unwrap();
    assert_eq!(slow.read(&mut [0]).await.unwrap(), 0);
    assert!(
        (44..=46).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
}
