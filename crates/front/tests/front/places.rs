//! Limit of open connections: who makes room, and who waits.

use std::time::Duration;

use introspectd_server::{Connections, Places};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::Ask;

async fn limited(connections: usize) -> Bench {
    Bench::start_on(|settings| Connections {
        places: Places::new(connections),
        ..settings
    })
    .await
}

/// A kept connection on which a caller has authenticated.
struct Known(BufReader<TcpStream>);

impl Known {
    async fn connect(bench: &Bench) -> Self {
        let mut known = Self(BufReader::new(
            TcpStream::connect(bench.address).await.unwrap(),
        ));
        assert!(known.is_answered().await);
        known
    }

    async fn is_answered(&mut self) -> bool {
        let request = b"GET /v1/providers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \
                operator-secret\r\n\r\n";
        let Self(stream) = self;
        if stream.write_all(request).await.is_err() {
            return false;
        }
        let (mut line, mut length) = (String::new(), 0);
        while soon("a line", stream.read_line(&mut line))
            .await
            .is_ok_and(|read| read > 2)
        {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        length > 0 && stream.read_exact(&mut vec![0; length]).await.is_ok()
    }
}

#[tokio::test]
async fn flood_of_idle_connections_keeps_no_caller_out() {
    let bench = limited(8).await;
    let mut known = Known::connect(&bench).await;
    let mut flood = Vec::new();
    for _ in 0..50 {
        flood.push(TcpStream::connect(bench.address).await.unwrap());
    }
    assert!(
        soon("an answer", Ask::token(ACTIVE).at(&bench))
            .await
            .is_active()
    );
    assert!(known.is_answered().await, "it keeps its place");
    let oldest = &mut flood[0];
    assert_eq!(
        soon("its end", oldest.read(&mut [0])).await.unwrap_or(0),
        0,
        "the oldest made room"
    );
}

#[tokio::test]
async fn half_a_head_and_a_refused_secret_are_idle_strangers_too() {
    let bench = limited(4).await;
    let mut flood = Vec::new();
    for number in 0..20 {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        let sent: &[u8] = if number % 2 == 0 {
            b"POST /introspect HTTP/1.1\r\nhost: x\r\nx:"
        } else {
            b"GET /v1/providers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wrong\r\n\r\n"
        };
        stream.write_all(sent).await.unwrap();
        flood.push(stream);
    }
    assert!(
        soon("an answer", Ask::token(ACTIVE).at(&bench))
            .await
            .is_active()
    );
}

#[tokio::test]
async fn further_connection_waits_until_an_authenticated_one_leaves() {
    let bench = limited(2).await;
    let (first, mut second) = (Known::connect(&bench).await, Known::connect(&bench).await);
    let mut waiting = TcpStream::connect(bench.address).await.unwrap();
    waiting
        .write_all(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.read_u8()).await;
    assert!(early.is_err(), "there is no place for it");
    assert!(second.is_answered().await);
    drop(first);
    soon("an answer", waiting.read_u8()).await.unwrap();
}

#[tokio::test]
async fn handshake_that_does_not_proceed_makes_room() {
    let folder = crate::tls::folder();
    let tls = folder.tls(false);
    let bench = Bench::start_on(|settings| Connections {
        places: Places::new(1),
        tls: Some(std::sync::Arc::new(tls)),
        ..settings
    })
    .await;
    let mut silent = TcpStream::connect(bench.address).await.unwrap();
    let _further = TcpStream::connect(bench.address).await.unwrap();
    assert_eq!(soon("its end", silent.read(&mut [0])).await.unwrap_or(0), 0);
}
