use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use introspectd_core::DoubtHandler;
use tokio::time::Instant;

use super::fault::{is_close, is_refused_stream};
use super::link::{Answers, Link, is_unasked};
use super::streams::{self, Body, Connections, Opening, Place, Seat};
use super::trust::Trust;
use crate::connect::{Connected, Origin, Probe, Stream};
use crate::proxy::Proxy;
use crate::request::wire_form;

/// Connections to one origin.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) origin: Origin,
    keep_alive: bool,
    trust: Arc<Trust>,
    shelf: Mutex<Shelf>,
    pub(super) http2: Arc<Connections>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Idle connections, in the order of their last use.
    resting: VecDeque<Resting>,
    spoke_http2: bool,
}

/// HTTP/1.1 connection between two requests.
#[derive(Debug)]
struct Resting {
    link: Link,
    since: Instant,
    /// Moment from which it has been silent for long enough.
    rested: Instant,
}

/// Connection for one request.
pub(super) enum Way {
    Http1 {
        link: Link,
        is_reused: bool,
        keep_alive: bool,
    },
    Http2 {
        seat: Seat,
        is_reused: bool,
    },
}

/// Connection, or stream, that belongs to an answer until it is read.
pub(super) enum Held {
    Link(Link, Instant),
    Stream(Place),
    Nothing,
}

/// Request without an answer.
pub(super) enum Lost {
    /// None of it was sent.
    Unsent(Box<Request<Body>>, hyper::Error),
    /// End of a used connection before a byte of the answer, or a server's statement that it did
    /// nothing.
    Unprocessed(hyper::Error),
    Sent(hyper::Error),
}

/// Longest time that a connection is kept idle. Servers keep theirs longer, so that a request
/// rarely meets a closing one.
const IDLE: Duration = Duration::from_secs(15);
/// Most connections to an origin that wait for their next request.
const MAX_IDLE: usize = 256;
/// Most connections that rest before the longest resting ones are used early. Past some 600
/// requests a second each would else open a connection of its own, which takes 16 KiB and more.
const CROWD: usize = 32;
/// Least and longest silence before a connection is used again. A thousand requests a second rest
/// some fifty connections.
const REST: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Most connections that may turn out to have unread bytes before a new one is opened.
const MAX_PROBED: usize = 3;
/// Most bytes of an answer's head, and of its trailers. Against heads without end.
const MAX_HEAD: usize = 64 * 1024;

/// Most bytes of an answer that are read before others have their turn.
const MAX_READ: usize = 2 * MAX_HEAD;

impl Host {
    pub(super) fn new(origin: Origin, keep_alive: bool) -> Self {
        Self {
            origin,
            keep_alive,
            trust: Arc::default(),
            shelf: Mutex::default(),
            http2: Arc::default(),
        }
    }

    /// Returns a rested connection, if there is one, unless the origin recently sent surplus bytes.
    pub(super) fn idle(&self) -> Option<Way> {
        if self.trust.is_lost() {
            return None;
        }
        for _ in 0..MAX_PROBED {
            let link = self.lock().take(Instant::now())?;
            if link.probe.is_silent() {
                return Some(Way::Http1 {
                    link,
                    is_reused: true,
                    keep_alive: true,
                });
            }
            // Bytes that its driver has not seen yet, or the end. It looks while the connection
            // rests.
            self.keep(link);
        }
        None
    }

    /// Returns a stream of a shared connection, if there is one.
    pub(super) fn shared(&self) -> Option<Way> {
        let seat = self.http2.take()?;
        Some(Way::Http2 {
            seat,
            is_reused: true,
        })
    }

    pub(super) fn spoke_http2(&self) -> bool {
        self.lock().spoke_http2
    }

    /// Does the HTTP handshake on a new connection.
    pub(super) async fn greet(
        &self,
        connected: Connected,
        may_share: bool,
        opening: Option<Opening>,
    ) -> hyper::Result<Way> {
        let Connected {
            stream,
            probe,
            is_http2,
        } = connected;
        self.lock().spoke_http2 = is_http2;
        if !is_http2 {
            let link = greet_http1(stream, probe, &self.trust).await?;
            return Ok(Way::Http1 {
                link,
                is_reused: false,
                keep_alive: self.keep_alive,
            });
        }
        let seat = streams::greet(stream, &self.http2, opening, may_share).await?;
        Ok(Way::Http2 {
            seat,
            is_reused: false,
        })
    }

