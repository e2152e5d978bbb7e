use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::connect::Stream;

/// Body of a request.
pub(super) type Body = Full<Bytes>;

/// HTTP/2 connections to one origin, and those that are being opened.
///
/// A connection takes as many requests as its server allows streams; for further ones another
/// connection is opened. Handed to hyper, they would wait there for any other request to end, which
/// no deadline of theirs could name.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    open: Vec<Shared>,
    openings: Vec<(u64, Seats)>,
    /// Streams that the latest connection was allowed; `None` before the first.
    usual: Option<usize>,
    /// Number of connections and openings so far.
    count: u64,
}

/// Connection that requests share.
#[derive(Debug)]
struct Shared {
    sender: http2::SendRequest<Body>,
    number: u64,
    streams: Arc<Streams>,
    used: Instant,
}

/// Requests that wait for a connection that is being opened.
#[derive(Debug)]
struct Seats {
    left: usize,
    ended: watch::Receiver<()>,
}

/// Count of a connection's streams.
#[derive(Debug, Default)]
struct Streams {
    taken: AtomicUsize,
    /// Most at a time; zero until the server has said it (`SETTINGS`).
    limit: AtomicUsize,
}

/// Stream of one request, until its answer is read or given up.
#[derive(Debug)]
pub(crate) struct Place(Arc<Streams>);

/// Stream of a connection that others use, too.
pub(super) struct Seat {
    pub(super) sender: http2::SendRequest<Body>,
    pub(super) number: u64,
    pub(super) place: Place,
}

/// Turn of a request that needs a stream.
pub(super) enum Turn {
    /// Stream that is free.
    Take(Seat),
    /// Connection that is being opened, and has one.
    Wait(watch::Receiver<()>),
    /// Connection to open.
    Open(Opening),
}

/// Connection that is being opened. Ends when others may take its streams, or when dropped.
pub(super) struct Opening {
    number: u64,
    connections: Arc<Connections>,
    /// Dropped at the end, which the receivers see.
    _ended: watch::Sender<()>,
}

/// Most connections that are kept for further requests. Over them, each serves one.
const MAX_KEPT: usize = 256;
/// Number of streams that no server can name, so that it stands for none named yet. Until then a
/// connection has the one request that it was opened for.
const UNKNOWN: usize = usize::MAX - 1;
/// First and longest pause between two looks for what a server allows: hyper tells nobody when it
/// hears of that.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// Requests keep a shared connection from being idle, so that one whose other end has vanished
/// would serve timeouts until the kernel gives it up, a quarter of an hour later.
const PING: Duration = Duration::from_secs(5);

impl Connections {
    /// Takes a stream of the first connection that has one, so that those opened for a crowd become
    /// idle when it is over.
    pub(super) fn take(&self) -> Option<Seat> {
        self.lock().take()
    }

    /// Takes a stream, waits for one, or opens a connection.
    pub(super) fn turn(self: &Arc<Self>) -> Turn {
        let mut shelf = self.lock();
        if let Some(seat) = shelf.take() {
            return Turn::Take(seat);
        }
        if let Some((_, seats)) = shelf.openings.iter_mut().find(|(_, seats)| seats.left > 0) {
            seats.left -= 1;
            return Turn::Wait(seats.ended.clone());
        }
        let number = shelf.next_number();
        let (sender, ended) = watch::channel(());
        // One is its own. Before the first connection, one is opened for all.
        let left = shelf.usual.unwrap_or(usize::MAX).saturating_sub(1);
        shelf.openings.push((number, Seats { left, ended }));
        Turn::Open(Opening {
            number,
            connections: Arc::clone(self),
            _ended: sender,
        })
    }

    /// Stops sharing this connection. Its in-flight requests continue.
    pub(super) fn retire(&self, number: u64) {
        self.lock().open.retain(|shared| shared.number != number);
    }

    /// Closes connections that were idle for this long.
    pub(super) fn close_idle(&self, idle: Duration) {
        let is_kept = |shared: &Shared| !shared.sender.is_closed() && shared.used.elapsed() < idle;
        self.lock().open.retain(is_kept);
    }

    /// Lets further requests use a connection: those that wait for it, or else any where there is
    /// no other. Before it is known that a server speaks HTTP/2, a crowd opens one for each
    /// request.
    fn share(&self, shared: Shared, is_awaited: bool) {
        let mut shelf = self.lock();
        shelf.usual = Some(shared.streams.limit.load(Ordering::Relaxed));
        let is_needed = is_awaited || !shelf.open.iter().any(|other| other.streams.has_room());
        if is_needed && shelf.open.len() < MAX_KEPT {
            shelf.open.push(shared);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn take(&mut self) -> Option<Seat> {
        self.open
            .retain(|shared| !shared.sender.is_closed() && shared.sender.is_ready());
        self.open.iter_mut().find_map(|shared| {
            let place = Streams::take(&shared.streams)?;
            shared.used = Instant::now();
            Some(Seat {
                sender: shared.sender.clone(),
                number: shared.number,
                place,
            })
        })
    }

    fn next_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut shelf = self.connections.lock();
        shelf.openings.retain(|(number, _)| *number != self.number);
    }
}

impl Streams {
    fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.limit.load(Ordering::Relaxed)
    }

    /// Takes a stream, under the lock of its connections.
    fn take(streams: &Arc<Self>) -> Option<Place> {
        streams.has_room().then(|| Self::taken(streams))
    }

    fn taken(streams: &Arc<Self>) -> Place {
        streams.taken.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(streams))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Does the handshake on a connection, and returns the stream of the request that it was opened
/// for. Once the server has said how many streams it allows, others share it, if `opening` says
/// that they may.
pub(super) async fn greet(
    stream: Stream,
    connections: &Arc<Connections>,
    mut opening: Option<Opening>,
    may_share: bool,
) -> hyper::Result<Seat> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .initial_max_send_streams(UNKNOWN);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let number = connections.lock().next_number();
    let streams = Arc::<Streams>::default();
    let place = Streams::taken(&streams);
    let mut to_share = may_share.then(|| Shared {
        sender: sender.clone(),
        number,
        streams: Arc::clone(&streams),
        used: Instant::now(),
    });
    let weak = Arc::downgrade(connections);
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        let mut look = pin!(sleep(LOOK.0));
        let mut pause = LOOK.0;
        std::future::poll_fn(|cx| {
            let polled = connection.as_mut().poll(cx);
            let said = connection.current_max_send_streams();
            let limit = if said == UNKNOWN { 0 } else { said };
            streams.limit.store(limit, Ordering::Relaxed);
            if limit > 0
                && let (Some(shared), Some(connections)) = (to_share.take(), weak.upgrade())
            {
                connections.share(shared, opening.is_some());
            }
            if limit > 0 || polled.is_ready() {
                to_share = None;
                opening = None;
                return polled;
            }
            while look.as_mut().poll(cx).is_ready() {
                pause = LOOK.1.min(pause * 2);
                look.as_mut().reset(tokio::time::Instant::now() + pause);
            }
            polled
        })
        .await
    });
    sender.ready().await?;
    Ok(Seat {
        sender,
        number,
        place,
    })
}
