//! Memory of connections that rest.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::PATIENCE;
use crate::server::Server;

const CONNECTIONS: usize = 2000;

/// Resident memory of a connection after its first request, in bytes.
const MOST: usize = 12 * 1024;

fn resident(server: &Server) -> usize {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.pid().as_raw_nonzero())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim()
        .trim_end_matches(" kB")
        .parse::<usize>()
        .unwrap()
        * 1024
}

/// Connections that have made a request each.
async fn asked(server: &Server, count: usize) -> Vec<TcpStream> {
    let request = b"POST /introspect HTTP/1.1\r\nhost: x\r\nauthorization: Bearer edge-secret\r\n\
        content-type: application/x-www-form-urlencoded\r\ncontent-length: 7\r\n\r\ntoken=t";
    let (api, mut open, mut answer) = (server.api(), Vec::new(), [0; 1024]);
    for _ in 0..count {
        let mut stream = TcpStream::connect(&api).await.unwrap();
        stream.write_all(request).await.unwrap();
        assert!(stream.read(&mut answer).await.unwrap() > 0);
        open.push(stream);
    }
    open
}

#[tokio::test]
async fn idle_connection_takes_at_most_12_kib() {
    // Both ends of the connections are files of some process, and one of them is this one.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .unwrap();
    let server = Server::start_with("").await;
    // What is allocated once is not a connection's.
    drop(asked(&server, 100).await);
    let before = resident(&server);
    let _open = asked(&server, CONNECTIONS).await;
    let start = Instant::now();
    loop {
        let each = resident(&server).saturating_sub(before) / CONNECTIONS;
        if each <= MOST {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{each} bytes each");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
