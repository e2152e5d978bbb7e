use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::listener::Listener;
use crate::opening::Opening;

/// A client that sends its first bytes or a head slowly, or rests between two requests of HTTP/1.1, holds
/// a descriptor, and no longer than this.
const HEADER_DEADLINE: Duration = Duration::from_secs(30);

/// Head of a request, in bytes: above what proxies let through, below what would be worth sending.
const MAX_HEAD: usize = 32 * 1024;

/// HTTP/2 requests of one connection under way.
const MAX_STREAMS: u32 = 256;

/// The signal to stop, to be waited for by any number of listeners.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The signal, and what gives it: `send(true)`, or dropping it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Resolves once the signal is given. Cancel-safe.
    pub async fn given(&self) {
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }
}

/// Serves HTTP/1.1 and HTTP/2 until `stop`, then lets requests under way end, for at most `drain`.
/// Whether all of them did.
pub async fn run<S, F>(listener: Listener, answer: S, stop: Stop, drain: Duration) -> bool
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    match listener {
        Listener::Tcp(listener) => run_on(listener, answer, stop, drain).await,
        Listener::Unix(listener, _file) => run_on(listener, answer, stop, drain).await,
    }
}

async fn run_on<L, S, F>(listener: L, answer: S, stop: Stop, drain: Duration) -> bool
where
    L: Accept,
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let http = http();
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.given() => break,
        };
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                // Out of descriptors, most likely; to try again at once would only burn the processor.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let reply = answer(request);
            async { Ok::<_, Infallible>(reply.await) }
        });
        let connection = http
            .serve_connection(TokioIo::new(Opening::within(HEADER_DEADLINE, stream)), service)
            .into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    tokio::time::timeout(drain, connections.shutdown()).await.is_ok()
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE).max_buf_size(MAX_HEAD);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Duration::from_secs(60));
    http
}

/// What TCP and Unix listeners have in common.
trait Accept: Send {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _) = TcpListener::accept(self).await?;
        // Fails on a connection that is gone already, which is no reason to accept less.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

impl Accept for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn accept(&self) -> io::Result<Self::Stream> {
        UnixListener::accept(self).await.map(|(stream, _)| stream)
    }
}
