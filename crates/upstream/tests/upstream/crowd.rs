//! More requests than connections that may rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use introspectd_upstream::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::provider::{open, uri};

/// Delay of the first answer on each connection, which then rests for as long.
const SLOWEST: Duration = Duration::from_millis(500);
const AT_ONCE: usize = 64;

async fn slow_at_first() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(stream));
        }
    });
    (format!("http://{address}"), connections)
}

async fn answer(mut stream: TcpStream) {
    let mut head = vec![0; 4096];
    let mut delay = SLOWEST;
    while stream.read(&mut head).await.is_ok_and(|length| length > 0) {
        tokio::time::sleep(std::mem::take(&mut delay)).await;
        if stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            .await
            .is_err()
        {
            return;
        }
    }
}

#[tokio::test]
async fn in_a_crowd_connections_are_used_before_they_have_rested() {
    let (base_url, connections) = slow_at_first().await;
    let upstream = open(&base_url, "");
    let asked = stream::iter(0..6000).map(|_| async {
        upstream
            .send(Request::get(uri(&base_url, "/a")))
            .await
            .is_ok()
    });
    let answered = asked
        .buffer_unordered(AT_ONCE)
        .filter(|is_ok| std::future::ready(*is_ok))
        .count()
        .await;
    assert_eq!(answered, 6000);
    // Each rests half a second: without a bound they would be thousands.
    let connections = connections.load(Ordering::SeqCst);
    assert!((32..=32 + AT_ONCE).contains(&connections), "{connections}");
}
