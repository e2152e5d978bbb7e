//! Connections in memory, on a clock that tests move. The bytes of a real socket would arrive late
//! on a paused clock.

mod certificates;
mod fairness;
mod lifetimes;
mod memory;
mod stalls;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use introspectd_core::{ManualClock, Timestamp};
use tokio::io::{AsyncBufRead, BufStream, DuplexStream, duplex};

use crate::connection::{Raw, serve};
use crate::connections::Terms;
use crate::origin::{Arrival, Origin};
use crate::places::Places;
use crate::requests::Requests;
use crate::stop::Stop;
use crate::tls::Tls;
use crate::wire::Stream;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Longer than what is between a client and us holds.
static LONG: &str = match std::str::from_utf8(&[b'x'; 80 * 1024]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Listener in memory, with one and the same answer to all.
#[derive(Clone)]
struct Served {
    max_age: Duration,
    /// Time that an answer takes.
    takes: Duration,
    says: &'static str,
    /// Requests so far.
    asked: Arc<AtomicUsize>,
    tls: Option<Arc<Tls>>,
    clock: Arc<ManualClock>,
}

impl Default for Served {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(1_000_000),
            takes: Duration::ZERO,
            says: LONG,
            asked: Arc::default(),
            tls: None,
            clock: Arc::new(ManualClock::at(
                Timestamp::from_seconds(1_700_000_000).unwrap(),
            )),
        }
    }
}

impl Served {
    fn connect(&self) -> DuplexStream {
        let (near, far) = duplex(64 * 1024);
        let Self {
            max_age,
            takes,
            says,
            asked,
            tls,
            clock,
        } = self.clone();
        tokio::spawn(async move {
            let place = Places::new(1).take().await;
            let terms = Arc::new(Terms {
                tls,
                requests: Requests::new(8192, std::num::NonZeroUsize::MIN),
                max_age,
                max_head: 32 * 1024,
                clock,
            });
            let (_running, stop) = Stop::new();
            let open = |_: &Arrival| {
                move |_| {
                    asked.fetch_add(1, Relaxed);
                    async move {
                        if !takes.is_zero() {
                            tokio::time::sleep(takes).await;
                        }
                        Response::new(Full::<Bytes>::from(says))
                    }
                }
            };
            serve(Memory(far), place, terms, open, stop).await;
        });
        near
    }
}

struct Memory(DuplexStream);

impl Raw for Memory {
    fn register(self) -> io::Result<(impl Stream, Origin)> {
        Ok((BufStream::new(self.0), Origin::Unknown))
    }
}

impl Stream for BufStream<DuplexStream> {
    fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(std::pin::Pin::new(self).poll_fill_buf(cx))?;
        Poll::Ready(Ok(()))
    }

    fn is_closed_by_client(&self) -> bool {
        false
    }
}
