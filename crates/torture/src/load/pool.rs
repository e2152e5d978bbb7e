//! Kept-alive connections, and those of an earlier process thrown away.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

/// A request's body.
pub(crate) type Body = Full<Bytes>;

/// HTTP/1.1 connection that waits for its next request.
pub(crate) struct Kept {
    pub(crate) sender: http1::SendRequest<Body>,
    /// Start of the process that it belongs to.
    generation: u64,
    /// Requests that it may still bring.
    left: u32,
    /// Time of the latest answer; none before the first.
    idle_since: Option<Instant>,
}

/// Idle connections of one way.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Vec<Kept>>);

/// Requests of one connection, after which the client opens another: handshakes are load, too.
const REQUESTS: u32 = 200;

impl Pool {
    /// An idle connection to the present process.
    pub(crate) fn take(&self, generation: u64) -> Option<Kept> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|kept| kept.generation == generation && !kept.sender.is_closed());
        idle.pop()
    }

    pub(crate) fn put(&self, mut kept: Kept) {
        kept.left = kept.left.saturating_sub(1);
        kept.idle_since = Some(Instant::now());
        if kept.left > 0 && !kept.sender.is_closed() {
            let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(kept);
        }
    }
}

/// A connection without a request for so long may be closed in the moment of the next one.
const RESTED: Duration = Duration::from_millis(900);

impl Kept {
    /// Returns true if its client must ask once more when it ends without an answer (RFC 9112
    /// section 9.5). One that has just been answered may not end like that.
    pub(crate) fn may_be_closing(&self) -> bool {
        self.idle_since
            .is_some_and(|since| since.elapsed() >= RESTED)
    }
}

/// Speaks HTTP/1.1 on this stream.
pub(crate) async fn speak_http1<S>(stream: S, generation: u64) -> io::Result<Kept>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Its errors are those of the requests on it.
    tokio::spawn(async move { drop(connection.await) });
    Ok(Kept {
        sender,
        generation,
        left: REQUESTS,
        idle_since: None,
    })
}

/// Speaks HTTP/2 on this stream.
pub(crate) async fn speak_http2<S>(stream: S) -> io::Result<http2::SendRequest<Body>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// Sends on a kept connection, once it is ready.
pub(crate) async fn send(
    kept: &mut Kept,
    request: Request<Body>,
) -> hyper::Result<Response<Incoming>> {
    kept.sender.ready().await?;
    kept.sender.send_request(request).await
}
