//! Clients that take nothing of their answers, or too little.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split};
use tokio::time::{Instant, sleep, timeout};

use super::{GET, LONG, Served};
use crate::activity::MAX_UNSENT;
use crate::frames::PREFACE;

const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Request for `/` of `x`: END_STREAM and END_HEADERS, `:method: GET`, `:scheme: http`, `:path: /`.
fn head(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, &[0x82, 0x86, 0x84, 0x41, 1, b'x'])
}

/// HTTP/2 by hand, with this initial window.
async fn connect(window: u32) -> DuplexStream {
    let mut stream = Served::default().connect();
    let settings = [&4_u16.to_be_bytes()[..], &window.to_be_bytes()].concat();
    stream
        .write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &settings)[..]].concat())
        .await
        .unwrap();
    stream
}

/// Seconds until a client is closed that asks for as many documents as it may, with a window of so
/// many bytes, and for another one every 20 s, and takes none.
async fn stalled(window: u32) -> u64 {
    let (mut reading, mut writing) = split(connect(window).await);
    let start = Instant::now();
    tokio::spawn(async move {
        for number in 0..u32::MAX {
            if writing.write_all(&head(2 * number + 1)).await.is_err() {
                return;
            }
            if number > 50 {
                sleep(Duration::from_secs(20)).await;
            }
        }
    });
    let _ = reading.read_to_end(&mut Vec::new()).await;
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn client_that_reads_nothing_is_closed_although_it_keeps_sending() {
    for window in [0, 100] {
        let seconds = stalled(window).await;
        assert!(
            (30..=40).contains(&seconds),
            "{seconds} s with a window of {window}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn answer_that_is_taken_drop_by_drop_ends_within_two_minutes() {
    let (mut reading, mut writing) = split(connect(0).await);
    let start = Instant::now();
    writing.write_all(&head(1)).await.unwrap();
    tokio::spawn(async move {
        for number in 1.. {
            // Another one each time, which is taken whole: the connection as a whole gets on.
            let id = 2 * number + 1;
            let more = frame(WINDOW_UPDATE, 0, id, &1_000_000_u32.to_be_bytes());
            let both = frame(WINDOW_UPDATE, 0, 0, &100_000_u32.to_be_bytes());
            if writing
                .write_all(&[head(id), more, both].concat())
                .await
                .is_err()
            {
                return;
            }
            sleep(Duration::from_secs(5)).await;
        }
    });
    let _ = reading.read_to_end(&mut Vec::new()).await;
    let seconds = start.elapsed().as_secs();
    assert!((110..=135).contains(&seconds), "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn http_1_client_that_reads_nothing_is_closed_although_it_keeps_sending() {
    let (mut reading, mut writing) = split(Served::default().connect());
    let start = Instant::now();
    let asking = tokio::spawn(async move {
        while writing.write_all(GET).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        start.elapsed().as_secs()
    });
    let seconds = asking.await.unwrap();
    assert!((30..=40).contains(&seconds), "{seconds} s");
    reading.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn answers_over_the_limit_of_unsent_bytes_are_reset() {
    const RST_STREAM: u8 = 3;
    let (mut reading, mut writing) = split(connect(0).await);
    for id in 0..100 {
        writing.write_all(&head(2 * id + 1)).await.unwrap();
    }
    let mut resets = 0;
    let reading = async {
        loop {
            let mut head = [0; 9];
            reading.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            reading
                .read_exact(&mut vec![0; length as usize])
                .await
                .unwrap();
            resets += u32::from(head[3] == RST_STREAM);
        }
    };
    let _: Result<(), _> = timeout(Duration::from_secs(5), reading).await;
    let most = u32::try_from(MAX_UNSENT / LONG.len()).unwrap();
    assert_eq!(resets, 100 - most);
}
