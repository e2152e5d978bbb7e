//! Clients that send frames which only cost: raw HTTP/2 over loopback.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bench::{ACTIVE, Bench, soon};
use crate::client::{Ask, http2_on, received};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const UNKNOWN: u8 = 0xbe;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    [
        &[0, length(name)],
        name.as_bytes(),
        &[length(value)],
        value.as_bytes(),
    ]
    .concat()
}

/// Head of a GET for this path.
fn get(path: &str) -> Vec<u8> {
    [
        literal(":method", "GET"),
        literal(":scheme", "http"),
        literal(":path", path),
        literal(":authority", "x"),
    ]
    .concat()
}

/// Returns true if the connection ends when these frames are sent ten thousand times.
async fn is_ended_by(bench: &Bench, flood: impl Fn(u32) -> Vec<u8>) -> bool {
    let (mut reading, mut writing) = TcpStream::connect(bench.address)
        .await
        .unwrap()
        .into_split();
    writing
        .write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
        .await
        .unwrap();
    let ended = tokio::spawn(async move { reading.read_to_end(&mut Vec::new()).await });
    for number in 0..10_000 {
        if writing.write_all(&flood(2 * number + 1)).await.is_err() {
            return true;
        }
    }
    // What was flooded is read, and this is answered where it does not end the connection.
    let _ = writing.write_all(&frame(PING, 0, 0, &[1; 8])).await;
    timeout(Duration::from_secs(2), ended).await.is_ok()
}

/// Frames by their number, from 1 on, in steps of two as streams are.
type Flood = Box<dyn Fn(u32) -> Vec<u8>>;

#[tokio::test]
async fn flood_of_frames_that_only_cost_ends_the_connection() {
    let bench = Bench::start().await;
    let one = || frame(HEADERS, END_HEADERS, 1, &get("/introspect"));
    let floods: [(&str, Flood); 8] = [
        ("PING", Box::new(|_| frame(PING, 0, 0, &[0; 8]))),
        ("SETTINGS", Box::new(|_| frame(SETTINGS, 0, 0, &[]))),
        (
            "PRIORITY",
            Box::new(|id| frame(PRIORITY, 0, id, &[0, 0, 0, 0, 1])),
        ),
        (
            "WINDOW_UPDATE",
            Box::new(|_| frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ),
        ("unknown", Box::new(|_| frame(UNKNOWN, 0, 0, b"x"))),
        (
            "empty DATA",
            Box::new(move |id| {
                if id == 1 {
                    one()
                } else {
                    frame(DATA, 0, 1, &[])
                }
            }),
        ),
        (
            "empty CONTINUATION",
            Box::new(|id| frame(if id == 1 { HEADERS } else { CONTINUATION }, 0, 1, &[])),
        ),
        (
            "rapid reset",
            Box::new(|id| {
                let head = frame(HEADERS, END_HEADERS | END_STREAM, id, &get("/openapi.json"));
                [head, frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat()
            }),
        ),
    ];
    for (name, flood) in &floods {
        assert!(soon(name, is_ended_by(&bench, flood)).await, "{name}");
    }
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
}

#[tokio::test]
async fn busy_client_may_ping_and_cancel() {
    let bench = Bench::start().await;
    let stream = TcpStream::connect(bench.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut http2 = http2_on(stream).await;
    for _ in 0..2000 {
        let request = Ask::token(ACTIVE).http2_request(bench.address);
        assert!(
            received(http2.send_request(request).await.unwrap(), false)
                .await
                .is_active()
        );
        let request = Ask::token(ACTIVE).http2_request(bench.address);
        drop(http2.send_request(request));
    }
    assert!(http2.ready().await.is_ok());
}
