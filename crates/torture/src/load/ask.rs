//! One request, from the connection to what was seen.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::load::pick::Request;
use crate::load::pool::{Body, Kept, Pool, send, speak_http1, speak_http2};
use crate::load::{PATIENCE, Way, grpc, http as api};
use crate::oracle::moment::{Exchange, Watch};
use crate::oracle::seen::Seen;
use crate::subject::Shared;

/// Client of all ways in.
pub(crate) struct Asker {
    subject: Shared,
    tls: TlsConnector,
    /// Resumes no session, so that it sees the certificate itself.
    unresumed: TlsConnector,
    plain_pool: Pool,
    tls_pool: Pool,
    unix_pool: Pool,
    grpc_pool: GrpcPool,
}

/// HTTP/2 connections, each with many requests at once.
#[derive(Default)]
struct GrpcPool(Mutex<Vec<Multiplexed>>);

#[derive(Clone)]
struct Multiplexed {
    sender: http2::SendRequest<Body>,
    generation: u64,
}

/// Connection that ended without an answer.
struct Broken {
    error: io::Error,
    /// Nothing had been answered on it.
    is_fresh: bool,
}

/// HTTP/2 connections at once.
const MULTIPLEXED: usize = 8;

/// Connections in a row that may end in the moment of a request.
const GOAWAYS: u32 = 3;

/// The whole of an answer.
struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    trailers: Option<HeaderMap>,
    body: Bytes,
}

impl Asker {
    pub(crate) fn new(subject: Shared) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let authority = subject.listeners_authority();
        roots.add(authority).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config.clone()));
        config.resumption = Resumption::disabled();
        Ok(Self {
            subject,
            tls,
            unresumed: TlsConnector::from(Arc::new(config)),
            plain_pool: Pool::default(),
            tls_pool: Pool::default(),
            unix_pool: Pool::default(),
            grpc_pool: GrpcPool::default(),
        })
    }

    /// Asks, and says what was seen and when.
    pub(crate) async fn ask(&self, watch: Watch, request: &Request) -> (Exchange, Seen) {
        let sent = watch.moment();
        let seen = match timeout(PATIENCE, self.exchange(request)).await {
            Ok(Ok(whole)) => read(request, &whole),
            Ok(Err(Broken { error, is_fresh })) => Seen::Lost {
                why: format!("{}: {}", request.way.name(), with_sources(&error)),
                is_fresh,
            },
            Err(_) => Seen::Lost {
                why: format!("{}: no answer in {PATIENCE:?}", request.way.name()),
                is_fresh: false,
            },
        };
        let received = watch.moment();
        (Exchange { sent, received }, seen)
    }

    async fn exchange(&self, request: &Request) -> Result<Whole, Broken> {
        let pool = match request.way {
            Way::Introspect | Way::ForwardAuth => &self.plain_pool,
            Way::Tls => &self.tls_pool,
            Way::Unix => &self.unix_pool,
            Way::Grpc => return self.exchange_multiplexed(request).await,
        };
        if let Some(mut kept) = pool.take(self.subject.generation()) {
            let may_be_closing = kept.may_be_closing();
            match ask_on(&mut kept, request).await {
                Ok(answer) => {
                    let whole = finish(pool, kept, answer).await;
                    return whole.map_err(|error| Broken::new(error, false));
                }
                Err(error) if !may_be_closing => return Err(Broken::new(error, false)),
                Err(_) => {}
            }
        }
        let answered = async {
            let mut fresh = self.connect(request.way).await?;
            let answer = ask_on(&mut fresh, request).await?;
            finish(pool, fresh, answer).await
        };
        answered.await.map_err(|error| Broken::new(error, true))
    }

    /// Asks on another connection where this one is about to end, as a client of gRPC does.
    async fn exchange_multiplexed(&self, request: &Request) -> Result<Whole, Broken> {
        let mut again = 0..GOAWAYS;
        loop {
            let multiplexed = self.multiplexed().await;
            let (mut sender, is_fresh) = multiplexed.map_err(|error| Broken::new(error, true))?;
            let broken = |error| Broken::new(error, is_fresh);
            let message = message(request).map_err(broken)?;
            let answer = match sender.ready().await {
                Ok(()) => sender.send_request(message).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => return whole(answer).await.map_err(broken),
                Err(error) if is_unprocessed(&error) && again.next().is_some() => {}
                Err(error) => return Err(broken(io::Error::other(error))),
            }
        }
    }

    async fn connect(&self, way: Way) -> io::Result<Kept> {
        let generation = self.subject.generation();
        let ports = &self.subject.ports;
        match way {
            Way::Unix => {
                let stream = UnixStream::connect(self.subject.socket()).await?;
                speak_http1(stream, generation).await
            }
            Way::Tls => {
                let stream = self.shake_hands(&self.tls).await?;
                speak_http1(stream, generation).await
            }
            Way::Introspect | Way::ForwardAuth | Way::Grpc => {
                let stream = TcpStream::connect(ports.api).await?;
                stream.set_nodelay(true)?;
                speak_http1(stream, generation).await
            }
        }
    }

    async fn shake_hands(&self, by: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.subject.ports.tls).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
        by.connect(name, stream).await
    }

    /// Certificate that a new connection to the TLS listener shows.
    pub(crate) async fn certificate(&self) -> io::Result<CertificateDer<'static>> {
        let stream = timeout(PATIENCE, self.shake_hands(&self.unresumed)).await??;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = chain.first().cloned();
        certificate.ok_or_else(|| io::Error::other("no certificate"))
    }

    /// A connection, and whether it is a new one.
    async fn multiplexed(&self) -> io::Result<(http2::SendRequest<Body>, bool)> {
        let generation = self.subject.generation();
        if let Some(sender) = self.grpc_pool.take(generation) {
            return Ok((sender, false));
        }
        let stream = TcpStream::connect(self.subject.ports.grpc).await?;
        stream.set_nodelay(true)?;
        let sender = speak_http2(stream).await?;
        self.grpc_pool.put(Multiplexed {
            sender: sender.clone(),
            generation,
        });
        Ok((sender, true))
    }
}