    /// Keeps a connection for the next request, once it has been silent for as long as its slowest
    /// exchange took: a surplus answer comes within about that time, and closes it.
    pub(super) fn keep(&self, link: Link) {
        let since = Instant::now();
        let rested = since + link.slowest.clamp(REST.0, REST.1);
        let mut shelf = self.lock();
        shelf.resting.push_back(Resting {
            link,
            since,
            rested,
        });
        if shelf.resting.len() > MAX_IDLE {
            shelf.resting.pop_front();
        }
    }

    /// Closes connections that were idle for too long.
    pub(super) fn close_idle(&self) {
        let mut shelf = self.lock();
        shelf
            .resting
            .retain(|resting| !resting.link.sender.is_closed() && resting.since.elapsed() < IDLE);
        drop(shelf);
        self.http2.close_idle(IDLE);
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// Takes the connection that rested and was used last, so that a few busy ones stay and the
    /// others end. In a crowd, the one that rests longest.
    fn take(&mut self, now: Instant) -> Option<Link> {
        loop {
            let rested = self
                .resting
                .iter()
                .rposition(|resting| resting.rested <= now);
            let place = rested.or_else(|| (self.resting.len() >= CROWD).then_some(0))?;
            let link = self.resting.remove(place)?.link;
            if link.is_usable() {
                return Some(link);
            }
        }
    }
}

async fn greet_http1(stream: Stream, probe: Probe, trust: &Arc<Trust>) -> hyper::Result<Link> {
    let mut builder = http1::Builder::new();
    // RFC 9112 section 5.2: what was folded is read as a space.
    builder
        .max_header_size(MAX_HEAD)
        // A large answer is read in pieces, between which others have their turn.
        .max_buf_size(MAX_READ)
        .allow_obsolete_multiline_headers_in_responses(true);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let answers = Arc::new(Answers::new(Arc::clone(trust)));
    let watched = Arc::clone(&answers);
    tokio::spawn(async move {
        if let Err(error) = connection.await
            && is_unasked(&error)
        {
            watched.doubt();
        }
    });
    Ok(Link {
        sender,
        probe,
        answers,
        slowest: Duration::ZERO,
    })
}

impl Way {
    /// Number of the connection, where it may be shared.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Http1 { .. } => None,
            Self::Http2 { seat, .. } => Some(seat.number),
        }
    }

    pub(super) fn is_reused(&self) -> bool {
        match self {
            Self::Http1 { is_reused, .. } | Self::Http2 { is_reused, .. } => *is_reused,
        }
    }

    /// Sends a request, to a server or to a proxy that relays it. The connection comes back with
    /// the answer where no other may use it meanwhile.
    pub(super) async fn send(
        self,
        mut request: Request<Body>,
        doubt: Option<DoubtHandler>,
        relay: Option<&Proxy>,
    ) -> Result<(Response<Incoming>, Held), Lost> {
        match self {
            Self::Http1 {
                mut link,
                keep_alive,
                is_reused,
            } => {
                wire_form(&mut request, keep_alive, relay);
                link.answers.expect(doubt);
                link.probe.listen();
                let began = Instant::now();
                match link.sender.try_send_request(request).await {
                    Ok(response) => {
                        link.answers.begun();
                        let held = if keep_alive {
                            Held::Link(link, began)
                        } else {
                            Held::Nothing
                        };
                        Ok((response, held))
                    }
                    Err(error) => Err(link.lose(error, is_reused)),
                }
            }
            Self::Http2 {
                mut seat,
                is_reused,
            } => match seat.sender.try_send_request(request).await {
                Ok(response) => Ok((response, Held::Stream(seat.place))),
                Err(error) => Err(Lost::new(error, |error| {
                    is_refused_stream(error) || is_reused && is_close(error)
                })),
            },
        }
    }
}

impl Link {
    fn lose(&self, error: TrySendError<Request<Body>>, is_reused: bool) -> Lost {
        let lost = Lost::new(error, |error| {
            is_reused && !self.probe.has_heard() && is_close(error)
        });
        match &lost {
            Lost::Unsent(_, error) => {
                self.answers.expect_none();
                if is_unasked(error) {
                    self.answers.doubt();
                }
            }
            // What comes in place of an answer may be the rest of the one before.
            Lost::Sent(error) if error.is_parse() => self.answers.doubt_previous(),
            Lost::Sent(_) | Lost::Unprocessed(_) => {}
        }
        lost
    }
}

impl Lost {
    fn new(
        mut error: TrySendError<Request<Body>>,
        is_unprocessed: impl FnOnce(&hyper::Error) -> bool,
    ) -> Self {
        if let Some(request) = error.take_message() {
            return Self::Unsent(Box::new(request), error.into_error());
        }
        let error = error.into_error();
        if is_unprocessed(&error) {
            Self::Unprocessed(error)
        } else {
            Self::Sent(error)
        }
    }
}
