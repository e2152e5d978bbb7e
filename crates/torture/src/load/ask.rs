//! One request, from the connection to what was seen.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::load::pick::Request;
use crate::load::pool::{Body, Kept, Pool, send, speak_http1, speak_http2};
use crate::load::{PATIENCE, Way, grpc, http as api};
use crate::oracle::moment::{Exchange, Watch};
use crate::oracle::seen::Seen;
use crate::subject::Shared;
use crate::world::Authority;

/// Client of all ways in.
pub(crate) struct Asker {
    subject: Shared,
    tls: TlsConnector,
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

/// HTTP/2 connections at once.
const MULTIPLEXED: usize = 8;

/// The whole of an answer.
struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    trailers: Option<HeaderMap>,
    body: Bytes,
}

impl Asker {
    pub(crate) fn new(subject: Shared, authority: &Authority) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            subject,
            tls: TlsConnector::from(Arc::new(config)),
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
            Ok(Err(error)) => Seen::Lost(format!("{}: {error}", request.way.name())),
            Err(_) => Seen::Lost(format!("{}: no answer in {PATIENCE:?}", request.way.name())),
        };
        let received = watch.moment();
        (Exchange { sent, received }, seen)
    }

    async fn exchange(&self, request: &Request) -> io::Result<Whole> {
        let pool = match request.way {
            Way::Introspect | Way::ForwardAuth => &self.plain_pool,
            Way::Tls => &self.tls_pool,
            Way::Unix => &self.unix_pool,
            Way::Grpc => {
                let mut sender = self.multiplexed().await?;
                sender.ready().await.map_err(io::Error::other)?;
                let answer = sender.send_request(message(request)?).await;
                return whole(answer.map_err(io::Error::other)?).await;
            }
        };
        if let Some(mut kept) = pool.take(self.subject.generation()) {
            let may_be_closing = kept.may_be_closing();
            match send(&mut kept, message(request)?).await {
                Ok(answer) => return finish(pool, kept, answer).await,
                Err(error) if !may_be_closing => return Err(io::Error::other(error)),
                Err(_) => {}
            }
        }
        let mut fresh = self.connect(request.way).await?;
        let answer = send(&mut fresh, message(request)?).await;
        finish(pool, fresh, answer.map_err(io::Error::other)?).await
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
                let stream = TcpStream::connect(ports.tls).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
                let stream = self.tls.connect(name, stream).await?;
                speak_http1(stream, generation).await
            }
            Way::Introspect | Way::ForwardAuth | Way::Grpc => {
                let stream = TcpStream::connect(ports.api).await?;
                stream.set_nodelay(true)?;
                speak_http1(stream, generation).await
            }
        }
    }

    async fn multiplexed(&self) -> io::Result<http2::SendRequest<Body>> {
        let generation = self.subject.generation();
        if let Some(sender) = self.grpc_pool.take(generation) {
            return Ok(sender);
        }
        let stream = TcpStream::connect(self.subject.ports.grpc).await?;
        stream.set_nodelay(true)?;
        let sender = speak_http2(stream).await?;
        self.grpc_pool.put(Multiplexed {
            sender: sender.clone(),
            generation,
        });
        Ok(sender)
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
