use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::io::AsyncReadExt;
use tokio_rustls::server::TlsStream;

use crate::activity::Activity;
use crate::connections::Terms;
use crate::frames::PREFACE;
use crate::origin::{Arrival, Origin};
use crate::places::Place;
use crate::stop::Stop;
use crate::tls::{Tls, not_after};
use crate::watch::Watch;
use crate::wire::Stream;
use crate::{http1, http2};

/// Deadline of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Accepted socket, not yet registered with a runtime.
pub(crate) trait Raw: Send + 'static {
    /// Registers the socket with the current runtime.
    fn register(self) -> io::Result<(impl Stream, Origin)>;
}

impl Raw for std::net::TcpStream {
    fn register(self) -> io::Result<(impl Stream, Origin)> {
        let stream = tokio::net::TcpStream::from_std(self)?;
        let origin = stream.peer_addr().map_or(Origin::Unknown, Origin::Tcp);
        Ok((stream, origin))
    }
}

impl Raw for std::os::unix::net::UnixStream {
    fn register(self) -> io::Result<(impl Stream, Origin)> {
        let stream = tokio::net::UnixStream::from_std(self)?;
        let origin = stream
            .peer_cred()
            .map_or(Origin::Unknown, |peer| Origin::Unix {
                uid: peer.uid(),
                gid: peer.gid(),
                pid: peer.pid(),
            });
        Ok((stream, origin))
    }
}

/// Serves one connection with the handler that `open` makes for it, until it ends, `stop` is given,
/// or its limits say so.
pub(crate) async fn serve<O, S, F, B>(
    stream: impl Raw,
    place: Place,
    terms: Arc<Terms>,
    open: O,
    stop: Stop,
) where
    O: FnOnce(&Arrival) -> S + Send,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let (stream, origin) = match stream.register() {
        Ok(registered) => registered,
        Err(error) => {
            tracing::warn!(%error, "cannot serve a connection");
            return;
        }
    };
    let activity = Arc::clone(place.activity());
    let standing = place.standing();
    let arrival = Arrival {
        origin,
        standing,
        ..Arrival::default()
    };
    match &terms.tls {
        None => {
            let watch = Watch::new(Arc::clone(&activity), stop, terms.lifetime(None));
            serve_http(stream, open(&arrival), activity, watch, &terms).await;
        }
        // Boxed, as is HTTP/2 below: rare state takes no room in thousands of plain connections.
        Some(tls) => {
            let (tls, terms) = (Arc::clone(tls), Arc::clone(&terms));
            Box::pin(async move {
                let Some(stream) = accept_tls(stream, &tls, origin, &activity, &stop).await else {
                    return;
                };
                let certificate = stream
                    .get_ref()
                    .1
                    .peer_certificates()
                    .and_then(|chain| chain.first());
                let certificate = certificate.map(|leaf| leaf.to_vec());
                let lifetime = terms.lifetime(certificate.as_deref().map(not_after));
                let is_asked_for_certificate = tls.asks_for_certificates();
                let arrival = Arrival {
                    certificate,
                    is_asked_for_certificate,
                    tls: true,
                    ..arrival
                };
                let watch = Watch::new(Arc::clone(&activity), stop, lifetime);
                serve_http(stream, open(&arrival), activity, watch, &terms).await;
            })
            .await;
        }
    }
    drop(place);
}

async fn accept_tls<T: Stream>(
    stream: T,
    tls: &Tls,
    origin: Origin,
    activity: &Activity,
    stop: &Stop,
) -> Option<TlsStream<T>> {
    let accepted = tokio::select! {
        accepted = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream)) => accepted,
        () = stop.given() => return None,
        () = activity.evicted() => return None,
    };
    match accepted.map_err(io::Error::from).flatten() {
        Ok(stream) => Some(stream),
        Err(error) => {
            tracing::debug!(%origin, %error, "TLS handshake failed");
            None
        }
    }
}

async fn serve_http<T, S, F, B>(
    mut stream: T,
    answer: S,
    activity: Arc<Activity>,
    mut watch: Watch,
    terms: &Terms,
) where
    T: Stream,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
    let first = tokio::select! {
        first = first_bytes(&mut stream) => first,
        _ = watch.next() => return,
    };
    if watch.has_expired() {
        return;
    }
    let (requests, max_head) = (Arc::clone(&terms.requests), terms.max_head);
    let ended = match first {
        Ok((Version::Http1, read)) => {
            http1::serve(stream, read, answer, activity, requests, watch, max_head).await
        }
        Ok((Version::Http2, read)) => {
            Box::pin(http2::serve(
                stream, read, answer, activity, requests, watch, max_head,
            ))
            .await
        }
        Err(error) => {
            tracing::debug!(%error, "connection ended before its first request");
            return;
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}

enum Version {
    Http1,
    Http2,
}

/// Reads until the protocol is known. Returns what was read.
async fn first_bytes<T: Stream>(stream: &mut T) -> io::Result<(Version, Bytes)> {
    let mut read = Vec::with_capacity(PREFACE.len());
    while PREFACE.starts_with(&read) && read.len() < PREFACE.len() {
        let missing = PREFACE.len() - read.len();
        if (&mut *stream)
            .take(missing as u64)
            .read_buf(&mut read)
            .await?
            == 0
        {
            break;
        }
    }
    let version = if read == PREFACE {
        Version::Http2
    } else {
        Version::Http1
    };
    Ok((version, read.into()))
}
