mod body;
mod fault;
mod host;
mod link;
mod streams;
mod trust;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::Incoming;
use introspectd_core::{Clock, Failure, Outage, ProxyFault, Timestamp, Unreachable};
use rustls::ClientConfig;
use tokio::time::Instant;
use tower::Service;

use crate::answer::screen;
use crate::coding;
use crate::connect::Origin;
use crate::outbound::Net;
use crate::proxy::Proxy;
use crate::reason;
use crate::renewed::Renewed;
use crate::request::{Effect, Request};
use crate::stage::Stage;
use host::{Held, Host, Lost, Way};
use link::Link;
use streams::{Opening, Place, Turn};

pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// Connections to a provider, without the deadline over an exchange and without credentials.
///
/// All of it runs on the outbound threads. An HTTP/1.1 connection is used again after it has been
/// silent for a while ([`Host::keep`]): a surplus answer would else be taken for the next one.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    net: Net,
    tls: Arc<Renewed<Arc<ClientConfig>>>,
    proxy: Option<Arc<Proxy>>,
    keep_alive: bool,
    /// Connections by origin: those of the configuration, so there are few.
    hosts: Mutex<HashMap<Origin, Arc<Host>>>,
    clock: Arc<dyn Clock>,
}

/// Answer whose body has not been read.
pub(crate) struct Reply {
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
    pub(crate) lease: Option<Box<Lease>>,
    /// Moment when the head arrived.
    at: Timestamp,
}

/// Answer that was read.
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    at: Timestamp,
}

/// Reason why no response began.
pub(crate) struct Unanswered {
    pub(crate) failure: Failure,
    /// The request was surely not processed, although it was sent.
    pub(crate) is_unprocessed: bool,
}

/// Connection or stream on loan. Dropping it closes an HTTP/1.1 connection, and frees a stream.
pub(crate) struct Lease(Loan);

enum Loan {
    Link {
        link: Link,
        host: Arc<Host>,
        began: Instant,
    },
    Stream(Place),
}

/// Status of a proxy that refuses our credentials, whatever the server is.
const REFUSED_BY_PROXY: StatusCode = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
/// Interval of the search for connections that were idle for too long.
const SWEEP: Duration = Duration::from_secs(5);
/// Most connections that may turn out to be closed before a new one is opened.
const MAX_CLOSED: usize = 3;

impl Pool {
    pub(crate) fn new(
        net: Net,
        tls: Arc<Renewed<Arc<ClientConfig>>>,
        proxy: Option<Arc<Proxy>>,
        keep_alive: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self(Arc::new(Inner {
            net,
            tls,
            proxy,
            keep_alive,
            hosts: Mutex::default(),
            clock,
        }))
    }

    /// Sends a request once, and reads all of the response.
    pub(crate) async fn send(&self, request: Request) -> Result<Received, Failure> {
        self.open(&request)
            .await
            .map_err(|unanswered| unanswered.failure)?
            .whole()
            .await
    }

    /// Sends a request once, and leaves the response's body to be read.
    ///
    /// A kept connection that turns out to be closed before anything was sent is replaced here:
    /// hyper gives the request back, so this is no repetition. Whether a request that was sent was
    /// processed only the connection can say (not a byte heard on a reused one, GOAWAY,
    /// REFUSED_STREAM): the pool says so, and the stack decides.
    async fn open(&self, request: &Request) -> Result<Reply, Unanswered> {
        let host = self.host(Origin::of(&request.uri).ok_or(Failure::Unsupported)?);
        let mut sent = request.to_http();
        // What changes something is sent over a connection of its own, once: it cannot be taken
        // back should the answer turn out to be another's.
        let may_share = self.0.keep_alive && request.effect == Effect::None;
        let mut closed = if request.is_repeat { MAX_CLOSED } else { 0 };
        loop {
            let may_reuse = may_share && closed < MAX_CLOSED;
            let way = self
                .way(&host, may_reuse, may_share, &request.stage)
                .await?;
            let (is_reused, number) = (way.is_reused(), way.number());
            let relay = self.relay(&host);
            match way.send(sent, request.doubt.clone(), relay).await {
                Ok((response, _)) if relay.is_some() && response.status() == REFUSED_BY_PROXY => {
                    let fault = Unreachable::Proxy(ProxyFault::Credentials);
                    return Err(Failure::outage(Outage::Unreachable(fault)).into());
                }
                Ok((response, held)) => return Ok(self.reply(response, held, host)),
                Err(Lost::Unsent(unsent, _)) if is_reused => {
                    sent = *unsent;
                    closed += 1;
                    retire(&host, number);
                }
                Err(Lost::Unprocessed(error)) => {
                    // What a second connection refuses, too, is no matter of the connection.
                    if !request.is_repeat {
                        retire(&host, number);
                    }
                    let failure = self.completed(fault::failure(&error));
                    return Err(Unanswered {
                        failure,
                        is_unprocessed: true,
                    });
                }
                Err(Lost::Unsent(_, error) | Lost::Sent(error)) => {
                    return Err(self.completed(fault::failure(&error)).into());
                }
            }
        }
    }

    /// Returns the proxy that answers requests to this host itself, as it does over plain HTTP.
    fn relay(&self, host: &Host) -> Option<&Proxy> {
        let proxy = self.0.proxy.as_deref();
        proxy.filter(|_| !host.origin.is_https())
    }