impl Broken {
    fn new(error: io::Error, is_fresh: bool) -> Self {
        Self { error, is_fresh }
    }
}

impl GrpcPool {
    /// The connections in turn, once there are enough of them.
    fn take(&self, generation: u64) -> Option<http2::SendRequest<Body>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|it| it.generation == generation && !it.sender.is_closed());
        if open.len() < MULTIPLEXED {
            return None;
        }
        open.rotate_left(1);
        open.first().map(|it| it.sender.clone())
    }

    fn put(&self, multiplexed: Multiplexed) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(multiplexed);
    }
}

fn message(request: &Request) -> io::Result<http::Request<Body>> {
    let message = match request.way {
        Way::Introspect | Way::Tls | Way::Unix => api::introspect(request),
        Way::ForwardAuth => api::decide(request),
        Way::Grpc => grpc::check(request),
    };
    message.map_err(io::Error::other)
}

/// An error and what caused it, in one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Returns true if the server surely did nothing with a request: it was not sent, or it came after
/// the last one that the server's GOAWAY names (RFC 9113 section 6.8), or was refused (8.7).
fn is_unprocessed(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let source = source.and_then(|source| source.downcast_ref::<h2::Error>());
    let was_refused = |error: &h2::Error| match error.reason() {
        Some(h2::Reason::NO_ERROR) => error.is_go_away() && error.is_remote(),
        Some(h2::Reason::REFUSED_STREAM) => error.is_remote(),
        _ => false,
    };
    error.is_canceled() || source.is_some_and(was_refused)
}

async fn ask_on(kept: &mut Kept, request: &Request) -> io::Result<http::Response<Incoming>> {
    let answer = send(kept, message(request)?).await;
    answer.map_err(io::Error::other)
}

/// Reads an answer to its end and keeps the connection.
async fn finish(pool: &Pool, kept: Kept, answer: http::Response<Incoming>) -> io::Result<Whole> {
    let whole = whole(answer).await?;
    pool.put(kept);
    Ok(whole)
}

async fn whole(answer: http::Response<Incoming>) -> io::Result<Whole> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    Ok(Whole {
        status: head.status,
        headers: head.headers,
        trailers: body.trailers().cloned(),
        body: body.to_bytes(),
    })
}

fn read(request: &Request, whole: &Whole) -> Seen {
    let Whole {
        status,
        headers,
        trailers,
        body,
    } = whole;
    let provider = request.question.provider;
    match request.way {
        Way::Introspect | Way::Tls | Way::Unix => {
            api::introspected(provider, *status, headers, body)
        }
        Way::ForwardAuth => api::decided(provider, *status, headers),
        Way::Grpc => grpc::checked(provider, headers, trailers.as_ref(), body),
    }
}