    fn reply(&self, response: Response<Incoming>, held: Held, host: Arc<Host>) -> Reply {
        let (head, body) = response.into_parts();
        let at = self.0.clock.now();
        let lease = match held {
            Held::Link(link, began) => Some(Loan::Link { link, host, began }),
            Held::Stream(place) => Some(Loan::Stream(place)),
            Held::Nothing => None,
        };
        Reply {
            version: head.version,
            status: head.status,
            headers: head.headers,
            body,
            lease: lease.map(|loan| Box::new(Lease(loan))),
            at,
        }
    }

    async fn way(
        &self,
        host: &Arc<Host>,
        may_reuse: bool,
        may_share: bool,
        stage: &Stage,
    ) -> Result<Way, Failure> {
        loop {
            if may_share && let Some(way) = host.shared() {
                return Ok(way);
            }
            if may_reuse && let Some(way) = host.idle() {
                return Ok(way);
            }
            stage.connect(self.0.proxy.is_some());
            let turn = (may_share && host.spoke_http2()).then(|| host.http2.turn());
            let opening = match turn {
                Some(Turn::Take(seat)) => {
                    stage.connected();
                    return Ok(Way::Http2 {
                        seat,
                        is_reused: true,
                    });
                }
                Some(Turn::Wait(mut ended)) => {
                    // The opening says nothing but that it has ended.
                    let _ = ended.changed().await;
                    continue;
                }
                Some(Turn::Open(opening)) => Some(opening),
                None => None,
            };
            // Boxed: seldom needed, it would be moved with every request.
            let way = Box::pin(self.connect(host, may_share, opening)).await;
            stage.connected();
            return way;
        }
    }

    async fn connect(
        &self,
        host: &Arc<Host>,
        may_share: bool,
        opening: Option<Opening>,
    ) -> Result<Way, Failure> {
        let connected = host
            .origin
            .connect(
                &self.0.net.names,
                Arc::clone(&self.0.tls.get()),
                self.0.proxy.as_deref(),
            )
            .await;
        let connected = connected.map_err(|error| {
            tracing::debug!(?error, "could not connect to a provider");
            self.completed(reason::of_connecting(&error))
        })?;
        let greeted = host.greet(connected, may_share, opening).await;
        greeted.map_err(|error| self.completed(fault::failure(&error)))
    }

    /// Completes a server's complaint about certificates: before TLS 1.3 it could only name a bad
    /// one, also if it got none.
    fn completed(&self, failure: Failure) -> Failure {
        let refused = Failure::outage(Outage::Unreachable(Unreachable::CertificateRefused));
        if failure == refused && !self.0.tls.get().client_auth_cert_resolver.has_certs() {
            return Failure::outage(Outage::Unreachable(Unreachable::CertificateDemanded));
        }
        failure
    }

    fn host(&self, origin: Origin) -> Arc<Host> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(&origin) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host::new(origin.clone(), self.0.keep_alive));
        self.0.net.spawn(sweep(Arc::downgrade(&host)));
        hosts.insert(origin, Arc::clone(&host));
        host
    }
}

/// Stops sharing this connection.
fn retire(host: &Host, number: Option<u64>) {
    if let Some(number) = number {
        host.http2.retire(number);
    }
}

impl Service<Box<Request>> for Pool {
    type Response = Reply;
    type Error = Unanswered;
    type Future = BoxFuture<'static, Result<Reply, Unanswered>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unanswered>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Box<Request>) -> Self::Future {
        let pool = self.clone();
        Box::pin(async move { pool.open(&request).await })
    }
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            is_unprocessed: false,
        }
    }
}

async fn sweep(host: Weak<Host>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(host) = host.upgrade() else { return };
        host.close_idle();
    }
}

impl Reply {
    /// Reads the whole body.
    pub(crate) async fn whole(self) -> Result<Received, Failure> {
        let Self {
            version: _,
            status,
            headers,
            body,
            lease,
            at,
        } = self;
        let body = body::read(body, MAX_BODY).await.map_err(|broken| {
            // Whatever became of the page below it, a 503 stays a 503.
            screen(status, &headers, at)
                .err()
                .unwrap_or_else(|| broken.into())
        })?;
        if let Some(lease) = lease {
            lease.give_back();
        }
        let body = match coding::undo(&headers, body, MAX_BODY) {
            Ok(body) => body,
            Err(broken) => {
                return Err(screen(status, &headers, at)
                    .err()
                    .unwrap_or_else(|| broken.into()));
            }
        };
        Ok(Received {
            status,
            headers,
            body,
            at,
        })
    }
}

impl Received {
    /// Refuses statuses that say nothing about any token.
    pub(crate) fn screen(&self) -> Result<(), Failure> {
        screen(self.status, &self.headers, self.at)
    }
}

impl Lease {
    /// Returns the connection to the pool after its answer was read to the end.
    pub(crate) fn give_back(self) {
        match self.0 {
            Loan::Link {
                mut link,
                host,
                began,
            } => {
                link.slowest = link.slowest.max(began.elapsed());
                host.keep(link);
            }
            Loan::Stream(place) => drop(place),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}
